"""Series as the stack reads them."""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memcell.data.spill import Spill
from memcell.ragged import offsets_of

__all__ = ["Steps"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Steps:
    """Series as the stack reads them: N rows in B sequences, float32.

    Attributes:
        values, mask, last, since: [N, D] of the channels that are columns; gap: [N, 1]; as in
            ``memcell.features.gaps.Observed``.
        extra: [N, E], what is computed beside: cycles of time, and what a forecast knows of its target's levels.
        anchor: float64 [N, 2], the level a forecast at the row starts from, NaN without one, and the series' unit;
            [N, 0] where nothing is forecast.
        event_row: int64 [M], the row of each event, in order. Events are the observations of sparse channels and words.
        event_feature: int64 [M], what was observed; event_value: [M], its scaled value, 0 for words.
        facts: [B, S], what is known of each series as a whole.
        summary: [B, .], what its columns did up to the last row, where the recipe has summaries.
        wide: [B, .], what is read beside the head alone: of a series of which nothing was seen 1 and its facts, else 0;
            how often each shape was there; statistics in fine pieces.
        so_far: [N, .], what the columns did up to each row, where the recipe has summaries by row.
        offsets: int64 [B + 1].
    """

    values: Array
    mask: Array
    last: Array
    since: Array
    gap: Array
    extra: Array
    anchor: Array
    event_row: Array
    event_feature: Array
    event_value: Array
    facts: Array
    summary: Array
    wide: Array
    so_far: Array
    offsets: NDArray[np.int64]

    def stretch(self, b: int, start: int, stop: int) -> "Steps":
        """Rows ``start`` to ``stop`` of sequence b, as a sequence."""
        first = int(self.offsets[b])
        return self._of(slice(b, b + 1)).ranges(np.array([first + start]), np.array([stop - start]))

    def sequences(self, index: NDArray[np.int64]) -> "Steps":
        """Some of the sequences."""
        return self._of(index).ranges(self.offsets[index], np.diff(self.offsets)[index])

    def _of(self, index: Any) -> "Steps":
        """With what is of whole series of some of them."""
        return replace(self, **{name: getattr(self, name)[index] for name in _BY_SERIES})

    def ranges(self, first: NDArray[np.int64], lengths: NDArray[np.int64]) -> "Steps":
        """Rows ``first[b]``, ``first[b] + 1``, ... of the batch, ``lengths[b]`` of them, as sequence b; what is of
        whole series stays."""
        rows, offsets = _ranges(first, lengths)
        moved = {name: getattr(self, name).take(rows, axis=0) for name in _BY_ROW}
        if len(self.event_row):
            low = np.searchsorted(self.event_row, first)
            counts = np.searchsorted(self.event_row, first + lengths) - low
            events, _ = _ranges(low, counts)
            moved |= {name: getattr(self, name).take(events) for name in ("event_row", "event_feature", "event_value")}
            moved["event_row"] += np.repeat(offsets[:-1] - first, counts)
        return replace(self, **moved, offsets=offsets)

    @classmethod
    def concatenate(cls, parts: list["Steps"]) -> "Steps":
        """The sequences of all parts, one part after another."""
        names = (*_BY_ROW, *_BY_SERIES, "event_feature", "event_value")
        arrays = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
        begins = offsets_of([len(part.values) for part in parts])
        arrays["event_row"] = np.concatenate(
            [part.event_row + begin for part, begin in zip(parts, begins, strict=False)]
        )
        return cls(**arrays, offsets=offsets_of(np.concatenate([np.diff(part.offsets) for part in parts])))

    @classmethod
    def in_files(cls, parts: Iterable["Steps"]) -> "Steps":
        """The same where it is too large for memory: parts are taken one by one, and the arrays lie in files."""
        files = {field.name: Spill() for field in fields(cls) if field.name != "offsets"}
        shapes: dict[str, tuple[int, ...]] = {}
        dtypes: dict[str, np.dtype[Any]] = {}
        lengths: list[int] = []
        rows = 0
        for part in parts:
            for name, file in files.items():
                array = getattr(part, name) if name != "event_row" else part.event_row + rows
                file.write(array)
                shapes[name] = (shapes.get(name, (0,))[0] + len(array), *array.shape[1:])
                dtypes[name] = array.dtype
            rows += len(part.values)
            lengths += np.diff(part.offsets).tolist()
        arrays = {name: file.at(0, dtypes[name], shapes[name]) for name, file in files.items()}
        return cls(**arrays, offsets=offsets_of(lengths))


def _ranges(first: Array, lengths: Array) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """first[0], first[0] + 1, ..., for as long as lengths[0] says, then the next; and where each begins, [B + 1]."""
    offsets = offsets_of(lengths)
    return np.arange(offsets[-1]) + np.repeat(first - offsets[:-1], lengths), offsets


_BY_SERIES = ("facts", "summary", "wide")
_NOT_BY_ROW = (*_BY_SERIES, "event_row", "event_feature", "event_value", "offsets")
_BY_ROW = tuple(field.name for field in fields(Steps) if field.name not in _NOT_BY_ROW)
