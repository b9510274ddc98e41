"""Batches of steps as tensors, in the order that training wants them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import Any

import lightning
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

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


class _Drawn(IterableDataset[Batch]):
    def __init__(self, draw: Draw, seed: int) -> None:
        self._draw = draw
        self._random = np.random.default_rng(seed)

    def __iter__(self) -> Iterator[Batch]:
        return self._draw(self._random)


class Batches(lightning.LightningDataModule):
    """An epoch of drawn training batches, and the batches of validation."""

    def __init__(self, draw: Draw, steps_per_epoch: int, validation: list[Batch], seed: int) -> None:
        super().__init__()
        self.steps_per_epoch = steps_per_epoch
        self.validation = validation
        self._drawn = _Drawn(draw, seed)

    def train_dataloader(self) -> DataLoader[Any]:
        return DataLoader(self._drawn, batch_size=None)

    def val_dataloader(self) -> DataLoader[Any] | list[Any]:
        return DataLoader(self.validation, batch_size=None) if self.validation else []  # type: ignore[arg-type]
