"""A table into a list of series: rows grouped by id, sorted by time, every mistake named before any work."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from memcell.contract.errors import InputError
from memcell.data.columns import channel_values, id_values, label_values
from memcell.data.duplicates import DUPLICATES, Duplicates, Groups, find_conflict, groups_of, joined
from memcell.data.roles import Roles, asked_roles, trained_roles
from memcell.data.schema import TableSchema
from memcell.data.series import Series
from memcell.data.source import Table, open_table
from memcell.data.table_libraries import pl
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
        source: as for `read`, and so are `id`, `time`, `label`, `channels`, `ignore` and `duplicates`.
        id: see `read`.
        time: see `read`.
        label: see `read`.
        channels: see `read`.
        ignore: see `read`.
        duplicates: see `read`.
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
    else:
        roles = trained_roles(table, schema, with_labels)
    notes = _unnamed_note(table) if schema is None else []
    ids = None if roles.id is None else id_values(table, roles.id)
    times = _times_of(table, roles, schema)
    values, kept = _channels_of(table, roles, schema is None, notes)
    names, codes = _series_codes(ids, table.frame.height)
    labels = [None] * len(names) if roles.label is None else _labels_of(table, roles.label, names, codes)
    order = np.lexsort((times.values, codes))
    rows = _Rows(codes[order], times.values[order], values[order], order)
    if roles.time is not None:
        rows = _without_duplicates(table, roles, kept, names, rows, duplicates, notes)
    series = _split(rows, names, labels, kept, times)
    if schema is None:
        found = TableSchema(roles.id, roles.time, roles.label, kept, times.kind, times.date_only)
    else:
        found = replace(schema, date_only=schema.date_only and times.date_only)
    return TableContents(series, found, notes)


class _Rows(NamedTuple):
    """Rows sorted by series and time: series [N], time [N], values [N, C], and where each was in the table [N]."""

    codes: NDArray[np.int64]
    times: NDArray[np.float64]
    values: NDArray[np.float64]
    origin: NDArray[np.int64]


def _unnamed_note(table: Table) -> list[str]:
    if not table.unnamed:
        return []
    positions = ", ".join(map(str, table.unnamed))
    return [f"{table.name}: column {positions} has no name (often row numbers) and is not used. Name it to use it."]


def _times_of(table: Table, roles: Roles, schema: TableSchema | None) -> Times:
    if roles.time is None:
        return Times(np.arange(table.frame.height, dtype=np.float64), "order", date_only=False)
    return parse_times(table, roles.time, None if schema is None else schema.time_kind)


def _channels_of(
    table: Table, roles: Roles, training: bool, notes: list[str]
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """The values [N, C] and the channels they are of; at training without channels that are never observed."""
    columns = {name: channel_values(table, name) for name in roles.channels}
    silent = [name for name, column in columns.items() if np.isnan(column).all()]
    if silent and training:
        if len(silent) == len(columns):
            raise InputError(f"{table.name} has no value in any channel: {', '.join(silent)} are missing throughout.")
        notes.append(f"Dropped, because missing throughout: {', '.join(map(repr, silent))}.")
        columns = {name: column for name, column in columns.items() if name not in silent}
    elif silent:
        notes.append(f"Missing throughout the table: {', '.join(map(repr, silent))}.")
    return np.column_stack(list(columns.values())), tuple(columns)


def _series_codes(ids: pl.Series | None, height: int) -> tuple[list[Any], NDArray[np.int64]]:
    """The ids in order of first appearance, and the position among them of each row's id [N]."""
    if ids is None:
        return [None], np.zeros(height, dtype=np.int64)
    index = pl.int_range(height, eager=True).alias("row")
    first = pl.DataFrame({"id": ids, "row": index}).select(pl.col("row").min().over("id")).to_series().to_numpy()
    firsts, codes = np.unique(first, return_inverse=True)
    return ids.gather(firsts).to_list(), codes.astype(np.int64)


def _labels_of(table: Table, name: str, names: list[Any], codes: NDArray[np.int64]) -> list[Any]:
    """One label a series."""
    labels = label_values(table, name)
    known = pl.DataFrame({"code": codes, "label": labels}).drop_nulls("label")
    known = known.with_columns(pl.col("label").first().over("code").alias("first"))
    conflict = known.filter(pl.col("label") != pl.col("first"))
    if conflict.height:
        code, second, first = conflict.row(0)
        raise InputError(
            f"Label {name!r} of {_called(names[code])} is {first!r} on one row and {second!r} on another; "
            "a series has one label."
        )
    found = dict(known.select("code", "label").unique("code").iter_rows())
    lacking = [code for code in range(len(names)) if code not in found]
    if lacking:
        others = f" (and {len(lacking) - 1} more)" if len(lacking) > 1 else ""
        raise InputError(
            f"Label {name!r} is missing for {_called(names[lacking[0]])}{others}. "
            "Give the label on one of its rows, or leave the series out."
        )
    return [found[code] for code in range(len(names))]


def _without_duplicates(
    table: Table,
    roles: Roles,
    channels: tuple[str, ...],
    names: list[Any],
    rows: _Rows,
    duplicates: Duplicates,
    notes: list[str],
) -> _Rows:
    groups = groups_of(rows.codes, rows.times)
    if not groups.surplus:
        return rows
    conflict = find_conflict(rows.values, groups)
    values = rows.values[groups.begins]
    if conflict is None:
        notes.append(f"{groups.surplus} rows repeat another one (same id, time and values) and were left out.")
    elif duplicates == "error":
        raise InputError(_conflict_message(table, roles, channels, names, rows, groups, conflict))
    else:
        values = joined(rows.values, groups, duplicates)
        notes.append(f"{groups.surplus} rows have the id and time of another one and were joined ({duplicates}).")
    return _Rows(rows.codes[groups.begins], rows.times[groups.begins], values, rows.origin[groups.begins])
