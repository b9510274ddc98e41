"""The rows of a table grouped into series: which row belongs to which, in what order, with what label."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memcell.contract.errors import InputError
from memcell.data.columns import label_values
from memcell.data.duplicates import Conflict, Duplicates, find_conflict, groups_of, joined
from memcell.data.schema import TableSchema
from memcell.data.series import Series
from memcell.data.source import Table
from memcell.data.table_libraries import pl


@dataclass(frozen=True)
class GroupedRows:
    """The rows of a table, sorted by series and time.

    Attributes:
        table: where they come from.
        ids: the S ids in order of first appearance; a single None where the table is one series.
        channels: the C names of the columns of `values`.
        codes: [N], int64, the position in `ids` of the row's series.
        times: [N], float64.
        values: [N, C], float64.
        origin: [N], int64, the row of the table, from 0.
    """

    table: Table
    ids: list[Any]
    channels: tuple[str, ...]
    codes: NDArray[np.int64]
    times: NDArray[np.float64]
    values: NDArray[np.float64]
    origin: NDArray[np.int64]


def series_codes(ids: pl.Series | None, height: int) -> tuple[list[Any], NDArray[np.int64]]:
    """The ids in order of first appearance, and the position among them of each row's id [N], int64."""
    if ids is None:
        return [None], np.zeros(height, dtype=np.int64)
    rows = pl.int_range(height, eager=True)
    first = pl.DataFrame({"id": ids, "row": rows}).select(pl.col("row").min().over("id")).to_series()
    firsts, codes = np.unique(first.to_numpy(), return_inverse=True)
    return ids.gather(firsts).to_list(), codes.astype(np.int64)


def sorted_rows(rows: GroupedRows) -> GroupedRows:
    """The rows by series and time; rows of one series and time stay in the order of the table."""
    order = np.lexsort((rows.times, rows.codes))
    return replace(
        rows,
        codes=rows.codes[order],
        times=rows.times[order],
        values=rows.values[order],
        origin=rows.origin[order],
    )


def labels_of(table: Table, name: str, ids: list[Any], codes: NDArray[np.int64]) -> list[Any]:
    """One label for each of `ids`.

    Raises:
        InputError: a series with two different labels, or with none.
    """
    known = pl.DataFrame({"code": codes, "label": label_values(table, name)}).drop_nulls("label")
    first = known.unique("code", keep="first", maintain_order=True)
    conflict = known.join(first, on="code", how="left").filter(pl.col("label") != pl.col("label_right"))
    if conflict.height:
        code, second, one = conflict.row(0)
        raise InputError(
            f"Label column {name!r} is {one!r} and {second!r} on two rows of {_called(ids[code])}. "
            "A series has one label: mend one of them, or choose another id."
        )
    found: dict[int, Any] = dict(first.iter_rows())
    lacking = [code for code in range(len(ids)) if code not in found]
    if lacking:
        others = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
        raise InputError(
            f"Label column {name!r} is empty on every row of {_called(ids[lacking[0]])}{others}. "
            "Give the label on one row of each series, or leave the series out."
        )
    return [found[code] for code in range(len(ids))]


def without_duplicates(rows: GroupedRows, time: str, duplicates: Duplicates) -> tuple[GroupedRows, list[str]]:
    """Sorted rows with one row a series and time, and what the user should know of it.

    Raises:
        InputError: rows of one series and time that differ, where `duplicates` is ``"error"``.
    """
    groups = groups_of(rows.codes, rows.times)
    if not groups.surplus:
        return rows, []
    conflict = find_conflict(rows.values, groups)
    if conflict is None:
        values = rows.values[groups.begins]
        note = f"Rows left out, because they repeat another one (same id, time and values): {groups.surplus}."
    elif duplicates == "error":
        raise InputError(_conflict_message(rows, time, conflict))
    else:
        values = joined(rows.values, groups, duplicates)
        note = f"Rows joined to another one of the same id and time ({duplicates}): {groups.surplus}."
    begins = groups.begins
    kept = replace(rows, codes=rows.codes[begins], times=rows.times[begins], values=values, origin=rows.origin[begins])
    return kept, [note]


def split_into_series(rows: GroupedRows, labels: list[Any], schema: TableSchema) -> list[Series]:
    """One series for each id, from sorted rows."""
    begins = np.flatnonzero(np.diff(rows.codes, prepend=-1))
    ends = np.append(begins[1:], len(rows.codes))
    series: list[Series] = []
    for begin, end, id, label in zip(begins, ends, rows.ids, labels, strict=True):
        times = np.arange(end - begin, dtype=np.float64) if schema.time is None else rows.times[begin:end]
        series.append(Series(rows.values[begin:end], times, rows.channels, id, label, schema.time_kind, schema))
    return series


def _conflict_message(rows: GroupedRows, time: str, conflict: Conflict) -> str:
    first, second = int(rows.origin[conflict.first]), int(rows.origin[conflict.second])
    one, other = rows.values[[conflict.first, conflict.second], conflict.channel]
    table, channel = rows.table, rows.channels[conflict.channel]
    return (
        f"Time {table.frame[time][first]} comes twice in {_called(rows.ids[rows.codes[conflict.first]])}: "
        f"{channel!r} is {_shown(one)} in {table.row(first)} and {_shown(other)} in {table.row(second)}. "
        "Correct one, or let such rows be joined: `duplicates='mean'` or 'last' (on the command line "
        "`--duplicates mean` or `--duplicates last`)."
    )


def _called(id: object) -> str:
    return "the series" if id is None else f"series {id!r}"


def _shown(value: float) -> str:
    return "missing" if np.isnan(value) else f"{value:g}"
