"""How often shapes were there in the rows of a series so far, however many come at a time."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memcell.contract import InputError
from memcell.features.contests import Contests
from memcell.features.kernels import TAPS
from memcell.features.shapes import Shapes

__all__ = ["AnyShapes", "ShapeCounts", "shapes_from_json"]

Array = NDArray[np.float64]
AnyShapes = Shapes | Contests

_WAITING = 64  # rows that come one by one are counted together
_KINDS: Mapping[str, type[AnyShapes]] = {one.kind: one for one in (Shapes, Contests)}


def shapes_from_json(data: Mapping[str, Any], columns: int) -> AnyShapes:
    """Shapes of either kind, over so many columns.

    Raises:
        InputError: a field lacks or has a value that does not fit.
    """
    kind = data.get("kind") if isinstance(data, Mapping) else None
    if not isinstance(kind, str) or kind not in _KINDS:
        raise InputError(f"The recipe's shapes are of the kind {kind!r}; there are {', '.join(_KINDS)}.")
    return _KINDS[kind].from_json(data, columns)


@dataclass(frozen=True)
class ShapeCounts:
    """How often each shape was there so far. A series has 0 before its first row and after its last.

    Attributes:
        shapes: what is counted.
        recent: [reach, D] the last counted rows, as kernels read them.
        totals: of each dilation, counts at the rows that are far enough from the last counted one.
        rows: how many were counted.
        waiting: [W, D] rows after these, as kernels read them.
        last: [D] the last row as it is; None before the first.
    """

    shapes: AnyShapes
    recent: Array
    totals: tuple[Array, ...]
    rows: int
    waiting: Array
    last: Array | None

    @classmethod
    def nothing(cls, shapes: AnyShapes, columns: int) -> "ShapeCounts":
        """Before the first row."""
        none = tuple(np.zeros(shapes.each) for _ in shapes.kernels.dilations)
        return cls(shapes, np.zeros((shapes.kernels.reach, columns)), none, 0, np.empty((0, columns)), None)

    def after(self, values: Array) -> "ShapeCounts":
        """With the rows ``values`` [T, D], 0 where missing."""
        if not len(values):
            return self
        waiting = np.concatenate([self.waiting, self.shapes.kernels.read(values, self.last)])
        more = replace(self, waiting=waiting, last=values[-1])
        return more if len(waiting) < _WAITING else more.all_counted()

    def all_counted(self) -> "ShapeCounts":
        """The same with no row waiting."""
        known = np.concatenate([self.recent, self.waiting])
        totals = tuple(total + self._counted(k, known) for k, total in enumerate(self.totals))
        count = len(self.waiting)
        return replace(self, recent=known[count:], totals=totals, rows=self.rows + count, waiting=self.waiting[:0])

    def features(self) -> NDArray[np.float32]:
        """[dilations x each], by the shares of the rows so far at which each shape was there."""
        known = np.concatenate([self.recent, self.waiting])
        after = [np.zeros(((TAPS // 2) * dilation, known.shape[1])) for dilation in self.shapes.kernels.dilations]
        counts = [
            total + self._counted(k, np.concatenate([known, zeros]))
            for k, (total, zeros) in enumerate(zip(self.totals, after, strict=True))
        ]
        shares = np.concatenate(counts) / max(1, self.rows + len(self.waiting))
        return self.shapes.features_of(shares).astype(np.float32)

    def _counted(self, at: int, known: Array) -> Array:
        """Counts at the rows that come to lie far enough from the last, by the rows of ``known`` after ``recent``."""
        kernels = self.shapes.kernels
        dilation = kernels.dilations[at]
        early = max(0, (TAPS // 2) * dilation - self.rows)  # places before the first row
        return self.shapes.counted(at, known[kernels.reach - (TAPS - 1) * dilation + early :])
