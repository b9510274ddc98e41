"""What a series' channels did lately, at every row: the mean and the deviation of the rows around it."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

__all__ = ["Window"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Window:
    """The last ``size`` rows up to each row and, to look ahead, as many after it.

    Attributes:
        size: rows, that of the row itself among them.
        ahead: whether rows to come count too; then a series must be given whole.
        before: [size - 1, D], the rows before now, scaled, NaN where missing or before the first.
    """

    size: int
    ahead: bool
    before: Array

    @classmethod
    def begin(cls, size: int, ahead: bool, columns: int) -> "Window":
        """Before the first row of a series."""
        return cls(size, ahead, np.full((size - 1, columns), np.nan))

    def advance(self, rows: Array) -> tuple[Array, "Window"]:
        """[T, 2D], mean and deviation of each column around each of the next ``rows`` [T, D]; the window after.

        Both are 0 where nothing was seen. Sums run in the same order whatever rows come at once, so that a row has the
        same features in a stream.
        """
        count, width = rows.shape
        known = [self.before, rows, *([np.full((self.size - 1, width), np.nan)] if self.ahead else [])]
        lined_up = np.concatenate(known)
        seen = ~np.isnan(lined_up)
        filled = np.where(seen, lined_up, 0.0)
        shifts = range(len(lined_up) - count + 1)
        number = np.maximum(sum(seen[k : k + count] for k in shifts), 1)
        mean = sum(filled[k : k + count] for k in shifts) / number
        squares = sum((filled[k : k + count] - mean) ** 2 * seen[k : k + count] for k in shifts)
        behind = np.concatenate([self.before, rows])[len(rows) :]
        return np.concatenate([mean, np.sqrt(squares / number)], axis=1), replace(self, before=behind)
