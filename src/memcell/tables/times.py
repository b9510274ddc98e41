"""A column of times, in any of the forms tables have them in, as float64."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from memcell.contract.errors import InputError
from memcell.data.dates import TimeForm, TimeKind, check_whole, days_in_month, is_date_only, time_on
from memcell.tables.columns import WRITTEN_NUMBER, cleaned, is_text
from memcell.tables.source import Table
from memcell.tables.table_libraries import pl

_DATE = (
    r"^(?<year>[0-9]{4})[-/](?<month>[0-9]{1,2})(?:[-/](?<day>[0-9]{1,2}))?"
    r"(?:[T ]+(?<hour>[0-9]{1,2}):(?<minute>[0-9]{2})(?::(?<second>[0-9]{2}(?:[.,][0-9]+)?))?"
    r"\s*(?<zone>Z|z|UTC|[+-](?:0[0-9]|1[0-4])(?::?[0-5][0-9])?)?)?$"
)
_WHOLE = r"^[+-]?[0-9]+$"
_CLOCK = r"^(?<hour>[0-9]+):(?<minute>[0-5][0-9])(?::(?<second>[0-5][0-9](?:\.[0-9]+)?))?$"
_ZONE = r"^(?<sign>[+-])(?<hour>[0-9]{2}):?(?<minute>[0-9]{2})?$"
_DAY_FIRST = r"^([0-9]{1,2})([-/.])([0-9]{1,2})[-/.]([0-9]{2,4})\b"
_YEARS = (1600, 2200)
_DAY_AT, _STAMP = 4, 10  # digits behind the year: up to the day, and at most
_MOSTLY = 0.9
"""Whole numbers are taken for dates YYYYMMDD from this share of valid ones on, of which random ones have 0.04; and for
months YYYYMM, 0.08."""
_FORMS = (
    "Understood are numbers; dates such as 1958-03-29, 1958-03, 1990/07/23, 19580329 or 195803; dates with a time such "
    "as '1958-03-29 12:00', 1958-03-29T12:00:00Z or 195803291200; 29.03.1958; and hours and minutes since the start "
    "such as 35:30."
)


class Times(NamedTuple):
    """Parsed times: float64 [N], what they are, whether they are dates without a time of day, and how they came."""

    values: NDArray[np.float64]
    kind: TimeKind
    date_only: bool
    form: TimeForm = "plain"


def parse_times(table: Table, name: str, wanted: TimeKind | None = None) -> Times:
    """The times in a column.

    Numbers stay numbers, unless all are dates written YYYYMMDD, with HH, HHMM or HHMMSS behind them or not, or months
    written YYYYMM. Dates become seconds since 1970; without a time zone they are taken as UTC. A clock since the start
    (35:30) and durations become hours.

    Args:
        table: the table.
        name: the column.
        wanted: the kind of the times a model was trained with; None takes the kind the column has.

    Raises:
        InputError: a time that is missing, infinite or not understood (naming its row), or of another kind
            than `wanted`.
    """
    column = table.frame[name]
    _check_present(table, cleaned(column) if is_text(column) else column)
    if is_text(column):
        values, kind = _parse_text(table, cleaned(column), wanted)
    elif column.dtype.is_numeric():
        values, kind = _parse_numbers(table, column, wanted)
    elif isinstance(column.dtype, (pl.Date, pl.Datetime)):
        values, kind = column.cast(pl.Datetime("us")).dt.epoch("us").to_numpy() / 1e6, "date"
    elif isinstance(column.dtype, (pl.Duration, pl.Time)):
        values, kind = column.cast(pl.Duration("us")).dt.total_microseconds().to_numpy() / 3.6e9, "number"
    else:
        raise InputError(f"Time column {name!r} has the type {column.dtype}. {_FORMS}")
    if wanted is not None and kind != wanted:
        raise InputError(
            f"Time column {name!r} holds {kind}s; the model was trained with {wanted}s. "
            f"Write the times as in the training table; {table.row(0)} has {column[0]!r}."
        )
    form = _form_of(column, kind)
    return Times(values, kind, kind == "date" and form != "zoned" and is_date_only(values), form)


def is_clock(text: pl.Series) -> bool:
    """Whether times, cleaned, are written as a clock alone."""
    return bool(text.str.contains(_CLOCK).all())


def _form_of(column: pl.Series, kind: TimeKind) -> TimeForm:
    """How a column that was understood has its times."""
    if isinstance(column.dtype, pl.Datetime):
        return "plain" if column.dtype.time_zone is None else "zoned"
    text = cleaned(column if kind == "number" else column.head(1)) if is_text(column) else None
    if kind == "number":
        if text is not None and is_clock(text):
            return "clock"
        whole = column.dtype.is_integer() if text is None else text.str.contains(_WHOLE).all()
        return "whole" if whole else "plain"
    zoned = text is not None and text.str.extract_groups(_DATE).struct.field("zone").is_not_null().all()
    return "zoned" if zoned else "plain"  # all rows have a zone, or none


def _check_present(table: Table, column: pl.Series) -> None:
    missing = column.is_null() | (column.is_nan() if column.dtype.is_float() else False)
    if missing.any():
        row = int(missing.arg_max() or 0)
        raise InputError(f"Time column {column.name!r} has no time in {table.row(row)}. Every row needs one.")


def _parse_numbers(table: Table, column: pl.Series, wanted: TimeKind | None) -> tuple[NDArray[np.float64], TimeKind]:
    values = column.cast(pl.Float64).to_numpy()
    infinite = np.isinf(values)
    if infinite.any():
        raise _not_understood(table, column, int(infinite.argmax()))
    if column.dtype.is_integer():
        check_whole(f"Time column {column.name!r}", column.to_numpy())
    if wanted != "number" and bool((np.abs(values) < _YEARS[1] * 10**_STAMP).all() and (values % 1 == 0).all()):
        whole = values.astype(np.int64)  # also of decimals, as pandas makes whole numbers of which some lack
        for dates, valid in _stamps_of(whole):
            if valid.mean() >= _MOSTLY:
                if not valid.all():
                    raise _not_understood(table, column, int(valid.argmin()))
                return dates, "date"
    return values, "number"


def _stamps_of(whole: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.float64], NDArray[np.bool_]]]:
    """What whole numbers are as YYYYMM, YYYYMMDD, and with hours, minutes and seconds: seconds since 1970, and which
    are such dates."""
    for digits in range(2, _STAMP + 1, 2):  # behind the year
        month, day, hour, minute, second = (
            whole // 10 ** (digits - k) % 100 if k <= digits else whole * 0 + (k == _DAY_AT) for k in range(2, 12, 2)
        )
        year = whole // 10**digits
        dates, valid = _dates_of(year, month, day)
        valid &= (year >= _YEARS[0]) & (year <= _YEARS[1]) & (hour < 24) & (minute < 60) & (second < 60)
        yield dates + 3600.0 * hour + 60.0 * minute + second, valid


def _parse_text(table: Table, text: pl.Series, wanted: TimeKind | None) -> tuple[NDArray[np.float64], TimeKind]:
    """Try each form; the form that reads most rows is the one meant, and the rows it cannot read are wrong."""
    numbers = text.cast(pl.Float64, strict=False)
    if not numbers.null_count():
        whole = text.cast(pl.Int64, strict=False) if text.str.contains(_WHOLE).all() else numbers
        return _parse_numbers(table, numbers if whole.null_count() else whole, wanted)
    text = _year_first(text)
    forms: list[Callable[[pl.Series], tuple[NDArray[np.float64], NDArray[np.bool_]]]] = [
        _parse_dates,
        _parse_clock,
    ]
    parsed = [form(text) for form in forms]
    counts = [int(valid.sum()) for _, valid in parsed]
    best = int(np.argmax(counts))
    values, valid = parsed[best]
    if len(text) - numbers.null_count() > counts[best]:
        valid = numbers.is_not_null().to_numpy()
    if not valid.all():
        raise _not_understood(table, text, int(valid.argmin()))
    return values, "date" if best == 0 else "number"


def _year_first(text: pl.Series) -> pl.Series:
    """Dates 30.03.2024, day first, and 30/03/2024 or 03/30/2024 where some day above 12 tells which is which, as
    2024-03-30; anything else as it is."""
    parts = text.str.extract_groups(_DAY_FIRST).struct.unnest()
    if parts["4"].null_count() or (parts["4"].str.len_chars() != 4).any():
        return text
    first, second = (parts[name].cast(pl.Int64) for name in ("1", "3"))
    day_first = bool((first > 12).any() or (parts["2"] == ".").all())
    if bool((second > 12).any()) == day_first:  # neither tells, or they contradict each other
        return text
    year, month, day = (f"${{{k}}}" for k in ((4, 3, 1) if day_first else (4, 1, 3)))
    return text.str.replace(_DAY_FIRST, f"{year}-{month}-{day}")


def _parse_dates(text: pl.Series) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Seconds since 1970 [N], and which rows are dates."""
    parts = text.str.extract_groups(_DATE).struct
    dates, valid = _dates_of(
        _whole(parts.field("year"), 1970), _whole(parts.field("month"), 1), _whole(parts.field("day"), 1)
    )
    hour, minute = _whole(parts.field("hour"), 0), _whole(parts.field("minute"), 0)
    second = _seconds(parts.field("second"))
    valid &= parts.field("year").is_not_null().to_numpy() & (hour < 24) & (minute < 60) & (second < 60)
    # A table with a zone on some rows only leaves open where the others were taken.
    zoned = parts.field("zone").is_not_null().to_numpy()
    valid &= zoned == (2 * zoned.sum() >= len(zoned))
    offset = parts.field("zone").str.extract_groups(_ZONE).struct
    ahead = _whole(offset.field("hour"), 0) * 3600.0 + _whole(offset.field("minute"), 0) * 60.0
    west = (offset.field("sign") == "-").fill_null(value=False).to_numpy()
    return dates + hour * 3600.0 + minute * 60.0 + second - np.where(west, -ahead, ahead), valid


def _dates_of(
    year: NDArray[np.int64], month: NDArray[np.int64], day: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Seconds since 1970 of calendar dates, and which of the dates there are."""
    months = np.clip(year, 0, 9999) * 12 + np.clip(month, 1, 12) - 1 - 1970 * 12
    valid = (month >= 1) & (month <= 12) & (day >= 1) & (day <= days_in_month(months))
    return time_on(months, day, np.zeros(len(months))), valid


def _parse_clock(text: pl.Series) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Hours since the start [N], and which rows are such a clock."""
    parts = text.str.extract_groups(_CLOCK).struct
    matched = parts.field("hour").is_not_null().to_numpy()
    hours = _whole(parts.field("hour"), 0) + _whole(parts.field("minute"), 0) / 60.0
    return hours + _seconds(parts.field("second")) / 3600.0, matched


def _whole(text: pl.Series, default: int) -> NDArray[np.int64]:
    return text.cast(pl.Int64, strict=False).fill_null(default).to_numpy()


def _seconds(text: pl.Series) -> NDArray[np.float64]:
    return text.str.replace(",", ".", literal=True).cast(pl.Float64, strict=False).fill_null(0.0).to_numpy()


def _not_understood(table: Table, column: pl.Series, row: int) -> InputError:
    value = column[row]
    if isinstance(value, str) and pl.Series([value]).str.contains(_DAY_FIRST).item():
        reason = "its day and month could be either way round. Write year-month-day, such as 1958-03-29."
    elif isinstance(value, str) and pl.Series([value]).str.contains(WRITTEN_NUMBER).item():
        reason = "not a number as it is understood: decimals with a point, thousands without a comma."
    else:
        reason = f"not understood, or not of the same form as the others. {_FORMS}"
    return InputError(f"Time column {column.name!r} has {value!r} in {table.row(row)}: {reason}")
