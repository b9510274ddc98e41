"""Simple answers to the model's question, scored as the model is: a constant, and learners of summaries."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.model_selection import GridSearchCV, KFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from memcell.contract import InputError
from memcell.data import Series
from memcell.evaluation import evaluate_forecaster, evaluate_model
from memcell.features.grid import on_grid
from memcell.heads import QUANTILES, Regression
from memcell.model import Model
from memcell.report.summaries import Summaries

__all__ = ["Rival", "constant", "learnt", "naive"]

Array = NDArray[Any]

_MOST_ROWS = 20_000  # of training, from which a tagger's rivals learn
_FOLDS = 5
_NEVER: Any = False  # scikit-learn's annotation has forgotten it
_NORMAL90 = 1.2815516  # quantile 0.9 of the normal distribution


@dataclass(frozen=True)
class Rival:
    """A rival's name, what it is, and its score, of the kind the model's is."""

    name: str
    about: str
    score: Any


def constant(model: Model, series: list[Series], training: list[Series] | None) -> Rival:
    """The same answer for every series: how often each class is, or quantiles and mean of each target, in training."""
    if model.task == "regress":
        head = cast("Regression", model.config.head)
        center, scale = np.array(head.center), np.array(head.scale)
        numbers = center[:, None] + scale[:, None] * _NORMAL90 * np.array([-1.0, 0.0, 1.0, 0.0])
        if training is not None:
            truth = _numbers(training, len(head.names))
            numbers = np.vstack([np.nanquantile(truth, QUANTILES, axis=0), np.nanmean(truth, axis=0)]).T
        answer = np.tile(numbers, (len(series), 1, 1))
        about = "the median of training" if training is None else "mean and median of training, and its 80 % interval"
        return Rival("constant guess", about, _score(model, series, answer))
    rates, about = _rates(model, training if training is not None else series, training is None)
    if model.task == "tag":
        return Rival("constant guess", about, _score(model, series, [np.tile(rates, (len(one), 1)) for one in series]))
    return Rival("constant guess", about, _score(model, series, np.tile(rates, (len(series), 1))))


def naive(model: Model, series: list[Series], again: bool) -> Rival:
    """A forecast that nothing changes, or that the last horizon comes again; its band is as wide as past changes."""
    target = model.recipe.target
    assert target is not None
    ahead = np.arange(1, target.horizon + 1)
    lags = np.full(target.horizon, target.horizon) if again else ahead

    def answers(one: Series, rows: Array) -> tuple[Array, None]:
        y = on_grid(one, model.recipe.cadence).values[:, target.channel]
        known = y[np.maximum.accumulate(np.where(np.isnan(y), 0, np.arange(len(y))))]
        known[np.isnan(known)] = y[~np.isnan(y)][0]  # before the first value
        past = y[: int(rows.min()) + 1]
        band = np.zeros((target.horizon, 3))
        for k, lag in enumerate(lags):
            changes = past[lag:] - past[:-lag]
            changes = changes[~np.isnan(changes)]
            if len(changes):
                band[k] = np.quantile(changes, QUANTILES)
        band[:, 0], band[:, 1], band[:, 2] = band[:, 0].clip(max=0), 0.0, band[:, 2].clip(min=0)
        start = np.maximum(rows[:, None] + ahead - lags, 0)
        return known[start][:, :, None] + band, None

    stand_in = SimpleNamespace(
        recipe=SimpleNamespace(
            cadence=model.recipe.cadence,
            target=SimpleNamespace(
                horizon=target.horizon, channel=target.channel, forecast=lambda quantiles, _: quantiles
            ),
            begin=lambda: SimpleNamespace(advance=lambda one: one),
        ),
        series_of=model.series_of,
        quantiles_at=answers,
    )
    score = evaluate_forecaster(cast("Model", stand_in), series)
    if again:
        return Rival(
            "last horizon", "what was measured one horizon before each step, and how far that usually was", score
        )
    return Rival("last value", "the last value before each forecast, with the quantiles of its past changes", score)


def learnt(model: Model, series: list[Series], training: list[Series]) -> tuple[list[Rival], str]:
    """Learners of summaries, fitted on ``training``, and a remark on what they did not see.

    Raises:
        InputError: there is nothing to learn from.
    """
    summaries = Summaries.of(model.recipe, training)
    remark = f"They saw the {len(summaries.channels)} most observed channels only." if summaries.left_out else ""
    learners = {"regress": _regressions, "multilabel": _several}.get(model.task, _classifications)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        answers = learners(model, summaries, training, series)
        return [Rival(name, _ABOUT[name], _score(model, series, answer)) for name, answer in answers.items()], remark


_ABOUT = {
    "logistic regression": "of summaries, its penalty chosen by cross-validation",
    "ridge regression": "of summaries; its 80 % interval from errors in cross-validation",
    "boosted trees": "scikit-learn's HistGradientBoosting of the same summaries",
}


def _score(model: Model, series: list[Series], answer: Any) -> Any:
    """The score of answers that a model would have given (of a regression what its head decodes), by the same code."""
    stand_in = SimpleNamespace(
        task=model.task,
        config=model.config,
        classes=() if model.task == "regress" else model.classes,
        predict_proba=lambda _: answer,
        numbers=lambda _: answer,
    )
    return evaluate_model(cast("Model", stand_in), series)


def _rates(model: Model, series: list[Series], from_record: bool) -> tuple[Array, str]:
    """How often each class or label is, in the training record if it says so, else among ``series``."""
    counts: Any = model.record.get("labels" if model.task == "multilabel" else "classes")
    total: Any = model.record.get("series") if model.task == "multilabel" else None
    if from_record and isinstance(counts, Mapping):
        found = np.array([counts.get(str(one), np.nan) for one in model.classes], np.float64)
        whole = float(total) if isinstance(total, int) else float(found.sum())
        if np.isfinite(found).all() and (found >= 0).all() and whole > 0:
            return (found / whole).clip(0, 1), "how often each class was in training"
    if model.task == "multilabel":
        rates = _numbers(series, len(model.classes)).mean(axis=0)
    else:
        rates = np.bincount(_codes(model, _labels(model, series)), minlength=len(model.classes)) / 1.0
        rates = rates / rates.sum()
    return rates, f"how often each class is in {'these data themselves' if from_record else 'the training table'}"


def _labels(model: Model, series: list[Series]) -> list[Any]:
    """The label of each series, or of each row with a known one."""
    if model.task != "tag":
        return [one.label for one in series]
    return [tag for one in series for tag in ([] if one.tags is None else one.tags) if tag is not None and tag == tag]


def _codes(model: Model, labels: list[Any]) -> NDArray[np.int64]:
    unknown = [label for label in labels if label not in model.classes]
    if unknown or not labels:
        what = f"the label {unknown[0]!r}, which the model does not know" if unknown else "no labels"
        raise InputError(f"The table that rivals learn from has {what}. Give the table that the model was trained on.")
    return np.array([model.classes.index(label) for label in labels])


def _numbers(series: list[Series], count: int) -> NDArray[np.float64]:
    labels: list[Any] = [np.nan if one.label is None else one.label for one in series]
    return np.array(labels, np.float64).reshape(len(series), count)


def _classifications(
    model: Model, summaries: Summaries, training: list[Series], series: list[Series]
) -> dict[str, Any]:
    """Probabilities [n, classes] of series; of a tagger's rows, a list."""
    count = len(model.classes)
    if model.task != "tag":
        training = [one for one in training if one.label is not None]
        codes = _codes(model, _labels(model, training))
        of_training, of_data = summaries.of_series(training), summaries.of_series(series)
        return {name: _probabilities(make, of_training, codes, of_data, count) for name, make in _CLASSIFIERS.items()}
    training = [one for one in training if one.tags is not None]
    codes = _codes(model, _labels(model, training))
    known = [np.array([tag is not None and tag == tag for tag in cast("Any", one.tags)], bool) for one in training]
    rows = np.concatenate([summaries.of_rows(one)[kept] for one, kept in zip(training, known, strict=True)])
    if len(rows) > _MOST_ROWS:
        chosen = np.random.default_rng(0).choice(len(rows), _MOST_ROWS, replace=False)
        rows, codes = rows[chosen], codes[chosen]
    of_data = np.concatenate([summaries.of_rows(one) for one in series])
    ends = np.cumsum([len(one) for one in series])[:-1]
    return {
        name: np.split(_probabilities(make, rows, codes, of_data, count), ends) for name, make in _CLASSIFIERS.items()
    }


def _several(model: Model, summaries: Summaries, training: list[Series], series: list[Series]) -> dict[str, Any]:
    training = [one for one in training if one.label is not None]
    if not training:
        raise InputError("The table that rivals learn from has no labels.")
    truth = _numbers(training, len(model.classes)).astype(np.int64)
    of_training, of_data = summaries.of_series(training), summaries.of_series(series)
    return {
        name: np.stack([_probabilities(make, of_training, one, of_data, 2)[:, 1] for one in truth.T], axis=1)
        for name, make in _CLASSIFIERS.items()
    }


def _regressions(model: Model, summaries: Summaries, training: list[Series], series: list[Series]) -> dict[str, Any]:
    count = len(cast("Regression", model.config.head).names)
    truth = _numbers(training, count)
    of_training, of_data = summaries.of_series(training), summaries.of_series(series)
    return {
        name: np.stack([_with_errors(make, of_training, one, of_data) for one in truth.T], axis=1)
        for name, make in _REGRESSORS.items()
    }


def _logistic(codes: NDArray[np.int64]) -> Any:
    plain = make_pipeline(
        SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler(), LogisticRegression(max_iter=1000)
    )
    folds = min(3, int(np.bincount(codes)[np.unique(codes)].min()))
    if folds < 2:
        return plain.set_params(logisticregression__C=0.1)
    return GridSearchCV(plain, {"logisticregression__C": [0.003, 0.03, 0.3, 3.0]}, scoring="neg_log_loss", cv=folds)


_CLASSIFIERS: dict[str, Callable[[NDArray[np.int64]], Any]] = {
    "logistic regression": _logistic,
    "boosted trees": lambda _: HistGradientBoostingClassifier(early_stopping=_NEVER, random_state=0),
}
_REGRESSORS: dict[str, Callable[[], Any]] = {
    "ridge regression": lambda: make_pipeline(
        SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler(), RidgeCV(np.logspace(-2, 4, 7))
    ),
    "boosted trees": lambda: HistGradientBoostingRegressor(early_stopping=_NEVER, random_state=0),
}


def _probabilities(make: Any, rows: Array, codes: NDArray[np.int64], of_data: Array, count: int) -> Array:
    """[n, count]; a class that does not occur in training has probability 0."""
    found = np.unique(codes)
    result = np.zeros((len(of_data), count))
    if len(found) < 2:
        result[:, found] = 1.0
        return result
    if len(of_data):
        result[:, found] = make(codes).fit(rows, codes).predict_proba(of_data)
    return result


def _with_errors(make: Any, rows: Array, truth: NDArray[np.float64], of_data: Array) -> Array:
    """[n, 4]: around the prediction the quantiles of errors on series that were left out of a fit; itself as mean."""
    known = ~np.isnan(truth)
    rows, truth = rows[known], truth[known]
    if len(truth) < _FOLDS:
        raise InputError(f"A target of the table that rivals learn from is known of {len(truth)} series; {_FOLDS} are "
                         "needed.")  # fmt: skip
    left_out = cross_val_predict(make(), rows, truth, cv=KFold(_FOLDS, shuffle=True, random_state=0))
    errors = np.quantile(truth - left_out, QUANTILES)
    predicted = make().fit(rows, truth).predict(of_data)
    return predicted[:, None] + np.append(errors, 0.0)
