"""What categories say in columns: which of several sources a number is from, and which of their words they name.

Which antenna heard a tag, which sensor of a line was read, which exchange a price is from: what the last row said is
then of little use for this one, what the same source said last is. And how often and how lately a category named each
of its words is known where each has a column of 1 and 0.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from memcell.contract import InputError
from memcell.data.series import Series
from memcell.features.channels import Channel, WordChannel
from memcell.features.encoding import Encoding

__all__ = ["categories_from_json", "categories_of", "sources_from_json", "sources_of"]

Array = NDArray[np.float64]

_FEW_WORDS = 8  # of a category whose words have a column each
_MOST = 16  # sources of a channel
_MOST_COLUMNS = 32  # that all sources of all numbers have, and then all words of categories
_BETTER = 0.5  # squared error of the last value of the same source at most, by that of the last value of any
_ENOUGH = 100  # rows of another source than the row before, from which on this is known
_NAMED = 0.9  # share of the values of what names sources at least that are one
_TOLD = 0.5  # share of a number's rows at least that come from one source
_SERIES = 500  # series that it is learnt from, about


def sources_of(series: list[Series], channels: tuple[Channel, ...]) -> tuple[tuple[str, str], ...]:
    """Numbers, and the channel that says which source each comes from: where the last value of the same source
    foretells the next one far better than the last value of any, and not worse than what is usual of that source: else
    there is nothing to keep. Of each number the best such channel."""
    encoding, some = Encoding(channels, ()), series[:: -(-len(series) // _SERIES) or 1]
    best: dict[int, tuple[float, int]] = {}
    for by in (c for c in range(len(channels)) if 1 < encoding.source_count(c) <= _MOST and _names(some, encoding, c)):
        for d, share in enumerate(_left(some, encoding, by)):
            if share <= _BETTER:
                best[d] = min(best.get(d, (np.inf, 0)), (share, by))
    found: list[tuple[str, str]] = []
    left = _MOST_COLUMNS
    for d, (_, by) in sorted(best.items(), key=lambda item: item[1]):
        left -= encoding.source_count(by)
        if left >= 0:
            found.append((channels[encoding.columns[d]].name, channels[by].name))
    return tuple(found)


def categories_of(channels: tuple[Channel, ...], sources: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    """Categories of few words, as far as the columns of ``sources`` leave room; not those that name sources, whose
    columns tell it already."""
    encoding = Encoding(channels, ())
    counts = {one.name: encoding.source_count(c) for c, one in enumerate(channels)}
    naming = [by for _, by in sources]
    left = _MOST_COLUMNS - sum(counts[by] for by in naming)
    found: list[str] = []
    for one in channels:
        count = counts[one.name] if isinstance(one, WordChannel) and one.name not in naming else 0
        if 1 < count <= min(_FEW_WORDS, left):
            left -= count
            found.append(one.name)
    return tuple(found)


def categories_from_json(data: object, channels: tuple[Channel, ...]) -> tuple[str, ...]:
    """What ``categories_of`` found and a file holds.

    Raises:
        InputError: it does not name categories.
    """
    known = {one.name for one in channels if isinstance(one, WordChannel) and one.kind == "category"}
    if not isinstance(data, list) or not all(isinstance(one, str) and one in known for one in data):
        raise InputError(f"The recipe's categories are {data!r}; they must be channels of categories.")
    return tuple(data)


def sources_from_json(data: object, channels: tuple[Channel, ...]) -> tuple[tuple[str, str], ...]:
    """What ``sources_of`` found and a file holds.

    Raises:
        InputError: it does not name columns of numbers and channels that name sources.
    """
    encoding, place = Encoding(channels, ()), {one.name: c for c, one in enumerate(channels)}
    columns = {channels[c].name for c in encoding.columns}
    pairs: list[Any] = data if isinstance(data, list) else [None]
    for pair in pairs:
        fits = isinstance(pair, list) and len(pair) == 2 and pair[0] in columns and pair[1] in place
        if not fits or encoding.source_count(place[pair[1]]) < 2:
            raise InputError(f"The recipe's sources are {data!r}; they must be numbers and what names their sources.")
    return tuple((number, by) for number, by in pairs)


def _names(series: list[Series], encoding: Encoding, channel: int) -> bool:
    """Whether nearly all values of a channel are sources; quantiles of other numbers are none."""
    named = sum(int(encoding.sources_of(one, channel).any(axis=1).sum()) for one in series)
    rows = sum(len(np.unique(one.observations.row[one.observations.channel == channel])) for one in series)
    return named >= _NAMED * rows


def _left(series: list[Series], encoding: Encoding, by: int) -> list[float]:
    """[D]: of the squared error of a column's last value of any source, the share that is left to the last one of the
    same source, as a channel names them; infinite where too few rows tell, or what is usual of a source tells more."""
    columns = encoding.columns
    known, last, usual = np.zeros((2, len(columns))), np.zeros((3, len(columns))), np.zeros((3, 1, 1))
    for one in series:
        there, values = encoding.sources_of(one, by), encoding.scaled(encoding.columns_of(one))
        told = there.any(axis=1)
        known += [np.count_nonzero(~np.isnan(some), axis=0) for some in (values[told], values)]
        last += _last_values(values[told], there[told].argmax(axis=1))
        usual = usual + _moments(values, there)
    of_same, of_any, rows = last
    fits = (known[0] >= _TOLD * known[1]) & (rows >= _ENOUGH) & (columns != by) & (of_any > 0)
    fits &= of_same <= _spread(usual) * rows
    return np.where(fits, of_same / np.where(fits, of_any, 1.0), np.inf).tolist()


def _last_values(values: Array, source: NDArray[np.int64]) -> Array:
    """[3, D] of values [T, D] from sources [T], over rows of another source than the row before: how far, squared and
    summed, the last value of the same source and the last one of any are off; and of how many rows."""
    result = np.zeros((3, values.shape[1]))
    for d, column in enumerate(values.T):
        known = ~np.isnan(column)
        value, which = column[known], source[known]
        if len(value) < 2:
            continue
        order = np.argsort(which, kind="stable")
        same = np.full(len(value), np.nan)
        same[order[1:]] = np.where(np.diff(which[order]) == 0, value[order[:-1]], np.nan)
        counted = (np.diff(which, prepend=which[0]) != 0) & ~np.isnan(same)
        off = (value - same)[counted], np.diff(value, prepend=0.0)[counted]
        result[:, d] = *((one**2).sum() for one in off), counted.sum()
    return result


def _moments(values: Array, there: NDArray[np.bool_]) -> Array:
    """[3, K, D] of values [T, D] from sources [T, K]: of each source how many, their sum and that of their squares."""
    filled = np.nan_to_num(values)
    return np.stack([there.T.astype(float) @ one for one in (~np.isnan(values), filled, filled**2)])


def _spread(moments: Array) -> Array:
    """[D], how far values are from the mean of their source, squared, in the mean of all."""
    count, total, square = moments
    off = square - total**2 / np.maximum(count, 1)
    return off.sum(axis=0) / np.maximum(count.sum(axis=0), 1)
