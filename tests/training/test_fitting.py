"""What comes of training: learning, seeds, what is held out, and data that are refused or odd."""

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from training.small_series import SCHEMA, levels, settings, small_classifier, small_forecaster, wave

from memcell import DataWarning, InputError, Series, as_series
from memcell.data import TableSchema
from memcell.features.learning import learn_recipe
from memcell.features.recipe import Recipe
from memcell.model import Model, save
from memcell.tables import read_table
from memcell.training import Design, TrainingSettings, fit_classifier, fit_forecaster, forecaster, networks

FITS = {"classify": small_classifier, "forecast": small_forecaster}


def assert_same_model(one: Model, other: Model) -> None:
    assert (one.recipe, one.config, one.record) == (other.recipe, other.config, other.record)
    for name, weight in one.members[0].items():
        np.testing.assert_array_equal(weight, other.members[0][name], err_msg=name)


@pytest.mark.parametrize("task", FITS)
def test_a_seed_settles_every_draw(task: str) -> None:
    model = FITS[task](seed=3)
    torch.rand(5)  # what others draw in between is no matter
    before = torch.get_rng_state()
    assert_same_model(FITS[task](seed=3), model)
    assert torch.equal(torch.get_rng_state(), before)
    other = FITS[task](seed=4)
    assert any((weight != model.members[0][name]).any() for name, weight in other.members[0].items())


def test_a_classifier_learns() -> None:
    series, labels = levels(80)
    model = fit_classifier(
        series, labels, SCHEMA, settings(epochs=15, learning_rate=0.02), Design(hidden_size=8, members=1)
    )
    others, truth = levels(60, seed=1)
    assert (model.predict(others) == truth).mean() > 0.85


def test_a_forecaster_learns() -> None:
    (one,) = wave(191)
    model = small_forecaster([one], epochs=12)
    ahead = np.arange(191, 195)
    truth = np.sin(ahead * np.pi / 6) + ahead / 50
    (forecast,) = model.predict([one])
    assert np.abs(forecast.quantiles[:, 1] - truth).mean() < 0.25
    assert np.abs(one.values[-1, 0] - truth).mean() > 0.5  # which the last value does not do


def test_words_that_come_late_in_a_forecast() -> None:
    rows = 120
    words = [("abcd")[k % 2 + 2 * (k > 105)] for k in range(rows)]
    table = pl.DataFrame({"t": range(rows), "y": np.sin(np.arange(rows) / 3), "word": words})
    contents = read_table(table, time="t")
    model = fit_forecaster(contents.series, "y", 4, contents.schema, settings(epochs=1), Design(hidden_size=4))
    assert model.recipe.channels[1].words == ("a", "b", "c", "d")  # type: ignore[union-attr]
    assert np.isfinite(model.predict(contents.series)[0].quantiles).all()


def test_a_classifier_scales_by_its_training_series_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    learnt: list[set[Any]] = []

    def watched(series: list[Series], *rest: Any, **options: Any) -> Recipe:
        learnt.append({one.id for one in series})
        return learn_recipe(series, *rest, **options)

    monkeypatch.setattr(networks, "learn_recipe", watched)
    model = small_classifier(validation=0.25)
    (training,) = learnt
    assert len(training) == 30
    assert model.record["validation_series"] == 10
    series, _ = levels()
    values = np.concatenate([one.values for one in series if one.id in training])
    assert model.recipe.channels[0].center == pytest.approx(np.nanmean(values), abs=0.01)


def test_every_class_is_held_out_and_trained_on() -> None:
    series, _ = levels(12)
    labels = ["rare" if k < 2 else "common" for k in range(12)]
    for share in (0.01, 0.5, 0.99):
        model = fit_classifier(
            series, labels, SCHEMA, settings(epochs=1, validation=share), Design(hidden_size=3, members=1)
        )
        assert 2 <= model.record["validation_series"] <= 10


def test_a_forecaster_decides_by_the_last_part_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    ends: list[float] = []

    def watched(series: list[Series], *rest: Any, **options: Any) -> Recipe:
        ends.append(series[0].times[-1])
        return learn_recipe(series, *rest, **options)

    monkeypatch.setattr(forecaster, "learn_recipe", watched)
    small_forecaster(validation=0.2)
    # First all but the last fifth, then, when that has told how long, everything.
    assert ends == [95.0, 119.0]


@pytest.mark.parametrize(
    ("known", "share", "cut"),
    [
        (range(100), 0.2, 80),
        (range(70), 0.2, 56),
        ([96, 97, 98, 99], 0.2, 99),
        ([0, 1, 2, 99], 0.5, 50),
        ([0, 1, 2, 3], 0.15, 3),
        ([0, 1, 2, 3], 0.9, 3),
    ],
)
def test_both_parts_of_the_time_have_values_of_the_target(known: Any, share: float, cut: int) -> None:
    y = np.full(100, np.nan)
    y[list(known)] = 1.0
    assert forecaster._cut(y, share) == cut


def test_a_target_that_falls_silent_is_learnt_all_the_same() -> None:
    (one,) = wave(missing=0.0)
    values = one.values.copy()
    values[80:] = np.nan
    model = small_forecaster([replace(one, observations=values)])
    assert 0 < model.record["validation_loss"] < 10
    assert np.isfinite(model.predict([one])[0].quantiles).all()


@pytest.mark.parametrize("level", [0.0, 0.1, 1e6])
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_a_constant_target_is_forecast_to_stay(level: float) -> None:
    constant = Series(np.full((40, 1), level), np.arange(40.0), ("x",), time_kind="number")
    quantiles = small_forecaster([constant]).predict([constant])[0].quantiles
    np.testing.assert_allclose(quantiles, level, atol=max(level, 1.0) / 500)


@pytest.mark.parametrize(("length", "horizon"), [(4, 1), (4, 3), (11, 10)])
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_few_rows_are_enough(length: int, horizon: int) -> None:
    series = wave(length, missing=0.0)
    model = small_forecaster(series, horizon, epochs=1)
    assert np.isfinite(model.predict(series)[0].quantiles).all()


def test_an_unbearable_learning_rate_still_gives_a_model_that_loads(tmp_path: Any) -> None:
    for task, fit in FITS.items():
        save(fit(learning_rate=1.0), tmp_path / task)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["a"] * 8, "one class only, 'a'"),
        (["a"] * 7 + ["b"], "Class 'b' has one series only"),
        (["a"] * 7, "7 labels for 8 series"),
        ([0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5], "looks like a measurement"),
        (["a"] * 4 + [None] * 4, "The label None is neither"),
        ([0.0] * 4 + [float("nan")] * 4, "The label nan is neither"),
        ([0.0] * 4 + [float("inf")] * 4, "The label inf is neither"),
        ([[0, 1]] * 4 + [[1, 0]] * 4, r"The label \[0, 1\] is neither"),
    ],
    ids=str,
)
def test_labels_that_are_no_classes_are_refused(labels: list[Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        fit_classifier(levels(8)[0], labels, SCHEMA, settings())


def test_a_name_for_a_class_each_is_refused() -> None:
    with pytest.raises(InputError, match=r"60 different values in 120 series: it looks like a measurement or a name"):
        fit_classifier(levels(120)[0], [f"n{k // 2}" for k in range(120)], SCHEMA, settings())


@pytest.mark.parametrize(
    ("series", "target", "horizon", "message"),
    [
        (wave(), "y", 4, "target 'y' is no channel; there are 'x'"),
        (wave(), "x", 0, "`horizon` is 0"),
        (wave(), "x", 2.0, r"`horizon` is 2\.0"),
        (wave(10), "x", 10, "Series 0 is 10 steps long, no longer than the horizon of 10"),
        ([Series(np.full((9, 1), np.nan), np.arange(9.0), ("x",), "s")], "x", 2, "'s' has values of 'x' at 0 steps"),
        ([Series(np.ones((4, 1)), np.array([0, 1e-3, 1, 2.0]), ("x",), "s")], "x", 2, "at 3 steps"),
    ],
)  # fmt: skip
def test_series_that_cannot_be_forecast_are_refused(
    series: list[Series], target: str, horizon: Any, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        fit_forecaster(series, target, horizon, SCHEMA, settings())


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("epochs", 0), ("epochs", 2.0), ("batch_size", 0), ("patience", True), ("learning_rate", 0.0),
        ("learning_rate", float("nan")), ("learning_rate", 10.0), ("dropout", 1.0), ("dropout", -0.1),
        ("validation", 0.0), ("validation", 1.0), ("seed", -1), ("seed", 2**32), ("seed", 0.5),
    ],
)  # fmt: skip
def test_settings_out_of_range_are_refused_by_name(option: str, value: Any) -> None:
    with pytest.raises(InputError, match=f"`{option}` is {value!r}"):
        TrainingSettings(**{option: value})


@pytest.mark.parametrize("as_columns", [True, False])
def test_held_out_series_say_whether_sparse_numbers_are_columns(
    as_columns: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    names = tuple(f"x{c}" for c in range(80))
    series = [
        Series(np.where(rng.random((6, 80)) < 0.05, rng.normal(size=(6, 80)), np.nan), np.arange(6.0), names)
        for _ in range(20)
    ]
    losses = iter([0.5, 1.0, 0.5] if as_columns else [1.0, 0.5, 0.5])  # of the columns, of the events, of what is kept
    monkeypatch.setattr("memcell.training.networks._mean_loss", lambda runs: next(losses))  # noqa: ARG005
    schema = replace(SCHEMA, channels=names, time=None, time_kind="order")
    model = fit_classifier(series, [k % 2 for k in range(20)], schema, settings(), Design(hidden_size=4, members=1))
    assert (model.config.channels == 80) == as_columns
    assert bool(model.config.events) != as_columns


@pytest.mark.parametrize("place", [0, 2])
@pytest.mark.parametrize("sparse", [False, True])
def test_a_channel_without_any_value_changes_nothing(place: int, sparse: bool) -> None:
    random = np.random.default_rng(0)
    values = random.normal(size=(30, 20, 2)) + np.arange(30)[:, None, None] % 2
    values[random.random(values.shape) < 0.7 * sparse] = np.nan
    more = np.insert(values, place, np.nan, axis=2)
    facts = np.arange(30.0)[:, None]
    models = []
    for given, known in ((values, facts), (more, np.insert(facts, 0, np.nan, axis=1))):
        series = as_series(list(given), facts=known)
        schema = TableSchema("id", None, (), series[0].channels, "order", False, facts=series[0].fact_names)
        models.append(fit_classifier(series, [k % 2 for k in range(30)], schema, settings(), Design(members=1)))
        models[-1].recipe.from_json(models[-1].recipe.to_json())
        models.append(models[-1].predict_proba(series))
    assert bool(models[0].recipe.shapes) != sparse
    np.testing.assert_array_equal(models[1], models[3])
    more[0, 0, place] = 5.0
    series = as_series(list(more), facts=np.insert(facts, 0, np.nan, axis=1))
    with pytest.warns(
        DataWarning, match=f"'x{place}' has values, of which the series that channels were learnt from had none"
    ):
        np.testing.assert_array_equal(models[2].predict_proba(series), models[1])
