"""Which column of a table plays which role, settled and checked before any value is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from memcell.contract.errors import InputError, closest
from memcell.data.schema import TableSchema
from memcell.data.source import Table

_SHOWN = 20
"""How many columns a message lists at most."""


@dataclass(frozen=True)
class Roles:
    """The columns to read: the names of the id, time and label column, where there is one, and the channels."""

    id: str | None
    time: str | None
    label: str | None
    channels: tuple[str, ...]


def asked_roles(
    table: Table,
    id: str | None,
    time: str | None,
    label: str | None,
    channels: Sequence[str] | None,
    ignore: Sequence[str],
) -> Roles:
    """The roles a user asked for; without `channels`, every column without a role that is not ignored.

    Raises:
        InputError: a column that does not exist or has two roles, or no channel left.
    """
    for option, value in (("channels", channels), ("ignore", ignore)):
        if isinstance(value, str):
            raise InputError(f"`{option}` must be a list of columns; got the text {value!r}. Write [{value!r}].")
    single: dict[str, object] = {"id": id, "time": time, "label": label}
    asked: list[tuple[str, str]] = []
    for role, name in single.items():
        if isinstance(name, str):
            asked.append((role, name))
        elif name is not None:
            raise InputError(f"`{role}` must be the name of one column, as text; got {name!r}.")
    asked += [("channels", name) for name in channels or ()] + [("ignore", name) for name in ignore]
    _check_exist(table, [name for _, name in asked], "")
    roles: dict[str, str] = {}
    for role, name in asked:
        if name in roles:
            twice = f"twice in `{role}`" if roles[name] == role else f"as `{roles[name]}` and as `{role}`"
            raise InputError(f"Column {name!r} is given {twice}; give it once.")
        roles[name] = role
    chosen = (
        tuple(channels) if channels is not None else tuple(name for name in table.frame.columns if name not in roles)
    )
    if not chosen:
        raise InputError(f"No column of {table.name} is left to be a channel; its columns are {table.frame.columns}.")
    return Roles(id, time, label, chosen)


def trained_roles(table: Table, schema: TableSchema, with_label: bool) -> Roles:
    """The roles that a model was trained with; other columns, and the label unless asked for, are ignored.

    Raises:
        InputError: columns that lack, all of them named.
    """
    label = schema.label if with_label else None
    if with_label and label is None:
        raise InputError("The model was trained without a label column, so there is none to read.")
    wanted = [name for name in (schema.id, schema.time, label) if name is not None] + list(schema.channels)
    _check_exist(table, wanted, ", which the model was trained with")
    return Roles(schema.id, schema.time, label, schema.channels)


def _check_exist(table: Table, names: Sequence[str], why: str) -> None:
    columns = table.frame.columns
    lacking = [name for name in dict.fromkeys(names) if name not in columns]
    if not lacking:
        return
    hints = "".join(closest(name, columns) for name in lacking)
    if set(lacking) & set(table.index):
        hints += " The index is no column: give `table.reset_index()`."
    shown = ", ".join(map(repr, columns[:_SHOWN])) + (", ..." if len(columns) > _SHOWN else "")
    noun = "column" if len(lacking) == 1 else "columns"
    raise InputError(f"No {noun} {', '.join(map(repr, lacking))} in {table.name}{why}.{hints} Its columns are {shown}.")
