"""What channels did lately: mean, deviation, and how often they were there, over windows that fade, of a few lengths.

An activity is often told by how much a sensor trembles in the last seconds, or by which of several speaks, which
neither a value nor a statistic of all rows so far says, and which a cell learns from many series only.
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
    """Of each of D channels of numbers, and of P things that are in a row or not, for each length, what is left of the
    rows so far.

    Attributes:
        sums: [K, 1 + 3 D + P] at the last row: weights of all rows; of the values of each channel, and with them sums
            of values and of their squares; of the rows where each thing was.
        at: when that was, in steps of time since the first row.
    """

    sums: Array
    at: float

    @classmethod
    def nothing(cls, channels: int, things: int) -> "Windows":
        """Before the first row."""
        return cls(np.zeros((len(FADING), 1 + 3 * channels + things)), 0.0)

    @staticmethod
    def width(channels: int, things: int) -> int:
        """Features of a row."""
        return len(FADING) * (2 * channels + things)

    def after_each(
        self, values: Array, there: NDArray[np.bool_], elapsed: Array
    ) -> tuple["Windows", NDArray[np.float32]]:
        """After the rows ``values`` [T, D], NaN where missing, and ``there`` [T, P] at ``elapsed`` [T]; and features
        [T, K (2 D + P)] of each: means and deviations, and in what share of the rows each thing was, from -1 to 1; 0
        where nothing is left."""
        known = ~np.isnan(values)
        filled = np.where(known, values, 0.0)
        terms = np.concatenate([np.ones((len(values), 1)), known, filled, filled**2, there], axis=1)[:, None, :]
        rates = 1.0 / np.array(FADING)[:, None]
        channels, things = values.shape[1], there.shape[1]
        now, features, begin = self, np.empty((len(values), self.width(channels, things)), np.float32), 0
        while begin < len(values):
            end = max(begin + 1, int(np.searchsorted(elapsed, elapsed[begin] + _SPAN * FADING[0], side="right")))
            since = (elapsed[begin:end] - elapsed[begin])[:, None, None] * rates
            left = now.sums * np.exp(-(elapsed[begin] - now.at) * rates)
            sums = (left + np.cumsum(terms[begin:end] * np.exp(since), axis=0)) * np.exp(-since)
            now = replace(now, sums=sums[-1], at=float(elapsed[end - 1]))
            features[begin:end] = _features(sums, channels)
            begin = end
        return now, features


def _features(sums: Array, channels: int) -> Array:
    """[T, K (2 D + P)] of sums [T, K, 1 + 3 D + P]."""
    rows, weight, total, square, there = np.split(sums, np.cumsum([1, channels, channels, channels]), axis=2)
    known = weight > _LEAST
    of = np.where(known, weight, 1.0)
    mean = np.where(known, total / of, 0.0)
    deviation = np.sqrt(np.maximum(np.where(known, square / of, 0.0) - mean**2, 0.0))
    share = 2 * there / rows - 1
    every = np.concatenate([mean, deviation, share], axis=2)
    return np.clip(every, -_FARTHEST, _FARTHEST).reshape(len(sums), -1)


def both_ways(values: Array, there: NDArray[np.bool_], elapsed: Array) -> NDArray[np.float32]:
    """[T, 2 K (2 D + P)], features of what was lately and of what comes soon, of a series that is whole."""
    nothing = Windows.nothing(values.shape[1], there.shape[1])
    _, lately = nothing.after_each(values, there, elapsed)
    _, soon = nothing.after_each(values[::-1], there[::-1], elapsed[-1:] - elapsed[::-1])
    return np.concatenate([lately, soon[::-1]], axis=1)
