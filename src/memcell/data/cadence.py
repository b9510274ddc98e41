"""The usual step between the rows of a set of series, and counting in such steps; NumPy alone."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from memcell.contract.errors import InputError
from memcell.data.dates import DAY, calendar_parts, days_in_month, time_on
from memcell.data.series import Series

_LAST_DAY = 31
_WEEKDAYS, _MONDAY = 5, 3  # days of a week without its end; days from a Monday to 1 January 1970
_WEEKENDS = 3  # without rows, from which on they never have any
_ONE = (0.6, 1.7)  # usual steps between rows that count as one
_FEWEST, _OFTEN = 10, 0.2  # differences of a series, and their share that the smallest must have, to be the step
_ROUNDING = 1e-6  # of a difference
_FAR = 30.0  # times the usual step


@dataclass(frozen=True)
class Cadence:
    """A step in time: so many units, whole calendar months, or days from Monday to Friday.

    Attributes:
        kind: ``"fixed"`` for a number of units, ``"months"`` for calendar months, which differ in length,
            ``"weekdays"`` for days of which Saturdays and Sundays are none.
        size: the step, above 0: in seconds (dates) or the user's own unit, or a whole number of months or days.
        day: for months, the day of the month that the last day of a shorter month stands for: with 31,
            28 February steps to 31 March; with 28 or less, to 28 March.

    Raises:
        InputError: a size that is not above 0, or not whole for months, or a day that no month has.

    Example:
        >>> month = Cadence("months", 1.0)
        >>> end_of_january, end_of_march = 30 * 86400.0, 89 * 86400.0
        >>> float(month.steps_between(end_of_january, end_of_march))
        2.0
    """

    kind: Literal["months", "fixed", "weekdays"]
    size: float
    day: int = _LAST_DAY

    def __post_init__(self) -> None:
        """Refuse what is no step."""
        if self.kind not in ("months", "fixed", "weekdays"):
            raise InputError(f"`kind` of a cadence must be 'months', 'weekdays' or 'fixed'; got {self.kind!r}.")
        if not (math.isfinite(self.size) and self.size > 0):
            raise InputError(f"`size` of a cadence must be finite and above 0; got {self.size}.")
        if self.kind != "fixed" and self.size != int(self.size):
            raise InputError(f"`size` of a cadence in {self.kind} must be whole; got {self.size}.")
        if not 1 <= self.day <= _LAST_DAY:
            raise InputError(f"`day` of a cadence must be 1 to {_LAST_DAY}; got {self.day}.")

    def steps_between(self, t0: ArrayLike, t1: ArrayLike) -> NDArray[np.float64]:
        """How many steps lie from `t0` to `t1`, fractions included; negative where `t1` is earlier.

        In months, the same day of another month is a whole number of months away, and so is the last day
        of a month that is too short to have it; between those, time counts evenly.

        Args:
            t0: float64 times; any shape that broadcasts with `t1`.
            t1: float64 times.
        """
        start, end = np.broadcast_arrays(np.asarray(t0, np.float64), np.asarray(t1, np.float64))
        if self.kind == "fixed":
            return (end - start) / self.size
        if self.kind == "weekdays":
            return (_weekdays_until(end) - _weekdays_until(start)) / self.size
        month0, day, clock = self._anchor(start)
        month = calendar_parts(end).month
        month = np.where(end < time_on(month, day, clock), month - 1, month)
        low, high = time_on(month, day, clock), time_on(month + 1, day, clock)
        return (month - month0 + (end - low) / (high - low)) / self.size

    def after(self, t: ArrayLike, k: ArrayLike) -> NDArray[np.float64]:
        """The times of the k-th steps after `t`, float64.

        Args:
            t: float64 times; any shape that broadcasts with `k`.
            k: whole numbers of steps; negative ones lie before `t`.
        """
        start, steps = np.broadcast_arrays(np.asarray(t, np.float64), np.asarray(k, np.float64))
        if self.kind == "fixed":
            return start + steps * self.size
        if self.kind == "weekdays":
            weeks, day = np.divmod(_weekdays_until(start) + steps * self.size, _WEEKDAYS)
            return np.round((7 * weeks + day - _MONDAY) * DAY, 3)  # what quotients leave of a midnight
        month, day, clock = self._anchor(start)
        return time_on(month + np.rint(steps * self.size).astype(np.int64), day, clock)

    def in_days_of(self, times: NDArray[np.float64]) -> Cadence:
        """The same for a series with rows at these times: where all lie on last days of months, which are not all as
        long, months lead to last days too."""
        if self.kind != "months" or not len(times):
            return self
        month, day, _ = calendar_parts(times)
        ends = bool(np.all(day == days_in_month(month)) and np.any(day != day[0]))
        return replace(self, day=_LAST_DAY) if ends else self

    def to_json(self) -> dict[str, Any]:
        """The cadence as values that `json.dumps` takes."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: object) -> Cadence:
        """The cadence that `to_json` gave `data` for.

        Raises:
            InputError: a field that lacks, is unknown or has the wrong type or value.
        """
        if not isinstance(data, Mapping) or set(cast("Mapping[str, object]", data)) != {
            "kind",
            "size",
            "day",
        }:
            raise InputError(f"A cadence is an object with the fields 'kind', 'size' and 'day'; got {data!r}.")
        record = cast("Mapping[str, Any]", data)
        size, day = record["size"], record["day"]
        if isinstance(size, bool) or not isinstance(size, (int, float)) or type(day) is not int:
            raise InputError(f"'size' of a cadence must be a number and 'day' a whole one; got {data!r}.")
        return cls(record["kind"], float(size), day)

    def _anchor(self, times: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """Month, intended day of the month, and clock."""
        month, day, clock = calendar_parts(times)
        shortened = (day == days_in_month(month)) & (day < self.day)
        return month, np.where(shortened, self.day, day), clock


def step_of(series: Sequence[Series]) -> Cadence:
    """The usual step between rows: the median of the differences over all `series`. Where many rows of one lack, so
    that its differences are whole numbers of the smallest, which one in five has, they all count as that one.

    The median is a step that occurs (the lower one of two), so that it is never half a step. Dates that
    advance by whole calendar months, on one day of the month or on month ends, give months. Where no series
    has two rows, the step is 1, or one day for dates.

    Args:
        series: with times of one kind.

    Example:
        >>> import numpy as np
        >>> step_of([Series(np.zeros((4, 1)), np.array([0.0, 0.5, 1.0, 3.0]), ("x",), time_kind="number")])
        Cadence(kind='fixed', size=0.5, day=31)
    """
    dates = any(one.time_kind == "date" for one in series)
    steps = _concatenated(_filled(np.diff(one.times)) for one in series)
    if not steps.size:
        return Cadence("fixed", DAY if dates else 1.0)
    day = _common_day(series) if dates else None
    if day is None:
        usual = _lower_median(steps)
        on_weekdays = dates and usual == DAY and _never_on_weekends(series)
        return Cadence("weekdays", 1.0) if on_weekdays else Cadence("fixed", usual)
    months = _concatenated(_filled(np.diff(calendar_parts(one.times).month)) for one in series)
    return Cadence("months", _lower_median(months), day)


def other_unit(series: Sequence[Series], cadence: Cadence) -> str | None:
    """What the user should know of series whose rows are far nearer to each other, or farther apart, than a model's."""
    steps = _concatenated(cadence.steps_between(one.times[:-1], one.times[1:]) for one in series)
    if len(steps) < _FEWEST:
        return None
    times = _lower_median(steps)
    if 1 / _FAR < times < _FAR:
        return None
    return f"Rows are usually {times:.3g} times as far apart as in training. Are their times in the same unit?"


def other_steps(series: Sequence[Series], cadence: Cadence) -> str | None:
    """What the user should know of series whose usual step is another than the cadence; None where there are none."""
    found: list[object] = []
    for one in series:
        steps = _filled(cadence.steps_between(one.times[:-1], one.times[1:]))
        if len(steps) > 1 and not _ONE[0] < np.median(steps) < _ONE[1]:
            found.append(one.id)
    if not found:
        return None
    more = f" and {len(found) - 1} more" if len(found) > 1 else ""
    return f"The rows of series {found[0]!r}{more} are apart by another step than the one that is forecast in."


def _weekdays_until(times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Days from Monday to Friday since a Monday, fractions included; a weekend is its Monday."""
    weeks, day = np.divmod(times / DAY + _MONDAY, 7)
    return _WEEKDAYS * weeks + np.minimum(day, _WEEKDAYS)


def _never_on_weekends(series: Sequence[Series]) -> bool:
    """Whether no row lies on a Saturday or Sunday, though some lie before and after one."""
    days = [np.floor(one.times / DAY + _MONDAY) for one in series]
    weekends = sum(int((np.diff(one // 7) == 1).sum()) for one in days)
    return weekends >= _WEEKENDS and all((one % 7 < _WEEKDAYS).all() for one in days)


def _common_day(series: Sequence[Series]) -> int | None:
    """The day of the month that all rows of each series fall on, or None where there is none."""
    days: list[int] = []
    for one in series:
        if not len(one):
            continue
        month, day, clock = calendar_parts(one.times)
        length = days_in_month(month)
        ends = bool(np.all(day == length))
        intended = _LAST_DAY if ends else int(day.max())
        if np.any(clock != clock[0]) or np.any(day != np.minimum(intended, length)):
            return None
        if len(one) > 1:
            days.append(intended)
    return max(days)


def _concatenated(parts: Iterable[NDArray[Any]]) -> NDArray[Any]:
    return np.concatenate([np.empty(0), *parts])


def _filled(steps: NDArray[Any]) -> NDArray[Any]:
    """Differences of a series, all the smallest where it is plain that others skip rows."""
    if len(steps) < _FEWEST:
        return steps
    smallest = steps.min()
    times = steps / smallest
    even = bool((np.abs(times - np.rint(times)) <= _ROUNDING * times).all())
    often = np.count_nonzero(times < 1 + _ROUNDING) >= _OFTEN * len(steps)
    return np.full(len(steps), smallest) if even and often else steps


def _lower_median(steps: NDArray[Any]) -> float:
    return float(np.sort(steps)[(steps.size - 1) // 2])
