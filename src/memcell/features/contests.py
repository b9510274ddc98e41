"""Contests within a series: which of a few random kernels fits best at each row, whatever the size of what is there.

After Hydra (Dempster, Schmidt and Webb, arXiv 2203.13652): kernels in groups; a feature is how often one answers most
strongly of its group, or least. Only which one wins counts, so that a series ten times as large has the same features:
what statistics, and shapes with their thresholds, do not say.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from memcell.contract import InputError
from memcell.features.kernels import NARROWEST, TAPS, Kernels

__all__ = ["Contests"]

Array = NDArray[np.float64]

_GROUPS, _RIVALS = 32, 8  # groups, and kernels of each
_SIZE = 100_000  # of the weights of a kernel, their absolute values together, about
_BLOCK = 256  # rows at a time


@dataclass(frozen=True)
class Contests:
    """The kernels that compete, group by group.

    Attributes:
        kernels: with random weights, all about as large.
    """

    kind: ClassVar[str] = "contests"
    kernels: Kernels

    @classmethod
    def learn(
        cls, series: list[Array], followed: NDArray[np.int64] | None = None, *, changes: bool = False
    ) -> "Contests":
        """For training series of scaled values [T, D], 0 where missing, or for their changes; of the columns
        ``followed``, if only some are."""
        random = np.random.default_rng(1 + changes)
        drawn = random.normal(size=(_GROUPS, _RIVALS, TAPS))
        drawn -= drawn.mean(axis=2, keepdims=True)
        weights = np.rint(_SIZE * drawn / np.abs(drawn).sum(axis=2, keepdims=True)).astype(np.int64)
        weights[:, :, -1] -= weights.sum(axis=2)
        return cls(Kernels.over(series, followed, weights, random, changes=changes))

    @property
    def name(self) -> str:
        """What is counted."""
        return f"contests of {self.kernels.read_name}"

    @property
    def each(self) -> int:
        """How many features of one dilation a series has."""
        return 2 * self.kernels.count

    def counted(self, at: int, values: Array) -> Array:
        """[each], at how many rows each kernel of one dilation answers most strongly of its group and above 0, or least
        and below it: where nothing changes, none does."""
        groups, reach = len(self.kernels.weights), (TAPS - 1) * self.kernels.dilations[at]
        total = np.zeros((2, groups, self.kernels.count // groups), np.int64)
        for begin in range(0, len(values) - reach, _BLOCK):
            answers = self.kernels.answers(at, values[begin : begin + _BLOCK + reach])
            answers = answers.reshape(*total.shape[1:], -1)
            most = np.maximum(answers.max(axis=1, keepdims=True), _SIZE * NARROWEST)
            least = np.minimum(answers.min(axis=1, keepdims=True), -_SIZE * NARROWEST)
            total[0] += np.count_nonzero(answers == most, axis=2)
            total[1] += np.count_nonzero(answers == least, axis=2)
        return total.reshape(-1).astype(np.float64)

    def features_of(self, shares: Array) -> Array:
        """What is read of the shares of the rows at which each kernel won: their roots, so that rare ones count."""
        return np.sqrt(shares)

    def to_json(self) -> dict[str, Any]:
        """The contests as values that ``json.dumps`` takes."""
        weights = [[list(kernel) for kernel in group] for group in self.kernels.weights]
        return {"kind": self.kind, **self.kernels.to_json(), "weights": weights}

    @classmethod
    def from_json(cls, data: Mapping[str, Any], columns: int) -> "Contests":
        """The contests over so many columns that ``to_json`` gave ``data`` for.

        Raises:
            InputError: a field lacks or has a value that does not fit.
        """
        try:
            weights = np.array(data["weights"], np.int64)
            assert weights.shape == (_GROUPS, _RIVALS, TAPS)
            assert not weights.sum(axis=2).any()
            return cls(Kernels.from_json(data, weights.tolist(), columns))
        except (AssertionError, KeyError, OverflowError, TypeError, ValueError) as error:
            raise InputError("The recipe's contests of shapes do not have the fields they should have.") from error
