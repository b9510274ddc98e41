"""What a recipe finds out by itself from training series: scales and words, and which rows become one."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import compress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memcell.data.cadence import Cadence
from memcell.data.schema import Kind
from memcell.data.series import Series
from memcell.features.channels import Channel, NumberChannel, WordChannel, scaled
from memcell.features.contests import Contests
from memcell.features.encoding import Encoding
from memcell.features.evenly import even_rows, steps_on_grid
from memcell.features.gaps import beside_gaps
from memcell.features.kernels import TAPS
from memcell.features.pieces import Stepwise
from memcell.features.shape_counts import AnyShapes
from memcell.features.shapes import Shapes
from memcell.features.summary import Summary, SummaryScaling

__all__ = [
    "aligned_rows", "learn_channel", "patch_of", "products_of", "shapes_of", "span_of", "sparse_or_sets",
    "summary_of", "uneven",
]  # fmt: skip

Array = NDArray[Any]
Words = Mapping[str, tuple[str, ...]]

_MANY = 64  # channels of numbers from which on they enter as events if they are sparse
_SPARSE = 0.1  # share of the rows in which a channel has a value
_ROWS_KEPT = 50  # of a series at least, where rows are merged
_FULL = 1 / 3  # share of the channels that a row sees from which on rows stay as they are
_LONG, _PATCHES = 64, 32  # rows of a series from which on patches are made, and how many patches
_MOST_MULTIPLIED = 16  # channels of which each two are multiplied
_SUMMARISED = 5000  # series at most, from which it is learnt how statistics of a summary are scaled
_ROWS_SUMMARISED = 4  # rows of each of them, where it is rows that come with a summary
_ENOUGH, _FEW = 200, 8  # series from which on, and columns up to which, statistics come in fine pieces too
_FINE_VALUES = 50_000  # of each statistic up to which they do
_MOST_ALIGNED = 1000  # values of a series that are features each
_COMPLETE = 0.98  # share of values that complete series have
_MOSTLY = 0.7  # share of values that series have which are complete but for gaps, or that are of what is followed
_FOLLOWED, _NEARLY = 0.4, 0.8  # share of the rows with a value of a column whose gaps are filled to read its shapes; of
# one beside others that have most of all values
_EVEN, _ABOUT = 0.01, 0.25  # steps that a row of even series may be off, and of series that are about even
_MOST_GRID = 3  # times as many rows as there are that an even grid has at most
_WIDEST = 64  # columns of a patch at most
_SETS = 0.05  # share of the values beside another one of their row and channel from which on they are sets


def learn_channel(
    name: str, kind: Kind | None, split: list[tuple[int, Array]], levels: list[Words], clipping: bool,
    stepwise: Stepwise, events: bool = False,
) -> Channel:  # fmt: skip
    """What a channel means, from the values it has in each series and the words that these number."""
    if kind is None:
        seen = np.concatenate([np.empty(0), *(values for _, values in split)])
        channel = NumberChannel.learn(name, seen, clipping, stepwise, events)
        return replace(channel, middle=_middle_of(channel, seen, [len(values) for _, values in split]))
    words = [[levels[number][name][int(code)] for code in np.unique(values)] for number, values in split]
    return WordChannel.learn(name, kind, words)


def _middle_of(channel: NumberChannel, seen: Array, sizes: list[int]) -> float:
    """The mean, over series that have so many of the values, of the scaled mean of each."""
    if not len(seen):
        return 0.0
    begins = np.cumsum([0, *sizes[:-1]])
    values = scaled(seen, np.array(channel.scaling))
    count = np.add.reduceat(~np.isnan(values), begins, dtype=np.int64)
    means = np.add.reduceat(np.nan_to_num(values), begins) / np.maximum(count, 1)
    return float(means[count > 0].mean()) if count.any() else 0.0


def span_of(series: list[Series], channels: int) -> float:
    """The time over which rows are merged: a fiftieth of the usual duration, where there are more rows than that and
    a row sees less than a third of the channels; else 0."""
    rows = [len(one) for one in series]
    if not rows or series[0].time_kind == "order" or np.median(rows) <= _ROWS_KEPT:
        return 0.0
    if sum(len(one.observations) for one in series) > _FULL * sum(rows) * channels:
        return 0.0
    return float(np.median([one.times[-1] - one.times[0] for one in series if len(one)])) / _ROWS_KEPT


def patch_of(series: list[Series], cadence: Cadence, channels: tuple[Channel, ...]) -> int:
    """How many rows become one: so many that a usual series has about thirty, where all are even and complete but for
    gaps."""
    rows = float(np.median([len(one) for one in series])) if series else 0.0
    if rows <= _LONG or not _complete(series, channels, _MOSTLY) or not _even(series, cadence):
        return 1
    return max(1, min(round(rows / _PATCHES), _WIDEST // len(_columns(channels))))


def aligned_rows(series: list[Series], cadence: Cadence, channels: tuple[Channel, ...]) -> int:
    """The rows that all series have alike: as many, about as far apart, and complete but for gaps; 0 where they
    differ."""
    rows = len(series[0]) if series else 0
    if not 0 < rows * len(_columns(channels)) <= _MOST_ALIGNED or not _complete(series, channels, _MOSTLY):
        return 0
    first = cadence.steps_between(series[0].times[:1], series[0].times)
    for one in series:
        if len(one) != rows or np.abs(cadence.steps_between(one.times[:1], one.times) - first).max() > _ABOUT:
            return 0
    return rows


def shapes_of(
    series: list[Series], cadence: Cadence, encoding: Encoding, *, shapes: bool, contests: bool
) -> tuple[AnyShapes, ...]:
    """``shapes`` and ``contests`` of rows and of their changes, of the columns that are followed, within series brought
    to an even grid that does not have many more rows, with rows enough for one."""
    if not (shapes or contests) or not series or np.median([len(one) for one in series]) < TAPS:
        return ()
    followed = _followed(series, encoding)
    if not len(followed):
        return ()
    elapsed = [cadence.steps_between(np.full(len(one), one.times[:1]), one.times) for one in series]
    if sum(steps_on_grid(one).sum() for one in elapsed) > _MOST_GRID * sum(map(len, series)):
        return ()
    evenly = [even_rows(encoding.scaled(encoding.columns_of(one)), at) for one, at in zip(series, elapsed, strict=True)]
    kinds = compress((Shapes, Contests), (shapes, contests))
    return tuple(kind.learn(evenly, followed, changes=changes) for kind in kinds for changes in (False, True))


def summary_of(
    series: list[Series], cadence: Cadence, encoding: Encoding, *, by_row: bool, gaps: bool, fine: bool
) -> SummaryScaling:
    """How statistics of each column become features; learnt from every second, third, ... of very many series: of all
    their rows or, ``by_row``, of the rows up to a few; with ``gaps`` of the time between rows as of a column more.
    ``fine`` pieces there are where series are enough for them and columns few."""
    columns = len(encoding.columns) + gaps
    nothing = Summary.nothing(columns)
    random = np.random.default_rng(0)

    def statistics(one: Series) -> Array:
        values, elapsed = encoding.scaled(encoding.columns_of(one)), cadence.steps_between(one.times[:1], one.times)
        values = beside_gaps(values, elapsed) if gaps else values
        if not by_row:
            return nothing.after(values, elapsed).statistics()[None]
        some = random.integers(0, len(one), _ROWS_SUMMARISED)
        return nothing.after_each(values, elapsed).statistics()[some]

    some = series[:: -(-len(series) // _SUMMARISED) or 1]
    each = [statistics(one) for one in some if len(one) or not by_row]
    fine &= not by_row and _ENOUGH <= len(series) <= _FINE_VALUES // max(1, columns) and columns <= _FEW
    return SummaryScaling.learn(
        np.concatenate([np.empty((0, *nothing.statistics().shape)), *each]), linear=by_row, fine=fine
    )


def products_of(series: list[Series], channels: tuple[Channel, ...]) -> bool:
    """Whether products of channels are features: where these are several, not many, and complete."""
    return 1 < len(_columns(channels)) <= _MOST_MULTIPLIED and _complete(series, channels)


def uneven(series: list[Series], cadence: Cadence) -> bool:
    """Whether the time between rows differs."""
    return not _even(series, cadence, _ABOUT)


def _even(series: list[Series], cadence: Cadence, off: float = _EVEN) -> bool:
    """Whether a row comes one step after the one before it."""
    apart = (cadence.steps_between(one.times[:-1], one.times[1:]) for one in series)
    return all((np.abs(gaps - 1) <= off).all() for gaps in apart)


def _complete(series: list[Series], channels: tuple[Channel, ...], share: float = _COMPLETE) -> bool:
    """Whether all channels that have a value are columns of numbers, of which such a share is there."""
    columns = _columns(channels)
    if not len(columns) or len(columns) < sum(isinstance(one, WordChannel) or not one.silent for one in channels):
        return False
    return sum(len(one.observations) for one in series) >= share * sum(map(len, series)) * len(columns)


def _followed(series: list[Series], encoding: Encoding) -> NDArray[np.int64]:
    """Those of the columns, without those of sources and words, that have a value in many rows, if most of all values
    are theirs; else those that nearly always have one."""
    encoding, rows = replace(encoding, sources=(), categories=()), sum(map(len, series))
    seen = np.zeros(len(encoding.columns), np.int64)
    for one in series:
        seen += np.count_nonzero(~np.isnan(encoding.columns_of(one)), axis=0)
    often = seen >= _FOLLOWED * rows
    return np.flatnonzero(often if seen[often].sum() > _MOSTLY * seen.sum() else seen >= _NEARLY * rows)


def _columns(channels: tuple[Channel, ...]) -> NDArray[np.int64]:
    return Encoding(channels, ()).columns


def sparse_or_sets(series: list[Series], numbers: NDArray[np.bool_]) -> bool:
    """Whether the channels of numbers are many and sparse, or have several values at a time."""
    seen = [one.observations.select(numbers[one.observations.channel]) for one in series]
    values, surplus = sum(map(len, seen)), sum(one.surplus for one in seen)
    there = np.unique(np.concatenate([np.empty(0, np.int32), *(np.unique(one.channel) for one in seen)]))
    cells = sum(map(len, series)) * len(there)
    return (len(there) > _MANY and values < _SPARSE * cells) or surplus > _SETS * values
