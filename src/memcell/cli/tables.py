"""What the commands share: how duplicates are named, reading by a model's schema, and saying what was noticed."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import cast

from memcell.data import Duplicates, Series, read_table
from memcell.model import Model

__all__ = ["OnDuplicates", "note", "read_for"]


class OnDuplicates(StrEnum):
    """What becomes of rows with one id and time but different values."""

    error = "error"
    mean = "mean"
    last = "last"


def note(message: str) -> None:
    """Print a remark beside the results."""
    print(f"Note: {message}", file=sys.stderr)


def read_for(model: Model, table: Path, duplicates: OnDuplicates, with_labels: bool = False) -> list[Series]:
    """The series of a table, by the schema the model was trained with."""
    contents = read_table(
        table, schema=model.recipe.schema, duplicates=cast("Duplicates", duplicates.value), with_labels=with_labels
    )
    for message in contents.warnings:
        note(message)
    return contents.series
