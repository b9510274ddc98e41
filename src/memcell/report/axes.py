"""The axes of charts: from numbers to places, the range that is shown, and round numbers or dates as ticks."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from memcell.data.dates import DAY, seconds_of
from memcell.report.page import number

__all__ = ["Scale", "date_ticks", "number_ticks", "range_of", "texts_of", "ticks_of"]

_LARGEST = 1e150  # whose differences can be computed with


@dataclass(frozen=True)
class Scale:
    """From numbers to places: ``low`` is at ``start``, ``high`` at ``end``, and nothing lies beyond."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, values: ArrayLike) -> NDArray[np.float64]:
        share = (np.asarray(values, np.float64) - self.low) / (self.high - self.low)
        return self.start + np.clip(share, 0.0, 1.0) * (self.end - self.start)


def range_of(parts: Sequence[ArrayLike], margin: float = 0.05) -> tuple[float, float]:
    """The lowest and the highest number, a little further apart."""
    known = np.concatenate([np.empty(0), *(np.asarray(one, np.float64).reshape(-1) for one in parts)])
    known = known[np.isfinite(known)].clip(-_LARGEST, _LARGEST)
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    if not high - low > max(1e-9 * abs(low), 1 / _LARGEST):
        reach = 0.5 * abs(low) if abs(low) > 1 / _LARGEST else 0.5
        return low - reach, high + reach
    return low - margin * (high - low), high + margin * (high - low)


def ticks_of(low: float, high: float, count: int, whole: bool = False) -> NDArray[np.float64]:
    """Round numbers from ``low`` to ``high``, about ``count`` of them; whole ones if asked."""
    raw = (high - low) / max(count, 1)
    unit = 10.0 ** math.floor(math.log10(raw))
    step = unit * next((size for size in (1, 2, 5) if size * unit >= 0.99 * raw), 10)
    step = max(step, 1.0) if whole else step
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return np.float64(step) * np.arange(first, last + 1, dtype=np.float64)


def number_ticks(low: float, high: float, whole: bool) -> tuple[NDArray[np.float64], list[str]]:
    """Round numbers, or whole ones, and their texts."""
    ticks = ticks_of(low, high, 4, whole)
    return ticks, texts_of(ticks)


def texts_of(ticks: NDArray[np.float64]) -> list[str]:
    """Short texts of ticks, all with as many decimals as tell them apart."""
    largest = float(np.abs(ticks).max(initial=0.0))
    if len(ticks) < 2 or largest >= 1e6 or largest < 1e-3:
        return [number(float(tick)).replace(",", "") for tick in ticks]
    decimals = max(0, -math.floor(math.log10(float(ticks[1] - ticks[0])) + 1e-9))
    return [f"{tick + 0.0:.{decimals}f}" for tick in ticks]


def date_ticks(low: float, high: float) -> tuple[NDArray[np.float64], list[str]]:
    """Three dates at the beginnings of months, days or minutes, and their texts, no longer than tells them apart."""
    span = high - low
    unit, part = (
        ("M", slice(0, 7)) if span > 200 * DAY else ("D", slice(0, 10)) if span > 4 * DAY else ("m", slice(5, 16))
    )
    places = np.rint(low + span * np.array([0.14, 0.5, 0.86])).astype("datetime64[s]")
    ticks = np.unique(seconds_of(places.astype(f"datetime64[{unit}]")))
    ticks = ticks[ticks >= low]
    return ticks, [text[part].replace("T", " ") for text in np.datetime_as_string(ticks.astype("datetime64[s]"))]
