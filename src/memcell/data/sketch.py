"""Which series a model was trained on, in a few numbers."""

import zlib
from collections.abc import Iterable, Sequence

import numpy as np

from memcell.data.series import Series

__all__ = ["share_in", "sketch_of"]

_MOST = 256


def sketch_of(series: Iterable[Series]) -> list[int]:
    """The smallest checksums of the series that have values: as many of one set of series as of any other, and the same
    ones wherever they come among others (bottom-k sketch, Cohen and Kaplan 2007)."""
    return sorted({_checksum(one) for one in series if len(one.observations)})[:_MOST]


def share_in(sketch: Sequence[int], series: Iterable[Series]) -> float:
    """The share of some series that are among those of a sketch, as far as it tells; channels must come in one order.

    Example:
        >>> from memcell.data import as_series
        >>> some, others = as_series(np.arange(6.0).reshape(2, 3)), as_series(np.ones((2, 3)))
        >>> share_in(sketch_of(some), [some[1], *others])
        0.3333333333333333
    """
    highest = sketch[-1] if len(sketch) >= _MOST else np.inf
    found = [one for one in map(_checksum, (one for one in series if len(one.observations))) if one <= highest]
    known = set(sketch)
    return sum(one in known for one in found) / max(1, len(found))


def _checksum(one: Series) -> int:
    """Of times, numbers and words; what words are numbered as is chance."""
    seen = one.observations
    numbers = np.array([name not in one.levels for name in one.channels], bool)[seen.channel]
    parts = (one.times, seen.row[numbers], seen.channel[numbers], seen.value[numbers])
    worded = seen.select(~numbers)
    words = sorted(
        f"{row} {channel} {one.levels[one.channels[channel]][int(code)]}"
        for row, channel, code in zip(worded.row, worded.channel, worded.value, strict=True)
    )
    return zlib.crc32(b"".join(np.ascontiguousarray(part).tobytes() for part in parts) + "\n".join(words).encode())
