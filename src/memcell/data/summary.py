"""What a series' channels did so far, in a few numbers each: the wide part of a model beside its deep one."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

__all__ = ["KNOTS", "Summary", "piecewise"]

Array = NDArray[np.float64]

KNOTS = (0.006, 0.1, 0.25, 0.5, 0.75, 0.9, 0.994)
"""Shares of the training values below the knots between which features are linear."""

PER_CHANNEL = 4 * (len(KNOTS) - 1) + 2
"""Features of a channel."""


@dataclass(frozen=True)
class Summary:
    """Of each of D channels so far: how many values, and their sum, sum of squares, least, largest and last, scaled.

    Attributes:
        rows: how many there were.
        aligned: [A, D] the first A rows, 0 where missing or not yet there.
    """

    count: Array
    total: Array
    squares: Array
    least: Array
    largest: Array
    last: Array
    rows: int
    aligned: Array

    @classmethod
    def nothing(cls, channels: int, aligned: int) -> "Summary":
        """Before the first row; so many rows are features themselves."""
        zero, infinite = np.zeros(channels), np.full(channels, np.inf)
        return cls(zero, zero, zero, infinite, -infinite, zero, 0, np.zeros((aligned, channels)))

    def after(self, values: Array) -> "Summary":
        """With the rows ``values`` [T, D], NaN where missing."""
        if not len(values):
            return self
        known = ~np.isnan(values)
        filled, columns = np.where(known, values, 0.0), np.arange(values.shape[1])
        aligned = self.aligned.copy()
        place = aligned[self.rows : self.rows + len(values)]
        place[:] = filled[: len(place)]
        return replace(
            self,
            count=self.count + known.sum(axis=0),
            total=self.total + filled.sum(axis=0),
            squares=self.squares + (filled**2).sum(axis=0),
            least=np.minimum(self.least, np.where(known, values, np.inf).min(axis=0)),
            largest=np.maximum(self.largest, np.where(known, values, -np.inf).max(axis=0)),
            last=np.where(known.any(axis=0), filled[len(values) - 1 - known[::-1].argmax(axis=0), columns], self.last),
            rows=self.rows + len(values),
            aligned=aligned,
        )

    def features(self, knots: Array) -> NDArray[np.float32]:
        """[D x PER_CHANNEL + A x D]: last, mean, largest and least piecewise linear, logarithm of the count, deviation,
        then the aligned rows.

        All are 0 for a channel without values.

        Args:
            knots: [D, len(KNOTS)], scaled.
        """
        there = self.count > 0
        count = np.maximum(self.count, 1)
        mean = self.total / count
        deviation = np.sqrt(np.maximum(self.squares / count - mean**2, 0.0))
        levels = [self.last, mean, np.where(there, self.largest, 0.0), np.where(there, self.least, 0.0)]
        parts = [piecewise(level, knots) for level in levels]
        columns = np.concatenate([*parts, np.log1p(self.count)[:, None], deviation[:, None]], axis=1)
        summary = (columns * there[:, None]).reshape(-1)
        return np.concatenate([summary, self.aligned.reshape(-1)]).astype(np.float32)


def piecewise(values: Array, knots: Array) -> Array:
    """[D, K - 1]: of each value how far it has come between each two neighbouring knots [D, K], from 0 to 1.

    Below the first knot the first feature goes on to -1, above the last the last one to 2. Gorishniy et al., "On
    embeddings for numerical features in tabular deep learning" (arXiv 2203.05556), eq. 1.

    Example:
        >>> piecewise(np.array([1.5]), np.array([[0.0, 1.0, 2.0]])).tolist()
        [[1.0, 0.5]]
    """
    low, width = knots[:, :-1], np.diff(knots, axis=1)
    steps = (values[:, None] - low) / np.where(width > 0, width, 1.0)
    steps = np.where(width > 0, steps, np.sign(values[:, None] - low))
    least, most = np.zeros(steps.shape[1]), np.ones(steps.shape[1])
    least[0], most[-1] = -1.0, 2.0
    return np.clip(steps, least, most)
