"""What a channel did lately: its mean and deviation over windows that fade, of a few lengths.

An activity is often told by how much a sensor trembles in the last seconds, which neither a value nor a statistic of
all rows so far says, and which a cell learns from many series only.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

__all__ = ["FADING", "Windows", "both_ways"]

Array = NDArray[np.float64]

FADING = (3.0, 8.0, 20.0)
"""Usual steps in which what was seen comes to count a third (1 / e)."""

_FARTHEST = 3.0  # scaled means and deviations that count
_SPAN = 200.0  # times the fastest fading that are worked out at once, within what float64 holds
_LEAST = 1e-12  # weight below which nothing is left


@dataclass(frozen=True)
class Windows:
    """Of each of D channels, for each length, what is left of the rows so far.

    Attributes:
        sums: [3, K, D], weights, and with them sums of values and of their squares, at the last row.
        at: when that was, in steps of time since the first row.
    """

    sums: Array
    at: float

    @classmethod
    def nothing(cls, channels: int) -> "Windows":
        """Before the first row."""
        return cls(np.zeros((3, len(FADING), channels)), 0.0)

    def after_each(self, values: Array, elapsed: Array) -> tuple["Windows", NDArray[np.float32]]:
        """After the rows ``values`` [T, D], NaN where missing, at ``elapsed`` [T]; and features [T, 2 K D] of each:
        means and deviations, 0 where nothing is left."""
        known = ~np.isnan(values)
        filled = np.where(known, values, 0.0)
        terms = np.stack([known, filled, filled**2], axis=1)[:, :, None, :]  # [T, 3, 1, D]
        rates = 1.0 / np.array(FADING)[:, None]
        now, features, begin = self, np.empty((len(values), 2, len(FADING), values.shape[1]), np.float32), 0
        while begin < len(values):
            end = max(begin + 1, int(np.searchsorted(elapsed, elapsed[begin] + _SPAN * FADING[0], side="right")))
            since = (elapsed[begin:end] - elapsed[begin])[:, None, None, None] * rates
            left = now.sums * np.exp(-(elapsed[begin] - now.at) * rates)
            sums = (left + np.cumsum(terms[begin:end] * np.exp(since), axis=0)) * np.exp(-since)
            now = replace(now, sums=sums[-1], at=float(elapsed[end - 1]))
            features[begin:end] = _means_and_deviations(sums)
            begin = end
        return now, features.reshape(len(values), 2 * len(FADING) * values.shape[1])


def _means_and_deviations(sums: Array) -> Array:
    """[T, 2, K, D] of sums [T, 3, K, D]."""
    weight, total, square = np.moveaxis(sums, 1, 0)
    there = weight > _LEAST
    share = np.where(there, weight, 1.0)
    mean = np.where(there, total / share, 0.0)
    deviation = np.sqrt(np.maximum(np.where(there, square / share, 0.0) - mean**2, 0.0))
    return np.clip(np.stack([mean, deviation], axis=1), -_FARTHEST, _FARTHEST)


def both_ways(values: Array, elapsed: Array) -> NDArray[np.float32]:
    """[T, 4 K D], features of what was lately and of what comes soon, of a series that is whole."""
    nothing = Windows.nothing(values.shape[1])
    _, lately = nothing.after_each(values, elapsed)
    _, soon = nothing.after_each(values[::-1], elapsed[-1:] - elapsed[::-1])
    return np.concatenate([lately, soon[::-1]], axis=1)
