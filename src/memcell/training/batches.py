"""Batches of steps as tensors, in the order that training wants them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from memcell.features.steps import Steps

__all__ = ["Batch", "Batches", "Held", "Part"]

Draw = Callable[[np.random.Generator], Iterator["Batch"]]

_ROWS = 50_000  # that pass the stack at once; a batch with more goes in several parts


@dataclass(frozen=True)
class Part:
    """Consecutive rows of every series of a batch.

    Attributes:
        steps: with tensors in place of arrays.
        rows: int64, rows at which the head reads; None: it reads whole series.
    """

    steps: Steps
    rows: Tensor | None


@dataclass(frozen=True)
class Batch:
    """What the stack reads and what the head should have said.

    Attributes:
        parts: the rows; the state goes on from one part to the next.
        target: as the head's loss takes it, in the order of the parts.
        weight: how much each entry of the target counts; None: all the same.
    """

    parts: list[Part]
    target: Tensor
    weight: Tensor | None = None

    @property
    def size(self) -> float:
        """How much its loss counts beside that of others."""
        return float(len(self.target) if self.weight is None else self.weight.sum())

    @classmethod
    def of(
        cls, steps: Steps, rows: NDArray[Any] | None, target: NDArray[Any], weight: NDArray[Any] | None = None
    ) -> "Batch":
        """From arrays; ``rows`` in increasing order. Long series are cut into parts, so that memory is bounded."""
        lengths = np.diff(steps.offsets)
        longest, count = int(lengths.max(initial=0)), max(1, len(lengths))
        size = max(1, _ROWS // count) if len(steps.values) > _ROWS else max(1, longest)
        parts: list[Part] = []
        order: list[NDArray[np.int64]] = []
        for start in range(0, max(1, longest), size):
            begin = steps.offsets[:-1] + np.minimum(start, lengths)
            within = np.clip(lengths - start, 0, size)
            part = steps if size >= longest else steps.ranges(begin, within)
            read = None
            if rows is not None:
                series = np.searchsorted(steps.offsets, rows, side="right") - 1
                at = rows - steps.offsets[series] - start
                here = (at >= 0) & (at < size)
                read = torch.from_numpy(part.offsets[series[here]] + at[here])
                order.append(np.flatnonzero(here))
            parts.append(Part(_tensors(part), read))
        if order:
            target, weight = (None if one is None else one[np.concatenate(order)] for one in (target, weight))  # type: ignore[assignment]
        return cls(parts, torch.from_numpy(target), None if weight is None else torch.from_numpy(weight))


@dataclass(frozen=True)
class Batches:
    """An epoch of drawn training batches, and the batches of validation.

    Attributes:
        draw: the batches of one epoch.
        steps_per_epoch: how many these are.
        validation: empty where nothing is held out.
    """

    draw: Draw
    steps_per_epoch: int
    validation: Sequence[Batch]


@dataclass(frozen=True)
class Held(Sequence[Batch]):
    """Batches that are made whenever they are read, so that no memory holds them.

    Attributes:
        make: a batch of its number.
        length: how many there are.
    """

    make: Callable[[int], Batch]
    length: int

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, number: Any) -> Any:
        if number >= self.length:
            raise IndexError(number)
        return self.make(number)


def _tensors(steps: Steps) -> Steps:
    return Steps(*(torch.from_numpy(getattr(steps, field.name)) for field in fields(steps)))  # type: ignore[arg-type]
