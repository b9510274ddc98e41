"""What a series' channels did so far, in a few numbers each: the wide part of a model beside its deep one."""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["KNOTS", "PER_CHANNEL", "Summary", "pairs_of", "piecewise"]

Array = NDArray[np.float64]

KNOTS = (0.006, 0.1, 0.25, 0.5, 0.75, 0.9, 0.994)
"""Shares of the training values below the knots between which features are linear."""

PER_CHANNEL = 4 * (len(KNOTS) - 1) + 2
"""Features of a channel."""

_FARTHEST = 3.0  # scaled values that count in a product


@lru_cache
def pairs_of(channels: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The first and the second channel of each pair of so many."""
    first, second = np.triu_indices(channels, 1)
    return first, second


@dataclass(frozen=True)
class Summary:
    """Of each of D channels so far: how many values, and their sum, sum of squares, least, largest and last, scaled.

    Attributes:
        rows: how many there were.
        aligned: [A, D] the first A rows, 0 where missing or not yet there.
        products: [D, D], of each two channels the sum of the products of what they have in one row, and how often both
            have something there; None where these are no features.
    """

    count: Array
    total: Array
    squares: Array
    least: Array
    largest: Array
    last: Array
    rows: int
    aligned: Array
    products: tuple[Array, Array] | None

    @classmethod
    def nothing(cls, channels: int, aligned: int, products: bool) -> "Summary":
        """Before the first row; so many rows are features themselves, and ``products`` of channels may be."""
        zero, infinite = np.zeros(channels), np.full(channels, np.inf)
        square = np.zeros((channels, channels))
        pairs = (square, square) if products else None
        return cls(zero, zero, zero, infinite, -infinite, zero, 0, np.zeros((aligned, channels)), pairs)

    def after(self, values: Array) -> "Summary":
        """With the rows ``values`` [T, D], NaN where missing."""
        if not len(values):
            return self
        known = ~np.isnan(values)
        filled, columns = np.where(known, values, 0.0), np.arange(values.shape[1])
        aligned = self.aligned.copy()
        place = aligned[self.rows : self.rows + len(values)]
        place[:] = filled[: len(place)]
        products = self.products
        if products is not None:
            near, there = np.clip(filled, -_FARTHEST, _FARTHEST), known.astype(np.float64)
            products = (products[0] + near.T @ near, products[1] + there.T @ there)
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
            products=products,
        )

    def features(self, knots: Array) -> NDArray[np.float32]:
        """[D x PER_CHANNEL + pairs + A x D]: last, mean, largest and least piecewise linear, logarithm of the count,
        deviation, then mean products of each two channels, then the aligned rows.

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
        products = np.empty(0)
        if self.products is not None:
            total, both = (one[pairs_of(len(one))] for one in self.products)
            products = total / np.maximum(both, 1)
        return np.concatenate([summary, products, self.aligned.reshape(-1)]).astype(np.float32)


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
