"""Shapes within a series: how often fixed kernels answer strongly, features of what looks alike wherever it comes.

After MiniRocket (Dempster, Schmidt and Webb, arXiv 2012.08791): kernels of nine weights, six of -1 and three of 2, in
all 84 orders and several dilations; a feature is the share of a series' rows at which a kernel's answer lies above a
quantile of its answers in training. A threshold here is a ramp of some width, so that a feature does not hang on the
last bit of an answer. What changes from row to row has kernels of its own, as in MultiRocket (Tan et al., arXiv
2102.00457).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from memcell.contract import InputError
from memcell.features.kernels import NARROWEST, TAPS, Kernels

__all__ = ["Shapes"]

Array = NDArray[np.float64]

_WEIGHTS = np.array([[[2 if tap in high else -1 for tap in range(TAPS)]] for high in combinations(range(TAPS), 3)])
_FEATURES = 2_000  # about
_ANSWERS = 50_000  # rows from which thresholds are learnt
_RAMP = 0.25  # width of a threshold, in deviations of the answers
_BLOCK = 256  # rows at a time, of which what is in work stays in the cache


@dataclass(frozen=True)
class Shapes:
    """The kernels, and the thresholds learnt from training series.

    Attributes:
        kernels: what answers.
        thresholds: [kernels of all dilations, P] of its answers.
        widths: [kernels of all dilations], over how much of an answer a threshold rises.
    """

    kind: ClassVar[str] = "shapes"
    kernels: Kernels
    thresholds: tuple[tuple[float, ...], ...]
    widths: tuple[float, ...]

    @classmethod
    def learn(
        cls, series: list[Array], followed: NDArray[np.int64] | None = None, *, changes: bool = False
    ) -> "Shapes":
        """From the scaled values [T, D] of training series, 0 where missing, or from their changes; of the columns
        ``followed``, if only some are."""
        random = np.random.default_rng(0)
        kernels = Kernels.over(series, followed, _WEIGHTS, random, changes=changes)
        series = [kernels.read(one, None) for one in series]
        count = len(kernels.dilations) * kernels.count
        each = max(1, round(_FEATURES / count))
        levels = (np.arange(each) + 0.5) / each
        order = random.permutation(len(series))
        enough = order[: int(np.searchsorted(np.cumsum([len(series[k]) for k in order]), _ANSWERS)) + 1]
        thresholds: list[tuple[float, ...]] = []
        widths: list[float] = []
        for k, dilation in enumerate(kernels.dilations):
            half = np.zeros((TAPS // 2 * dilation, series[0].shape[1]))
            padded = (np.concatenate([half, series[number][:_ANSWERS], half]) for number in enough)
            pooled = np.concatenate([kernels.answers(k, one) for one in padded], axis=1)
            thresholds += map(tuple, np.quantile(pooled, levels, axis=1).T.tolist())
            widths += [float(width) if width > NARROWEST else 1.0 for width in _RAMP * pooled.std(axis=1)]
        return cls(kernels, tuple(thresholds), tuple(widths))

    @property
    def name(self) -> str:
        """What is counted."""
        return f"shapes of {self.kernels.read_name}"

    @property
    def each(self) -> int:
        """How many features of one dilation a series has."""
        return self.kernels.count * len(self.thresholds[0])

    @cached_property
    def _ramps(self) -> tuple[Array, Array]:
        """What to divide an answer by [kernels, 1], and what to add [kernels, P], for a ramp from 0 to 1."""
        widths = np.array(self.widths)[:, None]
        return widths, 0.5 - np.array(self.thresholds) / widths

    def counted(self, at: int, values: Array) -> Array:
        """[each], how many answers of one dilation lie above each threshold, those on a ramp in part."""
        count = self.kernels.count
        widths, starts = (one[at * count : (at + 1) * count] for one in self._ramps)
        reach = (TAPS - 1) * self.kernels.dilations[at]
        total = np.zeros(starts.shape)
        for begin in range(0, len(values) - reach, _BLOCK):
            scaled = self.kernels.answers(at, values[begin : begin + _BLOCK + reach]) / widths
            total += np.clip(scaled[:, None, :] + starts[:, :, None], 0.0, 1.0).sum(axis=2)
        return total.reshape(-1)

    def features_of(self, shares: Array) -> Array:
        """What is read of the shares of the rows at which each shape was there."""
        return shares

    def to_json(self) -> dict[str, Any]:
        """The shapes as values that ``json.dumps`` takes."""
        return {
            "kind": self.kind,
            **self.kernels.to_json(),
            "thresholds": [list(one) for one in self.thresholds],
            "widths": list(self.widths),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any], columns: int) -> "Shapes":
        """The shapes of so many columns that ``to_json`` gave ``data`` for.

        Raises:
            InputError: a field lacks or has a value that does not fit.
        """
        try:
            kernels = Kernels.from_json(data, _WEIGHTS.tolist(), columns)
            thresholds = tuple(tuple(float(one) for one in own) for own in data["thresholds"])
            widths = tuple(float(one) for one in data["widths"])
            assert len(thresholds) == len(widths) == len(kernels.dilations) * kernels.count
            assert all(0 < one < np.inf for one in widths)
            assert len(thresholds[0]) > 0
            assert np.isfinite(np.array(thresholds)).all()
        except (AssertionError, KeyError, OverflowError, TypeError, ValueError) as error:
            raise InputError("The recipe's shapes do not have the fields they should have.") from error
        return cls(kernels, thresholds, widths)
