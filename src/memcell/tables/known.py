"""What is known of each series beside its observations, from whichever of the tables says it, put together by id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from memcell.contract.errors import InputError, listed
from memcell.data.observations import Observations
from memcell.data.schema import Kind
from memcell.data.series import check_weight
from memcell.data.texts import split_texts
from memcell.tables.columns import channel_values
from memcell.tables.grouping import Members, called, one_a_series
from memcell.tables.roles import Roles
from memcell.tables.table_libraries import pl
from memcell.tables.words import kind_of, levels_of

__all__ = ["Facts", "Known", "known_of", "note_ids"]

_SHOWN = 5


@dataclass(frozen=True)
class Facts:
    """The facts of S series: row s of ``seen`` holds those of series s.

    Attributes:
        seen: the facts.
        names: what they are.
        levels: the words of those that hold words.
        kinds: what those hold that are no numbers.
    """

    seen: Observations = field(default_factory=lambda: Observations.of([], [], []))
    names: tuple[str, ...] = ()
    levels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    kinds: Mapping[str, Kind] = field(default_factory=dict)


@dataclass(frozen=True)
class Known:
    """The series that there are, and what is known of each.

    Attributes:
        ids: of the series.
        facts: row s holds those of series s.
        labels: what is to be learnt: a value, a tuple of several, or None.
        groups: the subject, or None.
        weights: how much it counts.
        notes: what the user should know.
    """

    ids: list[Any]
    facts: Facts
    labels: list[Any]
    groups: list[Any]
    weights: list[float]
    notes: list[str]

    def facts_at(self, k: int) -> Observations:
        """The facts of series k, as observations of row 0."""
        return self.facts.seen.between(k, k + 1)


def known_of(tables: Sequence[Members], roles: Roles, fitting: bool, with_targets: bool, whole: bool) -> Known:
    """What the tables know of the series.

    Args:
        tables: the main table first.
        roles: the columns.
        fitting: whether a model is to be trained, which takes what columns hold from their values.
        with_targets: whether the targets are in the last table.
        whole: whether what is learnt is of whole series, and not of their rows.

    Raises:
        InputError: facts, labels, groups or weights that contradict each other, or tables with no id in common.
    """
    tables = [tables[0], *(_alike(other, tables[0]) for other in tables[1:])]
    main, targets = tables[0], tables[-1 if with_targets else 0]
    for other in tables[1:]:
        _check_overlap(main, other)
    # A series without rows can be told by its facts, unless its target would have to stand on a row.
    tellers = tables[:1] if not whole or (roles.label and not with_targets) else tables[: len(tables) - with_targets]
    ids = list(dict.fromkeys(id for table in tellers for id in table.ids))
    labels = _labels(targets, roles.label) if roles.label else {}
    notes: list[str] = []
    if roles.label:
        if with_targets:
            notes += _also_elsewhere(tables[:-1], targets, roles)
        told = {*ids}
        unseen = [id for id in targets.ids if id not in told]
        note_ids(notes, "Targets without any observation, left out", unseen)
        without = [id for id in ids if labels.get(id) is None]
        note_ids(notes, "Series without any target, left out", without)
        ids = [id for id in ids if labels.get(id) is not None]
        if not ids:
            columns = ", ".join(map(repr, roles.label))
            raise InputError(f"No series has a target: {columns} of {targets.table.name} is blank for all. Fill it in.")
    for table in tables[1 : len(tables) - with_targets]:
        described = {*table.ids}
        unknown = [id for id in ids if id not in described]
        note_ids(notes, f"Series that {table.table.name} knows no facts of", unknown)
    groups = _by_id(tables, roles.group, ids, "Group", None)
    weights = _by_id(tables, roles.weight, ids, "Weight", 1.0)
    facts, empty = _facts(tables, roles, ids, fitting)
    if empty:
        notes.append(f"Dropped {listed(empty)}: facts that are missing for every series.")
    return Known(
        ids, facts, [labels.get(id) for id in ids],
        groups, weights, notes,
    )  # fmt: skip


def _alike(other: Members, main: Members) -> Members:
    """The other table with the ids of the main one, where both have them as different kinds that are written alike: one
    id that is no number makes text of all, and whole numbers may come as decimals."""
    known = {*main.ids}
    if any(id in known for id in other.ids):
        return other
    written = {_written(id): id for id in main.ids}
    found = [written.get(_written(id), id) for id in other.ids]
    return replace(other, ids=found) if len(set(found)) == len(found) else other


def _written(id: object) -> str:
    text = str(id)
    return text[:-2] if text.endswith(".0") and text[:-2].lstrip("-").isdigit() else text


def _check_overlap(main: Members, other: Members) -> None:
    if main.ids and not set(main.ids) & set(other.ids):
        raise InputError(
            f"No id of {other.table.name}, such as {other.ids[0]!r}, is an id of {main.table.name}, such as "
            f"{main.ids[0]!r}. Write them alike in both."
        )


def note_ids(notes: list[str], what: str, ids: list[Any]) -> None:
    """Note how many series something is so of, and some of their ids."""
    if ids:
        more = ", ..." if len(ids) > _SHOWN else ""
        notes.append(f"{what}: {len(ids)} ({', '.join(map(repr, ids[:_SHOWN]))}{more}).")


def _labels(members: Members, names: Sequence[str]) -> dict[Any, Any]:
    """Of each id what is to be learnt; None where all columns are blank."""
    rows = zip(*(one_a_series(members, name) for name in names), strict=True)
    labels = [
        row[0] if len(names) == 1 else None if not any(value is not None for value in row)
        else tuple(float("nan") if value is None else value for value in row)
        for row in rows
    ]  # fmt: skip
    return dict(zip(members.ids, labels, strict=True))


def _also_elsewhere(tables: Sequence[Members], targets: Members, roles: Roles) -> list[str]:
    """Notes of targets that another table than that of targets has too.

    Raises:
        InputError: the two disagree.
    """
    notes: list[str] = []
    for name in roles.label:
        for other in tables:
            if name not in other.table.frame.columns or name in roles.ignore:
                continue
            here, there = (dict(zip(one.ids, one_a_series(one, name), strict=True)) for one in (targets, other))
            for id, value in there.items():
                known = here.get(id)
                if value is not None and known is not None and known != value and str(known) != str(value):
                    raise InputError(
                        f"Target {name!r} of {called(id)} is {known!r} in the table of targets and {value!r} in "
                        f"{other.table.name}. Make them agree, or take the column out of the latter."
                    )
            notes.append(f"Target {name!r} is in {other.table.name} too; that of the table of targets is taken.")
    return notes


def _by_id(tables: Sequence[Members], name: str | None, ids: list[Any], what: str, otherwise: Any) -> list[Any]:
    """Of each of ``ids`` its group or weight in the first table that has the column; ``otherwise`` if it lacks there.

    Raises:
        InputError: a series that the column leaves blank, or what is no weight.
    """
    if name is None:
        return [otherwise] * len(ids)
    members = next(table for table in tables if name in table.table.frame.columns)
    values = None
    if what == "Weight":
        values = pl.Series(channel_values(members.table, name, "Weight column")).fill_nan(None)
    known = dict(zip(members.ids, one_a_series(members, name, values, what), strict=True))
    found = [known.get(id, otherwise) for id in ids]
    lacking = [id for id, value in zip(ids, found, strict=True) if value is None and id in known]
    if lacking:
        others = f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
        remedy = "1 where it counts like any other" if what == "Weight" else "one of its own where it shares none"
        raise InputError(
            f"{what} column {name!r} of {members.table.name} is blank for {called(lacking[0])}{others}. Give every "
            f"series a {what.lower()}: {remedy}."
        )
    if what == "Weight":
        for id, weight in zip(ids, found, strict=True):
            check_weight(weight, f"Weight column {name!r} of {called(id)}")
    return found


def _facts(tables: Sequence[Members], roles: Roles, ids: list[Any], fitting: bool) -> tuple[Facts, list[str]]:
    """The facts, and which were dropped when a model was to be fitted: those without any value."""
    kinds: dict[str, Kind] = {}
    words: dict[str, tuple[str, ...]] = {}
    columns = np.full((len(ids), len(roles.facts)), np.nan)
    for c, name in enumerate(roles.facts):
        members = next(one for one in (*tables[1:], tables[0]) if name in one.table.frame.columns)
        kind = roles.fact_kinds.get(name) or (kind_of(members.table, name) if fitting else "number")
        if kind == "vector":
            raise InputError(f"Fact {name!r} holds lists; a fact is a number or words. Give a column for each number.")
        if kind == "number":
            values = channel_values(members.table, name)
        else:
            kinds[name] = kind
            values, words[name] = levels_of(members.table.frame[name])
        found = one_a_series(members, name, pl.Series(values).fill_nan(None), "Fact")
        by_id = dict(zip(members.ids, found, strict=True))
        columns[:, c] = [np.nan if by_id.get(id) is None else by_id[id] for id in ids]
    there = np.flatnonzero(~np.isnan(columns).all(axis=0) | (not fitting))
    names = tuple(roles.facts[c] for c in there)
    kinds = {name: kind for name, kind in kinds.items() if name in names}
    words = {name: own for name, own in words.items() if name in names}
    seen = Observations.of_dense(columns[:, there])
    for c, name in enumerate(names):
        if kinds.get(name) == "text":
            seen, words[name] = split_texts(seen, c, words[name])
    return Facts(seen, names, words, kinds), [name for name in roles.facts if name not in names]
