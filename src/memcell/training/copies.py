"""Channels and facts that are the target by another name, as when a column of answers was left among the others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memcell.contract import warn
from memcell.contract.errors import listed
from memcell.data import Series
from memcell.data.observations import Observations, values_by_channel

__all__ = ["copies_of", "copies_of_rows"]

_FEWEST, _NEARLY = 10, 0.95  # series with an answer, and the share of them, of which a copy has a value
_ROUNDED = 1e-9  # of a correlation, which rounding may leave


def copies_of(series: Sequence[Series], targets: Iterable[Sequence[Any]]) -> list[str]:
    """Those that have one value in a series, which tells exactly what is to be learnt of it: another value for each
    class, or of numbers one on a line with them. A ``DataWarning`` names them.

    Args:
        series: labelled.
        targets: of each target what it is of each series, NaN where unknown.
    """
    every = [{k: of for k, of in enumerate(one) if of == of} for one in targets]
    found: list[str] = []
    for seen, levels, names in (
        ([one.observations for one in series], [one.levels for one in series], series[0].channels),
        ([one.facts for one in series], [one.fact_levels for one in series], series[0].fact_names),
    ):
        for name, split in zip(names, values_by_channel(seen, len(names)), strict=True):
            said = {k: _said(levels[k].get(name), values[0]) for k, values in split if values.min() == values.max()}
            if any(_same([(said[k], known[k]) for k in said if k in known], len(known)) for known in every):
                found.append(name)
    return _told(found)


def copies_of_rows(series: Sequence[Series], codes: Sequence[NDArray[np.int64]], classes: int) -> list[str]:
    """Channels of which every row with a label has another value for each class.

    Args:
        series: with labels by row.
        codes: of each series the class of each row, -1 where unknown.
        classes: how many there are.
    """
    names = series[0].channels
    kept = [one.observations.select(code[one.observations.row] >= 0) for one, code in zip(series, codes, strict=True)]
    labels = [
        Observations(one.row, one.channel, code[one.row].astype(np.float64))
        for one, code in zip(kept, codes, strict=True)
    ]
    rows = sum(int((code >= 0).sum()) for code in codes)
    found: list[str] = []
    both = zip(names, values_by_channel(kept, len(names)), values_by_channel(labels, len(names)), strict=True)
    for name, split, split_labels in both:
        if sum(len(values) for _, values in split) != rows:
            continue
        pairs: set[tuple[Any, float]] = set()
        for (k, values), (_, of) in zip(split, split_labels, strict=True):
            words = series[k].levels.get(name)
            pairs |= {(_said(words, value), label) for value, label in np.unique([values, of], axis=1).T.tolist()}
            if len(pairs) > classes:  # some value comes with two labels, or some label with two values
                break
        if classes == len(pairs) == len({value for value, _ in pairs}) == len({label for _, label in pairs}):
            found.append(name)
    return _told(found)


def _said(words: tuple[str, ...] | None, value: float) -> Any:
    return float(value) if words is None else words[int(value)]


def _same(pairs: list[tuple[Any, Any]], count: int) -> bool:
    """Whether pairs of value and target tell that one is the other."""
    if len(pairs) < max(_FEWEST, _NEARLY * count):
        return False
    values, answers = zip(*pairs, strict=True)
    kinds = len(set(answers))
    if 1 < kinds <= len(pairs) / 2 and kinds == len(set(values)) == len(set(pairs)):
        return True
    if isinstance(values[0], str) or not isinstance(answers[0], float):
        return False
    own, other = np.array(values), np.array(answers)
    return bool(own.std() > 0 and other.std() > 0 and abs(np.corrcoef(own, other)[0, 1]) > 1 - _ROUNDED)


def _told(found: list[str]) -> list[str]:
    if found:
        warn(f"{listed(found)} tells exactly what is to be learnt. A copy of the target? Then leave it out (`ignore`).")
    return found
