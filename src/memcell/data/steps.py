"""Series as the stack reads them."""

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memcell.ragged import offsets_of

__all__ = ["Steps"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Steps:
    """Series as the stack reads them: N rows in B sequences, float32.

    Attributes:
        values, mask, last, since: [N, C]; gap: [N, 1]; all as in ``memcell.data.gaps.Observed``.
        extra: [N, E], what a forecast knows of its target's levels; E = 0 otherwise.
        anchor: float64 [N, 2], the level a forecast at the row starts from, NaN without one, and the series' unit.
        offsets: int64 [B + 1].
    """

    values: Array
    mask: Array
    last: Array
    since: Array
    gap: Array
    extra: Array
    anchor: Array
    offsets: NDArray[np.int64]

    def rows(self, rows: NDArray[np.int64], offsets: NDArray[np.int64]) -> "Steps":
        """Some of the rows, as sequences cut by ``offsets``."""
        return replace(self, **{name: getattr(self, name)[rows] for name in _BY_ROW}, offsets=offsets)

    def sequences(self, index: NDArray[np.int64]) -> "Steps":
        """Some of the sequences."""
        bounds = [(int(self.offsets[b]), int(self.offsets[b + 1])) for b in index]
        rows = [np.arange(start, stop) for start, stop in bounds]
        lengths = [stop - start for start, stop in bounds]
        return self.rows(np.concatenate([np.empty(0, np.int64), *rows]), offsets_of(lengths))

    @classmethod
    def concatenate(cls, parts: list["Steps"]) -> "Steps":
        """The sequences of all parts, one part after another."""
        arrays = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _BY_ROW}
        return cls(**arrays, offsets=offsets_of(np.concatenate([np.diff(part.offsets) for part in parts]).tolist()))


_BY_ROW = tuple(field.name for field in fields(Steps) if field.name != "offsets")
