"""Rows at even times, for what reads rows as neighbours: on a line from each row to the next.

The grid begins at the first row of a series and has a row a usual step; a longer break
counts as 16 steps. It does not matter how many rows come at a time.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memcell.features.filling import whole_rows

__all__ = ["Evenly", "even_rows", "steps_on_grid"]

Array = NDArray[np.float64]

_REACH = 16.0  # steps that a break has at most
_ROUNDING = 1e-6  # of a step


@dataclass(frozen=True)
class Evenly:
    """The last row so far.

    Attributes:
        last: [1, D + 1], the row and when it was, in steps; none before the first.
        place: where it is on the grid, in steps.
    """

    last: Array
    place: float = 0.0

    @classmethod
    def nothing(cls, channels: int) -> "Evenly":
        """Before the first row."""
        return cls(np.empty((0, channels + 1)))

    def after(self, rows: Array) -> tuple["Evenly", Array]:
        """After ``rows`` [T, D + 1] without gaps, of which the last column says when each was; and the rows [., D] of
        the grid since those before."""
        if not len(rows):
            return self, rows[:, :-1]
        known = np.concatenate([self.last, rows])
        places = np.cumsum(np.concatenate([[self.place], steps_on_grid(known[:, -1])]))
        first = np.floor(self.place + _ROUNDING) + 1 if len(self.last) else 0.0
        grid = np.arange(first, np.floor(places[-1] + _ROUNDING) + 1)
        here = places[len(self.last) :]
        if np.array_equal(grid, here):
            even = rows[:, :-1]
        else:
            even = np.stack([np.interp(grid, places, column) for column in known[:, :-1].T], axis=1)
        return Evenly(rows[-1:], float(places[-1])), even


def steps_on_grid(elapsed: Array) -> Array:
    """[T - 1], how many steps of the grid each row at ``elapsed`` [T] steps comes after the one before it."""
    return np.minimum(np.diff(elapsed), _REACH)


def even_rows(values: Array, elapsed: Array) -> Array:
    """[., D] of the rows [T, D] of a whole series, NaN where missing, at ``elapsed`` [T] steps after the first."""
    rows = whole_rows(np.column_stack([values, elapsed]))
    return Evenly.nothing(values.shape[1]).after(rows)[1]
