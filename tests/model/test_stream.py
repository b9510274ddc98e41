"""One row at a time ends where the whole series at once does."""

import copy
import datetime
import pickle
from collections.abc import Collection
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model.mixed_models import MIXED
from model.random_models import CHANNELS, MAKERS, WEEK, Spacing, classifier, forecaster, predictions, series_of

from memcell import InputError, Series
from memcell.data.dates import TimeKind
from memcell.data.spelling import MISSING
from memcell.model import Model, Stream

MODELS = {(task, kind): MAKERS[task](kind) for task in sorted(MAKERS) for kind in ("order", "number", "date")}


def moment(model: Model, time: float) -> Any:
    """A time as a user would give it."""
    kind = model.recipe.schema.time_kind
    return None if kind == "order" else time if kind == "number" else np.datetime64(round(time * 1e6), "us")


def streamed(model: Model, series: Series, asked: Collection[int] = ()) -> Stream:
    """A stream of all rows, which is asked for a prediction after some of them."""
    stream = model.stream()
    for k, (row, time) in enumerate(zip(series.values, series.times, strict=True)):
        stream.observe(row, moment(model, time))
        if k in asked:
            stream.predict()
    return stream


def assert_same_end(stream: Stream, model: Model, series: Series) -> None:
    (expected,) = predictions(model, [series])
    if model.task == "classify":
        np.testing.assert_allclose(stream.predict_proba(), expected, atol=1e-6)
        assert stream.predict() == model.predict([series])[0]
    else:
        found = stream.predict()
        np.testing.assert_allclose(found.quantiles, expected, atol=1e-6)
        np.testing.assert_array_equal(found.times, model.predict([series])[0].times)


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(sorted(MODELS)),
    st.integers(0, 2**32),
    st.integers(1, 12),
    st.sampled_from(["even", "holes", "jitter", "uneven"]),
    st.sets(st.integers(0, 11)),
)
def test_a_stream_ends_at_the_same_prediction(
    which: tuple[str, TimeKind], seed: int, length: int, spacing: Spacing, asked: set[int]
) -> None:
    model = MODELS[which]
    series = series_of(np.random.default_rng(seed), length, which[1], spacing)
    # A datetime64 has whole microseconds.
    series = Series(series.values, np.round(series.times, 6), CHANNELS, time_kind=which[1])
    assert_same_end(streamed(model, series, asked), model, series)


@pytest.mark.parametrize("which", ["classify", "patches"])
def test_what_waits_is_bounded(which: str) -> None:
    model = MAKERS[which]("number")
    series = series_of(np.random.default_rng(0), 500, spacing="even")
    stream, begun = streamed(model, series), streamed(model, series.between(0, 60))
    assert len(pickle.dumps(stream)) < len(pickle.dumps(begun)) + 2_000  # rows take about 45 each
    assert_same_end(stream, model, series)


def test_half_steps_fall_on_grid_points_as_in_the_whole_series() -> None:
    model = forecaster()
    one = series_of(np.random.default_rng(0), 9, spacing="even", missing=0.2)
    halves = Series(one.values, one.times / 2, CHANNELS, time_kind="number")
    assert_same_end(streamed(model, halves), model, halves)


def test_there_is_a_prediction_after_any_row(model: Model) -> None:
    series = series_of(np.random.default_rng(1), 6)
    stream = model.stream()
    for stop in range(1, 7):
        stream.observe(series.values[stop - 1], series.times[stop - 1])
        so_far = Series(series.values[:stop], series.times[:stop], CHANNELS, time_kind="number")
        assert_same_end(stream, model, so_far)


def test_streams_of_one_model_do_not_meet(model: Model) -> None:
    rng = np.random.default_rng(2)
    one, other = series_of(rng, 8, spacing="even"), series_of(rng, 8, spacing="even")
    first, second = model.stream(), model.stream()
    for t in range(8):
        first.observe(one.values[t], one.times[t])
        second.observe(other.values[t], other.times[t])
    assert_same_end(first, model, one)
    assert_same_end(second, model, other)


@pytest.mark.parametrize("rows", [0, 3])
@pytest.mark.parametrize(
    "copied",
    [copy.copy, copy.deepcopy, lambda stream: pickle.loads(pickle.dumps(stream))],
    ids=["copy", "deepcopy", "pickle"],
)
def test_a_copy_goes_on_by_itself(model: Model, copied: Any, rows: int) -> None:
    series, other = (series_of(np.random.default_rng(seed), 6, spacing="even") for seed in (3, 4))
    stream = model.stream()
    for t in range(rows):
        stream.observe(series.values[t], series.times[t])
    twin = copied(stream)
    for t in range(rows, 6):
        twin.observe(series.values[t], series.times[t])
        stream.observe(other.values[t], other.times[t])
    assert_same_end(twin, model, series)
    mixed = np.concatenate([series.values[:rows], other.values[rows:]])
    assert_same_end(stream, model, Series(mixed, series.times, CHANNELS, time_kind="number"))


def after(model: Model, *rows: Any, facts: Any = None) -> Any:
    stream = model.stream(facts)
    for t, values in enumerate(rows):
        stream.observe(values, float(t))
    return stream.predict_proba() if model.task == "classify" else stream.predict().quantiles


@pytest.mark.parametrize("missing", [None, float("nan"), pd.NA, pd.NaT, " ", "NA", "NaN", *MISSING], ids=repr)
def test_what_is_missing_in_a_table_is_missing_in_a_row(missing: Any) -> None:
    model = MIXED["classify-events"]()
    absent, seen = {"ward": "icu"}, {"ward": "icu", "ph": 7.3}
    np.testing.assert_array_equal(after(model, absent, {**seen, "ward": missing}), after(model, absent, {"ph": 7.3}))
    np.testing.assert_array_equal(after(model, {**seen, "ph": missing}), after(model, absent))
    np.testing.assert_array_equal(after(model, seen, facts={"sex": missing}), after(model, seen))
    assert (after(model, {**seen, "ward": "elsewhere"}) != after(model, {"ph": 7.3})).any()


def test_what_has_names_is_read_by_them(model: Model) -> None:
    row = {"ph": 7.4, "pressure": -2.0, "pulse": 80.0}
    np.testing.assert_array_equal(after(model, pd.Series(row)), after(model, row))
    mixed = MIXED["classify-events"]()
    np.testing.assert_array_equal(after(mixed, facts=pd.Series({"sex": "f"})), after(mixed, facts={"sex": "f"}))
    with pytest.raises(InputError, match=r"`values` is a DataFrame; give one row of it, such as `.iloc\[0\]`"):
        model.stream().observe(pd.DataFrame([row]), 0.0)
    with pytest.raises(InputError, match="There is no fact 'agee'; the model reads 'age', 'sex'"):
        mixed.stream({"agee": 1})
    with pytest.raises(InputError, match="There is no fact 'age'; the model reads none"):
        model.stream({"age": 1})


def test_values_may_come_by_name(model: Model) -> None:
    by_name, by_place = model.stream(), model.stream()
    by_name.observe({"ph": 7.4, "pressure": -2.0, "pulse": None}, 1.0)
    by_name.observe({"pressure": -1.0}, 2.0)
    by_place.observe([np.nan, -2.0, 7.4], 1.0)
    by_place.observe([np.nan, -1.0, np.nan], 2.0)
    left, right = (
        s.predict_proba() if model.task == "classify" else s.predict().quantiles for s in (by_name, by_place)
    )
    np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize(
    "date",
    [
        "2020-01-08",
        datetime.date(2020, 1, 8),
        datetime.datetime(2020, 1, 8),
        datetime.datetime(2020, 1, 8, 2, tzinfo=datetime.timezone(datetime.timedelta(hours=2))),
        np.datetime64("2020-01-08"),
        np.array("2020-01-08", "datetime64[s]"),
        pd.Timestamp("2020-01-08 02:00", tz="Africa/Cairo"),
        "2020-01-08T02:00+02:00",
        "2020-01-08 00:00:00Z",
    ],
    ids=lambda date: f"{type(date).__name__}-{date}",
)
@pytest.mark.filterwarnings("error")
def test_dates_may_come_in_any_form(date: Any) -> None:
    stream = forecaster("date").stream()
    stream.observe([1.0, 2.0, 3.0], date)
    assert stream.predict().times[0] == np.datetime64("2020-01-08", "s").astype(float) + WEEK


@pytest.mark.parametrize(
    ("kind", "values", "time", "message"),
    [
        ("number", [1.0, 2.0, 3.0], None, "`time` is missing; the model was trained with the times of column 'time'"),
        ("number", [1.0, 2.0, 3.0], 5.0, "`time` 5.0 does not come after that of the row before"),
        ("number", [1.0, 2.0, 3.0], 4.9, "`time` 4.9 does not come after"),
        ("number", [1.0, 2.0, 3.0], "x", "`time` is 'x'; the model was trained with numbers"),
        ("number", [1.0, 2.0, 3.0], float("nan"), "needs a finite time"),
        ("date", [1.0, 2.0, 3.0], "soon", "`time` is 'soon'; the model was trained with dates"),
        ("date", [1.0, 2.0, 3.0], 6, "`time` is 6; the model was trained with dates"),
        (
            "date",
            [1.0, 2.0, 3.0],
            np.int64(6),
            r"`time` is np.int64\(6\); the model was trained with dates. Give one date",
        ),
        ("date", [1.0, 2.0, 3.0], np.array(6.0), r"`time` is array\(6.\); the model was trained with dates"),
        ("date", [1.0, 2.0, 3.0], np.timedelta64(6, "s"), "the model was trained with dates"),
        ("date", [1.0, 2.0, 3.0], np.array(["2020-01-08"], "M8[D]"), "the model was trained with dates"),
        ("number", [1.0, 2.0, 3.0], np.datetime64("2020-01-08"), "trained with numbers. Give one number"),
        ("number", [1.0, 2.0, 3.0], np.array([6.0]), r"`time` is array\(\[6.\]\); .* numbers. Give one number"),
        ("date", [1.0, 2.0, 3.0], np.datetime64("NaT"), "needs a finite time"),
        ("number", [1.0, 2.0], 6.0, "`values` has 2 entries; the model reads the 3 channels"),
        ("number", [1.0, "high", 3.0], 6.0, "`values` must be numbers, NaN where missing"),
        ("number", [1.0, np.inf, 3.0], 6.0, "is inf in channel 'pressure'"),
        ("number", np.ones((3, 1)), 6.0, r"`values` has the shape \(3, 1\); give one row of it"),
        ("number", {"puls": 1.0}, 6.0, "no channel 'puls'; the model reads 'pulse'"),
    ],
)
def test_a_row_that_is_refused_leaves_the_stream_as_it_was(
    kind: TimeKind, values: Any, time: Any, message: str
) -> None:
    for model in (classifier(kind), forecaster(kind)):
        stream, twin = model.stream(), model.stream()
        for one in (stream, twin):
            one.observe([1.0, 2.0, 3.0], 5.0 if kind == "number" else np.datetime64(5, "s"))
        with pytest.raises(InputError, match=message):
            stream.observe(values, time)
        for one in (stream, twin):
            one.observe([4.0, 5.0, 6.0], 7.0 if kind == "number" else np.datetime64(700, "s"))
        found, expected = (
            one.predict_proba() if model.task == "classify" else one.predict().quantiles for one in (stream, twin)
        )
        np.testing.assert_array_equal(found, expected)


def test_rows_have_their_times_or_their_order() -> None:
    stream = classifier("order").stream()
    stream.observe([1.0, 2.0, 3.0], time=5)
    with pytest.raises(InputError, match="which stands for 1, the number of rows so far, and the row before had 5"):
        stream.observe([1.0, 2.0, 3.0])
    with pytest.raises(InputError, match="trained with the order of rows"):
        stream.observe([1.0, 2.0, 3.0], time="soon")
    stream.observe([1.0, 2.0, 3.0], time=6)


def test_a_forecast_needs_the_target_once() -> None:
    stream = forecaster().stream()
    with pytest.raises(InputError, match="target has not been seen yet"):
        stream.predict()
    stream.observe({"pulse": 80.0}, 0.0)
    with pytest.raises(InputError, match="target has not been seen yet"):
        stream.predict()
    stream.observe({"pressure": -3.0}, 1.0)
    assert np.isfinite(stream.predict().quantiles).all()


def test_a_long_gap_is_no_reason_to_hold_every_step() -> None:
    stream = forecaster().stream()
    stream.observe({"pressure": -3.0}, 0.0)
    with pytest.raises(InputError, match="too uneven to forecast step by step"):
        stream.observe({"pressure": -3.0}, 1e9)
