"""Dates as seconds since 1970-01-01 00:00 UTC, in NumPy alone: to and from datetime64, calendar parts, text."""

from __future__ import annotations

from datetime import UTC
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from memcell.contract.errors import InputError

TimeKind = Literal["order", "number", "date"]
"""What the times of a series are: the order of its rows, numbers in the user's own unit, or dates."""

TIME_KINDS: tuple[TimeKind, ...] = ("order", "number", "date")

TimeForm = Literal["plain", "whole", "clock", "zoned"]
"""How a table has its times: as whole numbers, as hours and minutes since the start, as dates with a time zone, or as
none of these."""

TIME_FORMS: tuple[TimeForm, ...] = ("plain", "whole", "clock", "zoned")

DAY = 86400.0
"""Seconds in a day (there are no leap seconds in POSIX time)."""

_MICROSECONDS = 1_000_000
_LARGEST_WHOLE = 2**53  # up to which float64 has every whole number


class CalendarParts(NamedTuple):
    """A time taken apart: months since January 1970, day of the month from 1, seconds since midnight."""

    month: NDArray[np.int64]
    day: NDArray[np.int64]
    clock: NDArray[np.float64]


def seconds_of(dates: NDArray[np.datetime64]) -> NDArray[np.float64]:
    """Seconds since 1970 (float64, same shape) of datetime64 of any unit; NaT becomes NaN."""
    microseconds = dates.astype("datetime64[us]")
    seconds = microseconds.astype(np.int64) / _MICROSECONDS
    return np.where(np.isnat(microseconds), np.nan, seconds)


def check_whole(name: str, numbers: NDArray[Any]) -> None:
    """Refuse whole numbers [N] as times where float64 has not enough digits for them, as for most nanoseconds of today.

    Raises:
        InputError: names the first that would change.
    """
    far = (numbers > _LARGEST_WHOLE) | (numbers < -_LARGEST_WHOLE)
    changed = [one for one in numbers[far].tolist() if int(float(one)) != one]
    if changed:
        raise InputError(
            f"{name} has {changed[0]}; float64, in which times are kept, has not enough digits for it. Give dates (of "
            "nanoseconds since 1970: as datetime64[ns]), a larger unit, or times since a later start."
        )


def dates_of(given: NDArray[Any]) -> NDArray[np.datetime64]:
    """Dates in UTC from an object array [N] of what holds one: date, datetime, datetime64, None or NaT.

    Raises:
        InputError: some have a time zone and some have none.
        TypeError, ValueError: there is something else.
    """
    known = [one for one in given.tolist() if type(one).__name__ not in ("NoneType", "NaTType")]
    zoned = [getattr(one, "tzinfo", None) is not None for one in known]
    if any(zoned) and not all(zoned):
        raise InputError("Some of the dates have a time zone and some have none. Give all the same way.")
    if not any(zoned):
        return np.asarray(given, dtype="datetime64[us]")
    plain = [one.astimezone(UTC).replace(tzinfo=None) if getattr(one, "tzinfo", None) else None for one in given]
    return np.asarray(plain, dtype="datetime64[us]")


def calendar_parts(times: ArrayLike) -> CalendarParts:
    """The month, day and clock of `times` (seconds since 1970, any shape)."""
    seconds = np.asarray(times, dtype=np.float64)
    days = np.floor(seconds / DAY)
    dates = days.astype(np.int64).astype("datetime64[D]")
    months = dates.astype("datetime64[M]")
    day = (dates - months.astype("datetime64[D]")).astype(np.int64) + 1
    return CalendarParts(months.astype(np.int64), day, seconds - days * DAY)


def days_in_month(month: NDArray[np.int64]) -> NDArray[np.int64]:
    """28 to 31, for each month counted from January 1970."""
    start = month.astype("datetime64[M]").astype("datetime64[D]")
    following = (month + 1).astype("datetime64[M]").astype("datetime64[D]")
    return (following - start).astype(np.int64)


def time_on(month: NDArray[np.int64], day: NDArray[np.int64], clock: NDArray[np.float64]) -> NDArray[np.float64]:
    """Seconds since 1970 of a calendar time; a day past the end of its month means the month's last day."""
    start = month.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    return (start + np.minimum(day, days_in_month(month)) - 1) * DAY + clock


def is_date_only(times: NDArray[np.float64]) -> bool:
    """Whether every one of `times` (seconds since 1970) is a midnight."""
    return bool(np.all(times % DAY == 0.0))


class Dates(NamedTuple):
    """Dates in UTC, and whether a table had them with a time zone.

    Attributes:
        stamps: [N], datetime64 in days where they have no time of day, else in microseconds.
        zoned: whether they have a zone; days have none.
    """

    stamps: NDArray[np.datetime64]
    zoned: bool

    def text(self) -> list[str]:
        """ISO text, in seconds where it can be."""
        stamps, seconds = self.stamps, self.stamps.astype("datetime64[s]")
        if stamps.dtype != "datetime64[D]" and np.all(stamps == seconds):
            stamps = seconds
        texts: list[str] = np.datetime_as_string(stamps).tolist()
        return [one.replace("T", " ") + ("Z" if self.zoned else "") for one in texts]


def format_times(
    times: ArrayLike, time_kind: TimeKind, date_only: bool, form: TimeForm = "plain"
) -> list[str] | NDArray[Any]:
    """Times as they are written into a table of text; arguments as of ``times_in_table``, of which dates are text here.

    Returns:
        For dates ISO text in UTC (``1958-03-29`` or ``1958-03-29 12:00:00``, or with a Z where the table had a time
        zone), else what ``times_in_table`` gives.

    Example:
        >>> format_times([0.0, 86400.0], "date", date_only=True)
        ['1970-01-01', '1970-01-02']
        >>> format_times([43200.0], "date", date_only=True)
        ['1970-01-01 12:00:00']
        >>> format_times([43200.0], "date", date_only=False, form="zoned")
        ['1970-01-01 12:00:00Z']
        >>> format_times([0.5, 35.51], "number", date_only=False, form="clock")
        ['00:30:00', '35:30:36']
    """
    found = times_in_table(times, time_kind, date_only, form)
    return found.text() if isinstance(found, Dates) else found


def times_in_table(
    times: ArrayLike, time_kind: TimeKind, date_only: bool, form: TimeForm = "plain"
) -> Dates | list[str] | NDArray[Any]:
    """Times as a table has them.

    Args:
        times: [N], float64; seconds since 1970 UTC for dates, else the user's own unit.
        time_kind: what the times are.
        date_only: whether dates are written without a time of day. Where one of them is not a midnight,
            all are written with it all the same, so that no two times are written alike.
        form: how the table had them.

    Returns:
        For dates ``Dates``; for numbers a float64 array [N], or an int64 one where the table had whole ones and all
        are, or text where it had a clock (``35:30`` for 35.5 hours); for the order of rows an int64 array [N].
    """
    seconds = np.asarray(times, dtype=np.float64)
    whole = form == "whole" and bool((seconds == np.rint(seconds)).all())
    if time_kind == "order" or (time_kind == "number" and whole):
        return seconds.astype(np.int64)
    if time_kind == "number":
        return _clocks(seconds) if form == "clock" else seconds
    stamps = np.rint(seconds * _MICROSECONDS).astype(np.int64).astype("datetime64[us]")
    if date_only and is_date_only(seconds):
        return Dates(stamps.astype("datetime64[D]"), zoned=False)
    return Dates(stamps, form == "zoned")


def _clocks(hours: NDArray[np.float64]) -> list[str]:
    """Hours, minutes and as much of seconds as any of them has."""
    micro = np.rint(np.abs(hours) * 3600 * _MICROSECONDS).astype(np.int64)
    minutes, rest = np.divmod(micro, 60 * _MICROSECONDS)
    text = [f"{minute // 60:02d}:{minute % 60:02d}" for minute in minutes.tolist()]
    if rest.any():
        whole = not (rest % _MICROSECONDS).any()
        seconds = [f"{one // _MICROSECONDS:02d}" if whole else f"{one / _MICROSECONDS:09.6f}" for one in rest.tolist()]
        text = [f"{clock}:{second}" for clock, second in zip(text, seconds, strict=True)]
    return [f"-{clock}" if below else clock for clock, below in zip(text, hours < 0, strict=True)]
