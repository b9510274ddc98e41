"""Rows of one series with the same time: equal ones become one, different ones are refused or joined."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Duplicates = Literal["error", "mean", "last"]
"""What becomes of rows with the same id and time but different values."""

DUPLICATES: tuple[Duplicates, ...] = ("error", "mean", "last")


@dataclass(frozen=True)
class Conflict:
    """Two rows of one time that differ: their positions among the sorted rows, and the column they differ in."""

    first: int
    second: int
    channel: int


@dataclass(frozen=True)
class Groups:
    """Sorted rows in groups of one series and time.

    Attributes:
        begins: [G], int64, the first row of each group.
        sizes: [G], int64, rows in it.
    """

    begins: NDArray[np.int64]
    sizes: NDArray[np.int64]

    @property
    def surplus(self) -> int:
        """How many rows there are beyond one a group."""
        return int((self.sizes - 1).sum())


def groups_of(codes: NDArray[np.int64], times: NDArray[np.float64]) -> Groups:
    """The groups of rows that are sorted by series (`codes` [N]) and time (`times` [N])."""
    new = np.ones(len(codes), dtype=bool)
    new[1:] = (np.diff(codes) != 0) | (np.diff(times) != 0)
    begins = np.flatnonzero(new)
    return Groups(begins, np.diff(np.append(begins, len(codes))))


def find_conflict(values: NDArray[np.float64], groups: Groups) -> Conflict | None:
    """The first row of `values` [N, C] that differs from the first row of its group; NaN equals NaN."""
    rows = np.flatnonzero(~np.isin(np.arange(len(values)), groups.begins))
    firsts = np.repeat(groups.begins, groups.sizes)[rows]
    one, other = values[firsts], values[rows]
    different = (one != other) & ~(np.isnan(one) & np.isnan(other))
    if not different.any():
        return None
    position, channel = np.argwhere(different)[0]
    return Conflict(int(firsts[position]), int(rows[position]), int(channel))


def joined(values: NDArray[np.float64], groups: Groups, how: Literal["mean", "last"]) -> NDArray[np.float64]:
    """One row a group [G, C]: the mean of what is not missing, or the last of it in the order of the rows."""
    result = values[groups.begins]
    several = np.flatnonzero(groups.sizes > 1)
    rows = np.flatnonzero(np.repeat(groups.sizes > 1, groups.sizes))
    begins = np.append(0, np.cumsum(groups.sizes[several])[:-1])
    part = values[rows]
    known = ~np.isnan(part)
    if how == "mean":
        count = np.add.reduceat(known, begins, axis=0, dtype=np.int64)
        # The mean of offsets from one of them, so that equal values give that value exactly.
        largest = np.maximum.reduceat(np.where(known, part, -np.inf), begins, axis=0)
        offset = np.where(known, part - np.repeat(largest, groups.sizes[several], axis=0), 0.0)
        total = np.add.reduceat(offset, begins, axis=0)
        result[several] = largest + np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    else:
        positions = np.where(known, np.arange(len(rows))[:, np.newaxis], -1)
        last = np.maximum.reduceat(positions, begins, axis=0)
        result[several] = np.where(last >= 0, np.take_along_axis(part, last, axis=0), np.nan)
    return result
