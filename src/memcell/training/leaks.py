"""Channels that give the answer away: those whose pattern of missing values alone tells the classes apart."""

import numpy as np
from numpy.typing import NDArray

from memcell.data import Series

__all__ = ["leaking_channels"]

_FEWEST = 10  # series of a class from which on a perfect split is no chance


def leaking_channels(series: list[Series], codes: NDArray[np.int64]) -> list[str]:
    """Channels and facts whose share of observed rows never has the same value in two classes.

    Args:
        series: labelled.
        codes: int64 [n], the class of each.
    """
    classes, sizes = np.unique(codes, return_counts=True)
    if not series or len(classes) < 2 or sizes.min() < _FEWEST:
        return []
    names = (*series[0].channels, *series[0].fact_names)
    width = len(series[0].channels)
    shares = np.zeros((len(series), len(names)))
    for row, one in zip(shares, series, strict=True):
        first = ~one.observations.repeated
        counts = np.bincount(one.observations.channel[first], minlength=width)
        row[:width] = counts / len(one) if len(one) else np.nan  # a series without rows says nothing either way
        row[width + one.facts.channel] = 1.0
    low = np.array([np.fmin.reduce(shares[codes == code]) for code in classes])
    high = np.array([np.fmax.reduce(shares[codes == code]) for code in classes])
    order = np.argsort(low, axis=0)
    low, high = (np.take_along_axis(one, order, axis=0) for one in (low, high))
    apart = (high[:-1] < low[1:]).all(axis=0)
    return [name for name, leaks in zip(names, apart, strict=True) if leaks]
