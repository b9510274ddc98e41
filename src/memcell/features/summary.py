"""What a series' channels did so far, in a few numbers each: the wide part of a model beside its deep one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from memcell.contract import InputError
from memcell.features.pieces import ROUNDING, piecewise

__all__ = ["STATISTICS", "Summary", "SummaryScaling", "pairs_of"]

Array = NDArray[np.float64]

STATISTICS = ("last", "mean", "largest", "least", "deviation", "count", "first", "trend", "change")
"""Numbers that say what a channel did: ``count`` as a logarithm, ``trend`` the slope over time in values a deviation of
the times, ``change`` the mean size of the difference between a value and the one before it."""

_KNOTS = (0.006, 0.1, 0.25, 0.5, 0.75, 0.9, 0.994)  # shares of the training series below each knot
_FINE = 31  # shares that are evenly apart, below each knot of what is fine
_MOST_PIECEWISE = 250  # columns up to which statistics are also piecewise linear
_NONE = np.empty((0, 0))
_DRAWN_IN = (0.01, 0.99)  # shares of the training series between which center and scale are taken
_BLOCK = 4096  # rows at a time
_FARTHEST = 3.0  # scaled statistics, and values in a product, that count


@lru_cache
def pairs_of(channels: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The first and the second channel of each pair of so many."""
    first, second = np.triu_indices(channels, 1)
    return first, second


@dataclass(frozen=True)
class SummaryScaling:
    """How the statistics of a summary become features, learnt from training series.

    Attributes:
        center, scale: [S, D], of each statistic of each column; a scale of 0 where all series have the same.
        knots: [S, D, K], between which features are linear; K is 0 where columns are very many.
        fine: [S, D, F], many more knots, for a reading that is linear; F is 0 where there is none.
    """

    center: tuple[tuple[float, ...], ...]
    scale: tuple[tuple[float, ...], ...]
    knots: tuple[tuple[tuple[float, ...], ...], ...]
    fine: tuple[tuple[tuple[float, ...], ...], ...]

    @classmethod
    def learn(cls, statistics: Array, *, linear: bool = False, fine: bool = False) -> "SummaryScaling":
        """From ``Summary.statistics`` of the training series, or of rows of theirs, [n, S, D]; with ``linear`` features
        are not piecewise, with ``fine`` they come in finer pieces too."""
        low, high = _quantiles(statistics, _DRAWN_IN)
        known = ~np.isnan(statistics)
        count = np.maximum(known.sum(axis=0), 1)
        drawn_in = np.where(known, np.clip(statistics, low, high), 0.0)
        center = drawn_in.sum(axis=0) / count
        scale = np.sqrt((np.where(known, drawn_in - center, 0.0) ** 2).sum(axis=0) / count)
        largest = np.where(known, np.abs(statistics), 0.0).max(axis=0, initial=0.0)
        least = ROUNDING * np.maximum(largest, 1.0)
        scale = np.where(scale > least, scale, 0.0)

        def knots(shares: Sequence[float]) -> Any:
            found = _quantiles(statistics, shares)
            for below, above in pairwise(found):
                above[...] = np.where(above - below > least, above, below)
            return _tuples(np.moveaxis(found, 0, -1))

        coarse = () if linear or statistics.shape[2] > _MOST_PIECEWISE else _KNOTS
        evenly = [(k + 0.5) / _FINE for k in range(_FINE)] if fine else []
        return cls(_tuples(center), _tuples(scale), knots(coarse), knots(evenly))

    @property
    def per_column(self) -> int:
        """Features of a column."""
        return len(STATISTICS) * max(1, self._arrays[2].shape[-1])

    def without_fine(self) -> "SummaryScaling":
        """The same without fine pieces."""
        return replace(self, fine=tuple(tuple(() for _ in row) for row in self.fine))

    @property
    def fine_size(self) -> int:
        """Features in fine pieces."""
        statistics, columns, knots = self._arrays[3].shape
        return statistics * columns * max(0, knots - 1)

    @cached_property
    def _arrays(self) -> tuple[Array, Array, Array, Array]:
        shape = len(STATISTICS), len(self.center[0])
        knots, fine = (
            np.array(given).reshape(*shape, len(given[0][0]) if given[0] else 0) for given in (self.knots, self.fine)
        )
        return np.array(self.center), np.array(self.scale), knots, fine

    def features(self, statistics: Array) -> Array:
        """[..., D x per_column] of statistics [..., S, D]: standardised and piecewise linear; 0 where there is none."""
        center, scale, knots, _ = self._arrays
        with np.errstate(invalid="ignore"):
            linear = np.clip((statistics - center) / np.where(scale > 0, scale, np.inf), -_FARTHEST, _FARTHEST)
        parts = [linear[..., None]]
        if knots.shape[-1]:
            parts.append(piecewise(statistics, knots))
        features = np.concatenate(parts, axis=-1).swapaxes(-3, -2)  # [..., D, S, 1 + segments]
        return np.nan_to_num(features.reshape(*statistics.shape[:-2], -1))

    def fine_features(self, statistics: Array) -> NDArray[np.float32]:
        """[fine_size] of statistics [S, D], piecewise linear between the fine knots; 0 where there is none."""
        return np.nan_to_num(piecewise(statistics, self._arrays[3])).reshape(-1).astype(np.float32)

    def to_json(self) -> dict[str, Any]:
        """The scaling as values that ``json.dumps`` takes, by statistic."""
        each = zip(STATISTICS, self.center, self.scale, self.knots, self.fine, strict=True)
        return {
            name: {
                "center": list(center), "scale": list(scale), "knots": [list(one) for one in knots],
                "fine": [list(one) for one in fine],
            }
            for name, center, scale, knots, fine in each
        }  # fmt: skip

    @classmethod
    def from_json(cls, data: object, columns: int) -> "SummaryScaling":
        """The scaling of so many columns that ``to_json`` gave ``data`` for.

        Raises:
            InputError: a field lacks or has a value that does not fit.
        """
        record = cast("Mapping[str, Any]", data)
        try:
            assert set(record) == set(STATISTICS)
            center, scale, knots, fine = (
                np.array([record[name][field] for name in STATISTICS], np.float64)
                for field in ("center", "scale", "knots", "fine")
            )
            shape = len(STATISTICS), columns
            assert center.shape == scale.shape == shape
            assert not columns or knots.shape in ((*shape, len(_KNOTS)), (*shape, 0))
            assert not columns or fine.shape in ((*shape, _FINE), (*shape, 0))
            assert all(np.isfinite(one).all() for one in (center, scale, knots, fine))
            assert (scale >= 0).all()
            assert all((np.diff(one, axis=-1) >= 0).all() for one in (knots, fine))
        except (AssertionError, KeyError, TypeError, ValueError) as error:
            raise InputError("The recipe's scaling of summaries does not have the fields it should have.") from error
        return cls(_tuples(center), _tuples(scale), _tuples(knots), _tuples(fine))


def _quantiles(values: Array, shares: Sequence[float]) -> Array:
    """[shares, ...] of what there is in values [n, ...], NaN where missing; 0 where there is nothing."""
    if not values.size:
        return np.zeros((len(shares), *values.shape[1:]))
    return np.nanquantile(np.where(np.isnan(values).all(axis=0), 0.0, values), shares, axis=0)


def _tuples(array: Array) -> Any:
    return tuple(map(_tuples, array)) if array.ndim > 1 else tuple(array.tolist())


@dataclass(frozen=True)
class Summary:
    """Of each of D channels so far, scaled.

    Attributes:
        sums: [7, D]: how many values; sums of these, of their squares, of their times, of the squares of these, and of
            values times times; how much they changed from one to the next.
        least, largest, first, last: [D], of the values.
        products: [D, D], of each two channels the sum of the products of what they have in one row, and how often both
            have something there; None where these are no features.
    """

    sums: Array
    least: Array
    largest: Array
    first: Array
    last: Array
    products: tuple[Array, Array] | None

    @classmethod
    def nothing(cls, channels: int, products: bool = False) -> "Summary":
        """Before the first row; ``products`` of channels may be features."""
        zero, infinite = np.zeros(channels), np.full(channels, np.inf)
        square = np.zeros((channels, channels))
        pairs = (square, square) if products else None
        return cls(np.zeros((7, channels)), infinite, -infinite, zero, zero, pairs)

    def after(self, values: Array, elapsed: Array) -> "Summary":
        """With the rows ``values`` [T, D], NaN where missing, so many steps of time after the first of all [T]."""
        summary = self
        for begin in range(0, len(values), _BLOCK):
            rows = slice(begin, begin + _BLOCK)
            summary = summary.after_each(values[rows], elapsed[rows]).at_last()
        return summary

    def at_last(self) -> "Summary":
        """Of what ``after_each`` gave, that after the last row."""
        return replace(self, **{name: getattr(self, name)[-1] for name in _BY_CHANNEL})

    def after_each(self, values: Array, elapsed: Array) -> "Summary":
        """After each of T rows at once, [T, ...] of what is of the channels; products are those after the last. Sums
        are taken row by row, so that it does not matter how many rows come together."""
        known, time = ~np.isnan(values), elapsed[:, None]
        filled, row = np.where(known, values, 0.0), np.arange(len(values))[:, None]
        seen = np.maximum.accumulate(np.where(known, row, -1), axis=0)  # the row of the last value so far
        last = np.where(seen < 0, self.last, np.take_along_axis(filled, np.maximum(seen, 0), axis=0))
        begun = self.sums[0] > 0
        first = np.where(begun, self.first, np.take_along_axis(filled, known.argmax(axis=0)[None], axis=0)[0])
        products = self.products
        if products is not None:
            near, there = np.clip(filled, -_FARTHEST, _FARTHEST), known.astype(np.float64)
            products = (products[0] + near.T @ near, products[1] + there.T @ there)
        before = np.concatenate([self.last[None], last[:-1]])
        again = begun | np.concatenate([np.zeros_like(begun[None]), seen[:-1] >= 0])  # whether there is one before
        change = np.where(known & again, np.abs(filled - before), 0.0)
        parts = (known, filled, filled**2, known * time, known * time**2, filled * time, change)
        return replace(
            self,
            sums=np.cumsum(np.concatenate([self.sums[None], np.stack(parts, axis=1)]), axis=0)[1:],
            least=np.minimum(self.least, np.minimum.accumulate(np.where(known, values, np.inf), axis=0)),
            largest=np.maximum(self.largest, np.maximum.accumulate(np.where(known, values, -np.inf), axis=0)),
            first=np.where(begun | (seen >= 0), first, self.first),
            last=last,
            products=products,
        )

    def statistics(self) -> Array:
        """[..., S, D], in the order of ``STATISTICS``; NaN for a channel without values."""
        values, *sums, changes = np.moveaxis(self.sums, -2, 0)
        mean, square, middle, middle_square, product = (one / np.maximum(values, 1) for one in sums)
        deviation = np.sqrt(np.maximum(square - mean**2, 0.0))
        apart = np.sqrt(np.maximum(middle_square - middle**2, 0.0))
        trend = (product - mean * middle) / np.where(apart > 1e-6, apart, np.inf)
        change = changes / np.maximum(values - 1, 1)
        every = (self.last, mean, self.largest, self.least, deviation, np.log1p(values), self.first, trend, change)
        return np.where((values > 0)[..., None, :], np.stack(every, axis=-2), np.nan)

    def features(
        self, scaling: SummaryScaling, aligned: Array = _NONE, statistics: Array | None = None
    ) -> NDArray[np.float32]:
        """[D x scaling.per_column + pairs + A x D]: the statistics as features, then mean products of each two
        channels, then ``aligned`` rows [A, D]. All are 0 for a channel without values. ``statistics``: if known."""
        products = np.empty(0)
        if self.products is not None:
            total, both = (one[pairs_of(len(one))] for one in self.products)
            products = total / np.maximum(both, 1)
        statistics = self.statistics() if statistics is None else statistics
        parts = [scaling.features(statistics), products, aligned.reshape(-1)]
        return np.concatenate(parts).astype(np.float32)


_BY_CHANNEL = ("sums", "least", "largest", "first", "last")
