"""Arrays and data frames as lists of series: names, times, and what is refused."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from memcell import InputError, Series, as_series

ZEROS = [np.zeros((3, 1))]


@pytest.mark.parametrize(
    ("times", "found"),
    [
        (np.array([0, 24, 48], object), [0.0, 24.0, 48.0]),
        (np.array([0.5, Decimal(1), np.int64(2)], object), [0.5, 1.0, 2.0]),
        (np.array([60, 120, 150], "m8[m]"), [1.0, 2.0, 2.5]),
        (pd.to_timedelta([1, 2, 3], unit="h"), [1.0, 2.0, 3.0]),
        (list(pd.to_timedelta([1, 2, 3], unit="h")), [1.0, 2.0, 3.0]),
        ([timedelta(minutes=30), timedelta(hours=1), timedelta(days=1)], [0.5, 1.0, 24.0]),
    ],
)
def test_times_that_are_numbers(times: Any, found: list[float]) -> None:
    (one,) = as_series(ZEROS, [times])
    assert (one.time_kind, one.times.tolist()) == ("number", found)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin"])
def test_times_that_are_dates_with_or_without_a_zone(zone: str | None) -> None:
    times = pd.date_range("1970-01-02", periods=3, tz=zone)
    wanted = times.tz_convert("UTC").tz_localize(None) if zone else times
    for given in (times, np.array(times.to_pydatetime(), object)):
        (one,) = as_series(ZEROS, [given])
        assert one.time_kind == "date"
        assert one.times.tolist() == ((wanted - pd.Timestamp(0)) / pd.Timedelta(1, "s")).tolist()


def test_dates_of_which_some_have_a_zone_are_refused() -> None:
    mixed = np.array([datetime(2020, 1, 1), datetime(2020, 1, 2, tzinfo=UTC)], object)
    with pytest.raises(InputError, match="some have none"):
        as_series([np.zeros((2, 1))], [mixed])


def test_frames_bring_their_names_and_dates() -> None:
    days = pd.date_range("1970-01-02", periods=2)
    (one,) = as_series([pd.DataFrame({"b": [1.0, 2.0], "a": [3.0, None]}, index=days)])
    assert one.channels == ("b", "a")
    assert (one.time_kind, one.times.tolist()) == ("date", [86400.0, 172800.0])
    (other,) = as_series([pl.DataFrame({"b": [1, 2], "a": [3, 4]})], facts=pd.DataFrame({"age": [63], "height": [1.7]}))
    assert (other.channels, other.fact_names, other.time_kind) == (("b", "a"), ("age", "height"), "order")


def test_durations_and_periods_index_frames_too() -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0]})
    (one,) = as_series([frame.set_index(pd.to_timedelta([1, 20], unit="h"))])
    assert (one.time_kind, one.times.tolist()) == ("number", [1.0, 20.0])
    months = pd.period_range("1970-01", periods=2, freq="M")
    for (two,) in (
        as_series([frame.set_index(months)]),
        as_series([frame], [months]),
        as_series([frame], [list(months)]),
    ):
        assert (two.time_kind, two.times.tolist()) == ("date", [0.0, 31 * 86400.0])
    with pytest.raises(InputError, match="must be numbers, dates or durations, all of one kind"):
        as_series([frame], [[timedelta(1), 2.0]])


def test_some_columns_of_a_frame_are_chosen() -> None:
    frames = [pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]}), pl.DataFrame({"b": [3, 4], "a": [1, 2]})]
    for frame in frames:
        (one,) = as_series([frame], channels=["b"])
        assert (one.channels, one.values[:, 0].tolist()) == (("b",), [3.0, 4.0])
        assert as_series([frame], channels=["x", "y"])[0].channels == ("x", "y")
        with pytest.raises(InputError, match="`channels` names 'pulse', which is no column of series 0"):
            as_series([frame], channels=["a", "pulse"])


@pytest.mark.parametrize("values", [[["1.5"]], np.array([["2024-01-01"]], "M8[D]"), np.ones((1, 1)) * 1j, [["1.5", 2]]])
def test_what_is_no_number_is_refused(values: Any) -> None:
    with pytest.raises(InputError, match="Series 0 of `x` must be an array of numbers"):
        as_series([values])


def test_series_made_by_hand_have_dates_or_numbers_as_times() -> None:
    days: Any = np.array(["1970-01-02", "1970-01-03"], "M8[ns]")
    values: Any = np.zeros((2, 1))
    for given in (days, pd.DatetimeIndex(days)):
        assert Series(values, given, ("a",), time_kind="date").times.tolist() == [86400.0, 172800.0]
    with pytest.raises(InputError, match=r"`times` of the series are datetime64.*time_kind='date'"):
        Series(values, days, ("a",))


@pytest.mark.parametrize("code", [-1.0, 2.0, 0.5])
def test_words_have_numbers_of_words(code: float) -> None:
    values: Any = np.array([[code]])
    with pytest.raises(InputError, match=rf"'w', a channel of the series, has {code:g}, .* 2 words"):
        Series(values, np.zeros(1), ("w",), levels={"w": ("p", "q")})


@pytest.mark.parametrize("odd", [[True, False], np.array([0.0, 1j]), ["1", "2"], np.array([2**60 + 1, 2.0], object)])
def test_times_that_are_no_numbers_or_lose_digits_are_refused(odd: Any) -> None:
    with pytest.raises(InputError, match="`times` of"):
        as_series([[1.0, 2.0]], times=[odd])


def test_a_time_that_lacks_is_named_also_beside_zones() -> None:
    times = pd.DatetimeIndex(["2024-01-01", None], tz="UTC").astype(object)
    with pytest.raises(InputError, match="every row needs a finite time"):
        as_series([[1.0, 2.0]], times=[times])
