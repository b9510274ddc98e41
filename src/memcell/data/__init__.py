"""Data as it comes: tables and arrays into series, times and their usual step, predictions out again."""

from typing import TYPE_CHECKING, Any

from memcell.data.arrays import as_series
from memcell.data.atomic import replacing
from memcell.data.cadence import Cadence, step_of
from memcell.data.dates import TimeKind, format_times
from memcell.data.duplicates import Duplicates
from memcell.data.predictions import check_output, write_table
from memcell.data.schema import TableSchema
from memcell.data.series import Series

if TYPE_CHECKING:
    from memcell.data.tables import TableContents, read, read_table

__all__ = [
    "Cadence",
    "Duplicates",
    "Series",
    "TableContents",
    "TableSchema",
    "TimeKind",
    "as_series",
    "check_output",
    "format_times",
    "read",
    "read_table",
    "replacing",
    "step_of",
    "write_table",
]


def __getattr__(name: str) -> Any:
    """Load the reading of tables on first use, so that a light install needs no table library."""
    if name in ("TableContents", "read", "read_table"):
        from memcell.data import tables

        return getattr(tables, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
