"""Rows of a table as rows of series: which row belongs to which series, in what order, and what differs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memcell.contract.errors import InputError
from memcell.data.observations import Observations
from memcell.tables.columns import id_values, label_values
from memcell.tables.source import Table
from memcell.tables.table_libraries import pl

__all__ = ["Members", "Rows", "called", "members_of", "one_a_series"]


@dataclass(frozen=True)
class Members:
    """Which series each row of a table belongs to.

    Attributes:
        table: the table.
        ids: the S ids in order of first appearance; a single None where the table is one series.
        codes: int64 [N], the position in `ids` of the row's series.
    """

    table: Table
    ids: list[Any]
    codes: NDArray[np.int64]


@dataclass(frozen=True)
class Rows:
    """The rows of all series, one a series and time, sorted by both.

    Attributes:
        codes: int64 [N], the position among the ids of the row's series.
        times: float64 [N].
        observations: of all rows together.
        channels: the names of their channels.
        levels: the words of those channels that hold words.
        origin: int64 [N], the first row of the table that the row was made of.
        silent: columns or channels without any value; when a model is trained, they are no channels.
        entries: of a long table, what its column of channels names.
        counts: of what the user should know, how often it was met.
    """

    codes: NDArray[np.int64]
    times: NDArray[np.float64]
    observations: Observations
    channels: tuple[str, ...]
    levels: Mapping[str, tuple[str, ...]]
    origin: NDArray[np.int64]
    silent: tuple[str, ...] = ()
    entries: tuple[str, ...] = ()
    counts: Counter[str] = field(default_factory=Counter)


def members_of(table: Table, id: str | None) -> Members:
    """The series of a table's rows, by the column of their ids.

    Raises:
        InputError: a row without an id.
    """
    if id is None:
        return Members(table, [None], np.zeros(table.frame.height, dtype=np.int64))
    ids = id_values(table, id)
    rows = pl.int_range(len(ids), eager=True)
    first = pl.DataFrame({"id": ids, "row": rows}).select(pl.col("row").min().over("id")).to_series()
    firsts, codes = np.unique(first.to_numpy(), return_inverse=True)
    return Members(table, ids.gather(firsts).to_list(), codes.astype(np.int64))


def one_a_series(members: Members, name: str, values: pl.Series | None = None, what: str = "Label") -> list[Any]:
    """The one value that a column has for each series; None where it is blank throughout.

    Args:
        members: the table and its series.
        name: the column.
        values: its values [N], null where blank; read as labels if not given.
        what: what a message calls the column.

    Raises:
        InputError: a series with two different values.
    """
    values = label_values(members.table, name) if values is None else values
    known = pl.DataFrame({"code": members.codes, "value": values}).drop_nulls("value")
    first = known.unique("code", keep="first", maintain_order=True)
    conflict = known.join(first, on="code", how="left").filter(pl.col("value") != pl.col("value_right"))
    if conflict.height:
        code, second, one = conflict.row(0)
        label = what == "Label"
        remedy = "A series has one label: mend one of them" if label else "It must not change within a series: mend one"
        if not members.table.known:
            remedy += ", or choose another id" if label else ", or read the column as a channel"
        raise InputError(
            f"{what} column {name!r} is {one!r} and {second!r} on two rows of {called(members.ids[code])}. {remedy}."
        )
    found: dict[int, Any] = dict(first.iter_rows())
    return [found.get(code) for code in range(len(members.ids))]


def called(id: object) -> str:
    """What messages call a series."""
    return "the series" if id is None else f"series {id!r}"
