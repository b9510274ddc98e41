"""Cycles of time: given, of the calendar, found."""

import numpy as np
import pytest

from memcell import InputError, Series
from memcell.features.cycles import CALENDAR, DAY, cycle_features, periods_of


def dated(days: float, apart: float) -> list[Series]:
    times = np.arange(0, days * DAY, apart)
    return [Series(np.zeros((len(times), 1)), times, ("x",), time_kind="date")]


def test_features_are_sine_and_cosine_of_each_period() -> None:
    times = np.array([0.0, 1.0, 3.0, 24.0 * 400 + 1])
    found = cycle_features(times, (4.0, 24.0))
    np.testing.assert_allclose(found[1], [1, np.sin(np.pi / 12), 0, np.cos(np.pi / 12)], atol=1e-12)
    np.testing.assert_allclose(found[3, [1, 3]], found[1, [1, 3]], atol=1e-9)
    assert cycle_features(times, ()).shape == (4, 0)


@pytest.mark.parametrize(
    ("days", "apart", "expected"),
    [
        (400, DAY, CALENDAR[1:2]),
        (10, 3600.0, CALENDAR[:1]),
        (15, 3600.0, CALENDAR[:2]),
        (800, DAY, CALENDAR[1:]),
        (1, 3600.0, ()),
        (8000, 30 * DAY, CALENDAR[2:]),
    ],
)
def test_the_calendar_has_what_the_dates_can_show(days: float, apart: float, expected: tuple[float, ...]) -> None:
    assert periods_of(dated(days, apart), "calendar") == expected


def test_numbers_have_no_calendar() -> None:
    series = [Series(np.zeros((9, 1)), np.arange(9.0) * DAY, ("x",), time_kind="number")]
    assert periods_of(series, "calendar") == ()
    assert periods_of([], "detect") == ()


@pytest.mark.parametrize("period", [7.0, 24.0])
def test_a_period_is_found_in_uneven_noisy_values(period: float) -> None:
    rng = np.random.default_rng(0)
    times = np.cumsum(rng.exponential(1.0, 600) + 0.01)
    values = np.sin(2 * np.pi * times / period) + 0.5 * rng.normal(size=600) + times / 100
    values[rng.random(600) < 0.3] = np.nan
    (found,) = periods_of([Series(values[:, None], times, ("x",), time_kind="number")], "detect")
    assert found == pytest.approx(period, rel=0.02)


def test_noise_has_no_period() -> None:
    rng = np.random.default_rng(1)
    series = [Series(rng.normal(size=(500, 1)), np.arange(500.0), ("x",), time_kind="number")]
    assert periods_of(series, "detect") == ()


@pytest.mark.parametrize("asked", [(0.0,), (-1.0, 2.0), (float("inf"),), "daily"])
def test_what_is_no_cycle_is_refused(asked: object) -> None:
    with pytest.raises(InputError, match="`cycles`"):
        periods_of([], asked)  # type: ignore[arg-type]


def test_rows_in_bursts_far_apart_are_searched_in_bounded_time() -> None:
    times = np.concatenate([start + np.arange(50.0) for start in np.arange(0.0, 1e8, 1e7)])
    found = periods_of([Series(np.sin(times)[:, None], times, ("x",), time_kind="number")], "detect")
    assert all(period > 0 for period in found)
