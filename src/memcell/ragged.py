"""A batch of sequences of unequal length, without padding."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from memcell.contract import InputError, check_offsets

__all__ = ["RaggedBatch"]


@dataclass(frozen=True)
class RaggedBatch:
    """Sequences laid end to end, as in ``torch.nested`` (jagged layout) and in Arrow lists.

    Args:
        values: [N, ...], the rows of all sequences, one sequence after another.
        offsets: int64 [B + 1]; sequence b is ``values[offsets[b]:offsets[b + 1]]``. Empty sequences are allowed.

    Raises:
        InputError: the offsets do not fit the values.

    Example:
        >>> batch = RaggedBatch.from_list([np.zeros((2, 3)), np.ones((1, 3))])
        >>> batch.offsets.tolist(), len(batch), batch[1].shape
        ([0, 2, 3], 2, (1, 3))
    """

    values: NDArray[Any]
    offsets: NDArray[np.int64]

    def __post_init__(self) -> None:
        check_offsets(self.offsets, len(self.values))

    @classmethod
    def from_list(cls, sequences: Sequence[ArrayLike]) -> "RaggedBatch":
        """Lay sequences of shapes (T_b, ...) end to end.

        Raises:
            InputError: the list is empty, or the shapes differ after the first axis.
        """
        arrays = [np.asarray(sequence) for sequence in sequences]
        if not arrays:
            raise InputError("`sequences` is empty; at least one sequence is wanted (it may have length 0).")
        for b, array in enumerate(arrays):
            if array.ndim == 0 or array.shape[1:] != arrays[0].shape[1:]:
                raise InputError(
                    f"`sequences[{b}]` has shape {list(array.shape)}; it must be [length, "
                    f"{', '.join(map(str, arrays[0].shape[1:]))}] like `sequences[0]`."
                )
        return cls(np.concatenate(arrays), offsets_of([len(array) for array in arrays]))

    @property
    def lengths(self) -> NDArray[np.int64]:
        """int64 [B]."""
        return np.diff(self.offsets)

    def to_list(self) -> list[NDArray[Any]]:
        """The sequences, as views."""
        return np.split(self.values, self.offsets[1:-1])

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, b: int) -> NDArray[Any]:
        return self.values[self.offsets[b] : self.offsets[b + 1]]


def offsets_of(lengths: Sequence[int] | NDArray[np.int64]) -> NDArray[np.int64]:
    """Offsets [B + 1] of sequences of these lengths."""
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets
