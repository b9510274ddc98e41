"""Batches of steps as tensors, in the order that training wants them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from torch import Tensor

from memcell.data.steps import Steps

__all__ = ["Batch", "Batches"]

Draw = Callable[[np.random.Generator], Iterator["Batch"]]


@dataclass(frozen=True)
class Batch:
    """What the stack reads and what the head should have said.

    Attributes:
        steps: with tensors in place of arrays.
        rows: int64, rows at which the head reads; None: after the last row of each series.
        target: as the head's loss takes it.
    """

    steps: Steps
    rows: Tensor | None
    target: Tensor

    @classmethod
    def of(cls, steps: Steps, rows: Any, target: Any) -> "Batch":
        """From arrays."""
        tensors = Steps(*(torch.from_numpy(getattr(steps, field.name)) for field in fields(steps)))  # type: ignore[arg-type]
        return cls(tensors, None if rows is None else torch.from_numpy(rows), torch.from_numpy(target))


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
    validation: list[Batch]
