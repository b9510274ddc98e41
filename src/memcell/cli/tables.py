"""What the commands share: how duplicates are named, reading by a model's schema, and saying what was noticed."""

import sys
from collections.abc import Collection
from enum import StrEnum
from pathlib import Path
from typing import cast

from memcell.contract import InputError
from memcell.data import Duplicates, Series, TableSchema, read_table
from memcell.heads import QUANTILES
from memcell.model import Model

__all__ = ["OnDuplicates", "check_apart", "note", "read_for", "result_columns"]


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


def result_columns(schema: TableSchema, classes: Collection[object] | None) -> list[str]:
    """The columns of a table of predictions; ``classes`` of a classifier, None of a forecaster.

    Raises:
        InputError: two of them have one name.
    """
    names = [] if schema.id is None else [schema.id]
    if classes is None:
        names += [schema.time or "time", *(f"q{level}" for level in QUANTILES)]
    else:
        names += ["prediction", *(f"prob_{label}" for label in classes)]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"Predictions would have two columns called {twice!r}. Rename that column of the table.")
    return names


def read_for(model: Model, table: Path, duplicates: OnDuplicates, with_labels: bool = False) -> list[Series]:
    """The series of a table, by the schema the model was trained with."""
    contents = read_table(
        table, schema=model.recipe.schema, duplicates=cast("Duplicates", duplicates.value), with_labels=with_labels
    )
    for message in contents.warnings:
        note(message)
    return contents.series
