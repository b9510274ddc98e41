"""Which column of a table plays which role, settled and checked before any value is read."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from memcell.contract.errors import InputError, closest, listed
from memcell.data.schema import KINDS, Kind, TableSchema
from memcell.tables.source import Table

__all__ = ["Roles", "settled", "trained", "written_index"]

_SHOWN = 20
"""How many columns a message lists at most."""

_NIXTLA = ("unique_id", "ds")
"""Names of id and time that tables for Nixtla's libraries have."""


@dataclass(frozen=True)
class Roles:
    """What the user says of the columns; see ``memcell.read``.

    Attributes:
        id, time, channel, value, group, weight, tag: one column each, or None.
        label: columns of the target; one may be given as text.
        channels: columns, or entries of the column ``channel``, to read; None for all that have no other role.
        facts: columns of the main table that hold static facts.
        ignore: columns to leave out.
        kinds, fact_kinds: what a column or channel, or a fact, holds, where it is not to be found out.
    """

    id: str | None = None
    time: str | None = None
    channel: str | None = None
    value: str | None = None
    group: str | None = None
    weight: str | None = None
    tag: str | None = None
    label: tuple[str, ...] = ()
    channels: tuple[str, ...] | None = None
    facts: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    fact_kinds: Mapping[str, Kind] = field(default_factory=dict)

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Roles:
        """From keyword arguments as ``memcell.read`` takes them.

        Raises:
            InputError: one has a wrong type.
        """
        roles = dict(given)
        for name in ("id", "time", "channel", "value", "group", "weight", "tag"):
            if not isinstance(roles.get(name), str | None):
                raise InputError(f"`{name}` must be the name of one column, as text; got {roles[name]!r}.")
        if isinstance(roles.get("label"), str):
            roles["label"] = (roles["label"],)
        for name in ("label", "channels", "facts", "ignore"):
            value = roles.get(name)
            if isinstance(value, str):
                raise InputError(f"`{name}` must be a list of columns; got the text {value!r}. Write [{value!r}].")
            roles[name] = None if value is None and name == "channels" else tuple(value or ())
        roles["kinds"] = roles["fact_kinds"] = dict(roles.get("kinds") or {})
        for name, kind in roles["kinds"].items():
            if kind not in KINDS:
                raise InputError(f"`kinds` says {kind!r} of {name!r}; it must be one of {', '.join(KINDS)}.")
        if (roles.get("channel") is None) != (roles.get("value") is None):
            raise InputError(
                "`channel` and `value` go together: a long table has one column for each. Give both. If it has codes "
                "alone, such as diagnoses, these are the values; add a column of one word, such as 'code', as channel."
            )
        return cls(**roles)

    @property
    def named(self) -> set[str]:
        """All columns in a role."""
        every = ("id", "time", "channel", "value", "group", "weight", "tag", "label", "channels", "facts", "ignore")
        return {column for name in every for column in _named(self, name)}

    @property
    def asked(self) -> bool:
        """Whether the user said anything."""
        return any(getattr(self, field.name) != field.default for field in fields(self) if "kinds" not in field.name)


def settled(roles: Roles, main: Table, others: Mapping[str, Table]) -> Roles:
    """The roles with every column named: the channels of a wide table, and the facts where they are in a table.

    Args:
        roles: as the user gave them.
        main: the table of observations.
        others: ``"static"`` and ``"targets"``, where given.

    Raises:
        InputError: a column that does not exist or has two roles, or no channel left.
    """
    columns = main.frame.columns
    if roles.id is None and roles.time is None and set(_NIXTLA) <= set(columns):
        roles = replace(roles, id=_NIXTLA[0], time=_NIXTLA[1])
    if others and roles.id is None:
        raise InputError("`id` is missing: it names the column by which the tables belong together.")
    static, targets = others.get("static"), others.get("targets")
    owners: dict[str, str] = {}
    known = {column for table in (main, *others.values()) for column in table.frame.columns}
    if targets is None and static is not None:
        told = [name for name in roles.label if name in static.frame.columns and name not in columns]
        if told:
            raise InputError(
                f"{told[0]!r} stands in {static.name}, the table of facts. Give that table as the one of targets too: "
                "`targets` (on the command line `--targets`)."
            )
    here = ["id", "time", "channel", "value", "tag", *([] if targets else ["label"]), "facts", "channels"]
    anywhere = ("group", "weight", "ignore")
    check_exist(main, [column for name in here for column in _named(roles, name)], "")
    for name in ("weight", "group"):
        if getattr(roles, name) in roles.label:
            raise InputError(f"Column {getattr(roles, name)!r} is given as `{name}` and as `label`; give it once.")
    for name in (*here, *anywhere):
        named = _named(roles, name)
        if not set(named) <= known:
            check_exist(main, named, "")
        for column in named:
            if column in owners:
                twice = f"twice in `{name}`" if owners[column] == name else f"as `{owners[column]}` and as `{name}`"
                raise InputError(f"Column {column!r} is given {twice}; give it once.")
            owners[column] = name
    if roles.channel is None and (strange := [name for name in roles.kinds if name not in known]):
        raise InputError(
            f"`kinds` names {strange[0]!r}, which is no column of {main.name}.{closest(strange[0], known)}"
        )
    if targets is not None:
        check_exist(targets, [roles.id or "", *roles.label], "")
        if not roles.label:
            raise InputError(f"`label` is missing: say which column of {targets.name} is to be learnt.")
    if static is not None:
        check_exist(static, [roles.id or ""], "")
        taken = {roles.id, roles.group, roles.weight, *roles.label, *roles.ignore}
        facts = tuple(name for name in static.frame.columns if name not in taken)
        clash = next((name for name in facts if name in (roles.time, roles.channel, roles.value, roles.tag)), None)
        if clash is not None:
            raise InputError(
                f"{static.name} has a column {clash!r} too, which would be a fact of the name that {main.name} has for "
                "something else. Rename it in one of the two."
            )
        roles = replace(roles, facts=(*roles.facts, *facts))
    if roles.channel is not None:
        return roles
    channels = roles.channels
    if channels is None:
        rest = [name for name in columns if name not in {*owners, *roles.label}]
        channels = tuple(name for name in rest if not written_index(name))
    if not channels and not roles.facts:
        raise InputError(f"No column of {main.name} is left to be a channel; its columns are {columns}.")
    return replace(roles, channels=channels)


def trained(schema: TableSchema, main: Table, others: Mapping[str, Table], with_label: bool) -> Roles:
    """The roles that a model was trained with; other columns, and the target unless asked for, are ignored.

    Raises:
        InputError: columns that lack, all of them named, or a target is asked for and there was none.
    """
    if with_label and not schema.label and schema.tag is None:
        raise InputError("The model was trained without a label column, so there is none to read.")
    channels = schema.channels if schema.channel else schema.columns
    roles = Roles(
        schema.id, schema.time, schema.channel, schema.value, None, None, schema.tag if with_label else None,
        schema.label if with_label else (), channels, schema.facts, (), schema.kinds,
        schema.fact_kinds,
    )  # fmt: skip
    if others and roles.id is None:
        raise InputError("The model was trained without ids, on one series: leave out the tables that go by id.")
    why = ", which the model was trained with"
    for name, table in others.items():
        check_exist(table, [roles.id or "", *(roles.label if name == "targets" else ())], why)
    elsewhere = {column for table in others.values() for column in table.frame.columns}
    wanted = [*_named(roles, "id"), *_named(roles, "time"), *_named(roles, "channel"), *_named(roles, "value"),
              *_named(roles, "tag"), *_named(roles, "channels")]  # fmt: skip
    wanted += [column for column in (*roles.facts, *roles.label) if column not in elsewhere]
    remedy = "".join(
        f" If {', '.join(map(repr, columns))} stand in another table, give it as `{option}` (`--{option}`)."
        for option, columns in (("static", roles.facts), ("targets", roles.label))
        if option not in others and set(columns) - set(main.frame.columns) - elsewhere
    )
    both = [name for name in roles.facts if name in channels and name not in elsewhere and schema.channel is None]
    if both:  # the main table's column is the channel
        where = others["static"].name if "static" in others else "a table of facts (`static`)"
        raise InputError(f"No column {listed(both)} in {where}{why} as a fact, beside the channel of that name.")
    if roles.channel is not None and roles.channel not in main.frame.columns:
        remedy += (
            " That was a long table, of one row an observation; give one too, or read this one with `memcell.read` in "
            "Python, whose series the model takes."
        )
    elif roles.channel is None and 0 < len({*channels} & {*main.frame.columns}) < len({*channels}):
        remedy += " What was not measured is an empty column."
    check_exist(main, wanted, why, remedy)
    return roles


def written_index(name: str) -> bool:
    """Whether a column of this name holds numbers of rows, as pandas writes them where it is not told otherwise."""
    return re.fullmatch(r"__index_level_[0-9]+__|Unnamed: [0-9]+", name) is not None


def _named(roles: Roles, name: str) -> tuple[str, ...]:
    """The columns in a role."""
    if name == "channels" and roles.channel is not None:
        return ()
    given: Any = getattr(roles, name)
    return () if given is None else (given,) if isinstance(given, str) else tuple(given)


def check_exist(table: Table, names: Sequence[str], why: str, remedy: str = "") -> None:
    """Nothing, if the table has columns of these names.

    Raises:
        InputError: columns that lack, all of them named.
    """
    columns = table.frame.columns
    lacking = [name for name in dict.fromkeys(names) if name not in columns]
    if not lacking:
        return
    hints = "".join(closest(name, columns) for name in lacking)
    if set(lacking) & set(table.index):
        hints += " The index is no column: give `table.reset_index()`."
    shown = ", ".join(map(repr, columns[:_SHOWN])) + (", ..." if len(columns) > _SHOWN else "")
    noun = "column" if len(lacking) == 1 else "columns"
    raise InputError(
        f"No {noun} {', '.join(map(repr, lacking))} in {table.name}{why}.{hints} Its columns are {shown}.{remedy}"
    )
