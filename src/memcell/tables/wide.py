"""A wide table: a row a time, a column a channel."""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from memcell.contract.errors import InputError
from memcell.data.observations import Observations
from memcell.data.schema import Kind, TableSchema
from memcell.data.texts import split_texts
from memcell.tables.columns import channel_values, cleaned, is_text, vector_values
from memcell.tables.duplicates import Conflict, Duplicates, find_conflict, groups_of, joined
from memcell.tables.grouping import Members, Rows, called
from memcell.tables.roles import Roles
from memcell.tables.source import Table
from memcell.tables.times import is_clock
from memcell.tables.words import kind_of, levels_of

__all__ = ["wide_rows"]


def wide_rows(
    members: Members, times: NDArray[np.float64], roles: Roles, duplicates: Duplicates, schema: TableSchema | None
) -> tuple[Rows, dict[str, Kind]]:
    """The rows of a wide table, and what its columns hold.

    Args:
        members, times: series and time of each row.
        roles: with channels named.
        duplicates: what becomes of rows of one series and time.
        schema: the model's, at prediction.

    Raises:
        InputError: a column that does not hold what it should, or rows that contradict each other.
    """
    table = members.table
    kinds: dict[str, Kind] = {}
    columns: dict[str, NDArray[np.float64]] = {}
    words: dict[str, tuple[str, ...]] = {}
    for name in roles.channels or ():
        kind = roles.kinds.get(name) or ("number" if schema else kind_of(table, name))
        if kind == "number":
            columns[name] = channel_values(table, name)
            continue
        kinds[name] = kind
        if kind == "vector":
            width = None if schema is None else sum(one.startswith(f"{name}[") for one in schema.channels)
            for k, column in enumerate(vector_values(table, name, width).T):
                place = f"{name}[{k}]"
                if place in table.frame.columns:
                    raise InputError(
                        f"{table.name} has a column {place!r} and a vector {name!r}, which has it too. Rename one."
                    )
                columns[place] = column
        else:
            columns[name], words[name] = levels_of(table.frame[name])
    empty = [name for name, column in columns.items() if np.isnan(column).all()]
    # A vector keeps its length: a place of it that is missing throughout stays.
    kept_whole = {name.rpartition("[")[0] for name in columns if name not in empty and kinds.get(name) is None}
    silent = [name for name in empty if name.rpartition("[")[0] not in kept_whole & set(kinds)]
    silent += [name for name, kind in kinds.items() if kind == "vector" and f"{name}[0]" not in columns]
    counts: Counter[str] = Counter()
    if schema is None:
        columns = {name: column for name, column in columns.items() if name not in silent}
    names = tuple(columns)
    values = np.column_stack(list(columns.values())) if columns else np.empty((len(times), 0))
    order = np.lexsort((times, members.codes))
    codes, times, values, origin = members.codes[order], times[order], values[order], np.arange(len(order))[order]
    if roles.time is not None:
        groups = groups_of(codes, times)
        if groups.surplus:
            conflict = find_conflict(values, groups)
            if conflict is not None and duplicates == "error":
                keys = [roles.time] if roles.id is None else [roles.id, roles.time]
                raise InputError(_conflict_message(members, keys, conflict, codes, values, names, origin, words))
            if conflict is None:
                values = values[groups.begins]
                counts["Rows left out, because they repeat another one (same id, time and values)"] += groups.surplus
            else:
                last = joined(values, groups, "last")
                numbers = [name not in words for name in names]  # words have no mean
                values = np.where(numbers, joined(values, groups, duplicates), last) if duplicates == "mean" else last  # type: ignore[arg-type]
                how = "mean; of words the last" if duplicates == "mean" and not all(numbers) else duplicates
                counts[f"Rows joined to another one of the same id and time ({how})"] += groups.surplus
            codes, times, origin = codes[groups.begins], times[groups.begins], origin[groups.begins]
    seen = Observations.of_dense(values)
    for name in names:
        if kinds.get(name) == "text":
            seen, words[name] = split_texts(seen, names.index(name), words[name])
    kept: dict[str, Kind] = {
        name: kind for name, kind in kinds.items() if name in names or (kind == "vector" and f"{name}[0]" in names)
    }
    return Rows(codes, times, seen, names, words, origin, tuple(silent), counts=counts), kept


def _conflict_message(
    members: Members,
    keys: list[str],
    conflict: Conflict,
    codes: NDArray[np.int64],
    values: NDArray[np.float64],
    channels: tuple[str, ...],
    origin: NDArray[np.int64],
    words: dict[str, tuple[str, ...]],
) -> str:
    table, channel = members.table, channels[conflict.channel]
    first, second = (int(origin[row]) for row in (conflict.first, conflict.second))
    shown = [
        "missing" if np.isnan(value) else repr(words[channel][int(value)]) if channel in words else f"{value:g}"
        for value in values[[conflict.first, conflict.second], conflict.channel]
    ]
    time = keys[-1]
    hints = _if_several(table, members, time, words), _if_long(table, keys, channels, words), _if_clock(table, time)
    return (
        f"Time {table.frame[time][first]} comes twice in {called(members.ids[codes[conflict.first]])}: "
        f"{channel!r} is {shown[0]} in {table.row(first)} and {shown[1]} in {table.row(second)}. "
        f"Correct one.{''.join(hints)} If they are of one moment, let such rows be joined: `duplicates='mean'` or "
        "'last' (on the command line `--duplicates mean` or `--duplicates last`)."
    )


def _if_several(table: Table, members: Members, time: str, words: dict[str, tuple[str, ...]]) -> str:
    """What to do if the rows are of several series, and a column names them."""
    if len(members.ids) > 1:
        return ""
    for name in words:
        if not table.frame.select(time, name).is_duplicated().any():
            return f" If {name!r} names the series, say so: `id={name!r}` (on the command line `--id {name}`)."
    return ""


def _if_clock(table: Table, time: str) -> str:
    """What to do if times are clocks, which may pass midnight."""
    column = table.frame[time]
    written = is_text(column) and is_clock(cleaned(column))
    return " If the clock tells the time of day, give dates with it." if written else ""


def _if_long(table: Table, keys: list[str], channels: tuple[str, ...], words: dict[str, tuple[str, ...]]) -> str:
    """What to do if the table is a long one, where some column of it may name what was measured: another one in each
    row of the same ``keys``."""
    numbers = [name for name in channels if name not in words]
    found = [name for name in words if not table.frame.select(*keys, name).is_duplicated().any()]
    if not found or not numbers:
        return ""
    channel, value = found[0], numbers[0]
    return (
        f" If each row is one observation, say where its channel and value stand: `channel={channel!r}, "
        f"value={value!r}` (on the command line `--channel {channel} --value {value}`)."
    )
