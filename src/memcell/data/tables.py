"""A table into a list of series: rows grouped by id, sorted by time, every mistake named before any work."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from memcell.contract.errors import InputError
from memcell.data.columns import channel_values, id_values
from memcell.data.duplicates import DUPLICATES, Duplicates
from memcell.data.grouping import (
    GroupedRows,
    labels_of,
    series_codes,
    sorted_rows,
    split_into_series,
    without_duplicates,
)
from memcell.data.roles import Roles, asked_roles, trained_roles
from memcell.data.schema import TableSchema
from memcell.data.series import Series
from memcell.data.source import Table, open_table
from memcell.data.times import Times, parse_times


class TableContents(NamedTuple):
    """What `read_table` gives: the series, the meaning of the columns, and what the user should know."""

    series: list[Series]
    schema: TableSchema
    warnings: list[str]


def read(
    source: str | Path | Any,
    *,
    id: str | None = None,
    time: str | None = None,
    label: str | None = None,
    channels: Sequence[str] | None = None,
    ignore: Sequence[str] = (),
    duplicates: Duplicates = "error",
) -> list[Series]:
    """A list with one `Series` for each sequence in a table, which scikit-learn can index and split.

    One row of the table is one (series, time), one column a channel; empty cells are missing values. Rows may
    come in any order: they are sorted by time. Series come in the order in which their ids first appear.

    Args:
        source: the path of a table (.csv, .tsv, also with .gz, or .parquet), or a data frame of pandas, Polars,
            PyArrow or another library that narwhals knows.
        id: the column that names the series; without it the table is one series.
        time: the column of times: numbers in your own unit, or dates. Without it, the order of the rows.
        label: the column with one class or number a series; blank on some rows is fine.
        channels: the columns measured over time; all that have no other role if not given.
        ignore: columns to leave out.
        duplicates: what becomes of rows with the same id and time but different values: ``"error"``, ``"mean"``
            (of what is not missing, channel by channel) or ``"last"`` (of it, in the order of the table).

    Raises:
        InputError: a file or table that cannot be read, a column that does not exist, text in a channel, a time
            or id that is missing or not understood, infinities, rows that contradict each other, or labels that
            do. The message names the column, the row and the value.

    Example:
        >>> import polars as pl
        >>> table = pl.DataFrame({"stay": [1, 1, 2], "hour": [2.0, 0.5, 0.0], "pulse": [80.0, None, 95.0]})
        >>> first, second = read(table, id="stay", time="hour")
        >>> first.times, first.values[:, 0]
        (array([0.5, 2. ]), array([nan, 80.]))
    """
    contents = read_table(
        source, id=id, time=time, label=label, channels=channels, ignore=ignore, duplicates=duplicates
    )
    for message in contents.warnings:
        warnings.warn(message, UserWarning, stacklevel=2)
    return contents.series


def read_table(
    source: str | Path | Any,
    *,
    id: str | None = None,
    time: str | None = None,
    label: str | None = None,
    channels: Sequence[str] | None = None,
    ignore: Sequence[str] = (),
    duplicates: Duplicates = "error",
    schema: TableSchema | None = None,
    with_labels: bool = False,
) -> TableContents:
    """The series of a table with its schema and the warnings that `read` would give.

    Args:
        source, id, time, label, channels, ignore, duplicates: as for `read`.
        schema: what the columns meant at training. Given, only its columns are read, the other arguments on
            columns must be left out, and a channel that is missing throughout stays.
        with_labels: read the label column of `schema` too, which must then exist.

    Raises:
        InputError: as for `read`; and columns that `schema` wants and the table lacks, all of them named.

    Example:
        >>> import polars as pl
        >>> table = pl.DataFrame({"date": ["1958-03-29", "1958-04-05"], "co2": [316.1, 317.3]})
        >>> read_table(table, time="date").schema.channels
        ('co2',)
    """
    if duplicates not in DUPLICATES:
        raise InputError(f"`duplicates` must be one of {', '.join(DUPLICATES)}; got {duplicates!r}.")
    if schema is not None and (any((id, time, label, ignore)) or channels is not None):
        raise InputError("`schema` says what each column means; leave out `id`, `time`, `label`, `channels`, `ignore`.")
    table = open_table(source)
    if schema is None:
        roles = asked_roles(table, id, time, label, channels, ignore)
        notes = _unnamed_notes(table)
    else:
        roles = trained_roles(table, schema, with_labels)
        notes = []
    ids = None if roles.id is None else id_values(table, roles.id)
    times = _times_of(table, roles, schema)
    columns = {name: channel_values(table, name) for name in roles.channels}
    silent = [name for name, column in columns.items() if np.isnan(column).all()]
    if silent:
        notes.append(_silent_note(table, silent, columns, schema))
    if schema is None:
        columns = {name: column for name, column in columns.items() if name not in silent}
    names, codes = series_codes(ids, table.frame.height)
    labels = [None] * len(names) if roles.label is None else labels_of(table, roles.label, names, codes)
    values = np.column_stack(list(columns.values()))
    origin = np.arange(table.frame.height)
    rows = sorted_rows(GroupedRows(table, names, tuple(columns), codes, times.values, values, origin))
    if roles.time is not None:
        rows, duplicate_notes = without_duplicates(rows, roles.time, duplicates)
        notes += duplicate_notes
    if schema is None:
        schema = TableSchema(roles.id, roles.time, roles.label, rows.channels, times.kind, times.date_only)
    else:
        schema = replace(schema, date_only=schema.date_only and times.date_only)
    return TableContents(split_into_series(rows, labels, schema), schema, notes)


def _unnamed_notes(table: Table) -> list[str]:
    if not table.unnamed:
        return []
    positions = ", ".join(map(str, table.unnamed))
    return [f"Column {positions} of {table.name} has no name (often row numbers) and is not used. Name it to use it."]


def _times_of(table: Table, roles: Roles, schema: TableSchema | None) -> Times:
    if roles.time is None:
        return Times(np.arange(table.frame.height, dtype=np.float64), "order", date_only=False)
    return parse_times(table, roles.time, None if schema is None else schema.time_kind)


def _silent_note(table: Table, silent: list[str], columns: Collection[str], schema: TableSchema | None) -> str:
    """What the user should know of channels that are missing throughout."""
    listed = ", ".join(map(repr, silent))
    if schema is not None:
        return f"No value of {listed} in {table.name}: missing in every row, though the model was trained with it."
    if len(silent) == len(columns):
        raise InputError(f"No value in any channel of {table.name}: {listed} missing in every row.")
    return f"Dropped {listed}: missing in every row of {table.name}."
