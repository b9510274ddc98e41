"""Five kinds of mess, made in a real set of series, alone or together."""

from typing import Any

import numpy as np
from datasets import ucr

import memcell
from memcell.data import Series
from memcell.data.observations import Observations

__all__ = ["MESS", "Labelled", "messy_set"]

MESS = ("missing", "asynchronous", "unordered", "high-dimensional", "random")

Array = np.ndarray
Labelled = tuple[list[Any], Array]


def messy_set(name: str, kinds: set[str]) -> tuple[Labelled, Labelled]:
    """A set of series with some kinds of ``MESS``: for training, and for testing."""
    x, y, x_test, y_test = ucr(name)
    noise, random = np.concatenate(x).std(axis=0), np.random.default_rng(0)
    train, test = ([_messy(values, kinds, noise, random) for values in one] for one in (x, x_test))
    return (train, y), (test, y_test)


def _messy(values: Array, kinds: set[str], noise: Array, random: np.random.Generator) -> Series:
    """A series [T, C] with some kinds of ``MESS``; its times are 0, 1, 2, ... but where it is asynchronous.

    random: noise of one standard deviation; unordered: rows in another order; high-dimensional: 200 channels of noise,
    1 % filled; missing: half of the values dropped; asynchronous: each channel keeps half of its times, moved by less
    than half a step, so that a row holds one channel.
    """
    if "random" in kinds:
        values = values + noise * random.standard_normal(values.shape)
    if "unordered" in kinds:
        values = random.permutation(values)
    if "high-dimensional" in kinds:
        extra = random.standard_normal((len(values), 200))
        values = np.hstack([values, np.where(random.random(extra.shape) < 0.01, extra, np.nan)])
    if "missing" in kinds:
        values = np.where(random.random(values.shape) < 0.5, values, np.nan)
    names = tuple(f"x{c}" for c in range(values.shape[1]))
    if "asynchronous" not in kinds:
        return memcell.as_series([values], times=[np.arange(len(values))], channels=names)[0]
    row, channel = np.nonzero(~np.isnan(values) & (random.random(values.shape) < 0.5))
    stamps = row + random.uniform(-0.5, 0.5, len(row))
    place = np.argsort(np.argsort(stamps))
    return Series(Observations.of(place, channel, values[row, channel]), np.sort(stamps), names, time_kind="number")
