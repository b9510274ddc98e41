"""What a forecaster learns of its target: when logarithms help, units, what it may know at each row."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memcell import InputError
from memcell.features.target import TargetRecipe, TargetState

MONTHS = np.arange(144)
SEASON = np.sin(MONTHS * np.pi / 6)
AIRLINE_LIKE = 110 * np.exp(MONTHS / 80) * (1 + 0.2 * SEASON)
ADDITIVE = 110 + 3 * MONTHS + 40 * SEASON


def features_of(recipe: TargetRecipe, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Features [T, F] and anchors [T]."""
    state = TargetState(recipe)
    rows = [state.advance(value) for value in y]
    return np.array([features for features, _ in rows]), np.array([anchor for _, anchor in rows])


@pytest.mark.parametrize(
    ("y", "log"),
    [
        (AIRLINE_LIKE, True),
        (np.where(MONTHS % 7 == 3, np.nan, AIRLINE_LIKE), True),
        (ADDITIVE, False),
        (AIRLINE_LIKE - 200, False),
        (np.where(MONTHS == 60, 0.0, AIRLINE_LIKE), False),
        (np.full(144, 5.0), False),
        (AIRLINE_LIKE[:30], False),
    ],
    ids=["airline", "airline-missing", "additive", "negative", "a-zero", "constant", "short"],
)
def test_logarithms_are_for_positive_series_whose_spread_grows(y: np.ndarray, log: bool) -> None:
    assert TargetRecipe.learn([y], 0, 12).log is log


def test_a_zero_at_prediction_does_not_leave_the_scale_of_logarithms() -> None:
    recipe = TargetRecipe.learn([AIRLINE_LIKE], 0, 12)
    lowest = recipe.restore(recipe.transform(np.array([0.0, -3.0])))
    np.testing.assert_allclose(lowest, AIRLINE_LIKE.min() / 10)


@pytest.mark.parametrize("unit", [1e-6, 1e6, 1e30])
@pytest.mark.parametrize("y", [SEASON + MONTHS / 40, AIRLINE_LIKE], ids=["level", "logarithm"])
def test_the_unit_of_the_target_does_not_matter(y: np.ndarray, unit: float) -> None:
    recipe, other = TargetRecipe.learn([y], 0, 6), TargetRecipe.learn([unit * y], 0, 6)
    features, anchor = features_of(recipe, y)
    features_in_unit, anchor_in_unit = features_of(other, unit * y)
    np.testing.assert_allclose(features_in_unit, features, rtol=1e-5, atol=1e-6)
    outcomes = np.random.default_rng(0).normal(size=(len(y), 6, 3))
    np.testing.assert_allclose(
        other.forecast(outcomes, anchor_in_unit), unit * recipe.forecast(outcomes, anchor), rtol=1e-6
    )


@pytest.mark.parametrize("level", [0.1, -7.3, 1e9])
def test_a_constant_target_has_a_unit_of_its_own_size(level: float) -> None:
    recipe = TargetRecipe.learn([np.full(60, level)], 0, 4)
    np.testing.assert_allclose(recipe.reach, abs(level) / 1000)
    features, _ = features_of(recipe, np.full(60, level))
    np.testing.assert_allclose(features, 0.0, atol=1e-9)


def test_outcomes_are_distances_from_the_last_value_in_units_of_reach() -> None:
    y = np.array([1.0, 2.0, np.nan, 5.0, 7.0])
    recipe = TargetRecipe.learn([y], 0, 2)
    _, anchor = features_of(recipe, y)
    np.testing.assert_array_equal(anchor, [[1.0, 1.0], [2.0, 1.0], [2.0, 1.0], [5.0, 1.0], [7.0, 1.0]])
    ahead = np.array([[2.0, np.nan], [np.nan, 5.0], [5.0, 7.0], [7.0, np.nan], [np.nan, np.nan]])
    np.testing.assert_allclose(recipe.outcomes(y, anchor) * recipe.reach, ahead - anchor[:, :1])


def test_forecast_undoes_outcomes() -> None:
    recipe = TargetRecipe.learn([AIRLINE_LIKE], 0, 3)
    _, anchor = features_of(recipe, AIRLINE_LIKE)
    outcomes = recipe.outcomes(AIRLINE_LIKE, anchor)[:-3]
    again = recipe.forecast(outcomes[:, :, None], anchor[:-3])[:, :, 0]
    np.testing.assert_allclose(again, np.stack([AIRLINE_LIKE[k : len(MONTHS) - 3 + k] for k in (1, 2, 3)], axis=1))


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 30), st.integers(0, 2**32))
def test_the_future_never_changes_earlier_features(cut: int, seed: int) -> None:
    recipe = TargetRecipe.learn([ADDITIVE], 0, 5)
    rng = np.random.default_rng(seed)
    past, future = ADDITIVE[:cut], rng.normal(size=10) * 1e4
    features, anchor = features_of(recipe, np.concatenate([past, future]))
    of_past, anchor_of_past = features_of(recipe, past)
    np.testing.assert_array_equal(features[:cut], of_past)
    np.testing.assert_array_equal(anchor[:cut], anchor_of_past)


def test_before_the_first_value_there_is_no_anchor_and_no_feature() -> None:
    features, anchor = features_of(TargetRecipe.learn([ADDITIVE], 0, 5), np.array([np.nan, np.nan, 120.0]))
    assert np.isnan(anchor[:, 0]).tolist() == [True, True, False]
    np.testing.assert_array_equal(features, 0.0)


def test_a_copied_state_goes_on_by_itself() -> None:
    recipe = TargetRecipe.learn([ADDITIVE], 0, 5)
    state = TargetState(recipe)
    for value in ADDITIVE[:20]:
        state.advance(value)
    copy = state.copy()
    copy.advance(1e6)
    expected, _ = features_of(recipe, ADDITIVE[:21])
    np.testing.assert_array_equal(state.advance(ADDITIVE[20])[0], expected[20])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("horizon", [1, 3, 52])
def test_few_rows_are_enough_to_learn_from(horizon: int) -> None:
    recipe = TargetRecipe.learn([np.array([1.0, 2.0, np.nan, 4.0])], 0, horizon)
    assert len(recipe.reach) == horizon
    assert np.isfinite([*recipe.reach, *recipe.scales]).all()


def test_json_round_trip() -> None:
    recipe = TargetRecipe.learn([AIRLINE_LIKE], 2, 12)
    assert TargetRecipe.from_json(json.loads(json.dumps(recipe.to_json()))) == recipe


@pytest.mark.parametrize(
    "change",
    [{"reach": [1.0]}, {"scales": [1.0]}, {"lags": 3}, {"unknown": 1}, {"channel": -1}, {"horizon": "3"}, {"lags": []}],
    ids=str,
)
def test_json_that_contradicts_itself_is_refused(change: dict[str, object]) -> None:
    data = TargetRecipe.learn([ADDITIVE], 0, 3).to_json() | change
    with pytest.raises(InputError, match="target's recipe"):
        TargetRecipe.from_json(data)


@pytest.mark.parametrize("data", [None, [], "text", {}, {"channel": 0}])
def test_json_that_is_no_target_is_refused(data: object) -> None:
    with pytest.raises(InputError, match="target's recipe"):
        TargetRecipe.from_json(data)


def test_series_of_unlike_size_are_seen_alike_and_forecast_each_in_its_own_unit() -> None:
    small = np.cumsum(np.random.default_rng(0).normal(size=60))
    large = 1000 * small
    recipe = TargetRecipe.learn([small, large], 0, 3)
    assert recipe.relative
    features_small, anchor_small = features_of(recipe, small)
    features_large, anchor_large = features_of(recipe, large)
    np.testing.assert_allclose(features_small, features_large, atol=1e-9)
    np.testing.assert_allclose(recipe.outcomes(small, anchor_small), recipe.outcomes(large, anchor_large), atol=1e-9)
    outcomes = np.array([[-1.0, 0.0, 1.0]] * 3)
    np.testing.assert_allclose(
        1000 * recipe.forecast(outcomes, anchor_small[-1]), recipe.forecast(outcomes, anchor_large[-1])
    )


def test_series_of_like_size_share_one_unit() -> None:
    assert not TargetRecipe.learn([ADDITIVE, 2 * ADDITIVE], 0, 3).relative
