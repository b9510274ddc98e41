"""What is missing and since when: the features that messy sequences carry beside their values; NumPy alone."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["LastSeen", "Observed", "beside_gaps", "observe"]

Array = NDArray[np.float64]


def beside_gaps(values: Array, elapsed: Array, before: float | None = None) -> Array:
    """[T, C + 1], the rows ``values`` [T, C] at ``elapsed`` [T] steps, and the logarithm of how long after the row
    before each one comes; NaN in the first, if there is none ``before``."""
    gaps = np.diff(elapsed, prepend=np.nan if before is None else before)
    return np.column_stack([values, np.log1p(gaps)])


@dataclass(frozen=True)
class LastSeen:
    """Of each channel: its last value before now and how long ago. The whole memory of a stream's features.

    Attributes:
        value: [C]; 0 for a channel never seen.
        since: [C], in steps, counted from the start of the series for a channel never seen.
    """

    value: Array
    since: Array

    @classmethod
    def nothing(cls, channels: int) -> "LastSeen":
        """Before the first row."""
        return cls(np.zeros(channels), np.zeros(channels))


@dataclass(frozen=True)
class Observed:
    """One series row by row, as a step of the cell wants it.

    Attributes:
        values: [T, C], scaled, 0 where missing.
        mask: [T, C], 1 where observed, else 0.
        last: [T, C], the channel's last value before this row where it is missing in this one; 0 where not, or if none.
        since: [T, C], steps since the channel was last observed before this row (Che et al., "Recurrent neural
            networks for multivariate time series with missing values", arXiv 1606.01865, eq. 2).
        gap: [T, 1], steps since the row before; 0 in the first.
    """

    values: Array
    mask: Array
    last: Array
    since: Array
    gap: Array


def observe(values: Array, gap: Array, before: LastSeen) -> tuple[Observed, LastSeen]:
    """The rows ``values`` [T, C] (scaled, NaN = missing), each ``gap`` [T] steps after the one before.

    One row at a time or all at once gives the same: what is carried over is ``LastSeen``.

    Example:
        >>> rows = np.array([[1.0, np.nan], [np.nan, 2.0], [3.0, np.nan]])
        >>> seen, _ = observe(rows, np.array([0.0, 1.0, 2.0]), LastSeen.nothing(2))
        >>> seen.since.tolist()
        [[0.0, 0.0], [1.0, 1.0], [3.0, 2.0]]
    """
    steps, channels = values.shape
    there = ~np.isnan(values)
    clock = np.cumsum(gap)
    # Index of the last observed row before each row; -1 where only `before` knows.
    rows = np.where(there, np.arange(steps)[:, None], -1)
    seen = np.vstack([np.full((1, channels), -1), np.maximum.accumulate(rows, axis=0)]) if steps else rows
    index, columns = seen[:-1], np.arange(channels)
    known = index >= 0
    at = np.maximum(index, 0)
    filled = np.where(there, values, 0.0)
    last = np.where(known, filled[at, columns], before.value) if steps else filled
    since = np.where(known, clock[:, None] - clock[at], before.since + clock[:, None]) if steps else filled
    observed = Observed(
        filled, there.astype(np.float64), np.where(there, 0.0, last), since, np.asarray(gap, np.float64)[:, None]
    )
    if not steps:
        return observed, before
    after = LastSeen(np.where(there[-1], filled[-1], last[-1]), np.where(there[-1], 0.0, since[-1]))
    return observed, after
