"""What a regression says of its own errors holds on series it has not seen."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memcell.contract import InputError
from memcell.heads import Regression
from memcell.heads.regression import OF_T
from memcell.sklearn import SequenceRegressor
from memcell.training.calibration import _distribution

FAST: dict[str, Any] = {"hidden_size": 8, "epochs": 30, "members": 5, "progress": False}


def noisy(count: int, seed: int) -> tuple[list[Any], Any]:
    """Random steps; how often they rise, and an error that is never below 0."""
    rng = np.random.default_rng(seed)
    x = [rng.normal(size=(int(rng.integers(5, 12)), 2)) for _ in range(count)]
    return x, np.array([one[:, 0].mean() + rng.exponential(0.6) for one in x])


@pytest.fixture(scope="module")
def few() -> tuple[Any, Any, Any]:
    """A regressor of 120 series, and 1,000 fresh ones."""
    return SequenceRegressor(**FAST).fit(*noisy(120, 0)), *noisy(1000, 1)


def test_each_side_of_an_uneven_error_is_as_likely_as_it_says(few: tuple[Any, Any, Any]) -> None:
    regressor, fresh, truth = few
    low, middle, high = regressor.predict_quantiles(fresh)[:, 0].T
    assert 0.05 < np.mean(truth < low) < 0.16
    assert 0.42 < np.mean(truth < middle) < 0.58
    assert 0.05 < np.mean(truth > high) < 0.16


def test_what_is_predicted_is_the_mean(few: tuple[Any, Any, Any]) -> None:
    regressor, fresh, truth = few
    mean, median = regressor.predict(fresh), regressor.predict_quantiles(fresh)[:, 0, 1]
    assert abs((truth - mean).mean()) < 0.08 < (truth - median).mean()
    assert np.mean((truth - mean) ** 2) < np.mean((truth - median) ** 2)


def test_few_series_are_not_known_better_than_they_are() -> None:
    """Each was trained on by some of the networks; those that held it out say how far off they are."""
    covered: list[float] = []
    for seed in range(4, 8):
        x, y = noisy(40, seed)
        fresh, truth = noisy(1000, 100 + seed)
        low, _, high = SequenceRegressor(**FAST).fit(x, y).predict_quantiles(fresh)[:, 0].T
        covered.append(float(np.mean((low <= truth) & (truth <= high))))
    assert 0.7 < min(covered) < max(covered) < 0.95


@given(st.lists(st.floats(-1e6, 1e6), max_size=60), st.integers(0, 2**32 - 1))
def test_quantiles_of_any_errors_rise(errors: list[float], seed: int) -> None:
    weights = np.random.default_rng(seed).uniform(0.1, 10, len(errors)).astype(np.float32)
    low, middle, high, mean = _distribution(np.array(errors), np.ones(len(errors)), weights)
    assert low < middle < high
    assert np.isfinite(mean)
    data = replace(HEAD, errors=((low, middle, high, mean),)).to_json()
    assert Regression.from_json(data).errors == ((low, middle, high, mean),)


def test_a_weight_counts_as_often_as_it_says() -> None:
    errors = np.random.default_rng(0).normal(size=400)
    weights = np.where(errors > 1, 3.0, 1.0).astype(np.float32)
    often = np.repeat(errors, weights.astype(int))
    same = _distribution(often, np.ones(len(often)), np.ones(len(often)))
    np.testing.assert_allclose(_distribution(errors, np.ones(len(errors)), weights), same, atol=0.05)
    assert _distribution(errors, np.ones(len(errors)), weights)[3] > errors.mean() + 0.2


def test_one_heavy_series_of_few_does_not_say_all() -> None:
    errors = np.random.default_rng(0).normal(size=40)
    weights = np.where(np.arange(40) == errors.argmax(), 1000.0, 1.0).astype(np.float32)
    low, middle, high, mean = _distribution(errors, np.ones(len(errors)), weights)
    assert low < -0.8
    assert high > 0.8
    assert max(abs(middle), abs(mean)) < 1.0 < errors.max()


@pytest.mark.parametrize("unit", [1.0, 1e18])
def test_a_target_that_never_changes_is_learnt_in_any_unit(unit: float) -> None:
    x, _ = noisy(12, 0)
    regressor = SequenceRegressor(**FAST | {"epochs": 2}).fit(x, np.full(12, 1.7 * unit))
    np.testing.assert_allclose(regressor.predict(x), 1.7 * unit, rtol=1)
    assert all(np.isfinite(regressor.predict_quantiles(x)).ravel())


HEAD = Regression(("level",), (1.0,), (2.0,), (OF_T,))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"errors": [[0.0, 0.0, 1.0, 0.0]]}, "three rising quantiles"),
        ({"errors": [[-1.0, 0.0, 1.0]]}, "three rising quantiles"),
        ({"errors": [[-1.0, 0.0, float("inf"), 0.0]]}, "finite"),
        ({"errors": []}, "one center, scale and row"),
        ({"scale": [0.0]}, "positive scales"),
        ({"errors": None}, "names, centers"),
    ],
)
def test_numbers_that_do_not_fit_are_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        Regression.from_json(HEAD.to_json() | change)


def test_numbers_stay_within_what_they_can_be() -> None:
    random = np.random.default_rng(0)
    x = [random.normal(size=(8, 1)) + level for level in random.normal(size=200)]
    level = np.array([one.mean() for one in x])
    counts = np.maximum(0.0, np.round(2 * level + random.normal(size=200)))
    shares = np.clip(0.5 + 0.4 * level, 0, 1)
    positive = np.exp(level)
    y = np.column_stack([counts, shares, positive, level])
    model = SequenceRegressor(**FAST).fit(x, y).model_
    limits = model.config.head.limits
    assert limits == ((0.0, None), (0.0, 1.0), (0.0, None), (None, None))
    numbers = model.numbers([random.normal(size=(8, 1)) + level for level in np.linspace(-4, 4, 50)])
    assert (numbers[:, :3] >= 0).all()
    assert (numbers[:, 1] <= 1).all()
    assert (numbers[:, 3] < 0).any()
    assert (numbers[:, 0, 0] == 0).any(), "without the limit these would lie below"


@pytest.mark.parametrize("limits", [[[0.0, None]] * 2, [[1.0, 0.0]], [[0.0]], [[float("nan"), None]]])
def test_limits_that_do_not_fit_are_refused(limits: Any) -> None:
    with pytest.raises(InputError, match=r"[Ll]imits"):
        Regression.from_json(HEAD.to_json() | {"limits": limits})
