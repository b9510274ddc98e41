"""Arrays that lie in temporary files instead of memory."""

from __future__ import annotations

import math
import mmap
import tempfile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memcell.contract.errors import InputError

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
            try:
                self._file.write(np.ascontiguousarray(array).data)
                self._file.flush()
            except OSError as error:
                raise InputError(
                    f"Data too large for memory go to temporary files in {tempfile.gettempdir()}, which cannot take "
                    f"them: {error.strerror}. Make room there, or name another folder by TMPDIR."
                ) from error
        return begin

    def at(self, begin: int, dtype: np.dtype[Any], shape: tuple[int, ...]) -> NDArray[Any]:
        """What lies in the file from byte ``begin`` on, as an array of this dtype and shape."""
        count = math.prod(shape)
        if not count:
            return np.empty(shape, dtype)
        # Not np.memmap: joblib would send its arrays to other processes by the name of the file, which has none.
        start = begin - begin % mmap.ALLOCATIONGRANULARITY
        length = begin - start + count * dtype.itemsize
        mapped = mmap.mmap(self._file.fileno(), length, access=mmap.ACCESS_READ, offset=start)
        return np.frombuffer(mapped, dtype, count, begin - start).reshape(shape)
