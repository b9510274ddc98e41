"""What the commands share: how duplicates are named, reading by a model's schema, and saying what was noticed."""

import sys
from collections.abc import Collection, Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np

from memcell.contract import InputError
from memcell.data import Series, TableSchema
from memcell.heads import QUANTILES
from memcell.model import Model
from memcell.tables import read_table

__all__ = ["OnDuplicates", "check_apart", "note", "read_for", "result_columns", "written"]


class OnDuplicates(StrEnum):
    """What becomes of rows with one id and time but different values."""

    error = "error"
    mean = "mean"
    last = "last"


def note(message: str) -> None:
    """Print a remark beside the results."""
    print(f"Note: {message}", file=sys.stderr)


def check_apart(out: Path, *inputs: Path) -> None:
    """Nothing, if writing ``out`` leaves what is read whole.

    Raises:
        InputError: ``out`` is one of the inputs.
    """
    for path in inputs:
        if out.exists() and path.exists() and out.samefile(path):
            raise InputError(f"{out} is read and cannot be written to as well. Give --out another path.")


def result_columns(
    schema: TableSchema, task: str, targets: Sequence[str] = (), classes: Collection[object] | None = None
) -> list[str]:
    """The columns of a table of predictions.

    Args:
        schema: the roles of the input's columns.
        task: of the model, or of ``memcell fit``.
        targets: of a regression, their names.
        classes: of a classifier or tagger, its classes; of a multi-label classifier its labels.

    Raises:
        InputError: two of them have one name.
    """
    names = [] if schema.id is None else [schema.id]
    if task in ("tag", "forecast"):
        names.append(schema.time or "time")
    probabilities = [f"prob_{written(label)}" for label in classes or ()]
    if task == "forecast":
        names += [f"q{level}" for level in QUANTILES]
    elif task == "regress":
        columns = ["prediction", *(f"q{level}" for level in QUANTILES)]
        names += [f"{name}_{column}" if len(targets) > 1 else column for name in targets for column in columns]
    elif task == "multilabel" or (task == "classify" and len(targets) > 1):
        names += probabilities
    else:
        names += ["prediction", *probabilities]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"Predictions would have two columns called {twice!r}. Rename that column of the table.")
    return names


def written(label: object) -> str:
    """A label as tables have it."""
    return str(label).lower() if isinstance(label, bool) else str(label)


def read_for(
    model: Model,
    table: Path,
    duplicates: OnDuplicates,
    with_labels: bool = False,
    static: Path | None = None,
    targets: Path | None = None,
) -> list[Series]:
    """The series of a table, by the schema the model was trained with."""
    contents = read_table(
        table, schema=model.recipe.schema, duplicates=duplicates.value, with_labels=with_labels, static=static,
        targets=targets,
    )  # fmt: skip
    for message in contents.warnings:
        note(message)
    return _in_classes(model, contents.series) if model.task in ("classify", "tag") else contents.series


def _in_classes(model: Model, series: list[Series]) -> list[Series]:
    """The series with labels and tags as the classes that are written like them: what kind a column has hangs on all of
    its values, of which this table may have others."""
    classes = {written(one): one for one in model.classes}

    def known(label: Any) -> Any:
        return label if label in model.classes else classes.get(written(label), label)

    return [
        replace(
            one,
            label=None if one.label is None else known(one.label),
            tags=None
            if one.tags is None
            else np.array([None if tag is None else known(tag) for tag in one.tags], object),
        )
        for one in series
    ]
