"""Numbers that several sources give in turn, where another channel says which one: each has a column of its own.

Which antenna heard a tag, which sensor of a line was read, which exchange a price is from: what the last row said is
then of little use for this one, what the same source said last is.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from memcell.contract import InputError
from memcell.data.channels import Channel
from memcell.data.encoding import Encoding
from memcell.data.series import Series

__all__ = ["sources_from_json", "sources_of"]

Array = NDArray[np.float64]

_MOST = 16  # sources of a channel
_MOST_COLUMNS = 32  # that all sources of all numbers have
_BETTER = 0.5  # squared error of the last value of the same source at most, by that of the last value of any
_ENOUGH = 100  # rows of another source than the row before, from which on this is known
_TOLD = 0.9  # share of the rows at least that come from one source
_SERIES = 500  # series that it is learnt from, about


def sources_of(series: list[Series], channels: tuple[Channel, ...]) -> tuple[tuple[str, str], ...]:
    """Numbers, and the channel that says which source each comes from: where the last value of the same source
    foretells the next one far better than the last value of any. Of each number the best such channel."""
    encoding = Encoding(channels, ())
    columns = encoding.columns
    best: dict[int, tuple[float, int]] = {}
    for by in (c for c in range(len(channels)) if 1 < encoding.source_count(c) <= _MOST):
        errors, count, rows = np.zeros((2, len(columns))), np.zeros(len(columns), np.int64), np.zeros(2, np.int64)
        for one in series[:: -(-len(series) // _SERIES) or 1]:
            there = encoding.sources_of(one, by)
            told = there.sum(axis=1) == 1
            values = encoding.scaled(encoding.columns_of(one))[told]
            rows += told.sum(), len(told)
            of_same, of_any, changed = _errors(values, there[told].argmax(axis=1))
            errors += of_same, of_any
            count += changed
        if rows[0] < _TOLD * rows[1]:
            continue
        shares = np.divide(*errors, out=np.ones(len(columns)), where=errors[1] > 0)
        for d in np.flatnonzero((shares <= _BETTER) & (count >= _ENOUGH) & (columns != by)).tolist():
            best[d] = min(best.get(d, (np.inf, 0)), (float(shares[d]), by))
    found: list[tuple[str, str]] = []
    left = _MOST_COLUMNS
    for d, (_, by) in sorted(best.items(), key=lambda item: item[1]):
        left -= encoding.source_count(by)
        if left >= 0:
            found.append((channels[columns[d]].name, channels[by].name))
    return tuple(found)


def sources_from_json(data: object, channels: tuple[Channel, ...]) -> tuple[tuple[str, str], ...]:
    """What ``sources_of`` found and a file holds.

    Raises:
        InputError: it does not name columns of numbers and channels that name sources.
    """
    encoding, place = Encoding(channels, ()), {one.name: c for c, one in enumerate(channels)}
    columns = {channels[c].name for c in encoding.columns}
    pairs: list[Any] = data if isinstance(data, list) else [None]
    for pair in pairs:
        fits = isinstance(pair, list) and len(pair) == 2 and pair[0] in columns and pair[1] in place
        if not fits or encoding.source_count(place[pair[1]]) < 2:
            raise InputError(f"The recipe's sources are {data!r}; they must be numbers and what names their sources.")
    return tuple((number, by) for number, by in pairs)


def _errors(values: Array, source: NDArray[np.int64]) -> tuple[Array, Array, NDArray[np.int64]]:
    """Of each column of values [T, D] from sources [T], over rows of another source than the row before: how far,
    squared and summed, the last value of the same source and the last one of any are off; and of how many rows."""
    of_same, of_any, rows = np.zeros(values.shape[1]), np.zeros(values.shape[1]), np.zeros(values.shape[1], np.int64)
    for d, column in enumerate(values.T):
        known = ~np.isnan(column)
        value, which = column[known], source[known]
        if len(value) < 2:
            continue
        order = np.argsort(which, kind="stable")
        same = np.full(len(value), np.nan)
        same[order[1:]] = np.where(np.diff(which[order]) == 0, value[order[:-1]], np.nan)
        counted = (np.diff(which, prepend=which[0]) != 0) & ~np.isnan(same)
        of_same[d] = ((value - same)[counted] ** 2).sum()
        of_any[d] = (np.diff(value, prepend=0.0)[counted] ** 2).sum()
        rows[d] = counted.sum()
    return of_same, of_any, rows
