"""Tables into a list of series: observations, static facts and targets put together by id, mistakes named first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from memcell.contract.errors import InputError, listed, warn
from memcell.data.schema import Kind, TableSchema
from memcell.data.series import Series
from memcell.data.spill import Spill
from memcell.tables.contents import Part, columns_of, kinds_in, notes_of, part_of, series_of, times_of
from memcell.tables.duplicates import DUPLICATES, Duplicates
from memcell.tables.grouping import members_of
from memcell.tables.known import known_of, note_ids
from memcell.tables.mistakes import likely_mistakes
from memcell.tables.parts import parts_of
from memcell.tables.roles import Roles, settled, trained, written_index
from memcell.tables.source import Table, open_table
from memcell.tables.table_libraries import pl

__all__ = ["TableContents", "read", "read_table"]


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
    channel: str | None = None,
    value: str | None = None,
    label: str | Sequence[str] | None = None,
    tag: str | None = None,
    channels: Sequence[str] | None = None,
    facts: Sequence[str] = (),
    static: str | Path | Any = None,
    targets: str | Path | Any = None,
    group: str | None = None,
    weight: str | None = None,
    ignore: Sequence[str] = (),
    kinds: Mapping[str, Kind] | None = None,
    duplicates: Duplicates = "error",
) -> list[Series]:
    """A list with one `Series` for each sequence in a table, which scikit-learn can index and split.

    A wide table has one row a (series, time) and one column a channel; empty cells are missing values. A long table has
    one row an observation: `channel` and `value` name its columns. Rows may come in any order: they are sorted by
    time. Series come in the order in which their ids first appear. Columns of words are read as categories or, where
    their cells hold several words, as text; columns of lists as vectors.

    Args:
        source: the path of a table (.csv, .tsv, also with .gz, or .parquet), or a data frame of pandas, Polars,
            PyArrow or another library that narwhals knows.
        id: the column that names the series; without it the table is one series. A table with columns ``unique_id`` and
            ``ds`` is understood without being told.
        time: the column of times: numbers in your own unit, or dates. Without it, the order of the rows.
        channel, value: of a long table, the column that names what was measured and the one that holds it.
        label: the column with one class or number a series, or several; blank on some rows is fine. Series for which
            all of them are blank throughout are left out, with a warning.
        tag: the column with one class a row, blank where unknown.
        channels: the columns measured over time (of a long table, the names in `channel`); all that have no other role
            if not given.
        facts: columns with what is known of a series as a whole, such as an age.
        static: another table, one row an id, all of whose columns are such facts (but those with another role). Who
            is in it is a series, also without observations, unless there is a `tag`.
        targets: another table, one row an id, with the columns `label`, and `weight` if given. Where the main table has
            these labels too they must agree, unless it is told to `ignore` its own.
        group: the column with the subject to which several series may belong (in `static` or `targets` if it is there).
        weight: the column with how much a series counts in training; blank for none.
        ignore: columns to leave out.
        kinds: what columns hold, where their values mislead: ``"number"``, ``"category"``, ``"text"``, ``"vector"``.
        duplicates: what becomes of rows of a wide table with the same id and time but different values: ``"error"``,
            ``"mean"`` (of what is not missing, channel by channel) or ``"last"`` (of it, in the order of the table). In
            a long table such values are a set.

    Raises:
        InputError: a file or table that cannot be read, a column that does not exist, text in a channel of numbers, a
            time or id that is missing or not understood, infinities, rows that contradict each other, or labels that
            do. The message names the column, the row and the value.

    Example:
        >>> import polars as pl
        >>> table = pl.DataFrame({"stay": [1, 1, 2], "hour": [2.0, 0.5, 0.0], "pulse": [80.0, None, 95.0]})
        >>> first, second = read(table, id="stay", time="hour")
        >>> first.times, first.values[:, 0]
        (array([0.5, 2. ]), array([nan, 80.]))
    """
    contents = read_table(
        source, static=static, targets=targets, duplicates=duplicates, by_facts=tag is None, id=id, time=time,
        channel=channel, value=value, label=label, tag=tag, channels=channels, facts=facts, group=group, weight=weight,
        ignore=ignore, kinds=kinds,
    )  # fmt: skip
    for message in contents.warnings:
        warn(message)
    return contents.series


def read_table(
    source: str | Path | Any,
    *,
    static: str | Path | Any = None,
    targets: str | Path | Any = None,
    duplicates: Duplicates = "error",
    schema: TableSchema | None = None,
    with_labels: bool = False,
    by_facts: bool = False,
    **columns: Any,
) -> TableContents:
    """The series of a table with its schema and the warnings that `read` would give.

    Args:
        source, static, targets, duplicates: as for `read`.
        schema: what the columns meant at training. Given, only its columns are read, `columns` must be left out, and a
            channel that is missing throughout stays.
        with_labels: read the label columns of `schema` too, which must then exist.
        by_facts: whether a series may be known by its facts alone also where nothing says what is to be learnt.
        columns: the roles of columns, as for `read`.

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
    asked = Roles.of(columns)
    if schema is not None and asked.asked:
        raise InputError("`schema` says what each column means; leave out `id`, `time`, `label`, `channels`, `ignore`.")
    in_parts = parts_of(source, asked.id if schema is None else schema.id, schema is not None)
    spill = Spill() if in_parts else None
    main = in_parts.header if in_parts else open_table(source, schema is not None)
    beside = {"static": static, "targets": targets}
    others = {name: open_table(table, main.known) for name, table in beside.items() if table is not None}
    fitting = schema is None
    if schema is None:
        roles = settled(asked, main, others)
        notes = _unnamed_notes(main, roles.named) + _index_notes(main) + _unused_notes(main, roles)
        roles = replace(roles, kinds=kinds_in(in_parts, roles)) if in_parts else roles
    else:
        roles, notes = trained(schema, main, others, with_labels), []
    parts: list[Part] = []
    about: list[Table] = []  # the tables with what is known of whole series, once each where they are parts
    for table in in_parts or [main]:
        parts.append(part_of(table, roles, schema, duplicates, spill))
        about.append(_once(table, roles) if in_parts else table)
    channels, kinds = columns_of(parts, roles, main.name) if schema is None else (schema.channels, schema.kinds)
    notes += notes_of(parts, roles, schema, main.name)
    main = _together(about) if in_parts else main
    whole = [members_of(table, roles.id) for table in (main, *others.values())]
    # Where nothing is to be learnt, a table of facts tells of series too, unless answers stand on rows.
    labelled = bool(roles.label if schema is None else schema.label) or by_facts
    known = known_of(whole, roles, schema is None, targets is not None, labelled)
    notes += known.notes
    kind, date_only, form = times_of(parts, main.name)
    if schema is None:
        schema = TableSchema(
            roles.id, roles.time, roles.label, channels, kind, date_only, roles.channel, roles.value, roles.tag,
            known.facts.names, roles.group, roles.weight, kinds, known.facts.kinds, form,
        )  # fmt: skip
    else:
        if kind == "date" and (form == "zoned") != (schema.time_form == "zoned"):
            has, had = ("a", "none, and counted as UTC") if form == "zoned" else ("no", "one")
            notes.append(
                f"The times of {main.name} have {has} time zone; those the model was trained on had {had}. Clocks "
                "differ by the zone."
            )
        schema = replace(schema, date_only=schema.date_only and date_only, time_form=form)
    series = series_of(parts, known, schema, spill)
    if not series:
        raise InputError(f"No rows in {main.name}. Give a table that has some, or one of facts beside it (`static`).")
    silent = [one.id for one in series if not len(one.observations)]
    what = "Series without any value in a channel"
    note_ids(notes, f"{what}, known by their facts alone" if known.facts.names else what, silent)
    if fitting:
        notes += likely_mistakes(series, schema)
    return TableContents(series, schema, notes)


def _index_notes(table: Table) -> list[str]:
    if not table.index:
        return []
    return [
        f"The index ({', '.join(table.index)}) of {table.name} is no column and is not read. If it says when or of "
        "what a row is, give `table.reset_index()` and name the column."
    ]


def _unused_notes(table: Table, roles: Roles) -> list[str]:
    """Of a long table, columns beside its channels and values, which nothing is made of."""
    unused = [name for name in table.frame.columns if name not in roles.named and not written_index(name)]
    if roles.channel is None or not unused:
        return []
    return [f"Not used: {listed(unused)} of {table.name}, whose channels stand in {roles.channel!r}."]


def _once(table: Table, roles: Roles) -> Table:
    """What a table says of whole series, without repetition."""
    named = {roles.id, roles.group, roles.weight, *roles.label, *roles.facts}
    frame = table.frame.select([name for name in table.frame.columns if name in named])
    first = frame.select(pl.struct(pl.all()).is_first_distinct()).to_series()
    assert table.places is not None
    return replace(table, frame=frame.filter(first), places=table.places[first.to_numpy()])


def _together(tables: list[Table]) -> Table:
    places = np.concatenate([table.places for table in tables if table.places is not None])
    return replace(tables[0], frame=pl.concat([table.frame for table in tables]), places=places)


def _unnamed_notes(table: Table, used: set[str]) -> list[str]:
    notes: list[str] = []
    if table.unnamed:
        positions = ", ".join(map(str, table.unnamed))
        notes = [
            f"Column {positions} of {table.name} has no name (often row numbers) and is not used. Name it to use it."
        ]
    written = [name for name in table.frame.columns if written_index(name) and name not in used]
    return notes + [f"Column {name!r} of {table.name} looks like row numbers and is not used. Rename it to use it."
                    for name in written]  # fmt: skip
