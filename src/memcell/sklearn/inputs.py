"""What estimators take as X, y, weights and groups."""

from dataclasses import replace
from typing import Any

import numpy as np

from memcell.contract import InputError
from memcell.data import Series, TableSchema, as_series

__all__ = ["names_of", "schema_of", "series_for_fit"]


def series_for_fit(x: Any, sample_weight: Any = None, groups: Any = None) -> list[Series]:
    """The series of X, with weights and groups where they are given.

    Raises:
        InputError: there are none, they have no rows and no facts at all, or weights or groups do not match them.
    """
    series = as_series(x)
    if not series:
        raise InputError("`X` is empty; at least one series is needed.")
    if not any(len(one) or len(one.facts) for one in series):
        raise InputError("`X` has no rows: every series is empty.")
    for name, given in (("weight", sample_weight), ("group", groups)):
        if given is None:
            continue
        entries = np.asarray(given).reshape(-1).tolist()
        if len(entries) != len(series):
            argument = "sample_weight" if name == "weight" else "groups"
            raise InputError(f"`{argument}` has {len(entries)} entries for {len(series)} series; give one a series.")
        series = [replace(one, **{name: entry}) for one, entry in zip(series, entries, strict=True)]
    return series


def schema_of(series: list[Series]) -> TableSchema:
    """Roles of the columns of the table the series came from, or of one that series made from arrays would fill."""
    first = series[0]
    if first.schema is not None:
        return first.schema
    time = None if first.time_kind == "order" else "time"
    return TableSchema(
        "id", time, (), first.channels, first.time_kind, date_only=False, facts=first.fact_names,
        kinds={name: "category" for name in first.levels}, fact_kinds={name: "category" for name in first.fact_levels},
    )  # fmt: skip


def names_of(y: Any, series: list[Series], count: int) -> tuple[str, ...]:
    """The names of the targets: columns of y, or those the series were read by, or y0, y1, ..."""
    columns = tuple(map(str, getattr(y, "columns", ())))
    if len(columns) == count:
        return columns
    schema = series[0].schema
    if y is None and schema is not None and len(schema.label) == count:
        return schema.label
    return ("y",) if count == 1 else tuple(f"y{k}" for k in range(count))
