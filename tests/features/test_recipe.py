"""Series on their way to the stack: statistics, grids, features row by row, what may and may not matter."""

import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model.random_models import CHANNELS, HORIZON, TARGET, WEEK, Spacing, schema_of, series_of

import memcell
from memcell import InputError, Series
from memcell.data import TableSchema
from memcell.data.cadence import Cadence
from memcell.features.channels import NumberChannel
from memcell.features.grid import on_grid
from memcell.features.learning import learn_recipe
from memcell.features.recipe import Recipe
from memcell.features.steps import Steps

BY_ROW = ("values", "mask", "last", "since", "gap", "extra", "anchor")


def recipe_of(task: str, seed: int = 0) -> Recipe:
    rng = np.random.default_rng(seed)
    training = [series_of(rng, 40, spacing="even") for _ in range(3)]
    options = {"target": TARGET, "horizon": HORIZON} if task == "forecast" else {}
    return learn_recipe(training, schema_of("number"), **options)


def assert_same(found: Steps, expected: Steps, rows: int | None = None) -> None:
    """All of ``expected``, or its first rows."""
    for name in BY_ROW:
        np.testing.assert_allclose(getattr(found, name)[:rows], getattr(expected, name)[:rows], atol=1e-6, err_msg=name)


def part_of(series: Series, start: int, stop: int | None = None) -> Series:
    return series.between(start, stop)


@pytest.fixture(params=["classify", "forecast"])
def recipe(request: pytest.FixtureRequest) -> Recipe:
    return recipe_of(request.param)


@settings(deadline=None, max_examples=40)
@given(
    st.integers(0, 2**32),
    # A forecast's rows that share a step go together; how a stream does that is tested with the model.
    st.sampled_from([("forecast", "holes"), ("classify", "holes"), ("classify", "uneven")]),
)
def test_row_by_row_is_the_same_as_all_at_once(seed: int, case: tuple[str, Spacing]) -> None:
    task, spacing = case
    series = series_of(np.random.default_rng(seed), 12, spacing=spacing)
    recipe = recipe_of(task)
    state = recipe.begin()
    parts = [state.advance(part_of(series, t, t + 1)) for t in range(len(series))]
    assert_same(Steps.concatenate(parts), recipe.apply([series]))


def test_a_batch_holds_each_series_as_it_is_alone(recipe: Recipe) -> None:
    rng = np.random.default_rng(1)
    series = [series_of(rng, length) for length in (5, 1, 9)]
    batch = recipe.apply(series)
    for b, one in enumerate(series):
        alone = recipe.apply([one])
        assert_same(batch.sequences(np.array([b])), alone)
        assert np.diff(batch.offsets)[b] == len(alone.values)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32), st.sampled_from(["classify", "forecast"]), st.integers(1, 11))
def test_the_future_never_changes_earlier_rows(seed: int, task: str, cut: int) -> None:
    rng = np.random.default_rng(seed)
    series = series_of(rng, 12, spacing="holes")
    values = series.values.copy()
    values[cut:] = rng.normal(size=values[cut:].shape) * 1e3
    recipe = recipe_of(task)
    past = recipe.apply([part_of(series, 0, cut)])
    assert_same(recipe.apply([replace(series, observations=values)]), past, len(past.values))


def test_statistics_come_from_the_given_series_alone() -> None:
    rng = np.random.default_rng(2)
    training, other = series_of(rng, 200), series_of(rng, 200)
    recipe = learn_recipe([training], schema_of("number"))
    recipe.apply([other])
    for c in range(len(CHANNELS)):
        seen = training.values[~np.isnan(training.values[:, c]), c]
        seen = np.clip(seen, *np.quantile(seen, [0.005, 0.995], method="nearest"))
        assert recipe.channels[c].center == pytest.approx(seen.mean())
        assert recipe.channels[c].scale == pytest.approx(seen.std())


def test_one_measuring_error_does_not_set_the_scale() -> None:
    values = np.random.default_rng(3).normal(size=(1000, 1))
    values[[200, 500]] = [[50.0], [1e9]]
    series = Series(values, np.arange(1000.0), ("x",), time_kind="number")
    recipe = learn_recipe([series], replace(schema_of("number"), channels=("x",)))
    assert recipe.channels[0].scale == pytest.approx(1.0, rel=0.1)
    steps = recipe.apply([series])
    assert (steps.values[200], steps.mask[200]) == (10.0, 1.0)
    assert (steps.values[500], steps.mask[500]) == (0.0, 0.0), "what is impossible was not seen"


@pytest.mark.parametrize("share", [0.004, 0.01, 0.04])
@pytest.mark.parametrize(("usual", "factor"), [(70.0, 1e6), (70.0, -1e6), (0.0, 1e6)])
def test_errors_in_another_unit_in_training_do_not_set_the_scale(share: float, usual: float, factor: float) -> None:
    rng = np.random.default_rng(4)
    values, wrong = rng.normal(usual, 10.0, (5000, 1)), np.arange(5000) < share * 5000
    values[wrong] *= factor
    series = Series(values, np.arange(5000.0), ("x",), time_kind="number")
    recipe = learn_recipe([series], replace(schema_of("number"), channels=("x",)))
    assert recipe.channels[0].center == pytest.approx(usual, abs=1.5)
    assert recipe.channels[0].scale == pytest.approx(10.0, rel=0.05)
    np.testing.assert_array_equal(recipe.apply([series]).mask[:, 0], np.abs(values[:, 0]) < 1000.0)


def test_errors_count_among_the_values_that_tell_what_is_impossible() -> None:
    values = np.concatenate([np.random.default_rng(6).normal(size=49), [1e6, -1e6]])
    assert NumberChannel.learn("x", values, clipping=True, events=False).impossible is not None


def with_events(kind: str, share: float) -> np.ndarray:
    """5,000 values of which some are events over a baseline, or that come in all sizes."""
    rng, count = np.random.default_rng(5), 5000
    some = rng.random(count) < share
    amounts, heights = rng.lognormal(0.0, 2.0, count), rng.choice([2.0, 6.0], count)
    traces = np.where(rng.random(count) < 0.06, 1e-3, 0.0)
    return {
        "lognormal": amounts,
        "cauchy": rng.standard_cauchy(count),
        "rain": np.where(some, amounts, 0.0),
        "rain beside traces": np.where(some, 25.0 * heights, traces),
        "flag": np.where(some, 1e6, 0.0),
        "pulses over rounding": np.where(some, heights, rng.choice([0.0, -2.8e-17], count)),
        "pulses over rounding of float32": np.where(some, heights, rng.normal(0, 1e-8, count)),
        "pulses over noise": np.where(some, heights, rng.normal(0, 1e-3, count)),
        "another level": np.where(some, 21.0, rng.normal(20, 1e-9, count)),
    }[kind]


@pytest.mark.parametrize("share", [0.01, 0.045, 0.06])
@pytest.mark.parametrize(
    "kind",
    ["lognormal", "cauchy", "rain", "rain beside traces", "flag", "pulses over rounding",
     "pulses over rounding of float32", "pulses over noise", "another level"],
)  # fmt: skip
def test_events_over_a_quiet_baseline_are_no_errors(kind: str, share: float) -> None:
    values = with_events(kind, share)
    channel = NumberChannel.learn("x", values, clipping=True, events=False)
    drawn_in = np.clip(values, *np.quantile(values, [0.005, 0.995], method="nearest"))
    assert (channel.center, channel.scale) == (drawn_in.mean(), drawn_in.std())


@pytest.mark.parametrize("share", [0.002, 0.004, 0.005, 0.006, 0.02])
@pytest.mark.parametrize("size", [1.0, 1e-6, 500.0])
def test_a_flag_or_dose_of_few_rows_is_seen(share: float, size: float) -> None:
    for rows in (5000, 8000, 8040):
        values = np.zeros((rows, 1))
        values[: round(share * rows)] = size
        series = Series(values, np.arange(float(rows)), ("x",), time_kind="number")
        recipe = learn_recipe([series], replace(schema_of("number"), channels=("x",)))
        steps = recipe.apply([series])
        assert steps.mask.all(), "none of them is taken for an error"
        assert 5.0 <= steps.values[0, 0] - steps.values[-1, 0] <= 11.0


@pytest.mark.parametrize("value", [0.1, 1e9 + 0.1, 0.0])
def test_a_constant_channel_is_scaled_by_one(value: float) -> None:
    series = Series(np.full((10, 3), value), np.arange(10.0), CHANNELS, time_kind="number")
    recipe = learn_recipe([series], schema_of("number"))
    assert [one.scale for one in recipe.channels] == [1.0, 1.0, 1.0]
    np.testing.assert_allclose(recipe.apply([series]).values, 0.0, atol=1e-6)


def test_a_channel_without_a_value_stays_in_place() -> None:
    values = np.full((5, 3), np.nan)
    values[:, 0] = np.arange(5)
    recipe = learn_recipe([Series(values, np.arange(5.0), CHANNELS, time_kind="number")], schema_of("number"))
    assert [(one.center, one.scale) for one in recipe.channels[1:]] == [(0.0, 1.0), (0.0, 1.0)]


@pytest.mark.filterwarnings("error")
def test_values_too_large_to_be_squared_are_refused_by_name() -> None:
    series = Series(np.full((5, 3), 1e200), np.arange(5.0), CHANNELS, time_kind="number")
    with pytest.raises(InputError, match=r"Channel 'pulse' has a value of size 1e\+200, too large"):
        learn_recipe([series], schema_of("number"))


def test_an_empty_row_and_an_absent_one_are_the_same_for_a_forecast() -> None:
    rng = np.random.default_rng(4)
    whole = series_of(rng, 12, spacing="even")
    values = whole.values.copy()
    values[[3, 4, 8]] = np.nan
    there = np.isin(np.arange(12), [3, 4, 8], invert=True)
    absent = replace(whole, observations=whole.values[there], times=whole.times[there])
    recipe = recipe_of("forecast")
    assert_same(recipe.apply([absent]), recipe.apply([replace(whole, observations=values)]))


def test_rows_on_one_grid_point_are_averaged_channel_by_channel() -> None:
    values = np.array([[1.0, np.nan], [3.0, 8.0], [np.nan, np.nan], [np.nan, 2.0], [np.nan, 4.0]])
    series = Series(values, np.array([0.0, 0.9, 1.1, 3.2, 3.4]), ("a", "b"), time_kind="number")
    on = on_grid(series, Cadence("fixed", 1.0))
    found, times = on.values, on.times
    np.testing.assert_array_equal(found, [[1, np.nan], [3, 8], [np.nan, np.nan], [np.nan, 3]])
    np.testing.assert_array_equal(times, [0.0, 1.0, 2.0, 3.0])


def test_months_are_a_grid_though_they_differ_in_length() -> None:
    ends = np.array(["2020-01-31", "2020-02-29", "2020-04-30", "2020-05-31"], "datetime64[s]").astype(np.float64)
    series = Series(np.arange(4.0)[:, None], ends, ("x",), time_kind="date")
    recipe = learn_recipe([series], replace(schema_of("date"), channels=("x",)), "x", 1)
    assert recipe.cadence == Cadence("months", 1.0, 31)
    on = on_grid(series, recipe.cadence)
    values, times = on.values, on.times
    np.testing.assert_array_equal(values[:, 0], [0.0, 1.0, np.nan, 2.0, 3.0])
    assert times.astype("datetime64[s]")[2] == np.datetime64("2020-03-31")
    assert recipe.apply([series]).gap[:, 0].tolist() == [0, 1, 1, 1, 1]


def test_gaps_are_counted_in_usual_steps() -> None:
    weeks = np.array([0, 1, 2, 5, 6]) * WEEK
    series = Series(np.zeros((5, 3)), weeks, CHANNELS, time_kind="date")
    assert learn_recipe([series], schema_of("date")).apply([series]).gap[:, 0].tolist() == [0, 1, 1, 3, 1]


@pytest.mark.parametrize("last", [1e9, 1e300])
def test_times_too_uneven_for_a_forecast_are_refused(last: float) -> None:
    series = Series(np.zeros((4, 1)), np.array([0.0, 1.0, 2.0, last]), ("x",), id="s", time_kind="number")
    with pytest.raises(InputError, match=r"Series 's' has 4 rows over .* too uneven"):
        on_grid(series, Cadence("fixed", 1.0))


def test_rows_must_follow_those_before(recipe: Recipe) -> None:
    state = recipe.begin()
    state.advance(Series(np.zeros((2, 3)), np.array([0.0, 4.0]), CHANNELS, time_kind="number"))
    with pytest.raises(InputError, match=r"Time 4\.0 does not come after 4\.0"):
        state.advance(Series(np.zeros((1, 3)), np.array([4.0]), CHANNELS, time_kind="number"))


def test_a_copied_state_goes_on_by_itself(recipe: Recipe) -> None:
    series = series_of(np.random.default_rng(5), 8)
    state = recipe.begin()
    state.advance(part_of(series, 0, 4))
    copy = state.copy()
    expected = copy.advance(part_of(series, 4))
    copy.advance(Series(np.full((1, 3), 1e6), series.times[-1:] + 1, CHANNELS, time_kind="number"))
    assert_same(state.advance(part_of(series, 4)), expected)


def test_a_series_without_rows_has_no_steps(recipe: Recipe) -> None:
    empty = Series(np.zeros((0, 3)), np.zeros(0), CHANNELS, time_kind="number")
    steps = recipe.apply([empty])
    assert steps.values.shape == (0, 3)
    assert steps.offsets.tolist() == [0, 0]


def test_json_round_trip(recipe: Recipe) -> None:
    assert Recipe.from_json(json.loads(json.dumps(recipe.to_json(), allow_nan=False))) == recipe


@pytest.mark.parametrize(
    "change",
    [{"scale": [1.0]}, {"scale": [0.0, 1.0, 1.0]}, {"center": []}, {"unknown": 1}, {"cadence": None}, {"schema": {}}],
    ids=str,
)
def test_json_that_contradicts_itself_is_refused(recipe: Recipe, change: dict[str, object]) -> None:
    with pytest.raises(InputError):
        Recipe.from_json(recipe.to_json() | change)


def test_json_with_a_target_that_is_no_channel_is_refused() -> None:
    data = recipe_of("forecast").to_json()
    with pytest.raises(InputError, match="channel 3, but has 3 channels"):
        Recipe.from_json(data | {"target": data["target"] | {"channel": 3}})


@pytest.mark.parametrize("data", [None, [], "text", {}])
def test_json_that_is_no_recipe_is_refused(data: object) -> None:
    with pytest.raises(InputError, match="fields it should have"):
        Recipe.from_json(data)


@pytest.mark.parametrize("unit", [60.0, 0.1, 1e-3, 3.7, 1 / 8766])
@pytest.mark.parametrize("start", [0.0, 1000.0])
def test_rows_are_merged_alike_in_any_unit_of_time(unit: float, start: float) -> None:
    minutes = np.arange(101.0) * 0.7  # of which many lie at the border of a fiftieth
    values = np.where(np.eye(4, dtype=bool)[np.arange(101) % 4], np.arange(101.0)[:, None], np.nan)
    schema = TableSchema(None, "t", (), tuple("abcd"), "number", date_only=False)
    masks = []
    for times in (minutes, (start + minutes) * unit):
        one = Series(values, times, tuple("abcd"), time_kind="number")
        recipe = learn_recipe([one] * 3, schema, merging=True)
        assert recipe.span > 0
        masks.append(recipe.apply([one]).mask)
    np.testing.assert_array_equal(*masks)


@pytest.mark.parametrize("cut", [0, 1, 7, 20])
def test_words_are_counted_however_many_rows_come(cut: int) -> None:
    random = np.random.default_rng(0)
    rows = [["ab"[k] for k in random.integers(0, 2, 20)] + ["c"] * 3 for _ in range(4)]
    frame = pl.DataFrame({"id": np.repeat(range(4), 23), "t": [*range(23)] * 4, "word": np.ravel(rows), "x": 1.0})
    series = memcell.read(frame, id="id", time="t")
    schema = series[0].schema
    assert schema is not None
    recipe = learn_recipe(series, schema, summary=True, words=True)
    counts = [[one.count("a"), one.count("b"), 3, 0] for one in rows]
    np.testing.assert_allclose(np.expm1(recipe.apply(series).wide[:, 1:]), counts, atol=1e-5)
    state = recipe.begin()
    for part in (series[0].between(0, cut), series[0].between(cut)):
        state.advance(part)
    np.testing.assert_array_equal(state.whole()["wide"], recipe.apply(series).wide[:1])
    assert Recipe.from_json(recipe.to_json()) == recipe
