"""How good a trained model is on series it has not seen."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics

from memcell.contract import InputError
from memcell.data import Series
from memcell.data.recipe import on_grid
from memcell.heads import QUANTILES
from memcell.model import Model

__all__ = ["ClassifierScore", "ForecastScore", "evaluate_classifier", "evaluate_forecaster"]


@dataclass(frozen=True)
class ClassifierScore:
    """Attributes:
    series: how many were scored.
    accuracy, balanced_accuracy: shares from 0 to 1; balanced: the mean over classes.
    auroc: area under the receiver's curve, of many classes one against the rest; NaN if a class does not occur.
    log_loss: mean negative logarithm of the probability given to the true class.
    """

    series: int
    accuracy: float
    balanced_accuracy: float
    auroc: float
    log_loss: float


@dataclass(frozen=True)
class ForecastScore:
    """Attributes:
    origins: forecasts that were scored.
    mae: mean absolute error of the median, in the target's unit.
    mase: the same over the mean absolute change in K steps before the first origin (Hyndman and Koehler 2006, with the
        horizon as the season); NaN without such a change.
    coverage: share of the true values between the 0.1 and the 0.9 quantile; 0.8 is claimed.
    pinball: mean pinball loss over the three quantiles, in the target's unit.
    """

    origins: int
    mae: float
    mase: float
    coverage: float
    pinball: float


def evaluate_classifier(model: Model, series: list[Series]) -> ClassifierScore:
    """Scores on labelled series.

    Raises:
        InputError: no series, a series without label, or with one the model does not know.
    """
    if not series:
        raise InputError("There are no series to evaluate.")
    labels = [one.label for one in series]
    unknown = [label for label in labels if label not in model.classes]
    if unknown:
        raise InputError(
            f"The label {unknown[0]!r} is none of the model's classes, {', '.join(map(repr, model.classes))}."
        )
    codes = np.array([model.classes.index(label) for label in labels])
    probabilities = model.predict_proba(series)
    best = probabilities.argmax(axis=1)
    every = np.arange(len(model.classes))
    if len(np.unique(codes)) < len(every):
        auroc = float("nan")
    elif len(every) == 2:
        auroc = float(metrics.roc_auc_score(codes, probabilities[:, 1]))
    else:
        auroc = float(metrics.roc_auc_score(codes, probabilities, multi_class="ovr", labels=every))
    recalls = [float((best[codes == code] == code).mean()) for code in np.unique(codes)]
    return ClassifierScore(
        len(series),
        float((best == codes).mean()),
        float(np.mean(recalls)),
        auroc,
        float(metrics.log_loss(codes, probabilities, labels=every)),
    )


def evaluate_forecaster(model: Model, series: list[Series], origins: int | None = None) -> ForecastScore:
    """Scores of forecasts from many origins, each made from the rows before it alone.

    Args:
        origins: forecasts a series, a quarter of the horizon apart, the last one a horizon before the end; None: as
            many as start in the last tenth of the series, at least one.

    Raises:
        InputError: no series is longer than the horizon, or the truth is missing throughout.
    """
    target = model.recipe.target
    if target is None:
        raise InputError("This model classifies; it cannot be scored as a forecaster.")
    horizon, apart = target.horizon, max(1, target.horizon // 4)
    errors: list[NDArray[Any]] = []
    losses: list[NDArray[Any]] = []
    covered: list[NDArray[Any]] = []
    changes: list[NDArray[Any]] = []
    count = 0
    for one in model.series_of(series):
        y = on_grid(one, model.recipe.cadence)[0][:, target.channel]
        if len(y) <= horizon:
            continue
        wanted = origins or max(1, 1 + (len(y) // 10 - horizon) // apart)
        rows = len(y) - 1 - horizon - apart * np.arange(wanted)
        rows = rows[rows >= 0]
        quantiles, anchor = model.quantiles_at(model.recipe.begin().advance(one), rows)
        known = ~np.isnan(anchor)
        rows, quantiles, anchor = rows[known], quantiles[known], anchor[known]
        forecast = target.forecast(quantiles, anchor)
        truth = y[rows[:, None] + np.arange(1, horizon + 1)]
        known = ~np.isnan(truth)
        error = (truth[:, :, None] - forecast)[known]
        errors.append(np.abs(error[:, 1]))
        losses.append(np.maximum(np.array(QUANTILES) * error, (np.array(QUANTILES) - 1) * error).mean(axis=1))
        covered.append((error[:, 0] >= 0) & (error[:, 2] <= 0))
        past = y[: rows.min() + 1] if len(rows) else y[:0]
        changes.append(np.abs(past[horizon:] - past[:-horizon]))
        count += len(rows)
    if not sum(map(len, errors)):
        raise InputError(f"No series has known values of the target over {horizon} steps after a row to start from.")
    mae = float(np.concatenate(errors).mean())
    change = np.concatenate(changes)
    scale = float(np.nanmean(change)) if np.isfinite(change).any() else float("nan")
    return ForecastScore(
        count,
        mae,
        mae / scale if scale > 0 else float("nan"),
        float(np.concatenate(covered).mean()),
        float(np.concatenate(losses).mean()),
    )
