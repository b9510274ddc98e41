"""Cycles of time as features: sines and cosines of given periods, of the calendar, or of periods found in the data."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from memcell.contract import InputError
from memcell.data.dates import DAY, TimeKind
from memcell.data.series import Series

__all__ = ["cycle_features", "periods_of"]

Array = NDArray[np.float64]

CALENDAR = (DAY, 7 * DAY, 365.2425 * DAY)  # in seconds since Thursday, 1 January 1970
_FOUND = 2  # periods at most that are found in data
_CLEAR = 0.1  # share of the variance that a period must explain to be found
_ROWS = 4000  # of a channel that periods are looked for in
_CANDIDATES = (400, 2 * _ROWS)  # frequencies that are tried, at least and at most


def periods_of(series: list[Series], asked: str | Sequence[float]) -> tuple[float, ...]:
    """The periods, in the unit of the series' times, that become features.

    Args:
        series: training series.
        asked: periods; ``"calendar"`` for day, week and year where times are dates and span two of them, with rows
            apart by less than half of one; ``"detect"`` for these and those that the values themselves repeat after.

    Raises:
        InputError: a period that is not positive, or another word.
    """
    if not isinstance(asked, str):
        periods = tuple(float(period) for period in asked)
        if not all(0 < period < np.inf for period in periods):
            raise InputError(f"`cycles` has the periods {periods}; they must be positive and finite.")
        return periods
    if asked not in ("calendar", "detect"):
        raise InputError(f"`cycles` is {asked!r}; give periods, 'calendar' or 'detect'.")
    kind: TimeKind = series[0].time_kind if series else "order"
    long = [one for one in series if len(one) > 1]
    if not long:
        return ()
    calendar = tuple(period for period in CALENDAR if kind == "date" and _fits(long, period))
    return calendar if asked == "calendar" else tuple(sorted({*calendar, *_detected(long)}))


def cycle_features(times: Array, periods: tuple[float, ...]) -> Array:
    """[T, 2 x periods], sine and cosine of each."""
    phase = 2 * np.pi * (times[:, None] / np.array(periods or (1.0,)) % 1.0)
    return np.concatenate([np.sin(phase), np.cos(phase)], axis=1)[:, : 2 * len(periods)] if periods else phase[:, :0]


def _fits(series: list[Series], period: float) -> bool:
    span = max(one.times.max() for one in series) - min(one.times.min() for one in series)
    apart = float(np.median(np.concatenate([np.diff(one.times) for one in series])))
    return span >= 2 * period and apart < period / 2


def _detected(series: list[Series]) -> list[float]:
    """Periods whose sine and cosine explain most of some channel's variance: peaks of a least-squares periodogram.

    Lomb, "Least-squares frequency analysis of unequally spaced data" (1976), on the longest series.
    """
    one = max(series, key=len)
    values = one.values
    found: dict[float, float] = {}
    for column in values.T:
        known = np.flatnonzero(~np.isnan(column))[-_ROWS:]
        if len(known) < 16:
            continue
        times, y = one.times[known] - one.times[known[0]], column[known]
        y = y - np.polyval(np.polyfit(times, y, 1), times)
        if not y.std() > 0:
            continue
        span, apart = times[-1], float(np.median(np.diff(times)))
        least, most = _CANDIDATES
        highest = min(0.5 / apart, 0.5 * most / span)  # of rows in bursts, what twice their mean pace can tell
        frequencies = np.linspace(2 / span, highest, int(min(max(least, span / apart), most)))
        power = np.array([_explained(times, y, frequency) for frequency in frequencies])
        for at in np.argsort(power)[::-1][:_FOUND]:
            peak = power[at] >= power[max(at - 1, 0) : at + 2].max()
            if peak and power[at] > _CLEAR:
                found[float(1 / frequencies[at])] = float(power[at])
    best = sorted(found, key=lambda period: -found[period])
    apart_enough: list[float] = []
    for period in best:
        if all(abs(np.log(period / other)) > 0.1 for other in apart_enough) and len(apart_enough) < _FOUND:
            apart_enough.append(float(period))
    return apart_enough


def _explained(times: Array, y: Array, frequency: float) -> float:
    """Share of the variance of ``y`` that a sine and cosine of the frequency explain."""
    phase = 2 * np.pi * frequency * times
    basis = np.column_stack([np.sin(phase), np.cos(phase)])
    fitted = basis @ np.linalg.lstsq(basis, y, rcond=None)[0]
    return float(1 - ((y - fitted) ** 2).sum() / (y**2).sum())
