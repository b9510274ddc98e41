"""What was seen of a series: a set of (row, channel, value), which takes memory for what is filled alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memcell.contract.errors import InputError

__all__ = ["Observations", "values_by_channel"]


@dataclass(frozen=True, eq=False)
class Observations:
    """M observations, sorted by row, then channel, then value, so that the order they came in leaves no trace.

    Several values of one channel in one row are a set.

    Attributes:
        row: int32 [M], from 0.
        channel: int32 [M], from 0.
        value: float64 [M]; finite.

    Example:
        >>> seen = Observations.of(row=[1, 0, 1], channel=[0, 0, 0], value=[4.0, 1.0, 2.0])
        >>> seen.value.tolist(), seen.dense(2, 1).tolist(), seen.surplus
        ([1.0, 2.0, 4.0], [[1.0], [3.0]], 1)
    """

    row: NDArray[np.int32]
    channel: NDArray[np.int32]
    value: NDArray[np.float64]

    @classmethod
    def of(cls, row: object, channel: object, value: object) -> Observations:
        """From arrays [M] in any order."""
        row, channel = np.asarray(row, np.int32), np.asarray(channel, np.int32)
        numbers = np.asarray(value, np.float64)
        if not _sorted(row, channel, numbers):
            order = np.lexsort((numbers, channel, row))
            row, channel, numbers = row[order], channel[order], numbers[order]
        return cls(row, channel, numbers)

    @classmethod
    def of_dense(cls, values: NDArray[np.float64]) -> Observations:
        """From values [T, C], NaN where missing."""
        row, channel = np.nonzero(~np.isnan(values))
        return cls(row.astype(np.int32), channel.astype(np.int32), values[row, channel])

    def __len__(self) -> int:
        return len(self.value)

    @property
    def repeated(self) -> NDArray[np.bool_]:
        """[M], whether an observation has the row and channel of the one before."""
        same = np.zeros(len(self), bool)
        same[1:] = (self.row[1:] == self.row[:-1]) & (self.channel[1:] == self.channel[:-1])
        return same

    @property
    def surplus(self) -> int:
        """How many observations there are beyond one a row and channel."""
        return int(self.repeated.sum())

    def distinct(self) -> Observations:
        """The same, equal values of one row and channel once."""
        again = self.repeated
        again[1:] &= self.value[1:] == self.value[:-1]
        return self.select(~again) if again.any() else self

    def dense(self, rows: int, channels: int) -> NDArray[np.float64]:
        """[rows, channels]; NaN where missing, of a set its mean."""
        result = np.full((rows, channels), np.nan)
        repeated = self.repeated
        if not repeated.any():
            result[self.row, self.channel] = self.value
            return result
        first = np.flatnonzero(~repeated)
        sizes = np.diff(np.append(first, len(self)))
        # The mean of offsets from the first, so that equal values give that value exactly.
        offset = self.value - np.repeat(self.value[first], sizes)
        result[self.row[first], self.channel[first]] = self.value[first] + np.add.reduceat(offset, first) / sizes
        return result

    def select(self, which: NDArray[np.bool_]) -> Observations:
        """Some of the observations."""
        return Observations(self.row[which], self.channel[which], self.value[which])

    def between(self, start: int, stop: int) -> Observations:
        """The rows ``start`` to ``stop``, counted from 0 again."""
        low, high = np.searchsorted(self.row, [start, stop])
        return Observations(self.row[low:high] - np.int32(start), self.channel[low:high], self.value[low:high])

    def at_rows(self, place: NDArray[np.int64]) -> Observations:
        """The same in other rows: row t becomes row ``place[t]``, several at one place a set."""
        return Observations.of(place[self.row], self.channel, self.value)

    def of_channels(self, place: NDArray[np.int64]) -> Observations:
        """The same under other numbers: channel c becomes ``place[c]``; those with a negative one are left out."""
        kept = self.select(place[self.channel] >= 0)
        return Observations.of(kept.row, place[kept.channel], kept.value)

    def after(self, other: Observations, rows: int) -> Observations:
        """Those of ``other``, of ``rows`` rows, and then these."""
        parts = (other, replace(self, row=self.row + np.int32(rows)))
        return Observations(*(np.concatenate([getattr(part, name) for part in parts]) for name in _FIELDS))

    def check(self, rows: int, channels: tuple[str, ...], name: str) -> None:
        """Nothing, if every row and channel exists and every value is finite.

        Raises:
            InputError: one does not.
        """
        if not len(self.row) == len(self.channel) == len(self.value):
            raise InputError(f"`row`, `channel` and `value` of {name} must have one length; got {len(self.row)}, "
                             f"{len(self.channel)} and {len(self.value)}.")  # fmt: skip
        for which, numbers, limit in (("row", self.row, rows), ("channel", self.channel, len(channels))):
            if len(numbers) and not 0 <= numbers.min() <= numbers.max() < limit:
                wrong = numbers.min() if numbers.min() < 0 else numbers.max()
                raise InputError(f"An observation of {name} has {which} {wrong}; there are {limit}, from 0.")
        unfit = ~np.isfinite(self.value)
        if unfit.any():
            at = int(unfit.argmax())
            raise InputError(
                f"Row {self.row[at] + 1} of {name} is {self.value[at]} in channel {channels[self.channel[at]]!r}. "
                "Values must be finite, or NaN where missing: replace it."
            )


def values_by_channel(seen: Sequence[Observations], channels: int) -> list[list[tuple[int, NDArray[np.float64]]]]:
    """Of each channel the values it has in each series that has any, with the number of the series."""
    split: list[list[tuple[int, NDArray[np.float64]]]] = [[] for _ in range(channels)]
    for number, one in enumerate(seen):
        order = np.argsort(one.channel, kind="stable")
        channel, value = one.channel[order], one.value[order]
        begins = np.flatnonzero(np.diff(channel, prepend=-1))
        for begin, end in zip(begins, np.append(begins, len(channel))[1:], strict=True):
            split[channel[begin]].append((number, value[begin:end]))
    return split


_FIELDS = ("row", "channel", "value")


def _sorted(*keys: NDArray[Any]) -> bool:
    """Whether entries are in order by the first key, then the second, and so on: much sooner known than made so."""
    behind, level = False, True
    for key in keys:
        behind |= level & (key[1:] < key[:-1])
        level &= key[1:] == key[:-1]
    return not np.any(behind)
