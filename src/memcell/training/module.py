"""The stack and its head as a PyTorch module."""

import math
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from memcell.model.config import ModelConfig
from memcell.model.stack import run
from memcell.torch import lstm
from memcell.training.batches import Batch

__all__ = ["SequenceModule", "initial_weights"]

_AVERAGING = 0.98  # of the weights over steps; the average is what is validated and kept


def initial_weights(config: ModelConfig) -> dict[str, Tensor]:
    """Weights to start from: the cell uniform in ±1/sqrt(H), decays slow and of many speeds, the head at zero."""
    bound = 1 / math.sqrt(config.hidden_size)
    weights: dict[str, Tensor] = {}
    for name, shape in config.weight_shapes().items():
        if name.startswith("head.") or name.endswith("bias"):
            weights[name] = torch.zeros(shape)
        elif name.startswith("layers.") and not name.endswith("forgetting"):
            weights[name] = torch.empty(shape).uniform_(-bound, bound)
        elif name.endswith("forgetting"):
            weights[name] = torch.linspace(-8.0, -3.0, shape[0])
        else:
            weights[name] = torch.empty(shape).uniform_(0.0, 0.05)
    return weights


class SequenceModule(nn.Module):
    """The weights of a ``ModelConfig`` in training, and a running average of them, which is what counts.

    All weights are one vector, of which each is a view: an optimiser, a norm and the average then take one operation
    where they would take one for each weight.
    """

    def __init__(self, config: ModelConfig, dropout: float) -> None:
        super().__init__()
        self.config, self.dropout = config, dropout
        start = initial_weights(config)
        self._shapes = {name: weight.shape for name, weight in start.items()}
        self.vector = nn.Parameter(torch.cat([weight.flatten() for weight in start.values()]))
        self._averaged = self.vector.detach().clone()

    def _parts(self, vector: Tensor) -> dict[str, Tensor]:
        parts = vector.split([shape.numel() for shape in self._shapes.values()])
        return {name: part.view(shape) for (name, shape), part in zip(self._shapes.items(), parts, strict=True)}

    def averaged(self) -> dict[str, NDArray[np.float32]]:
        """A copy of the averaged weights, by name."""
        return {name: weight.numpy() for name, weight in self._parts(self._averaged.clone()).items()}

    def average(self, step: int) -> None:
        """Take the weights after optimiser step ``step``, from 1, into the average."""
        keep = min(_AVERAGING, (step + 1) / (step + 10))
        self._averaged.lerp_(self.vector.detach(), 1 - keep)

    def loss(self, batch: Batch) -> Tensor:
        """The head's loss with the weights in training."""
        return self._loss(self._parts(self.vector), batch, self.dropout)

    @torch.no_grad()
    def validation_loss(self, batch: Batch) -> float:
        """The head's loss with the averaged weights."""
        return float(self._loss(self._parts(self._averaged), batch, 0.0))

    def _loss(self, weights: Mapping[str, Tensor], batch: Batch, dropout: float) -> Tensor:
        x, h, state = run(self.config, weights, batch.steps, lstm)
        read, x = (state.h[-1], x) if batch.rows is None else (h[batch.rows], x[batch.rows])
        read = functional.dropout(read, dropout)
        return self.config.head.loss(self.config.head.readout(weights, read, x), batch.target)
