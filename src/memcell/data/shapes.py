"""Shapes within a series: how often fixed kernels answer strongly, features of what looks alike wherever it comes.

After MiniRocket (Dempster, Schmidt and Webb, arXiv 2012.08791): kernels of nine weights, six of -1 and three of 2, in
all 84 orders and several dilations; a feature is the share of a series' rows at which a kernel's answer lies above a
quantile of its answers in training. A threshold here is a ramp of some width, so that a feature does not hang on the
last bit of an answer. What changes from row to row has kernels of its own, as in MultiRocket (Tan et al., arXiv
2102.00457).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memcell.contract import InputError

__all__ = ["TAPS", "ShapeCounts", "Shapes"]

Array = NDArray[np.float64]

TAPS = 9
"""Weights of a kernel."""

_KERNELS = np.array([[2.0 if tap in high else -1.0 for tap in range(TAPS)] for high in combinations(range(TAPS), 3)])
_FEATURES = 2_000  # about
_MOST_CHANNELS = 9  # that a kernel reads
_MANY = 20  # columns above which most products would be with 0
_ANSWERS = 50_000  # rows from which thresholds are learnt
_RAMP = 0.25  # width of a threshold, in deviations of the answers
_NARROWEST = 1e-6  # below which answers are one and the same but for rounding
_BLOCK = 256  # rows at a time, of which what is in work stays in the cache
_WAITING = 64  # rows that come one by one are counted together


@dataclass(frozen=True)
class Shapes:
    """The kernels, and the thresholds learnt from training series.

    Attributes:
        dilations: rows from one weight of a kernel to the next.
        channels: of each dilation and each kernel, the columns whose sum it reads.
        thresholds: [kernels, P] of its answers.
        widths: [kernels], over how much of an answer a threshold rises.
        scales: [D], if the kernels read how far each row is from the one before it, in these units; None if they read
            the rows themselves.
    """

    dilations: tuple[int, ...]
    channels: tuple[tuple[int, ...], ...]
    thresholds: tuple[tuple[float, ...], ...]
    widths: tuple[float, ...]
    scales: tuple[float, ...] | None = None

    @classmethod
    def learn(cls, series: list[Array], columns: int, *, changes: bool = False) -> "Shapes":
        """From the scaled values [T, D] of training series, 0 where missing; or from their changes."""
        scales = None
        if changes:
            series = [_changes_of(one, None) for one in series]
            spread = np.concatenate(series).std(axis=0)
            scales = tuple(np.where(spread > _NARROWEST, spread, 1.0).tolist())
            series = [one / np.array(scales) for one in series]
        random = np.random.default_rng(0)
        rows = int(np.median([len(one) for one in series]))
        dilations = [1]
        while 2 * dilations[-1] * (TAPS - 1) < rows:
            dilations.append(2 * dilations[-1])
        channels = []
        for _ in range(len(dilations) * len(_KERNELS)):
            count = int(2 ** random.uniform(0, np.log2(min(columns, _MOST_CHANNELS) + 1)))
            channels.append(tuple(sorted(random.permutation(columns)[:count].tolist())))
        each = max(1, round(_FEATURES / len(channels)))
        levels = (np.arange(each) + 0.5) / each
        blank = cls(tuple(dilations), tuple(channels), ((),) * len(channels), (1.0,) * len(channels), scales)
        order = random.permutation(len(series))
        enough = order[: int(np.searchsorted(np.cumsum([len(series[k]) for k in order]), _ANSWERS)) + 1]
        thresholds: list[tuple[float, ...]] = []
        widths: list[float] = []
        for k in range(len(dilations)):
            half = np.zeros((TAPS // 2 * dilations[k], columns))
            padded = (np.concatenate([half, series[number][:_ANSWERS], half]) for number in enough)
            pooled = np.concatenate([blank.answers(k, one) for one in padded], axis=1)
            thresholds += map(tuple, np.quantile(pooled, levels, axis=1).T.tolist())
            widths += [float(width) if width > _NARROWEST else 1.0 for width in _RAMP * pooled.std(axis=1)]
        return replace(blank, thresholds=tuple(thresholds), widths=tuple(widths))

    @property
    def name(self) -> str:
        """What is counted."""
        return "shapes of rows" if self.scales is None else "shapes of changes"

    @property
    def size(self) -> int:
        """How many features a series has."""
        return len(self.thresholds) * len(self.thresholds[0])

    @property
    def reach(self) -> int:
        """Rows that the widest kernel spans, less one."""
        return (TAPS - 1) * self.dilations[-1]

    @cached_property
    def reads(self) -> Array:
        """[dilations, kernels, D], 1 where a kernel reads a column."""
        columns = 1 + max(max(one) for one in self.channels)
        reads = np.zeros((len(self.channels), columns))
        for k, chosen in enumerate(self.channels):
            reads[k, list(chosen)] = 1.0
        return reads.reshape(len(self.dilations), len(_KERNELS), columns)

    def read(self, values: Array, before: Array | None) -> Array:
        """[T, D], what kernels see of rows that come after the row ``before`` [D], if there is one."""
        return values if self.scales is None else _changes_of(values, before) / np.array(self.scales)

    def answers(self, at: int, values: Array) -> Array:
        """[kernels, T - 8 dilation] of the kernels of one dilation, at every place where values [T, D] fill them."""
        dilation, reads = self.dilations[at], self.reads[at]
        count, columns = max(0, len(values) - (TAPS - 1) * dilation), reads.shape[1]
        if columns > _MANY:  # what each kernel reads is summed first
            sums = reads @ values[:, :columns].T
            return np.einsum(
                "kt,tkn->kn", _KERNELS, [sums[:, k * dilation : k * dilation + count] for k in range(TAPS)]
            )
        weights = _KERNELS[:, :, None] * reads[:, None, :]  # [kernels, TAPS, D]
        taps = [values[k * dilation : k * dilation + count, :columns] for k in range(TAPS)]
        return weights.reshape(len(weights), -1) @ np.concatenate(taps, axis=1).T

    @cached_property
    def ramps(self) -> tuple[Array, Array]:
        """What to divide an answer by [kernels, 1], and what to add [kernels, P], for a ramp from 0 to 1."""
        widths = np.array(self.widths)[:, None]
        return widths, 0.5 - np.array(self.thresholds) / widths

    def counted(self, at: int, values: Array) -> Array:
        """[kernels x P], how many of these answers lie above each threshold, those on a ramp in part."""
        kernels = slice(at * len(_KERNELS), (at + 1) * len(_KERNELS))
        widths, starts = (one[kernels] for one in self.ramps)
        reach = (TAPS - 1) * self.dilations[at]
        total = np.zeros(starts.shape)
        for begin in range(0, len(values) - reach, _BLOCK):
            scaled = self.answers(at, values[begin : begin + _BLOCK + reach]) / widths
            total += np.clip(scaled[:, None, :] + starts[:, :, None], 0.0, 1.0).sum(axis=2)
        return total.reshape(-1)

    def to_json(self) -> dict[str, Any]:
        """The shapes as values that ``json.dumps`` takes."""
        return {
            "dilations": list(self.dilations),
            "channels": [list(one) for one in self.channels],
            "thresholds": [list(one) for one in self.thresholds],
            "widths": list(self.widths),
            "scales": None if self.scales is None else list(self.scales),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any], columns: int) -> "Shapes":
        """The shapes of so many columns that ``to_json`` gave ``data`` for.

        Raises:
            InputError: a field lacks or has a value that does not fit.
        """
        try:
            dilations = tuple(int(one) for one in data["dilations"])
            channels = tuple(tuple(int(one) for one in chosen) for chosen in data["channels"])
            thresholds = tuple(tuple(float(one) for one in own) for own in data["thresholds"])
            widths = tuple(float(one) for one in data["widths"])
            scales = None if data["scales"] is None else tuple(float(one) for one in data["scales"])
            count = len(dilations) * len(_KERNELS)
            assert len(channels) == len(thresholds) == len(widths) == count > 0
            assert scales is None or len(scales) == columns
            assert list(dilations) == sorted(dilations)
            assert all(0 < one < np.inf for one in (*dilations, *widths, *(scales or ())))
            assert all(chosen and 0 <= min(chosen) <= max(chosen) < columns for chosen in channels)
            assert len(thresholds[0]) > 0
            assert np.isfinite(np.array(thresholds)).all()
        except (AssertionError, KeyError, OverflowError, TypeError, ValueError) as error:
            raise InputError("The recipe's shapes do not have the fields they should have.") from error
        return cls(dilations, channels, thresholds, widths, scales)


def _changes_of(values: Array, before: Array | None) -> Array:
    """[T, D], how far each row is from the one before it; of the first row 0, if nothing is ``before``."""
    return np.diff(values, axis=0, prepend=values[:1] if before is None else before[None])


@dataclass(frozen=True)
class ShapeCounts:
    """How often each shape was there so far. A series has 0 before its first row and after its last.

    Attributes:
        shapes: what is counted.
        recent: [reach, D] the last counted rows, as kernels read them.
        totals: of each dilation, counts at the rows that are far enough from the last counted one.
        rows: how many were counted.
        waiting: [W, D] rows after these, as kernels read them.
        last: [D] the last row as it is; None before the first.
    """

    shapes: Shapes
    recent: Array
    totals: tuple[Array, ...]
    rows: int
    waiting: Array
    last: Array | None

    @classmethod
    def nothing(cls, shapes: Shapes, columns: int) -> "ShapeCounts":
        """Before the first row."""
        none = tuple(np.zeros(len(_KERNELS) * len(shapes.thresholds[0])) for _ in shapes.dilations)
        return cls(shapes, np.zeros((shapes.reach, columns)), none, 0, np.empty((0, columns)), None)

    def after(self, values: Array) -> "ShapeCounts":
        """With the rows ``values`` [T, D], 0 where missing."""
        if not len(values):
            return self
        waiting = np.concatenate([self.waiting, self.shapes.read(values, self.last)])
        more = replace(self, waiting=waiting, last=values[-1])
        return more if len(waiting) < _WAITING else more.all_counted()

    def all_counted(self) -> "ShapeCounts":
        """The same with no row waiting."""
        known = np.concatenate([self.recent, self.waiting])
        totals = tuple(total + self._counted(k, known) for k, total in enumerate(self.totals))
        count = len(self.waiting)
        return replace(self, recent=known[count:], totals=totals, rows=self.rows + count, waiting=self.waiting[:0])

    def features(self) -> NDArray[np.float32]:
        """[shapes.size], the share of the rows so far at which each shape was there."""
        known = np.concatenate([self.recent, self.waiting])
        after = [np.zeros(((TAPS // 2) * dilation, known.shape[1])) for dilation in self.shapes.dilations]
        counts = [
            total + self._counted(k, np.concatenate([known, zeros]))
            for k, (total, zeros) in enumerate(zip(self.totals, after, strict=True))
        ]
        return (np.concatenate(counts) / max(1, self.rows + len(self.waiting))).astype(np.float32)

    def _counted(self, at: int, known: Array) -> Array:
        """Counts at the rows that come to lie far enough from the last, by the rows of ``known`` after ``recent``."""
        dilation = self.shapes.dilations[at]
        early = max(0, (TAPS // 2) * dilation - self.rows)  # places before the first row
        return self.shapes.counted(at, known[self.shapes.reach - (TAPS - 1) * dilation + early :])
