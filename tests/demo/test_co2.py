"""The demo's rivals and measures on a series whose future is known: a straight line with a season on it."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

YEARS, SEASON, SLOPE = 6, 52, 0.1
RISE = SEASON * SLOPE  # a year's


@pytest.fixture(scope="module")
def co2() -> ModuleType:
    path = Path(__file__).parents[2] / "demo" / "co2.py"
    spec = importlib.util.spec_from_file_location("co2", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def line() -> np.ndarray:
    weeks = np.arange(YEARS * SEASON)
    return 300 + SLOPE * weeks + 3 * np.sin(2 * np.pi * weeks / SEASON)


@pytest.mark.parametrize(
    ("name", "off"),
    [
        ("seasonal_naive", RISE),
        ("seasonal_naive_with_last_drift", 0.0),
        ("seasonal_naive_with_mean_drift", 0.0),
        ("holt_winters", 0.0),
    ],
)
def test_rivals_on_a_line_with_a_season(co2: ModuleType, line: np.ndarray, name: str, off: float) -> None:
    history, truth = line[:-SEASON], line[-SEASON:]
    np.testing.assert_allclose(truth - getattr(co2, name)(history), off, atol=0.05)


def test_the_two_drifts_differ_where_the_rise_does(co2: ModuleType) -> None:
    history = np.repeat([0.0, 1.0, 4.0], SEASON)
    assert co2.seasonal_naive_with_last_drift(history) == pytest.approx(4.0 + 3.0)
    assert co2.seasonal_naive_with_mean_drift(history) == pytest.approx(4.0 + 2.0)


def test_gaps_are_filled_from_the_history_alone(co2: ModuleType) -> None:
    filled = co2.without_gaps(np.array([1.0, np.nan, 3.0, 5.0, np.nan, np.nan]))
    assert filled.tolist() == [1, 2, 3, 5, 5, 5]


def test_mase_leaves_out_what_is_missing(co2: ModuleType, line: np.ndarray) -> None:
    training, truth = line[:-SEASON].copy(), line[-SEASON:].copy()
    training[[5, 70]] = truth[[0, 9]] = np.nan
    scale = co2.yearly_change(training)
    assert scale == pytest.approx(RISE)
    assert co2.mase(line[-2 * SEASON : -SEASON], truth, scale) == pytest.approx(1.0)
    assert co2.mase(line[-SEASON:] + RISE / 2, truth, scale) == pytest.approx(0.5)


def test_coverage_counts_the_observed_truth(co2: ModuleType) -> None:
    truth = np.array([0.0, 1.0, 2.0, 3.0, np.nan])
    assert co2.coverage(truth * 0, truth * 0 + 2, truth) == 0.75


def test_each_forecast_has_a_year_of_truth_after_what_it_may_see(co2: ModuleType, line: np.ndarray) -> None:
    frame = pd.DataFrame({"date": pd.date_range("2000-01-01", periods=len(line), freq="W-SAT"), "co2": line})
    trial = co2.Trial(frame, training=200, origins=range(200, 261, 13))
    assert trial.truth.shape == (5, SEASON)
    np.testing.assert_array_equal(trial.truth[-1], line[252:304])


def test_the_trial_is_the_published_one(co2: ModuleType) -> None:
    trial = co2.load_trial()
    assert (len(trial.co2), np.isnan(trial.co2).sum(), len(trial.origins)) == (2284, 59, 14)
    assert trial.origins[0] == trial.training
    assert not np.isnan(trial.truth).any()
