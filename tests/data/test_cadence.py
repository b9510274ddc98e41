"""The usual step of a set of series, in fixed units and in calendar months."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memcell.contract.errors import InputError
from memcell.data import Cadence, Series, format_times, step_of
from memcell.data.cadence import other_steps, other_unit
from memcell.data.dates import seconds_of

DAY = 86400.0


def dated(*dates: str) -> Series:
    times = seconds_of(np.array(dates, dtype="datetime64[us]"))
    return Series(np.zeros((len(dates), 1)), times, ("a",), time_kind="date")


def numbered(*times: float) -> Series:
    return Series(np.zeros((len(times), 1)), np.array(times), ("a",), time_kind="number")


SKIPPING = np.flatnonzero(np.random.default_rng(0).random(60) < 0.4).astype(float)  # more than half of the days lack


def following(cadence: Cadence, date: str, steps: int) -> list[str]:
    times = cadence.after(dated(date).times[0], np.arange(1, steps + 1))
    return list(format_times(times, "date", date_only=True))


@pytest.mark.parametrize(
    ("series", "cadence"),
    [
        ([numbered(0, 1, 2, 10)], Cadence("fixed", 1.0)),
        ([numbered(0, 1), numbered(0, 3, 6, 9)], Cadence("fixed", 3.0)),
        ([numbered(0, 1, 3)], Cadence("fixed", 1.0)),
        ([dated("2020-01-04", "2020-01-11", "2020-02-01")], Cadence("fixed", 7 * DAY)),
        ([dated("2020-01-01", "2020-02-01", "2020-03-01")], Cadence("months", 1.0, 1)),
        ([dated("2020-01-01", "2020-04-01", "2020-07-01")], Cadence("months", 3.0, 1)),
        ([dated("1999-07-01", "2000-07-01", "2001-07-01")], Cadence("months", 12.0, 1)),
        ([dated("2020-01-31", "2020-02-29", "2020-03-31")], Cadence("months", 1.0, 31)),
        ([dated("2020-06-30", "2020-09-30")], Cadence("months", 3.0, 31)),
        ([dated("2021-01-30", "2021-02-28", "2021-03-30")], Cadence("months", 1.0, 30)),
        ([dated("2020-01-15 12:00", "2020-02-15 12:00", "2020-05-15 12:00")], Cadence("months", 1.0, 15)),
        ([dated("2020-01-15 12:00", "2020-02-15 11:00")], Cadence("fixed", 31 * DAY - 3600)),
        ([dated("2020-01-31", "2020-02-01", "2020-02-02")], Cadence("fixed", DAY)),
        ([dated("2020-01-01", "2020-02-01"), dated("2020-01-15", "2020-02-15"), dated()], Cadence("months", 1.0, 15)),
        ([dated("2020-01-01", "2020-02-01"), dated("2020-01-15", "2020-02-10")], Cadence("fixed", 26 * DAY)),
        ([dated("2020-01-01")], Cadence("fixed", DAY)),
        ([numbered(4), numbered()], Cadence("fixed", 1.0)),
        ([numbered(*SKIPPING)], Cadence("fixed", 1.0)),
        ([numbered(*(2.5 * SKIPPING))], Cadence("fixed", 2.5)),
        ([], Cadence("fixed", 1.0)),
    ],
)
def test_step_of(series, cadence):
    assert step_of(series) == cadence


def test_months_step_from_month_end_to_month_end():
    cadence = Cadence("months", 1.0, 31)
    assert following(cadence, "2020-01-31", 3) == ["2020-02-29", "2020-03-31", "2020-04-30"]
    assert following(cadence, "2021-02-28", 2) == ["2021-03-31", "2021-04-30"]
    assert following(Cadence("months", 1.0, 28), "2021-02-28", 2) == ["2021-03-28", "2021-04-28"]
    assert following(Cadence("months", 1.0, 30), "2021-02-28", 2) == ["2021-03-30", "2021-04-30"]


def test_months_keep_the_clock():
    (time,) = dated("2020-11-15 12:30").times
    assert format_times(Cadence("months", 3.0, 15).after([time], 1), "date", True) == ["2021-02-15 12:30:00"]


def test_fractions_of_a_month():
    cadence = Cadence("months", 1.0, 1)
    start, middle = dated("2021-01-01", "2021-02-15").times
    assert cadence.steps_between(start, middle) == pytest.approx(1.5)
    assert cadence.steps_between(middle, start) == pytest.approx(-1 - 14 / 31)


def test_fixed_steps_broadcast():
    cadence = Cadence("fixed", 2.0)
    np.testing.assert_array_equal(cadence.after(1.0, [0, 1, 5]), [1.0, 3.0, 11.0])
    np.testing.assert_array_equal(cadence.steps_between([0.0, 1.0], 5.0), [2.5, 2.0])


@given(
    day=st.integers(0, 60_000),
    clock=st.integers(0, 86_399),
    size=st.integers(1, 24),
    steps=st.integers(-60, 60),
    anchor=st.integers(28, 31),
)
def test_steps_between_undoes_after_in_months(day, clock, size, steps, anchor):
    cadence = Cadence("months", float(size), anchor)
    start = day * DAY + clock
    assert cadence.steps_between(start, cadence.after(start, steps)) == pytest.approx(steps, abs=1e-12)


@pytest.mark.parametrize("cadence", [Cadence("fixed", 0.25), Cadence("months", 3.0, 31)])
def test_cadence_survives_json(cadence):
    assert Cadence.from_json(json.loads(json.dumps(cadence.to_json()))) == cadence


@pytest.mark.parametrize(
    "data",
    [
        None,
        {"kind": "fixed"},
        {"kind": "weeks", "size": 1.0, "day": 31},
        {"kind": "fixed", "size": 0, "day": 31},
        {"kind": "fixed", "size": float("nan"), "day": 31},
        {"kind": "fixed", "size": "1", "day": 31},
        {"kind": "fixed", "size": True, "day": 31},
        {"kind": "months", "size": 1.5, "day": 31},
        {"kind": "months", "size": 1.0, "day": 0},
        {"kind": "months", "size": 1.0, "day": 1.5},
    ],
)
def test_cadence_refuses(data):
    with pytest.raises(InputError, match="cadence"):
        Cadence.from_json(data)


def test_series_with_another_step_are_told():
    days = [Series(np.zeros((9, 1)), np.arange(9.0) * scale, ("x",), name, time_kind="number")
            for name, scale in (("a", 1), ("b", 1), ("c", 3), ("d", 0.5))]  # fmt: skip
    gaps = Series(np.zeros((4, 1)), np.array([0.0, 1.0, 2.0, 7.0]), ("x",), "e", time_kind="number")
    assert other_steps([*days[:2], gaps], step_of(days[:2])) is None
    assert other_steps(days, step_of(days)).startswith("The rows of series 'c' and 1 more are apart by another step")


WORKDAYS = [f"2023-05-{day:02d}" for day in range(1, 31) if day % 7 not in (6, 0)]  # 1 May 2023 was a Monday


def test_weekends_are_no_days_where_they_never_have_rows():
    cadence = step_of([dated(*WORKDAYS)])
    assert cadence == Cadence("weekdays", 1.0)
    assert step_of([dated(*WORKDAYS, "2023-06-03")]) == Cadence("fixed", DAY)
    assert step_of([dated(*WORKDAYS[:9])]) == Cadence("fixed", DAY), "one weekend may be chance"
    assert following(cadence, "2023-05-05", 3) == ["2023-05-08", "2023-05-09", "2023-05-10"]
    assert following(cadence, "2023-05-03", 4) == ["2023-05-04", "2023-05-05", "2023-05-08", "2023-05-09"]
    friday, monday, next_friday = dated("2023-05-05", "2023-05-08", "2023-05-12").times
    assert cadence.steps_between(friday, monday) == 1
    assert cadence.steps_between(friday, next_friday) == 5
    assert cadence.after(monday, -1) == friday
    morning = cadence.after(friday + 6 * 3600.0, 1)
    assert morning == monday + 6 * 3600.0
    assert Cadence.from_json(cadence.to_json()) == cadence


def test_uneven_times_have_their_median_as_a_step():
    """Where the smallest difference is no part of the others, or rare."""
    jittered = numbered(*(SKIPPING + np.random.default_rng(1).uniform(-0.2, 0.2, len(SKIPPING))))
    assert step_of([jittered]).size == np.sort(np.diff(jittered.times))[(len(jittered) - 2) // 2]
    rare = numbered(0, 1, *range(4, 60, 3))
    assert step_of([rare]).size == 3.0


def test_rows_far_nearer_to_each_other_than_in_training_are_told():
    cadence = step_of([numbered(*range(20))])
    assert other_unit([numbered(*range(20))], cadence) is None
    assert other_unit([numbered(*(10.0 * np.arange(20)))], cadence) is None
    assert "60 times as far apart" in str(other_unit([numbered(*(60.0 * np.arange(20)))], cadence))
    assert "0.0167 times" in str(other_unit([numbered(*(np.arange(20) / 60))], cadence))
    assert other_unit([numbered(0, 60)], cadence) is None
