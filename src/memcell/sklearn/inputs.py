"""What estimators take as X."""

from typing import Any

from memcell.contract import InputError
from memcell.data import Series, TableSchema, as_series

__all__ = ["schema_of", "series_for_fit"]


def series_for_fit(x: Any) -> list[Series]:
    """The series of X.

    Raises:
        InputError: there are none, or they have no rows at all.
    """
    series = as_series(x)
    if not series:
        raise InputError("`X` is empty; at least one series is needed.")
    if not any(len(one) for one in series):
        raise InputError("`X` has no rows: every series is empty.")
    return series


def schema_of(series: list[Series]) -> TableSchema:
    """Roles of the columns of the table the series came from, or of one that series made from arrays would fill."""
    first = series[0]
    if first.schema is not None:
        return first.schema
    time = None if first.time_kind == "order" else "time"
    return TableSchema("id", time, None, first.channels, first.time_kind, date_only=False)
