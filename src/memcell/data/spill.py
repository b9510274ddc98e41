"""Arrays that lie in temporary files instead of memory."""

from __future__ import annotations

import tempfile
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Spill"]


class Spill:
    """A temporary file (in the folder that ``TMPDIR`` names) that takes arrays; it goes when the last of them does.

    The system keeps of it in memory what there is room for. Arrays that come back cannot be written to.
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 (the maps of it outlive this object)

    def keep(self, array: NDArray[Any]) -> NDArray[Any]:
        """The same array, in the file."""
        begin = self.write(array)
        return self.at(begin, array.dtype, array.shape)

    def write(self, array: NDArray[Any]) -> int:
        """Put an array at the end of the file; where it begins, in bytes."""
        begin = self._file.seek(0, 2)
        if array.size:
            self._file.write(np.ascontiguousarray(array).data)
        return begin

    def at(self, begin: int, dtype: np.dtype[Any], shape: tuple[int, ...]) -> NDArray[Any]:
        """What lies in the file from byte ``begin`` on, as an array of this dtype and shape."""
        if not np.prod(shape):
            return np.empty(shape, dtype)
        self._file.flush()
        return np.asarray(np.memmap(self._file, dtype, "r", begin, shape))
