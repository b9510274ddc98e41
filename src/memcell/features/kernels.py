"""Convolutions over the rows of a series, or over what changes from row to row, at several dilations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["NARROWEST", "TAPS", "Kernels"]

Array = NDArray[np.float64]

TAPS = 9
"""Weights of a kernel."""

NARROWEST = 1e-6
"""Below which answers are one and the same but for rounding."""

_MOST_CHANNELS = 9  # that a kernel reads
_MANY = 20  # columns above which most products would be with 0


@dataclass(frozen=True)
class Kernels:
    """G groups of K kernels; those of a group read the same columns. Each is used at every dilation.

    Attributes:
        weights: [G, K, TAPS], whole numbers, of which those of a kernel sum to 0: it does not see the level.
        dilations: rows from one weight of a kernel to the next.
        channels: of each dilation and each group, the columns whose sum it reads.
        scales: [D], if the kernels read how far each row is from the one before it, in these units; None if they read
            the rows themselves.
    """

    weights: tuple[tuple[tuple[int, ...], ...], ...]
    dilations: tuple[int, ...]
    channels: tuple[tuple[int, ...], ...]
    scales: tuple[float, ...] | None = None

    @classmethod
    def over(
        cls, series: list[Array], followed: NDArray[np.int64] | None, weights: NDArray[np.int64],
        random: np.random.Generator, *, changes: bool,
    ) -> "Kernels":  # fmt: skip
        """For training series of scaled values [T, D], 0 where missing: dilations as wide as they are long, columns
        drawn from those ``followed``, or all."""
        columns = np.arange(series[0].shape[1]) if followed is None else followed
        scales = None
        if changes:
            spread = np.concatenate([_changes_of(one, None) for one in series]).std(axis=0)
            scales = tuple(np.where(spread > NARROWEST, spread, 1.0).tolist())
        rows = int(np.median([len(one) for one in series]))
        dilations = [1]
        while 2 * dilations[-1] * (TAPS - 1) < rows:
            dilations.append(2 * dilations[-1])
        channels = []
        for _ in range(len(dilations) * len(weights)):
            count = int(2 ** random.uniform(0, np.log2(min(len(columns), _MOST_CHANNELS) + 1)))
            channels.append(tuple(sorted(random.permutation(columns)[:count].tolist())))
        plain: Any = tuple(tuple(map(tuple, group)) for group in weights.tolist())
        return cls(plain, tuple(dilations), tuple(channels), scales)

    @property
    def read_name(self) -> str:
        """What they read."""
        return "rows" if self.scales is None else "changes"

    @property
    def count(self) -> int:
        """Of kernels."""
        return len(self.weights) * len(self.weights[0])

    @property
    def reach(self) -> int:
        """Rows that the widest kernel spans, less one."""
        return (TAPS - 1) * self.dilations[-1]

    @cached_property
    def _reads(self) -> Array:
        """[dilations, G, D], 1 where a group reads a column."""
        reads = np.zeros((len(self.channels), 1 + max(max(one) for one in self.channels)))
        for k, chosen in enumerate(self.channels):
            reads[k, list(chosen)] = 1.0
        return reads.reshape(len(self.dilations), len(self.weights), -1)

    @cached_property
    def _weights(self) -> Array:
        return np.array(self.weights, np.float64)

    @cached_property
    def _of_columns(self) -> Array:
        """[dilations, kernels, TAPS x D], what each value is multiplied with where columns are few."""
        each = self._weights[None, :, :, :, None] * self._reads[:, :, None, None, :]
        return each.reshape(len(self.dilations), self.count, -1)

    def read(self, values: Array, before: Array | None) -> Array:
        """[T, D], what kernels see of rows that come after the row ``before`` [D], if there is one."""
        return values if self.scales is None else _changes_of(values, before) / np.array(self.scales)

    def answers(self, at: int, values: Array) -> Array:
        """[kernels, T - 8 dilation] of the kernels at one dilation, at every place where values [T, D] fill them."""
        dilation, reads = self.dilations[at], self._reads[at]
        count, columns = max(0, len(values) - (TAPS - 1) * dilation), reads.shape[1]
        if columns > _MANY:  # what each group reads is summed first
            sums = reads @ values[:, :columns].T
            taps = np.stack([sums[:, k * dilation : k * dilation + count] for k in range(TAPS)], axis=1)
            return (self._weights @ taps).reshape(self.count, count)
        taps = [values[k * dilation : k * dilation + count, :columns] for k in range(TAPS)]
        return self._of_columns[at] @ np.concatenate(taps, axis=1).T

    def to_json(self) -> dict[str, Any]:
        """The kernels, without their weights, as values that ``json.dumps`` takes."""
        return {
            "dilations": list(self.dilations),
            "channels": [list(one) for one in self.channels],
            "scales": None if self.scales is None else list(self.scales),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any], weights: Sequence[Any], columns: int) -> "Kernels":
        """The kernels with these weights over so many columns that ``to_json`` gave ``data`` for.

        Raises:
            AssertionError, KeyError, OverflowError, TypeError, ValueError: a field lacks or has a value that does not
                fit.
        """
        plain: Any = tuple(tuple(tuple(map(int, kernel)) for kernel in group) for group in weights)
        dilations = tuple(int(one) for one in data["dilations"])
        channels = tuple(tuple(int(one) for one in chosen) for chosen in data["channels"])
        scales = None if data["scales"] is None else tuple(float(one) for one in data["scales"])
        assert len(channels) == len(dilations) * len(plain) > 0
        assert scales is None or len(scales) == columns
        assert list(dilations) == sorted(dilations)
        assert all(0 < one < np.inf for one in (*dilations, *(scales or ())))
        assert all(chosen and 0 <= min(chosen) <= max(chosen) < columns for chosen in channels)
        return cls(plain, dilations, channels, scales)


def _changes_of(values: Array, before: Array | None) -> Array:
    """[T, D], how far each row is from the one before it; of the first row 0, if nothing is ``before``."""
    return np.diff(values, axis=0, prepend=values[:1] if before is None else before[None])
