"""What a table, read at once or in parts, comes to: series, the meaning of its columns, and what is to be known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memcell.contract.errors import InputError, closest, listed
from memcell.data.dates import TimeForm, TimeKind
from memcell.data.observations import Observations
from memcell.data.schema import Kind, TableSchema
from memcell.data.series import Series
from memcell.data.spill import Spill
from memcell.tables.columns import is_text, label_values
from memcell.tables.duplicates import Duplicates, groups_of
from memcell.tables.grouping import Members, Rows, called, members_of
from memcell.tables.known import Known
from memcell.tables.long import long_rows, names_in
from memcell.tables.parts import Parts
from memcell.tables.roles import Roles
from memcell.tables.source import Table
from memcell.tables.times import Times, parse_times
from memcell.tables.wide import wide_rows
from memcell.tables.words import counts_of, kind_by

__all__ = ["Part", "columns_of", "kinds_in", "notes_of", "part_of", "series_of", "times_of"]


_HALF_A_DAY = 12.0  # hours
_BACK = (
    "Series whose clock goes back by half a day or more, though it counts from the start (if it tells the time of day, "
    "give dates with it)"
)


@dataclass(frozen=True)
class Part:
    """The rows of whole series, read.

    Attributes:
        place: of each id, its number here.
        rows: the rows, sorted by series and time; ``observations`` counts rows from the first one of each series.
        bounds: int64 [S + 1], the first row of each series, and their number.
        seen: int64 [S + 1], the same of observations.
        kinds: what channels hold that are no numbers.
        times: kind and form; the values are in ``rows``.
        tags: [N], one a row; or None.
    """

    place: dict[Any, int]
    rows: Rows
    bounds: NDArray[np.int64]
    seen: NDArray[np.int64]
    kinds: dict[str, Kind]
    times: Times
    tags: NDArray[Any] | None


def part_of(
    table: Table, roles: Roles, schema: TableSchema | None, duplicates: Duplicates, spill: Spill | None = None
) -> Part:
    """The rows of a table.

    Args:
        table: with the rows of whole series.
        roles: what columns are.
        schema: the model's, at prediction.
        duplicates: as for ``memcell.read``.
        spill: where the arrays go; None: they stay in memory.

    Raises:
        InputError: what a column holds does not fit its role.
    """
    members = members_of(table, roles.id)
    times = _times_of(table, roles, schema)
    if roles.channel is None:
        rows, kinds = wide_rows(members, times.values, roles, duplicates, schema)
    else:
        rows, kinds = long_rows(members, times.values, roles, schema)
    tags = None if roles.tag is None else _tags_of(members, times.values, rows, roles, duplicates)
    if times.form == "clock":
        rows.counts[_BACK] += _clocks_that_go_back(members.codes, times.values)
    bounds = np.searchsorted(rows.codes, np.arange(len(members.ids) + 1))
    seen = np.searchsorted(rows.observations.row, bounds)
    first = np.repeat(bounds[:-1].astype(np.int32), np.diff(seen))
    kept = spill.keep if spill else _itself
    observations = Observations(
        kept(rows.observations.row - first), kept(rows.observations.channel), kept(rows.observations.value)
    )
    nothing = np.empty(0, np.int64)
    rows = replace(rows, codes=nothing, origin=nothing, times=kept(rows.times), observations=observations)
    place = {id: number for number, id in enumerate(members.ids)}
    return Part(place, rows, bounds, seen, kinds, times._replace(values=nothing), tags)


def _tags_of(
    members: Members, times: NDArray[np.float64], rows: Rows, roles: Roles, duplicates: Duplicates
) -> NDArray[Any]:
    """The tag of each row: of rows of the table that became one, that which is not blank, the last where that is asked.

    Raises:
        InputError: such rows have different tags.
    """
    assert roles.tag is not None
    table = members.table
    tags = np.array(label_values(table, roles.tag).to_list(), dtype=object)
    if roles.time is None:
        return tags[rows.origin]
    order = np.lexsort((times, members.codes))
    groups = groups_of(members.codes[order], times[order])
    tags = tags[order]
    known = tags != np.array(None)
    last = np.maximum.reduceat(np.where(known, np.arange(len(tags)), -1), groups.begins)
    result = np.where(last < 0, np.array(None), tags[np.maximum(last, 0)])
    wrong = known & (tags != np.repeat(result, groups.sizes))
    if wrong.any() and duplicates != "last":
        first = int(wrong.argmax())
        second = int(np.repeat(last, groups.sizes)[first])
        raise InputError(
            f"Tag column {roles.tag!r} is {tags[first]!r} in {table.row(order[first])} and {tags[second]!r} in "
            f"{table.row(order[second])}, which have one time in {called(members.ids[members.codes[order[first]]])}. "
            "Correct one, or let the last one count: `duplicates='last'` (on the command line `--duplicates last`)."
        )
    rows.counts["Rows with another tag than a later one of the same id and time, whose tag counts"] += int(wrong.sum())
    return result


def _clocks_that_go_back(codes: NDArray[Any], hours: NDArray[np.float64]) -> int:
    """How many series have a clock that goes back by half a day from one row of the table to the next."""
    order = np.argsort(codes, kind="stable")
    back = (np.diff(hours[order]) < -_HALF_A_DAY) & (np.diff(codes[order]) == 0)
    return len(np.unique(codes[order][1:][back])) if hours.max(initial=0.0) < 2 * _HALF_A_DAY else 0


def _itself(array: NDArray[Any]) -> NDArray[Any]:
    return array


def _times_of(table: Table, roles: Roles, schema: TableSchema | None) -> Times:
    if roles.time is None:
        return Times(np.arange(table.frame.height, dtype=np.float64), "order", date_only=False)
    return parse_times(table, roles.time, None if schema is None else schema.time_kind)


def kinds_in(tables: Parts, roles: Roles) -> dict[str, Kind]:
    """What columns of text hold, by all parts of a table."""
    counts: dict[str, NDArray[np.int64]] = {}
    wide = list(roles.channels or ()) if roles.channel is None else [roles.value or ""]
    header = tables.header.frame
    text = [name for name in wide if is_text(header[name]) and name not in roles.kinds]
    for table in tables if text else ():
        columns = {name: table.frame[name] for name in text}
        if roles.channel is not None and roles.value is not None:
            pair = table.frame.select(names_in(table.frame[roles.channel]), roles.value)
            groups = pair.drop_nulls().partition_by(roles.channel, as_dict=True)
            columns = {str(channel): group[roles.value] for (channel,), group in groups.items()}
        for name, column in columns.items():
            counts[name] = counts.get(name, 0) + counts_of(column)
    kinds: dict[str, Kind] = {name: kind_by(of_column) for name, of_column in counts.items()}
    return kinds | dict(roles.kinds)


def columns_of(parts: Sequence[Part], roles: Roles, name: str) -> tuple[tuple[str, ...], dict[str, Kind]]:
    """The channels of all parts of the table ``name``, in order, and what those hold that are no numbers.

    Raises:
        InputError: there is none, one that was asked for lacks, or a vector has several lengths.
    """
    entries = _entries(parts)
    if roles.channel is not None and (strange := [one for one in roles.kinds if one not in {*entries, *roles.facts}]):
        raise InputError(f"`kinds` names {strange[0]!r}, which is no channel of {name}.{closest(strange[0], entries)}")
    if roles.channel is not None and (lacking := [one for one in roles.channels or () if one not in entries]):
        raise InputError(
            f"No channel {listed(lacking)} in column {roles.channel!r} of {name}; there are {listed(sorted(entries))}."
        )
    found: dict[str, int] = {}  # of a channel's vector how many places there are
    kinds: dict[str, Kind] = {}
    for part in parts:
        kinds |= part.kinds
        places = Counter(_column(part, channel) for channel in part.rows.channels)
        for channel in part.rows.channels:
            column = _column(part, channel)
            if found.setdefault(channel, places[column]) != places[column]:
                raise InputError(
                    f"Channel {column!r} of {name} has vectors of {found[channel]} and of {places[column]} numbers. "
                    "All must have one length: mend them, or leave cells empty."
                )
    if not found and not roles.facts:
        which = f": {listed(_silent(parts))} missing in every row" if roles.channel is None else ""
        raise InputError(f"No value in any channel of {name}{which}.")
    if len(parts) == 1:
        return parts[0].rows.channels, kinds
    if roles.channel is not None and roles.channels is None:
        return tuple(sorted(found)), kinds
    place = {column: number for number, column in enumerate(roles.channels or ())}
    order = {channel: (place[_column(part, channel)], channel.rpartition("[")[2].rjust(9))
             for part in parts for channel in part.rows.channels}  # fmt: skip
    return tuple(sorted(found, key=lambda channel: order[channel])), kinds


def times_of(parts: Sequence[Part], name: str) -> tuple[TimeKind, bool, TimeForm]:
    """What the times of the table ``name`` are, whether they are dates without a time of day, and how they came.

    Raises:
        InputError: the parts do not agree.
    """
    kind, forms = parts[0].times.kind, {part.times.form for part in parts}
    other = next((part.times.kind for part in parts if part.times.kind != kind), None)
    if other is not None:
        raise InputError(f"The times of {name} are {kind}s in some rows and {other}s in others. Write all alike.")
    if len(forms) > 1 and "zoned" in forms:
        raise InputError(f"The times of {name} have a time zone in some rows and none in others. Write all alike.")
    form = parts[0].times.form if len(forms) == 1 else "plain"
    return kind, all(part.times.date_only for part in parts), form


def _column(part: Part, channel: str) -> str:
    """The column of a wide table that a channel is read from."""
    vector = channel.rpartition("[")[0]
    return vector if part.kinds.get(vector) == "vector" else channel


def _entries(parts: Sequence[Part]) -> set[str]:
    return {entry for part in parts for entry in part.rows.entries}


def _silent(parts: Sequence[Part]) -> list[str]:
    """What has no value in any part."""
    return [name for name in parts[0].rows.silent if all(name in part.rows.silent for part in parts)]


def notes_of(parts: Sequence[Part], roles: Roles, schema: TableSchema | None, name: str) -> list[str]:
    """What the user should know of the rows of the table ``name``.

    Raises:
        InputError: it has none of the model's channels.
    """
    notes: list[str] = []
    silent, entries = _silent(parts), _entries(parts)
    if schema is not None and roles.channel is not None:
        silent = [one for one in schema.channels if one not in entries]
        if schema.channels and len(silent) == len(schema.channels):
            raise InputError(
                f"Column {roles.channel!r} of {name} has none of the model's channels, "
                f"{listed(schema.channels)}; it has {listed(sorted(entries))}."
            )
    if silent and schema is None:
        notes.append(f"Dropped {listed(silent)}: missing in every row of {name}.")
    elif silent:
        notes.append(f"No value of {listed(silent)} in {name}, though the model was trained with it.")
    if schema is not None and (strange := sorted(entries - set(schema.channels))):
        notes.append(f"Not used, because the model does not know them: {listed(strange)}.")
    counts = sum((part.rows.counts for part in parts), Counter[str]())
    return [*notes, *(f"{what}: {count}." for what, count in counts.items() if count)]


def series_of(parts: Sequence[Part], known: Known, schema: TableSchema, spill: Spill | None) -> list[Series]:
    """One series for each id that is known."""
    parts = [_renumbered(part, schema.channels, spill) for part in parts]
    places = {id: (part, k) for part in parts for id, k in part.place.items()}
    silent = tuple(_silent(parts))
    series: list[Series] = []
    for number, id in enumerate(known.ids):
        part, k = places.get(id, (parts[0], -1))
        low, high, begin, end = (0, 0, 0, 0) if k < 0 else (*part.seen[k : k + 2], *part.bounds[k : k + 2])
        rows, seen = part.rows, part.rows.observations
        times = np.arange(end - begin, dtype=np.float64) if schema.time is None else rows.times[begin:end]
        series.append(Series(
            Observations(seen.row[low:high], seen.channel[low:high], seen.value[low:high]), times, rows.channels, id,
            known.labels[number], schema.time_kind, schema, known.facts_at(number), known.facts.names, rows.levels,
            known.facts.levels, None if part.tags is None else part.tags[begin:end], known.groups[number],
            known.weights[number], silent,
        ))  # fmt: skip
    return series


def _renumbered(part: Part, channels: tuple[str, ...], spill: Spill | None) -> Part:
    """The part with these channels, among which its own come in the same order."""
    if part.rows.channels == channels:
        return part
    place = {channel: number for number, channel in enumerate(channels)}
    numbers = np.array([place[channel] for channel in part.rows.channels], np.int32)
    channel = numbers[part.rows.observations.channel]
    seen = replace(part.rows.observations, channel=spill.keep(channel) if spill else channel)
    return replace(part, rows=replace(part.rows, channels=channels, observations=seen))
