"""What a model makes of series: alone and in a batch, with rows missing, from anything like a series."""

from dataclasses import replace

import numpy as np
import pytest
from model.random_models import CHANNELS, HORIZON, MAKERS, TARGET, classifier, forecaster, predictions, series_of

import memcell
from memcell import InputError, Series
from memcell.data.dates import TimeKind
from memcell.model import Model
from memcell.model import model as model_file


def test_alone_or_in_a_batch_makes_no_difference(model: Model, series: list[Series]) -> None:
    together = predictions(model, series)
    alone = np.concatenate([predictions(model, [one]) for one in series])
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_many_batches_are_as_one(model: Model, series: list[Series], monkeypatch: pytest.MonkeyPatch) -> None:
    whole = predictions(model, series)
    monkeypatch.setattr(model_file, "_BATCH_ROWS", 10)
    np.testing.assert_allclose(predictions(model, series), whole, atol=1e-6)


def test_labels_are_those_of_the_highest_probability(series: list[Series]) -> None:
    model = classifier()
    probabilities = model.predict_proba(series)
    assert probabilities.shape == (5, 3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)
    assert model.predict(series).tolist() == [model.classes[k] for k in probabilities.argmax(axis=1)]


@pytest.mark.parametrize("kind", ["order", "number", "date"])
def test_a_forecast_begins_one_step_after_the_last_row(kind: TimeKind) -> None:
    model = forecaster(kind)
    one = series_of(np.random.default_rng(3), 9, kind)
    (forecast,) = model.predict([one])
    np.testing.assert_allclose(forecast.times, one.times[-1] + model.recipe.cadence.size * np.arange(1, HORIZON + 1))
    assert forecast.quantiles.shape == (HORIZON, 3)
    assert (np.diff(forecast.quantiles, axis=1) > 0).all()


def test_missing_last_rows_move_a_forecast_on() -> None:
    model = forecaster()
    one = series_of(np.random.default_rng(4), 9, spacing="even")
    silent = np.vstack([one.values, np.full((2, 3), np.nan)])
    longer = Series(silent, np.append(one.times, [9.0, 10.0]), CHANNELS, time_kind="number")
    usual, late = model.predict([one, longer])
    np.testing.assert_array_equal(late.times, usual.times + 2)
    assert np.isfinite(late.quantiles).all()
    assert np.abs(late.quantiles - usual.quantiles).max() > 1e-4


def test_a_channel_that_is_silent_at_prediction_is_no_obstacle(model: Model) -> None:
    one = series_of(np.random.default_rng(5), 9)
    values = one.values.copy()
    values[:, CHANNELS.index("pulse")] = np.nan
    assert np.isfinite(predictions(model, [replace(one, observations=values)])).all()


def test_a_series_without_any_value_has_probabilities_but_no_forecast() -> None:
    nothing = Series(np.full((3, 3), np.nan), np.arange(3.0), CHANNELS, "s7", time_kind="number")
    np.testing.assert_allclose(classifier().predict_proba([nothing]).sum(), 1.0)
    with pytest.raises(InputError, match=f"Series 's7' has no value of '{TARGET}'"):
        forecaster().predict([nothing])


def test_channels_are_found_by_name(model: Model, series: list[Series]) -> None:
    order = [2, 0, 1]
    turned = [
        replace(
            one,
            observations=np.column_stack([one.values[:, order], np.zeros(len(one))]),
            channels=("ph", "pulse", "pressure", "more"),
        )
        for one in series
    ]
    np.testing.assert_array_equal(predictions(model, turned), predictions(model, series))


@pytest.mark.parametrize("task", sorted(MAKERS))
def test_arrays_serve_a_model_of_rows_in_order(task: str) -> None:
    model = MAKERS[task]("order")
    values = [series_of(np.random.default_rng(k), 6, "order").values for k in range(3)]
    expected = predictions(model, memcell.as_series(values, channels=CHANNELS))
    for given in (values, np.stack(values), [value.tolist() for value in values]):
        np.testing.assert_array_equal(predictions(model, given), expected)


def test_an_array_of_series_serves_as_a_list(model: Model, series: list[Series]) -> None:
    array = np.empty(len(series), object)
    array[:] = series
    np.testing.assert_array_equal(predictions(model, array), predictions(model, series))


def test_no_series_no_predictions() -> None:
    assert classifier().predict_proba([]).shape == (0, 3)
    assert forecaster().predict([]) == []


def test_a_lacking_channel_is_named(model: Model) -> None:
    one = Series(np.zeros((2, 2)), np.arange(2.0), ("pulse", "ph"), time_kind="number")
    with pytest.raises(InputError, match=r"lack the channel 'pressure'; the model reads 'pulse', 'pressure', 'ph'"):
        predictions(model, [one])


@pytest.mark.parametrize("trained", ["order", "number", "date"])
@pytest.mark.parametrize("given", ["order", "number", "date"])
def test_times_of_another_kind_are_refused(trained: TimeKind, given: TimeKind) -> None:
    model, one = classifier(trained), series_of(np.random.default_rng(6), 4, given)
    if trained == given:
        assert model.predict_proba([one]).shape == (1, 3)
    else:
        with pytest.raises(InputError, match=r"The times of the series are .*; the model was trained with"):
            model.predict_proba([one])


def test_a_forecaster_has_no_classes(series: list[Series]) -> None:
    model = forecaster()
    for ask in (lambda: model.classes, lambda: model.predict_proba(series), model.stream().predict_proba):
        with pytest.raises(InputError, match="is to forecast; it has no classes"):
            ask()
