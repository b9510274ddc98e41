"""What a careful user of scikit-learn would run in memcell's place: summaries of sequences and models on them.

Every choice of a setting is made by cross-validation inside the rows given to ``logistic``, ``boosted`` or ``ridge``.
"""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import polars as pl
from datasets import ClinicalStays, Fold, group_folds, stratified_folds
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.metrics import get_scorer
from sklearn.model_selection import GridSearchCV, KFold, ParameterSampler
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_sample_weight

__all__ = ["Clip", "boosted", "logistic", "ridge", "series_summaries", "stay_summaries", "window_features"]

STRENGTHS = (0.001, 0.01, 0.1, 1.0, 10.0)
PENALTIES = np.logspace(-2, 5, 22)
BOOSTING = {
    "learning_rate": [0.05, 0.03],
    "max_leaf_nodes": [8, 15, 31],
    "min_samples_leaf": [5, 20, 60],
    "l2_regularization": [0.1, 10.0],
    "max_features": [0.2, 0.5],
}
FIXED = {"max_bins": 63, "random_state": 0}  # fewer bins take less time, for scores as good
MAX_TREES = 1000
PATIENCE = 20

WINDOWS = (5, 20, 60)
LAGS = (1, 2, 3)
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)

Booster = HistGradientBoostingClassifier | HistGradientBoostingRegressor


def stay_summaries(stays: ClinicalStays) -> tuple[np.ndarray, list[str]]:
    """One row of features for every stay in the order of ``stays.outcomes``, and the features' names.

    Count, first, last, mean, min, max, standard deviation, slope per hour and last hour of each variable, then the
    static facts with categories one-hot. NaN where a variable was not measured, or not often enough.
    """
    value, hour = pl.col("value"), pl.col("hour")
    statistics = {
        "count": value.len().cast(pl.Float64),
        "first": value.first(),
        "last": value.last(),
        "mean": value.mean(),
        "min": value.min(),
        "max": value.max(),
        "std": value.std(),
        "slope": pl.when(hour.n_unique() > 1).then(pl.cov(hour, value) / hour.var()),
        "last_hour": hour.last(),
    }
    series = (
        stays.events.group_by("stay", "variable")
        .agg(**statistics)
        .unpivot(index=["stay", "variable"], variable_name="statistic", value_name="value")
        .select("stay", pl.format("{} {}", "variable", "statistic").alias("feature"), "value")
        .pivot("feature", index="stay", values="value")
    )
    static = stays.static.to_dummies(["Gender", "ICUType"])
    table = (
        stays.outcomes.select("stay")
        .join(series.select("stay", *sorted(series.columns[1:])), on="stay", how="left", maintain_order="left")
        .join(static, on="stay", how="left", maintain_order="left")
        .drop("stay")
        .with_columns(pl.col("^.* count$").fill_null(0.0))
    )
    return table.cast(pl.Float64).to_numpy(), table.columns


def window_features(frame: pl.DataFrame, ahead: bool = True) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A row of features for every reading of ``har_rfid``, its label, and its trial.

    The reading itself, the time since the trial began and since the reading before, its antenna one-hot; then mean,
    standard deviation, minimum and maximum of each channel, and the share of each antenna, over the last 5, 20 and 60
    readings of the trial and, to look ahead, over the last and next as many. NaN where too few readings are there.
    """
    antennas = frame["antenna"].to_dummies()
    readings = pl.concat([frame.drop("antenna"), antennas], how="horizontal").with_columns(
        pl.col("time").diff().over("trial").alias("gap")
    )
    channels = ["frontal", "vertical", "lateral", "rssi", "phase", "frequency", "gap"]
    rolling = [
        getattr(pl.col(name), f"rolling_{statistic}")(size, min_samples=1, center=centred)
        .over("trial")
        .alias(f"{name} {statistic} {size}")
        for window in WINDOWS
        for size, centred in ((window, False), (2 * window + 1, True))[: 1 + ahead]
        for statistic in ("mean", "std", "min", "max")
        for name in (channels + antennas.columns if statistic == "mean" else channels)
    ]
    features = readings.select("time", *channels, *antennas.columns, *rolling)
    return features.cast(pl.Float64).to_numpy(), frame["label"].to_numpy(), frame["trial"].to_numpy()


def series_summaries(series: Sequence[np.ndarray]) -> np.ndarray:
    """One row of features for each series [T_i, C]; values that are NaN count as missing.

    Its length, and of each channel mean, standard deviation, minimum, maximum, first, last, slope, quantiles and
    autocorrelations. NaN where the series does not say, such as the autocorrelation of a constant.
    """
    return np.array([_summary(np.asarray(values, np.float64)) for values in series])


def _summary(values: np.ndarray) -> np.ndarray:
    mean, deviation = np.nanmean(values, 0), np.nanstd(values, 0)
    centred = values - mean
    time = np.where(np.isnan(values), np.nan, np.arange(len(values))[:, None])
    time -= np.nanmean(time, 0)
    with np.errstate(invalid="ignore"):
        correlations = [np.nansum(centred[lag:] * centred[:-lag], 0) / np.nansum(centred**2, 0) for lag in LAGS]
    slope = np.nanmean(time * centred, 0) / np.nanvar(time, 0)
    ends = [np.nanmin(values, 0), np.nanmax(values, 0), values[0], values[-1]]
    quantiles = np.nanquantile(values, QUANTILES, 0)
    return np.concatenate([[len(values)], mean, deviation, *ends, slope, *quantiles, *correlations])


class Clip(TransformerMixin, BaseEstimator):
    """Features held within their 1 % and 99 % quantiles of the training rows; NaN stays NaN."""

    def fit(self, X: np.ndarray, y: Any = None) -> Self:  # noqa: ARG002
        self.low_, self.high_ = np.nanquantile(X, [0.01, 0.99], 0)
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        return np.clip(X, self.low_, self.high_)


def logistic(X: np.ndarray, y: np.ndarray, scoring: str = "roc_auc") -> Pipeline:
    """A fitted logistic regression on clipped, imputed and standardised features, C by inner cross-validation."""
    pipeline = make_pipeline(*_tidy(), LogisticRegression(max_iter=2000))
    grid = {"logisticregression__C": STRENGTHS}
    return GridSearchCV(pipeline, grid, scoring=scoring, cv=stratified_folds(y, 3)).fit(X, y).best_estimator_


def ridge(X: np.ndarray, y: np.ndarray) -> Pipeline:
    """A fitted ridge regression on clipped, imputed and standardised features, the penalty by leave-one-out."""
    return make_pipeline(*_tidy(), RidgeCV(PENALTIES)).fit(X, y)


def _tidy() -> tuple[Clip, SimpleImputer, StandardScaler]:
    return Clip(), SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True), StandardScaler()


def boosted(
    X: np.ndarray,
    y: np.ndarray,
    scoring: str = "roc_auc",
    *,
    groups: np.ndarray | None = None,
    weights: Sequence[str | None] = (None,),
    tries: int = 8,
    thin: int = 1,
) -> Booster:
    """Fitted boosted trees: a regressor where ``y`` is of floats, else a classifier.

    Inner cross-validation, by whole groups where ``groups`` is given, chooses among ``tries`` settings, each with every
    class weight of ``weights`` (None or "balanced"); the number of trees is where the loss left out is least. It sees
    every ``thin``-th row only, where there are too many of them.
    """
    kind = HistGradientBoostingRegressor if y.dtype.kind == "f" else HistGradientBoostingClassifier
    some = slice(None, None, thin)
    folds = _inner_folds(y[some], None if groups is None else groups[some])
    candidates = []
    for setting in ParameterSampler(BOOSTING, tries, random_state=0):
        for weight in weights:
            row_weights = None if weight is None else compute_sample_weight(weight, y)
            thinned = X[some], y[some], None if row_weights is None else row_weights[some]
            results = [_tried(kind(**FIXED, **setting), *thinned, fold, scoring) for fold in folds]
            score, trees = np.mean(results, 0)
            candidates.append((score, round(trees), setting, row_weights))
    _, trees, setting, row_weights = max(candidates, key=lambda candidate: candidate[0])
    model = kind(**FIXED, **setting).set_params(max_iter=trees, early_stopping=False)
    return model.fit(_binnable(X), y, sample_weight=row_weights)


def _tried(
    model: Booster, X: np.ndarray, y: np.ndarray, row_weights: np.ndarray | None, fold: Fold, scoring: str
) -> tuple[float, int]:
    """The score on the rows left out, and the number of trees that gave the least loss there."""
    train, test = fold
    model.set_params(max_iter=MAX_TREES, early_stopping=True, n_iter_no_change=PATIENCE)
    left_out = {"X_val": X[test], "y_val": y[test]}
    if row_weights is None:
        model.fit(_binnable(X[train]), y[train], **left_out)
    else:
        left_out["sample_weight_val"] = row_weights[test]
        model.fit(_binnable(X[train]), y[train], row_weights[train], **left_out)
    return get_scorer(scoring)(model, X[test], y[test]), max(1, int(np.argmax(model.validation_score_)))


def _binnable(X: np.ndarray) -> np.ndarray:
    """Rows to train on, 0 in columns that are NaN throughout, which scikit-learn cannot bin."""
    return np.where(np.isnan(X).all(axis=0), 0.0, X)


def _inner_folds(y: np.ndarray, groups: np.ndarray | None, k: int = 3) -> list[Fold]:
    if groups is not None:
        return group_folds(groups, k)
    if y.dtype.kind == "f":
        return list(KFold(k, shuffle=True, random_state=0).split(y))
    return stratified_folds(y, k)
