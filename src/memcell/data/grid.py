"""An uneven series on the even grid of its usual step."""

import numpy as np
from numpy.typing import NDArray

from memcell.contract import InputError
from memcell.data.cadence import Cadence
from memcell.data.series import Series

__all__ = ["on_grid", "places_of"]

_LONGEST_GRID = 50  # cells a row


def on_grid(
    series: Series, cadence: Cadence, start: float | None = None, after: int = -1
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Values [S, C] and times [S] on the even grid of ``cadence`` from the first row on.

    Rows that fall on one point are averaged channel by channel; a point without rows is all missing. With ``start``
    and ``after``, the grid begins at that time, and its points after point number ``after`` are given.

    Raises:
        InputError: the times are so uneven that the grid would be mostly empty.
    """
    if not len(series):
        return series.values, series.times
    start = float(series.times[0]) if start is None else start
    places = places_of(cadence, start, series.times)
    if places[-1] - after > _LONGEST_GRID * len(series) + 1000:
        name = "The series" if series.id is None else f"Series {series.id!r}"
        raise InputError(
            f"{name} has {len(series)} rows over {places[-1] - after:.0f} steps of its usual length, too uneven to "
            "forecast step by step. Resample it, or leave out the stretch before its longest gap."
        )
    place = places.astype(np.int64) - after - 1
    length, channels = int(place[-1]) + 1, series.values.shape[1]
    if length == len(series) and (np.diff(place) == 1).all():
        values = series.values
    else:
        known = ~np.isnan(series.values)
        total, count = np.zeros((length, channels)), np.zeros((length, channels))
        np.add.at(total, place, np.where(known, series.values, 0.0))
        np.add.at(count, place, known)
        values = np.divide(total, count, out=np.full((length, channels), np.nan), where=count > 0)
    return values, cadence.after(start, after + 1 + np.arange(length))


def places_of(cadence: Cadence, start: float, times: NDArray[np.float64]) -> NDArray[np.float64]:
    """The number of the grid point, from 0 at ``start``, that each time is nearest to; whole numbers as float64."""
    return np.rint(cadence.steps_between(start, times))
