"""A long table: a row an observation, with a column that names the channel and one that holds the value."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from memcell.contract.errors import InputError
from memcell.data.observations import Observations
from memcell.data.schema import Kind, TableSchema
from memcell.data.texts import split_texts
from memcell.tables.columns import channel_values, cleaned, is_text
from memcell.tables.grouping import Members, Rows
from memcell.tables.roles import Roles
from memcell.tables.source import Table
from memcell.tables.table_libraries import pl
from memcell.tables.words import kind_of_texts, levels_of

__all__ = ["long_rows", "names_in"]


def long_rows(
    members: Members, times: NDArray[np.float64], roles: Roles, schema: TableSchema | None
) -> tuple[Rows, dict[str, Kind]]:
    """The rows of a long table, and what its channels hold.

    Channels come in the order of their names. Several values of one channel at one time are a set, of which equal
    ones count once.

    Raises:
        InputError: a row without a channel, or a value that its channel cannot hold.
    """
    assert roles.channel is not None
    assert roles.value is not None
    table = members.table
    named = names_in(table.frame[roles.channel])
    if named.null_count():
        row = int(named.is_null().arg_max() or 0)
        raise InputError(f"Channel column {roles.channel!r} is empty in {table.row(row)}. Every row needs a channel.")
    found = named.unique().sort().to_list()
    wanted = found if roles.channels is None else list(roles.channels)
    place = pl.DataFrame({"name": wanted, "place": np.arange(len(wanted))})
    places = named.to_frame("name").join(place, on="name", how="left", maintain_order="left")["place"]
    channel = places.fill_null(-1).to_numpy()
    values, kinds, words = _values(table, roles, wanted, channel, schema)
    known = (channel >= 0) & ~np.isnan(values)
    silent = tuple(wanted[c] for c in np.setdiff1d(np.arange(len(wanted)), channel[known]))
    if silent and schema is None:
        kept = [c for c, name in enumerate(wanted) if name not in silent]
        renumbered = np.full(len(wanted) + 1, -1)
        renumbered[kept] = np.arange(len(kept))
        wanted, channel = [wanted[c] for c in kept], renumbered[channel]
    order = np.lexsort((times, members.codes))
    if roles.tag is None and (schema is None or schema.tag is None):  # what is not read makes no row; a tag does
        order = order[channel[order] >= 0]
    codes, times = members.codes[order], times[order]
    begins = np.ones(len(order), bool)
    begins[1:] = (np.diff(codes) != 0) | (np.diff(times) != 0)
    row = np.full(len(channel), -1)
    row[order] = np.cumsum(begins) - 1
    seen = Observations.of(row[known], channel[known], values[known]).distinct()
    counts = Counter({"Values beside another one of the same id, time and channel, read as a set": seen.surplus})
    for c, name in enumerate(wanted):
        if kinds.get(name) == "text":
            seen, words[name] = split_texts(seen, c, words[name])
    known_kinds: dict[str, Kind] = {name: kind for name, kind in kinds.items() if name in wanted}
    names = tuple(wanted)
    return Rows(
        codes[begins], times[begins], seen, names, words, order[begins], silent, tuple(found), counts
    ), known_kinds


def names_in(column: pl.Series) -> pl.Series:
    """The channels that a column names, null where it is blank; "Na" is sodium here, and no missing value."""
    return column.cast(pl.String).str.strip_chars().replace({"": None})


def _values(
    table: Table, roles: Roles, names: list[str], channel: NDArray[np.int64], schema: TableSchema | None
) -> tuple[NDArray[np.float64], dict[str, Kind], dict[str, tuple[str, ...]]]:
    """Values [N], words as codes; what the channels hold; their words."""
    assert roles.value is not None
    column = table.frame[roles.value]
    column = column.cast(pl.String) if is_text(column) else column  # of categories, which no number can be cast to
    kinds: dict[str, Kind] = {name: kind for name, kind in roles.kinds.items() if name in names}
    if schema is None and is_text(column):
        plain = column.cast(pl.Float64, strict=False).is_null() & cleaned(column).is_not_null()
        for c in np.unique(channel[plain.to_numpy()]):
            if c >= 0 and names[c] not in kinds:
                kinds[names[c]] = kind_of_texts(column.filter(pl.Series(channel == c)))
    kinds = {name: kind for name, kind in kinds.items() if kind != "number"}
    codes = {name: number for number, name in enumerate(names)}
    worded = np.isin(channel, [codes[name] for name in kinds]) | (channel < 0)
    values = np.full(len(column), np.nan)
    words: dict[str, tuple[str, ...]] = {}
    plain = pl.when(pl.Series(~worded)).then(pl.col(roles.value)).alias(roles.value)
    numbers = replace(table, frame=table.frame.with_columns(plain))
    try:
        values[~worded] = channel_values(numbers, roles.value)[~worded]
    except InputError:
        for c, name in enumerate(names):  # which of the channels it is that holds something else
            of_one = pl.when(pl.Series((channel == c) & ~worded)).then(pl.col(roles.value)).alias(name)
            channel_values(replace(table, frame=table.frame.select(of_one)), name)
        raise
    for name in kinds:
        here = channel == codes[name]
        values[here], words[name] = levels_of(column.filter(pl.Series(here)))
    return values, kinds, words
