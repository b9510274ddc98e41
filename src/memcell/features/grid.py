"""Rows brought together: on the even grid of a usual step, or within spans of time."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from memcell.contract import InputError
from memcell.data.cadence import Cadence
from memcell.data.observations import Observations
from memcell.data.series import Series

__all__ = ["merged", "on_grid", "patched", "places_of", "spans_of"]

_LONGEST_GRID = 50  # cells a row
_TIE = 1e-6  # of a span, within which a time is at the border, in whatever unit it came


def on_grid(series: Series, cadence: Cadence, start: float | None = None, after: int = -1) -> Series:
    """The series on the even grid of ``cadence`` from the first row on.

    Rows that fall on one point become one, whose values are sets; a point without rows is all missing. With ``start``
    and ``after``, the grid begins at that time, and its points after point number ``after`` are given.

    Raises:
        InputError: the times are so uneven that the grid would be mostly empty.
    """
    if not len(series):
        return series
    start = float(series.times[0]) if start is None else start
    places = places_of(cadence, start, series.times)
    if places[-1] - after > _LONGEST_GRID * len(series) + 1000:
        name = "The series" if series.id is None else f"Series {series.id!r}"
        raise InputError(
            f"{name} has {len(series)} rows over {places[-1] - after:.0f} steps of its usual length, too uneven to "
            "forecast step by step. Resample it, or leave out the stretch before its longest gap."
        )
    place = places.astype(np.int64) - after - 1
    length = int(place[-1]) + 1
    times = cadence.after(start, after + 1 + np.arange(length))
    if length == len(series) and (np.diff(place) == 1).all():
        return replace(series, times=times, tags=None)
    return replace(series, observations=series.observations.at_rows(place), times=times, tags=None)


def merged(series: Series, width: float, start: float | None = None) -> Series:
    """The series with the rows of one span of time, ``width`` wide and counted from ``start``, as one.

    Its values are sets, its time is that of the last of them, so that nothing comes before it was seen.
    """
    if not len(series):
        return series
    spans = spans_of(width, float(series.times[0]) if start is None else start, series.times)
    ends = np.append(spans[1:] != spans[:-1], True)
    if ends.all():
        return series
    place = np.cumsum(ends) - ends
    tags = None if series.tags is None else series.tags[ends]
    return replace(series, observations=series.observations.at_rows(place), times=series.times[ends], tags=tags)


def patched(series: Series, size: int) -> Series:
    """The series with every ``size`` rows as one of ``size`` times the channels; the last may be of fewer.

    Row k of those that become one fills the k-th copy of the channels, in order; the time is that of the last of them.
    """
    rows, channels = np.arange(len(series)), len(series.channels)
    ends = np.minimum(np.arange(size - 1, len(series) + size - 1, size), len(series) - 1)
    seen = series.observations
    place = seen.channel + channels * (seen.row % size)
    joined = Observations.of(seen.row // size, place, seen.value)
    names = tuple(f"{name}@{k}" for k in range(size) for name in series.channels)
    tags = None if series.tags is None else series.tags[ends]
    return replace(series, observations=joined, times=series.times[rows[ends]], channels=names, tags=tags)


def spans_of(width: float, start: float, times: NDArray[np.float64]) -> NDArray[np.float64]:
    """The number of the span of time, from 0 at ``start``, that each time lies in; whole numbers as float64."""
    return np.floor((times - start) / width + _TIE)


def places_of(cadence: Cadence, start: float, times: NDArray[np.float64]) -> NDArray[np.float64]:
    """The number of the grid point, from 0 at ``start``, that each time is nearest to; whole numbers as float64."""
    return np.rint(cadence.steps_between(start, times))
