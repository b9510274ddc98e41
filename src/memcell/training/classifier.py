"""Training of a label a series."""

import math
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

from memcell.contract import InputError, LstmSpec
from memcell.data import Series, TableSchema
from memcell.data.recipe import Recipe
from memcell.heads import Classification
from memcell.model import Model, ModelConfig
from memcell.ragged import offsets_of
from memcell.training.batches import Batch, Batches
from memcell.training.settings import TrainingSettings
from memcell.training.train import train

__all__ = ["fit_classifier"]


def fit_classifier(
    series: list[Series],
    labels: list[Any],
    schema: TableSchema,
    settings: TrainingSettings,
    *,
    hidden_size: int = 64,
    num_layers: int = 1,
    spec: LstmSpec | None = None,
) -> Model:
    """A model that gives each series one of the labels.

    Part of the series, drawn class by class, decides when to stop; scaling comes from the others.

    Raises:
        InputError: fewer than two classes, a class with one series only, or labels that do not match the series.
    """
    if len(labels) != len(series):
        raise InputError(f"There are {len(labels)} labels for {len(series)} series; give one label a series.")
    classes = _classes(labels)
    spec = spec or LstmSpec()
    codes = np.array([classes.index(label) for label in labels])
    training, validation = _split(codes, settings)
    recipe = Recipe.learn([series[k] for k in training], schema)
    config = ModelConfig(len(schema.channels), 0, Classification(tuple(classes)), hidden_size, num_layers, spec)
    steps = recipe.apply(series)
    targets = np.eye(len(classes), dtype=np.float32)[codes]
    size = min(settings.batch_size, len(training))
    count = -(-len(training) // size)

    def draw(random: np.random.Generator) -> Iterator[Batch]:
        for part in np.array_split(random.permutation(training), count):
            yield Batch.of(steps.sequences(part), None, targets[part])

    held_out = [
        Batch.of(steps.sequences(part), None, targets[part])
        for part in np.array_split(validation, -(-len(validation) // 256))
    ]
    result = train(config, Batches(draw, count, held_out), settings, "Training")
    record = {
        "series": len(series),
        "rows": int(offsets_of([len(one) for one in series])[-1]),
        "validation_series": len(validation),
        "validation_loss": round(result.validation_loss, 6),
        "steps": result.step,
        "epochs": len(result.history),
        "interrupted": result.interrupted,
        "classes": {str(label): int((codes == k).sum()) for k, label in enumerate(classes)},
    }
    return Model(recipe, config, result.weights, record)


def _classes(labels: list[Any]) -> list[Any]:
    plain = [label.item() if isinstance(label, np.generic) else label for label in labels]
    for label in plain:
        if not isinstance(label, str | int | float) or (isinstance(label, float) and not math.isfinite(label)):
            raise InputError(f"The label {label!r} is neither text, number nor flag; give one such label a series.")
    counts = Counter(plain)
    if len(counts) < 2:
        only = next(iter(counts), None)
        raise InputError(f"The target has one class only, {only!r}; a classifier needs at least two.")
    rare = [label for label, count in counts.items() if count < 2]
    fractions = any(isinstance(label, float) and not label.is_integer() for label in counts)
    if len(counts) > max(50, len(plain) // 4) or (rare and fractions):
        raise InputError(
            f"The target has {len(counts)} different values in {len(plain)} series: it looks like a measurement or a "
            "name, not a class. Group it into classes first."
        )
    if rare:
        raise InputError(
            f"Class {rare[0]!r} has one series only; each class needs at least two, one to train on and one to "
            "validate on. Add series of that class or leave it out."
        )
    try:
        return sorted(counts)
    except TypeError:
        return sorted(counts, key=str)


def _split(codes: np.ndarray[Any, Any], settings: TrainingSettings) -> tuple[Any, Any]:
    """Series to train on and to validate on; each class in both."""
    random = np.random.default_rng(settings.seed)
    held_out: list[int] = []
    for code in np.unique(codes):
        members = random.permutation(np.flatnonzero(codes == code))
        size = min(max(1, round(settings.validation * len(members))), len(members) - 1)
        held_out += members[:size].tolist()
    validation = np.array(sorted(held_out))
    return np.setdiff1d(np.arange(len(codes)), validation), validation
