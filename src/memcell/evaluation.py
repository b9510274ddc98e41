"""How good a trained model is on series it has not seen."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics

from memcell.contract import InputError
from memcell.data import Series
from memcell.data.grid import on_grid
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
    mase: of each series the mean absolute error over its mean absolute change in K steps before the first origin
        (Hyndman and Koehler 2006, with the horizon as the season), averaged over the series; NaN without such a change.
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
    levels = np.array(QUANTILES)
    errors: list[NDArray[Any]] = []  # of each series, truth minus the quantiles, [known, 3]
    scaled: list[float] = []
    count = 0
    for one in model.series_of(series):
        y = on_grid(one, model.recipe.cadence)[0][:, target.channel]
        wanted = origins or max(1, 1 + (len(y) // 10 - horizon) // apart)
        rows = len(y) - 1 - horizon - apart * np.arange(wanted)
        seen = np.flatnonzero(~np.isnan(y))
        rows = rows[rows >= (seen[0] if len(seen) else len(y))]
        if not len(rows):
            continue
        forecast = target.forecast(*model.quantiles_at(model.recipe.begin().advance(one), rows))
        truth = y[rows[:, None] + np.arange(1, horizon + 1)]
        known = ~np.isnan(truth)
        errors.append((truth[:, :, None] - forecast)[known])
        count += len(rows)
        past = y[: rows.min() + 1]
        changes = np.abs(past[horizon:] - past[:-horizon])
        if known.any() and np.nansum(changes) > 0:
            scaled.append(float(np.abs(errors[-1][:, 1]).mean() / np.nanmean(changes)))
    if not sum(map(len, errors)):
        raise InputError(f"No series has known values of the target over {horizon} steps after a row to start from.")
    error = np.concatenate(errors)
    return ForecastScore(
        count,
        float(np.abs(error[:, 1]).mean()),
        float(np.mean(scaled)) if scaled else float("nan"),
        float(((error[:, 0] >= 0) & (error[:, 2] <= 0)).mean()),
        float(np.maximum(levels * error, (levels - 1) * error).mean()),
    )
