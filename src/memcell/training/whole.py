"""Training of what is read from whole series: a class, several labels, or numbers."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memcell.contract import InputError, warn
from memcell.contract.errors import listed
from memcell.data import Series, TableSchema
from memcell.data.series import is_unknown
from memcell.features.steps import Steps
from memcell.heads import Classification, Head, MultiLabel, Regression
from memcell.heads.regression import OF_T, limits_of
from memcell.model import Model
from memcell.training.batches import Batch, Batches, Held
from memcell.training.calibration import calibrated
from memcell.training.checkpoint import Checkpoint
from memcell.training.classes import ClassWeight, class_weights, classes_of, plain
from memcell.training.copies import copies_of
from memcell.training.leaks import leaking_channels
from memcell.training.networks import begun, fit_members, pass_once
from memcell.training.record import record_of
from memcell.training.settings import Design, TrainingSettings

__all__ = ["Partial", "answered", "counting", "fit_classifier", "fit_multilabel", "fit_regressor", "weights_of"]

_HELD = 256  # held-out series a batch
_FAR = 10.0  # spreads of the targets of the first pass that half of later ones are away
_NOISE = 0.1  # in units of its spread, on a target that is one number for half of the series
_ORDERS = 30.0  # times the median, up to which the largest of positive targets is told of
_QUARTILES_APART = 1.349  # of a normal distribution, in standard deviations


@dataclass(frozen=True)
class Partial:
    """Training that goes on: one more pass.

    Attributes:
        model: what was trained so far; None to begin.
        classes: of a classifier, all that there will be.
    """

    model: Model | None
    classes: Sequence[Any] = ()


@dataclass(frozen=True)
class _Problem:
    """Targets [n, K] as the head's loss takes them, weights [n], classes to stratify by, what to record."""

    head: Head
    targets: NDArray[np.float32]
    weights: NDArray[np.float32]
    codes: NDArray[np.int64] | None
    record: dict[str, Any]


def fit_classifier(
    series: list[Series],
    labels: Sequence[Any],
    schema: TableSchema,
    settings: TrainingSettings,
    design: Design | None = None,
    class_weight: ClassWeight = None,
    checkpoint: Checkpoint | None = None,
    partial: Partial | None = None,
) -> Model:
    """A model that gives each series one of the labels.

    Part of the series, drawn class by class or group by group, decides when to stop; scaling comes from the others.

    Raises:
        InputError: fewer than two classes, a class with one series only, or labels that do not match the series.
    """
    _check_count(labels, series)
    _check_goes_on(partial, 1)
    series, labels = counting(series, labels)
    classes = list(partial.classes) if partial else classes_of(labels, "series")
    unknown = [label for label in labels if plain(label) not in classes]
    if unknown:
        raise InputError(f"The label {unknown[0]!r} is none of the classes {', '.join(map(repr, classes))}.")
    codes = np.array([classes.index(plain(label)) for label in labels])
    counts = np.bincount(codes, minlength=len(classes))
    each = class_weights(classes, counts, class_weight)
    targets = np.eye(len(classes), dtype=np.float32)[codes]
    record = {
        "classes": {str(label): int(count) for label, count in zip(classes, counts, strict=True)},
        "class_weights": None if class_weight is None else each.tolist(),
        "leaks": leaking_channels(series, targets > 0),
        "copies": copies_of(series, [codes.tolist()]),
    }
    problem = _Problem(Classification(tuple(classes)), targets, weights_of(series, each[codes]), codes, record)
    return _fit(series, problem, schema, settings, design or Design(), checkpoint, partial)


def fit_multilabel(
    series: list[Series],
    labels: NDArray[Any],
    names: Sequence[str],
    schema: TableSchema,
    settings: TrainingSettings,
    design: Design | None = None,
    checkpoint: Checkpoint | None = None,
    partial: Partial | None = None,
) -> Model:
    """A model that says of each of several labels whether a series has it; labels [n, K] of 0 and 1.

    Raises:
        InputError: other values than 0 and 1, or labels that do not match the series.
    """
    _check_count(labels, series)
    _check_goes_on(partial, len(names))
    series, given = counting(series, np.asarray(labels, object))
    if given.ndim != 2 or given.shape[1] != len(names):
        raise InputError(f"Of several labels there must be one column for each of {', '.join(names)}.")
    for name, column in zip(names, given.T, strict=True):
        strange = next((k for k, value in enumerate(column) if is_unknown(value) or value not in (0, 1)), None)
        if strange is not None:
            value = column[strange]
            what = "is blank" if is_unknown(value) else f"is {value!r}"
            raise InputError(
                f"Label {name!r} {what} for series {series[strange].id!r}; of several labels each must be 0 or 1. "
                "Write it so, leave the series out where it is unknown, or learn the labels one by one."
            )
    targets = given.astype(np.float64)
    record = {
        "labels": {name: int(count) for name, count in zip(names, targets.sum(axis=0), strict=True)},
        "leaks": leaking_channels(series, targets > 0),
        "copies": copies_of(series, targets.astype(np.int64).T.tolist()),
    }
    problem = _Problem(MultiLabel(tuple(names)), targets.astype(np.float32), weights_of(series), None, record)
    return _fit(series, problem, schema, settings, design or Design(), checkpoint, partial)


def fit_regressor(
    series: list[Series],
    targets: NDArray[Any],
    names: Sequence[str],
    schema: TableSchema,
    settings: TrainingSettings,
    design: Design | None = None,
    checkpoint: Checkpoint | None = None,
    partial: Partial | None = None,
) -> Model:
    """A model of numbers of each series, with quantiles; targets [n, K], NaN where unknown.

    Raises:
        InputError: infinite targets, a target that is never known, or targets that do not match the series.
    """
    _check_count(targets, series)
    _check_goes_on(partial, len(names))
    series, targets = counting(series, np.asarray(targets, np.float64).reshape(len(series), len(names)))
    if np.isinf(targets).any():
        raise InputError("A target is infinite. Give a finite number, or NaN where it is unknown.")
    series, targets = answered(series, targets, np.any(~np.isnan(targets), axis=1), "target")
    known = ~np.isnan(targets)
    silent = [name for name, count in zip(names, known.sum(axis=0), strict=True) if count < 2]
    if silent and not (partial and partial.model):
        raise InputError(f"Target {silent[0]!r} is known of 1 sample or none; at least two series are needed.")
    # Quartiles, which outliers do not move; the deviation where half of the targets are one number.
    low, center, high = np.nanquantile(targets, [0.25, 0.5, 0.75], axis=0)
    spread = np.where(high > low, (high - low) / _QUARTILES_APART, np.nanstd(targets, axis=0))
    varies = spread > 1e-12 * np.abs(center)
    still = 1e-6 * np.maximum(np.abs(center), 1.0) if partial is None else 1.0  # later passes may bring other numbers
    scale = np.where(varies, spread, still)
    limits = limits_of(targets) if partial is None else ()  # later passes may bring others
    head = Regression(tuple(names), tuple(center.tolist()), tuple(scale.tolist()), (OF_T,) * len(names), limits)
    if partial and partial.model:
        head = partial.model.config.head
        assert isinstance(head, Regression)
    weights = weights_of(series)
    record = {
        "targets": {name: int(count) for name, count in zip(names, known.sum(axis=0), strict=True)},
        "leaks": leaking_channels(series, targets > center),
        "copies": copies_of(series, targets.T.tolist()),
    }
    if partial is None and not varies.all():
        still_ones = listed([name for name, there in zip(names, varies, strict=True) if not there])
        warn(f"Nothing is to be learnt of {still_ones}: the same for all series.")
    if partial is None:
        _tell_of_orders(names, targets)
    design, standard = design or Design(), head.standard(targets)
    if partial and partial.model and np.nanmedian(np.abs(standard)) > _FAR:
        warn(
            "Targets are far from those of the first pass, which all are scaled by. Begin anew with some that are like "
            "all others, or use `fit`."
        )
    if partial is not None:
        return _fit(series, _Problem(head, standard, weights, None, record), schema, settings, design, None, partial)
    # One number of half of the series would be learnt to the last digit, and outweigh the other targets; of all series
    # there is nothing to learn.
    standard[:, ~varies] = np.nan
    noise = _NOISE * (high == low) * np.random.default_rng(0).standard_normal(targets.shape)
    problem = _Problem(head, (standard + noise).astype(np.float32), weights, None, record)
    model = _fit(series, problem, schema, settings, design, checkpoint, None)
    with suppress(KeyboardInterrupt):  # which the model is good without
        model = calibrated(model, series, standard, weights)
    return model


def _tell_of_orders(names: Sequence[str], targets: NDArray[np.float64]) -> None:
    """A ``DataWarning`` names targets whose largest values outweigh all others."""
    for name, column in zip(names, targets.T, strict=True):
        known = column[~np.isnan(column)]
        if known.min() > 0 and known.max() > _ORDERS * np.median(known):
            warn(
                f"{name!r} lies between {known.min():.6g} and {known.max():.6g}, half below {np.median(known):.6g}."
                " If it is by what factor an answer is off that counts, learn its logarithm, which is learnt better."
            )


def _fit(
    series: list[Series],
    problem: _Problem,
    schema: TableSchema,
    settings: TrainingSettings,
    design: Design,
    checkpoint: Checkpoint | None,
    partial: Partial | None,
) -> Model:
    kept = _above_zero(problem.weights)
    if len(kept) < len(series):  # series of a class that counts nothing
        series = [series[k] for k in kept]
        codes = None if problem.codes is None else problem.codes[kept]
        problem = replace(problem, targets=problem.targets[kept], weights=problem.weights[kept], codes=codes)
    weighted = bool((problem.weights != problem.weights[:1]).any())

    def batches(steps: Steps, training: NDArray[np.int64], validation: NDArray[np.int64], size: int) -> Batches:
        count = -(-len(training) // size)

        def of(part: NDArray[np.int64]) -> Batch:
            weight = problem.weights[part] if weighted else None
            return Batch.of(steps.sequences(part), None, problem.targets[part], weight)

        def draw(random: np.random.Generator) -> Iterator[Batch]:
            for part in np.array_split(random.permutation(training), count):
                yield of(part)

        parts = np.array_split(validation, -(-len(validation) // _HELD)) if len(validation) else []
        return Batches(draw, count, Held(lambda k: of(parts[k]), len(parts)))

    read = [one.up_to_last_value() for one in series]
    if partial is not None:
        model = partial.model or begun(read, problem.head, schema, settings, design)
        return pass_once(read, model, settings, batches)
    model = fit_members(read, problem.head, schema, settings, design, batches, problem.codes, checkpoint)
    return replace(model, record=record_of(series) | model.record | problem.record)


def counting(series: list[Series], given: Any) -> tuple[list[Series], Any]:
    """The series whose weight is not 0, and what is given for each of them: others are as if they were not there.

    Raises:
        InputError: none is left.
    """
    kept = _above_zero(np.array([one.weight for one in series]))
    if len(kept) < len(series):
        warn(f"{len(series) - len(kept):,} of {len(series):,} series have a weight of 0 and are left out.")
    return _only(kept, series, given)


def answered(series: list[Series], given: Any, known: Any, what: str) -> tuple[list[Series], Any]:
    """The series of which what is to be learnt is known, and what is given for each: others would be held out, and say
    nothing; all where it is known of none."""
    kept = np.flatnonzero(known)
    if not len(kept):
        return series, given
    if len(kept) < len(series):
        warn(f"{len(series) - len(kept):,} of {len(series):,} series have no known {what} and are left out.")
    return _only(kept, series, given)


def weights_of(series: list[Series], times: Any = 1.0) -> NDArray[np.float32]:
    """How much each series counts, about 1 in the mean: how weights compare is all that matters, and float32 has no
    room for the sums of very large or small ones."""
    weights = np.array([one.weight for one in series], np.float64)
    weights = weights / weights.mean() * times
    return weights.astype(np.float32)


def _only(kept: NDArray[np.int64], series: list[Series], given: Any) -> tuple[list[Series], Any]:
    if len(kept) == len(series):
        return series, given
    return [series[k] for k in kept], given[kept] if isinstance(given, np.ndarray) else [given[k] for k in kept]


def _above_zero(weights: NDArray[Any]) -> NDArray[np.int64]:
    """The series that count."""
    kept = np.flatnonzero(weights)
    if not len(kept):
        raise InputError("The weight of every series is zero; give some a weight above it, or nothing is learnt.")
    return kept


def _check_count(labels: Any, series: list[Series]) -> None:
    if len(labels) != len(series):
        raise InputError(f"There are {len(labels)} labels for {len(series)} series; give one label a series.")


def _check_goes_on(partial: Partial | None, count: int) -> None:
    """Refuse another number of targets than the model has that is trained further."""
    if partial is None or partial.model is None:
        return
    head = partial.model.config.head
    names = head.names if isinstance(head, Regression) else head.labels if isinstance(head, MultiLabel) else (None,)
    trained = len(names)
    if count != trained:
        raise InputError(f"There are {count} targets a series; the model was trained with {trained}. Give as many.")
