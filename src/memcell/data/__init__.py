"""What a series is: observations, times, facts, a target; and what it takes to make one: dates, words, arrays."""

from memcell.data.arrays import as_series
from memcell.data.cadence import Cadence, step_of
from memcell.data.dates import TimeKind, format_times
from memcell.data.output import check_output, replacing
from memcell.data.schema import TableSchema
from memcell.data.series import Series

__all__ = [
    "Cadence",
    "Series",
    "TableSchema",
    "TimeKind",
    "as_series",
    "check_output",
    "format_times",
    "replacing",
    "step_of",
]
