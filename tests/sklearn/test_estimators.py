"""The estimators as scikit-learn uses them, on lists of series."""

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn import metrics
from sklearn.base import clone, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_predict, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from training.small_series import levels, wave

import memcell
from memcell import InputError, Series, as_series
from memcell.evaluation import evaluate_classifier, evaluate_forecaster, evaluate_model
from memcell.sklearn import SequenceClassifier, SequenceForecaster, SequenceRegressor, SequenceTagger

FAST: dict[str, Any] = {"hidden_size": 4, "epochs": 2, "progress": False}


@pytest.fixture
def classifier() -> SequenceClassifier:
    return SequenceClassifier(members=1, **FAST)


@pytest.fixture
def forecaster() -> SequenceForecaster:
    return SequenceForecaster(horizon=4, **FAST)


@pytest.fixture
def labelled(tmp_path: Path) -> list[Series]:
    """Series that carry their labels, as ``memcell.read`` gives them."""
    series, labels = levels(30)
    rows = [
        (one.id, time, None if np.isnan(value) else value, label)
        for one, label in zip(series, labels, strict=True)
        for time, value in zip(one.times, one.values[:, 0], strict=True)
    ]
    table = pl.DataFrame(rows, schema=["stay", "hour", "x", "level"], orient="row")
    table.write_csv(tmp_path / "t.csv")
    return memcell.read(tmp_path / "t.csv", id="stay", time="hour", label="level")


@pytest.mark.parametrize("estimator", [SequenceClassifier, SequenceForecaster, SequenceRegressor, SequenceTagger])
def test_every_argument_is_a_parameter_that_clone_keeps(estimator: type) -> None:
    first = estimator()
    changed = dict.fromkeys(first.get_params(), "other")
    copy = clone(first.set_params(**changed))
    assert copy.get_params() == changed
    assert estimator().get_params() != changed


def test_labels_come_from_y_or_from_the_series(labelled: list[Series], classifier: SequenceClassifier) -> None:
    y = [one.label for one in labelled]
    with_y, without = clone(classifier).fit(labelled, y), classifier.fit(labelled)
    np.testing.assert_array_equal(with_y.predict_proba(labelled), without.predict_proba(labelled))
    assert without.classes_.tolist() == ["high", "low"]
    assert set(without.predict(labelled)) <= {"high", "low"}
    assert without.score(labelled, y) == np.mean(without.predict(labelled) == y)


def test_series_are_split_and_cross_validated(labelled: list[Series], classifier: SequenceClassifier) -> None:
    assert is_classifier(classifier)
    y = [one.label for one in labelled]
    folds = StratifiedKFold(3, shuffle=True, random_state=0)
    scores = cross_val_score(classifier, labelled, y, cv=folds, scoring="roc_auc", error_score="raise")
    assert scores.shape == (3,)
    assert ((scores >= 0) & (scores <= 1)).all()
    probabilities = cross_val_predict(classifier, labelled, y, cv=folds, method="predict_proba")
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)
    training, test, y_training, _ = train_test_split(labelled, y, stratify=y, random_state=0)
    assert len(classifier.fit(training, y_training).predict(test)) == len(test)


def test_a_grid_is_searched(labelled: list[Series], classifier: SequenceClassifier) -> None:
    search = GridSearchCV(classifier, {"hidden_size": [2, 3], "peephole": ["none", "full"]}, cv=2, error_score="raise")
    search.fit(labelled, [one.label for one in labelled])
    assert search.best_params_["hidden_size"] == search.best_estimator_.model_.config.hidden_size
    assert search.best_params_["peephole"] == search.best_estimator_.model_.config.spec.peephole


def test_numbers_of_numpy_are_numbers(labelled: list[Series], classifier: SequenceClassifier) -> None:
    search = GridSearchCV(classifier, {"hidden_size": np.array([2, 3])}, cv=2, error_score="raise")
    search.fit(labelled, [one.label for one in labelled])
    assert isinstance(search.best_estimator_.model_.config.hidden_size, int)


def test_a_pipeline_ends_in_an_estimator(labelled: list[Series], classifier: SequenceClassifier) -> None:
    first_rows = FunctionTransformer(lambda series: [Series(s.values[:2], s.times[:2], s.channels, s.id, s.label,
                                                            s.time_kind, s.schema) for s in series])  # fmt: skip
    pipeline = make_pipeline(first_rows, classifier).fit(labelled, [one.label for one in labelled])
    assert len(pipeline.predict(labelled)) == len(labelled)
    assert pipeline[-1].model_.record["rows"] == 60


def test_estimators_are_pickled_with_their_models(
    labelled: list[Series], classifier: SequenceClassifier, forecaster: SequenceForecaster
) -> None:
    classifier.fit(labelled)
    forecaster.fit(wave())
    np.testing.assert_array_equal(
        pickle.loads(pickle.dumps(classifier)).predict_proba(labelled), classifier.predict_proba(labelled)
    )
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(forecaster)).predict(wave()), forecaster.predict(wave()))


def test_saved_estimators_predict_the_same(
    labelled: list[Series], classifier: SequenceClassifier, forecaster: SequenceForecaster, tmp_path: Path
) -> None:
    classifier.fit(labelled).save(tmp_path / "c")
    forecaster.fit(wave()).save(tmp_path / "f")
    np.testing.assert_array_equal(
        memcell.load(tmp_path / "c").predict_proba(labelled), classifier.predict_proba(labelled)
    )
    (forecast,) = memcell.load(tmp_path / "f").predict(wave())
    np.testing.assert_array_equal(forecast.quantiles, forecaster.predict_quantiles(wave())[0])
    with pytest.raises(InputError, match="exists"):
        classifier.save(tmp_path / "c")


def test_arrays_serve_as_series(classifier: SequenceClassifier, forecaster: SequenceForecaster) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20, 6, 2))
    y = np.arange(20) % 2
    x[3, 2] = np.nan
    assert classifier.fit(x, y).predict(x).dtype == y.dtype
    np.testing.assert_array_equal(classifier.predict_proba(list(x)), classifier.predict_proba(x))
    # A forecast is of the rows after the last one, whatever their number.
    assert forecaster.set_params(target="x1").fit(x[:, :, :]).predict(x[:3]).shape == (3, 4)


def test_the_median_lies_between_the_outer_quantiles(forecaster: SequenceForecaster) -> None:
    forecaster.fit(wave())
    quantiles = forecaster.predict_quantiles(wave())
    assert quantiles.shape == (1, 4, 3)
    assert (np.diff(quantiles, axis=2) > 0).all()
    np.testing.assert_array_equal(forecaster.predict(wave()), quantiles[:, :, 1])


def test_a_forecasts_score_is_minus_its_scaled_error_on_the_last_steps(forecaster: SequenceForecaster) -> None:
    (one,) = wave(missing=0.0)
    forecaster.fit([one])
    y, history = one.values[:, 0], Series(one.values[:-4], one.times[:-4], ("x",), 0, time_kind="number")
    error = np.abs(forecaster.predict([history])[0] - y[-4:]).mean()
    change = np.abs(y[4:-4] - y[:-8]).mean()
    assert forecaster.score([one]) == pytest.approx(-error / change, rel=1e-5)
    scores = cross_val_score(forecaster, wave() * 4, cv=2, error_score="raise")
    assert np.isfinite(scores).all()


def test_forecasts_are_scored_from_the_rows_before_each_origin(forecaster: SequenceForecaster) -> None:
    (one,) = wave(missing=0.0)
    model = forecaster.fit([one]).model_
    errors, inside = [], []
    for stop in (116, 115, 114):
        history = Series(one.values[:stop], one.times[:stop], ("x",), 0, time_kind="number")
        low, median, high = model.predict([history])[0].quantiles.T
        truth = one.values[stop : stop + 4, 0]
        errors.append(np.abs(truth - median))
        inside.append((truth >= low) & (truth <= high))
    score = evaluate_forecaster(model, [one], origins=3)
    assert score.origins == 3
    assert score.mae == pytest.approx(np.mean(errors), rel=1e-5)
    assert score.coverage == np.mean(inside)


def test_classifier_scores_against_scikit_learns_metrics(
    labelled: list[Series], classifier: SequenceClassifier
) -> None:
    model = classifier.fit(labelled).model_
    score = evaluate_classifier(model, labelled)
    y = [one.label for one in labelled]
    assert score.series == 30
    assert score.accuracy == metrics.accuracy_score(y, model.predict(labelled))
    assert score.balanced_accuracy == pytest.approx(metrics.balanced_accuracy_score(y, model.predict(labelled)))
    assert score.auroc == metrics.roc_auc_score(y, model.predict_proba(labelled)[:, 1])
    assert score.log_loss == metrics.log_loss(y, model.predict_proba(labelled))
    wanted = metrics.brier_score_loss(y, model.predict_proba(labelled)[:, 1], pos_label="low")
    assert score.brier == pytest.approx(wanted)


def test_a_label_the_model_does_not_know_is_named(labelled: list[Series], classifier: SequenceClassifier) -> None:
    model = classifier.fit(labelled).model_
    stranger = Series(np.zeros((1, 1)), np.zeros(1), ("x",), label="medium", time_kind="number")
    with pytest.raises(InputError, match="'medium' is none of the model's classes, 'high', 'low'"):
        evaluate_classifier(model, [stranger])


@pytest.mark.parametrize("estimator", [SequenceClassifier(), SequenceForecaster()])
def test_before_fit_there_is_nothing_to_predict_with(estimator: Any, tmp_path: Path) -> None:
    for ask in (lambda: estimator.predict([[1.0]]), lambda: estimator.save(tmp_path / "m")):
        with pytest.raises(NotFittedError):
            ask()


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        ([], [], "`X` is empty"),
        ([np.zeros((0, 1))] * 4, [0, 1, 0, 1], "every series is empty"),
        ([np.zeros((3, 1))] * 4, None, "the series carry no labels"),
        ([np.zeros((3, 1))] * 4, [0, 1], "2 labels for 4 series"),
        ([np.zeros((3, 1)), np.zeros((3, 2))], [0, 1], "same channels"),
        ([["a"], ["b"]], [0, 1], "must be an array of numbers"),
        (np.zeros(5), [0] * 5, "must have the shape"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_cannot_be_learnt_from_is_refused(classifier: SequenceClassifier, x: Any, y: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        classifier.fit(x, y)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (["q"] * 4, "`sample_weight` of series 0 is 'q'"),
        ([1, None, 1, 1], "`sample_weight` of series 1 is None"),
        ([1, 1, -2, 1], "`sample_weight` of series 2 is -2"),
        ([1, 1, 1, np.nan], "`sample_weight` of series 3 is nan"),
        ([np.inf, 1, 1, 1], "`sample_weight` of series 0 is inf"),
        ([1e300, 1, 1, 1], "`sample_weight` of series 0 is 1e.300.*divide all"),
        ([1e-300, 1, 1, 1], "`sample_weight` of series 0 is 1e-300"),
        ([1, 1], "2 entries for 4 series"),
        ([0] * 4, "The weight of every series is zero"),
    ],
    ids=str,
)
@pytest.mark.parametrize("estimator", [SequenceClassifier, SequenceRegressor])
def test_weights_that_are_none(estimator: Any, weights: list[Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        estimator(**FAST).fit([np.zeros((3, 1))] * 4, [0, 1, 0, 1], sample_weight=weights)


@pytest.mark.parametrize(
    "estimator",
    [
        SequenceClassifier(members=1, class_weight="balanced", **FAST),
        SequenceRegressor(members=1, **FAST),
        SequenceTagger(members=1, class_weight="balanced", **FAST),
    ],
    ids=lambda one: type(one).__name__,
)
def test_a_series_of_weight_zero_is_as_if_it_were_not_there(estimator: Any) -> None:
    x, weights = np.random.default_rng(0).normal(size=(12, 12, 2)), np.ones(12)
    y: Any = np.array([0, 1, 1, 0, 1, 1] + [5] * 6)
    if isinstance(estimator, SequenceRegressor):
        y = y * np.where(weights > 0, 1.0, 1e6)
    elif isinstance(estimator, SequenceTagger):
        y = [np.where(one[:, 0] > label, "up", "down") for one, label in zip(x, y, strict=True)]
    x[6:], weights[6:] = 50 * x[6:] + 7, 0.0
    with_zeros = clone(estimator).fit(list(x), y, sample_weight=weights)
    without = clone(estimator).fit(list(x[:6]), y[:6])
    ask = "predict" if isinstance(estimator, SequenceRegressor) else "predict_proba"
    np.testing.assert_array_equal(getattr(with_zeros, ask)(x), getattr(without, ask)(x))
    with pytest.raises(InputError, match=r"one series only|one class only|known of 1 sample"):
        clone(estimator).fit(list(x), y, sample_weight=np.eye(12)[0])


@pytest.fixture
def levelled() -> tuple[list[Any], Any]:
    """Series and two numbers of each, one of which is not known of all."""
    levels = np.linspace(0, 1, 20)
    targets = np.stack([levels, 3 - levels], axis=1)
    targets[::4, 1] = np.nan
    return [np.full((5, 1), level) for level in levels], targets


def test_a_regressors_score_leaves_out_what_is_unknown(levelled: tuple[list[Any], Any]) -> None:
    x, y = levelled
    regressor = SequenceRegressor(members=1, **FAST).fit(x, y)
    found, known = regressor.predict(x), ~np.isnan(y[:, 1])
    weights = np.arange(1.0, 21.0)
    for weight in (None, weights):
        of = np.ones(20) if weight is None else weight
        wanted = [
            metrics.r2_score(y[:, 0], found[:, 0], sample_weight=of),
            metrics.r2_score(y[known, 1], found[known, 1], sample_weight=of[known]),
        ]
        assert regressor.score(x, y, weight) == pytest.approx(np.mean(wanted))
    with pytest.raises(InputError, match=r"`y` has the shape \(20, 1\); the model gives 2 numbers"):
        regressor.score(x, y[:, 0])
    with pytest.raises(InputError, match="unknown throughout"):
        regressor.score(x, y * np.nan)


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_r2_is_the_mean_over_the_targets(levelled: tuple[list[Any], Any]) -> None:
    x, y = levelled
    y = np.nan_to_num(y * [1.0, 100.0])
    regressor = SequenceRegressor(members=1, **FAST).fit(x, y)
    scored = [replace(one, label=tuple(row)) for one, row in zip(as_series(x), y, strict=True)]
    assert evaluate_model(regressor.model_, scored).r2 == pytest.approx(metrics.r2_score(y, regressor.predict(x)))


def test_a_taggers_score_counts_weights() -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(30, 6, 1))
    tags = [np.where(one[:, 0] > 0, "up", "down") for one in x]
    tagger, weight = SequenceTagger(members=1, **FAST).fit(x, tags), random.random(30)
    found = tagger.predict(x)
    right = [np.mean(a == b) for a, b in zip(tags, found, strict=True)]
    assert tagger.score(x, tags, weight) == pytest.approx(np.average(right, weights=weight))
    assert tagger.score(x, tags) == pytest.approx(np.mean(right))


def test_scorers_take_several_labels() -> None:
    random = np.random.default_rng(0)
    x = random.standard_normal((40, 5, 3))
    y = (x.mean(axis=1) > 0).astype(int)
    model = SequenceClassifier(members=1, **FAST).fit(x, y)
    probabilities = model.predict_proba(x)
    assert probabilities.shape == (40, 3)
    assert model.classes_.tolist() == ["y0", "y1", "y2"]
    assert metrics.get_scorer("roc_auc")(model, x, y) == metrics.roc_auc_score(y, probabilities)
    assert metrics.get_scorer("average_precision")(model, x, y) == metrics.average_precision_score(y, probabilities)
    assert metrics.get_scorer("f1_micro")(model, x, y) == metrics.f1_score(y, model.predict(x), average="micro")


def test_weights_of_classes_are_for_one_label() -> None:
    x, y = np.zeros((8, 3, 1)), np.eye(2, dtype=int)[[0, 1] * 4]
    with pytest.raises(InputError, match="`class_weight` is 'balanced'; series with several labels"):
        SequenceClassifier(class_weight="balanced", **FAST).fit(x, y)


def test_what_a_masked_array_masks_is_missing(classifier: SequenceClassifier) -> None:
    random = np.random.default_rng(0)
    masked = np.ma.masked_array(random.normal(size=(30, 6, 1)), mask=random.random((30, 6, 1)) < 0.3)
    y = [0, 1] * 15
    found, wanted = (classifier.fit(x, y).predict_proba(x) for x in (masked, masked.filled(np.nan)))
    assert np.array_equal(found, wanted)
    assert np.array_equal(classifier.predict_proba(list(masked)), wanted)
    numbers = np.ma.masked_array(np.where(np.arange(30) % 3, 1.0, -9999.0), mask=np.arange(30) % 3 == 0)
    means = SequenceRegressor(members=1, **FAST).fit(masked, numbers).predict(masked)
    assert np.abs(means - 1).max() < 1


def test_huge_targets(levelled: tuple[list[Any], Any]) -> None:
    x, y = levelled
    regressor = SequenceRegressor(members=1, **FAST)
    with pytest.raises(InputError, match=r"The target of series 1 is 5.26316e\+298, too large to be learnt"):
        regressor.fit(x, y * 1e300)
    assert np.isfinite(regressor.fit(x, y * 1e99).score(x, y * 1e99))
    y[3] = 1e99  # one that is a mistake, and pulls no more than others
    assert np.abs(regressor.fit(x, y).predict(x)).max() < 10


def test_a_forecaster_of_several_channels_is_told_which(forecaster: SequenceForecaster) -> None:
    with pytest.raises(InputError, match="say which of 'x0', 'x1' to forecast"):
        forecaster.fit(np.zeros((1, 30, 2)))


@pytest.mark.parametrize(("option", "value"), [("peephole", "half"), ("epochs", 0), ("hidden_size", 0)])
def test_a_parameter_out_of_range_is_refused_at_fit(option: str, value: Any, labelled: list[Series]) -> None:
    with pytest.raises(InputError, match=f"`{option}` is {value!r}"):
        SequenceClassifier(**{**FAST, option: value}).fit(labelled)
