"""Training of a label a row."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memcell.contract import InputError
from memcell.data import Series, TableSchema
from memcell.data.series import is_unknown
from memcell.features.steps import Steps
from memcell.heads import Tagging
from memcell.model import Model
from memcell.training.batches import Batch, Batches, Held
from memcell.training.checkpoint import Checkpoint
from memcell.training.classes import ClassWeight, class_weights, classes_of
from memcell.training.copies import copies_of_rows
from memcell.training.leaks import leaking_rows
from memcell.training.networks import fit_members
from memcell.training.record import record_of
from memcell.training.settings import STRETCH, Design, TrainingSettings
from memcell.training.whole import answered, counting, weights_of

__all__ = ["check_tags", "fit_tagger"]


def check_tags(series: Sequence[Series], tags: Sequence[Any]) -> None:
    """Nothing, if there is a label for each row of each series.

    Raises:
        InputError: there are more or fewer.
    """
    if len(tags) != len(series):
        raise InputError(f"There are labels of {len(tags)} series for {len(series)} series.")
    for one, row in zip(series, tags, strict=True):
        several = not isinstance(row, str) and np.ndim(row) == 1
        if not several or len(row) != len(one):
            given = f"{len(row)} labels" if several else f"the label {row!r}"
            raise InputError(f"Series {one.id!r} has {len(one)} rows and {given}; give one label a row.")


def fit_tagger(
    series: list[Series],
    tags: Sequence[Sequence[Any]],
    schema: TableSchema,
    settings: TrainingSettings,
    design: Design | None = None,
    class_weight: ClassWeight = None,
    checkpoint: Checkpoint | None = None,
) -> Model:
    """A model that gives each row one of the labels: from the rows so far or, bidirectional, from all rows.

    Part of the series, or of the groups, decides when to stop. Training sees stretches of the series.

    Raises:
        InputError: labels that do not match the rows, or fewer than two classes.
    """
    check_tags(series, tags)
    series, tags = counting(series, tags)
    known = [np.array([not is_unknown(tag) for tag in row], bool) for row in tags]
    classes = classes_of([tag for row, there in zip(tags, known, strict=True) for tag in np.array(row, object)[there]],
                         "row")  # fmt: skip
    place = {label: number for number, label in enumerate(classes)}
    codes = [np.array([place[tag] if there else -1 for tag, there in zip(row, seen, strict=True)], np.int64)
             for row, seen in zip(tags, known, strict=True)]  # fmt: skip
    every = np.concatenate(codes)
    counts = np.bincount(every[every >= 0], minlength=len(classes))
    each = class_weights(classes, counts, class_weight)
    codes = [np.where((code >= 0) & (each[code] > 0), code, -1) for code in codes]
    series, codes = answered(series, codes, np.array([(code >= 0).any() for code in codes], bool), "label")
    weights = weights_of(series)
    one_hot = np.eye(len(classes), dtype=np.float32)
    weighted = class_weight is not None or any(one.weight != 1 for one in series)

    def batches(steps: Steps, training: NDArray[np.int64], validation: NDArray[np.int64], size: int) -> Batches:
        def of(pieces: list[tuple[int, int, int]]) -> Batch:
            part = Steps.concatenate([steps.stretch(b, start, stop) for b, start, stop in pieces])
            target = np.concatenate([codes[b][start:stop] for b, start, stop in pieces])
            rows = np.flatnonzero(target >= 0)
            of_series = np.concatenate([np.full(stop - start, weights[b]) for b, start, stop in pieces])
            weight = (each[target[rows]] * of_series[rows]).astype(np.float32) if weighted else None
            return Batch.of(part, rows, one_hot[target[rows]], weight)

        def cut(random: np.random.Generator) -> list[tuple[int, int, int]]:
            """All rows of the training series in stretches, cut anew each time; those with nothing known left out."""
            pieces: list[tuple[int, int, int]] = []
            for b in training:
                length = len(series[b])
                cuts = range(int(random.integers(1, STRETCH + 1)), length, STRETCH) if length > STRETCH else ()
                bounds = [0, *cuts, length]
                pieces += [(int(b), start, stop) for start, stop in pairwise(bounds)]
            pieces = [(b, start, stop) for b, start, stop in pieces if (codes[b][start:stop] >= 0).any()]
            return [pieces[k] for k in random.permutation(len(pieces))]

        rows = sum(len(series[b]) for b in training)
        count = max(-(-len(training) // size), -(-rows // (size * STRETCH)), 1)

        def draw(random: np.random.Generator) -> Iterator[Batch]:
            pieces = cut(random)
            for part in np.array_split(np.arange(len(pieces)), min(count, len(pieces))):
                yield of([pieces[k] for k in part])

        held = [(int(b), 0, len(series[b])) for b in validation]
        return Batches(draw, count, Held(lambda k: of([held[k]]), len(held)))

    head, design = Tagging(tuple(classes)), design or Design()
    model = fit_members(series, head, schema, settings, design, batches, None, checkpoint)
    record = {
        "classes": {str(label): int(count) for label, count in zip(classes, counts, strict=True)},
        "class_weights": None if class_weight is None else each.tolist(),
        "leaks": leaking_rows(series, codes, len(classes)),
        "copies": copies_of_rows(series, codes, len(classes)),
    }
    return replace(model, record=record_of(series) | record | model.record)
