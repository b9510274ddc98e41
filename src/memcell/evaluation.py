"""How good a trained model is on series it has not seen."""

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics

from memcell.contract import InputError
from memcell.data import Series
from memcell.data.series import is_unknown
from memcell.data.sketch import share_in
from memcell.features.grid import on_grid
from memcell.heads import QUANTILES, Regression
from memcell.heads.regression import check_targets
from memcell.model import Model

__all__ = [
    "ClassifierScore", "ForecastScore", "MultiLabelScore", "RegressionScore", "TaggerScore", "evaluate_classifier",
    "evaluate_forecaster", "evaluate_model", "reliability", "score_text", "share_trained_on",
]  # fmt: skip


@dataclass(frozen=True)
class ClassifierScore:
    """Attributes:
    series: how many were scored.
    accuracy, balanced_accuracy: shares from 0 to 1; balanced: the mean over classes.
    auroc: area under the receiver's curve, of many classes one against the rest; NaN if a class does not occur.
    log_loss: mean negative logarithm of the probability given to the true class.
    brier: mean squared distance of the probabilities from the truth, of two classes that of the second one, of more
        the sum over all, as scikit-learn has it.
    calibration_error: mean distance of the probability of the predicted class from how often it was right, over ten
        bins of equally many series (Guo et al., arXiv 1706.04599, eq. 3, with such bins).
    """

    series: int
    accuracy: float
    balanced_accuracy: float
    auroc: float
    log_loss: float
    brier: float
    calibration_error: float


@dataclass(frozen=True)
class MultiLabelScore:
    """Attributes:
    series: how many were scored.
    auroc: mean over the labels of the area under the receiver's curve; NaN where none has both values.
    macro_f1: mean over the labels of the F1 of what has a probability above 0.5.
    log_loss: mean negative logarithm of the probability given to what was true.
    """

    series: int
    auroc: float
    macro_f1: float
    log_loss: float


@dataclass(frozen=True)
class RegressionScore:
    """Attributes:
    series: how many were scored; with several targets, errors are of each in units of its training spread, averaged.
    rmse: root mean squared error of the mean.
    mae: mean absolute error of the median.
    r2: share of the variance that the mean explains, averaged over the targets.
    coverage: share of the true values between the 0.1 and the 0.9 quantile; 0.8 is claimed.
    pinball: mean pinball loss over the three quantiles.
    """

    series: int
    rmse: float
    mae: float
    r2: float
    coverage: float
    pinball: float


@dataclass(frozen=True)
class TaggerScore:
    """Attributes:
    series: how many were scored.
    rows: with a known label.
    accuracy: share of the rows with the right label.
    macro_f1: mean over the classes of F1.
    log_loss: mean negative logarithm of the probability given to the true class.
    """

    series: int
    rows: int
    accuracy: float
    macro_f1: float
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


def score_text(value: float) -> str:
    """A score for reading: four decimals, or four digits of one that these say nothing of, or six of a large one.

    Example:
        >>> [score_text(value) for value in (12, 0.857142, 1234.5678, 0.0000012345, 3e80)]
        ['12', '0.8571', '1234.57', '1.234e-06', '3e+80']
    """
    if isinstance(value, int):
        return f"{value}"
    if 0 < abs(value) < 1e-3:
        return f"{value:.4g}"
    return f"{value:.4f}" if abs(value) < 100 else f"{value:.6g}"


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
    squares = ((probabilities - np.eye(len(every))[codes]) ** 2)[:, 1 if len(every) == 2 else 0 :]
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
        float(squares.sum(axis=1).mean()),
        _calibration_error(probabilities.max(axis=1), best == codes),
    )


def evaluate_model(model: Model, series: list[Series]) -> Any:
    """The score that fits the model's task, on series with known targets; for forecasts see ``evaluate_forecaster``."""
    if not series:
        raise InputError("There are no series to evaluate.")
    score: dict[str, Any] = {
        "classify": evaluate_classifier, "multilabel": _evaluate_multilabel, "regress": _evaluate_regressor,
        "tag": _evaluate_tagger,
    }  # fmt: skip
    return score[model.task](model, series)


def _calibration_error(confidence: NDArray[Any], right: NDArray[Any]) -> float:
    stated, true, sizes = reliability(confidence, right)
    return float(np.average(np.abs(stated - true), weights=sizes))


def share_trained_on(model: Model, series: list[Series]) -> float:
    """The share of series, as ``model.series_of`` gives them, that the model was trained on, as far as it remembers."""
    sketch = model.record.get("sketch")
    return share_in(sketch, series) if isinstance(sketch, list) else 0.0


def reliability(
    stated: NDArray[Any], right: NDArray[Any], bins: int = 10
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Mean stated probability [bins], how often it was true, and of how many, in bins of equally many.

    Those that were given one probability count alike, whatever order they come in.
    """
    same, counts = np.unique(stated, return_inverse=True, return_counts=True)[1:]
    true = (np.bincount(same, right) / counts)[same]
    parts = [part for part in np.array_split(np.argsort(stated), bins) if len(part)]
    means = [np.array([each[part].mean() for part in parts]) for each in (stated, true)]
    return means[0], means[1], np.array([len(part) for part in parts])


def _targets_of(series: list[Series]) -> NDArray[np.float64]:
    """[n, K], what the series carry, of a model with several labels or numbers."""
    labels: list[Any] = [np.nan if one.label is None else one.label for one in series]
    try:
        return np.array(labels, np.float64).reshape(len(series), -1)
    except (TypeError, ValueError) as error:
        raise InputError(f"The series must carry the model's targets, numbers: {error}.") from error


def _labels_of(series: list[Series], names: tuple[str, ...]) -> NDArray[np.float64]:
    """[n, labels] of 0 and 1."""
    for one in series:
        label: Any = one.label
        found = tuple(label) if isinstance(label, tuple | list | np.ndarray) else (label,)
        if len(found) != len(names):
            raise InputError(
                f"Series {one.id!r} has the labels {label!r}; it must have {', '.join(names)}, each 0 or 1."
            )
        for name, value in zip(names, found, strict=True):
            if value not in (0, 1):
                what = "unknown" if value is None or value != value else repr(value)
                raise InputError(
                    f"Label {name!r} of series {one.id!r} is {what}; it must be 0 or 1. Mend it, or leave out its row."
                )
    return _targets_of(series)


def _evaluate_multilabel(model: Model, series: list[Series]) -> MultiLabelScore:
    truth, probabilities = _labels_of(series, model.classes), model.predict_proba(series)
    both = [k for k in range(truth.shape[1]) if 0 < truth[:, k].mean() < 1]
    areas = [metrics.roc_auc_score(truth[:, k], probabilities[:, k]) for k in both]
    given = np.clip(np.where(truth > 0, probabilities, 1 - probabilities), 1e-12, 1)
    return MultiLabelScore(
        len(series),
        float(np.mean(areas)) if areas else float("nan"),
        float(metrics.f1_score(truth, probabilities > 0.5, average="macro", zero_division=cast("Any", 0))),
        float(-np.log(given).mean()),
    )


def _evaluate_regressor(model: Model, series: list[Series]) -> RegressionScore:
    head = model.config.head
    assert isinstance(head, Regression)
    truth, numbers = _targets_of(series), model.numbers(series)
    check_targets(truth, [one.id for one in series])
    if truth.shape != numbers.shape[:2]:
        raise InputError(f"Every series must have a number for each of {', '.join(head.names)}.")
    unit = np.array(head.scale) if len(head.names) > 1 else np.ones(1)
    known = ~np.isnan(truth)
    if not known.any():
        raise InputError("No series has a known target.")
    off = ((truth[:, :, None] - numbers) / unit[:, None])[known]
    error, square = off[:, :3], off[:, 3] ** 2
    explained = np.array([_r2(truth[there, k], numbers[there, k, 3]) for k, there in enumerate(known.T)])
    explained = explained[~np.isnan(explained)]  # of targets that are not all one number
    levels = np.array(QUANTILES)
    return RegressionScore(
        len(series),
        float(np.sqrt(square.mean())),
        float(np.abs(error[:, 1]).mean()),
        float(explained.mean()) if len(explained) else float("nan"),
        float(((error[:, 0] >= 0) & (error[:, 2] <= 0)).mean()),
        float(np.maximum(levels * error, (levels - 1) * error).mean()),
    )


def _r2(truth: NDArray[np.float64], mean: NDArray[np.float64]) -> float:
    """NaN where all outcomes are the same, or there are none."""
    variance = ((truth - truth.mean()) ** 2).sum() if len(truth) else 0.0
    return float(1 - ((truth - mean) ** 2).sum() / variance) if variance > 0 else float("nan")


def _evaluate_tagger(model: Model, series: list[Series]) -> TaggerScore:
    if any(one.tags is None for one in series):
        raise InputError("A series carries no tags; read the table with its column of tags.")
    probabilities = np.concatenate(model.predict_proba(series))
    tags = np.concatenate([np.asarray(one.tags, object) for one in series])
    known = np.array([not is_unknown(tag) for tag in tags], bool)
    if not known.any():
        raise InputError("No row has a known tag, so there is nothing to score by. Fill in the column of tags.")
    unknown = [tag for tag in tags[known] if tag not in model.classes]
    if unknown:
        raise InputError(
            f"The tag {unknown[0]!r} is none of the model's classes, {', '.join(map(repr, model.classes))}. Leave it "
            "blank to score the other rows."
        )
    codes = np.array([model.classes.index(tag) for tag in tags[known]])
    given = probabilities[known]
    best = given.argmax(axis=1)
    return TaggerScore(
        sum(not all(map(is_unknown, cast("Any", one.tags))) for one in series),
        len(codes),
        float((best == codes).mean()),
        float(metrics.f1_score(codes, best, average="macro", zero_division=cast("Any", 0))),
        float(-np.log(np.clip(given[np.arange(len(codes)), codes], 1e-12, 1)).mean()),
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
        y = on_grid(one, model.recipe.cadence).values[:, target.channel]
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
