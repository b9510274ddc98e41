"""The stack and its head as a Lightning module."""

import math
from typing import Any

import lightning
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from memcell.model.config import ModelConfig
from memcell.model.stack import run
from memcell.torch import lstm
from memcell.training.batches import Batch
from memcell.training.settings import TrainingSettings

__all__ = ["SequenceModule", "initial_weights"]

_WARM_UP_STEPS = 20
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


class SequenceModule(lightning.LightningModule):
    """Trains the weights of a ``ModelConfig``; a running average of them is what counts."""

    def __init__(self, config: ModelConfig, settings: TrainingSettings, total_steps: int) -> None:
        super().__init__()
        self.config, self.settings, self.total_steps = config, settings, total_steps
        start = initial_weights(config)
        self._names = {name: name.replace(".", "/") for name in start}
        self._parameters_by_name = nn.ParameterDict({self._names[name]: nn.Parameter(w) for name, w in start.items()})
        self._average = {name: w.clone() for name, w in start.items()}

    def weights(self) -> dict[str, Tensor]:
        """The weights in training, by name."""
        return {name: self._parameters_by_name[key] for name, key in self._names.items()}

    def averaged(self) -> dict[str, NDArray[np.float32]]:
        """A copy of the averaged weights."""
        return {name: w.numpy().copy() for name, w in self._average.items()}

    def _raw(self, weights: dict[str, Tensor], batch: Batch) -> Tensor:
        x, h, state = run(self.config, weights, batch.steps, lstm)
        read, x = (state.h[-1], x) if batch.rows is None else (h[batch.rows], x[batch.rows])
        read = functional.dropout(read, self.settings.dropout, self.training)
        return self.config.head.readout(weights, read, x)

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:  # noqa: ARG002
        loss = self.config.head.loss(self._raw(self.weights(), batch), batch.target)
        self.log("loss", loss, batch_size=1)
        return loss

    def on_train_batch_end(self, outputs: Any, batch: Batch, batch_idx: int) -> None:  # noqa: ARG002
        keep = min(_AVERAGING, (self.global_step + 1) / (self.global_step + 10))
        for name, weight in self.weights().items():
            self._average[name].lerp_(weight.detach(), 1 - keep)

    def validation_step(self, batch: Batch, batch_index: int) -> None:  # noqa: ARG002
        loss = self.config.head.loss(self._raw(self._average, batch), batch.target)
        self.log("validation_loss", loss, batch_size=len(batch.target))

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.AdamW(self.parameters(), lr=self.settings.learning_rate, weight_decay=1e-3)

        def factor(step: int) -> float:
            rising = min(1.0, (step + 1) / _WARM_UP_STEPS)
            return rising * 0.5 * (1 + math.cos(math.pi * min(1.0, step / self.total_steps)))

        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def transfer_batch_to_device(self, batch: Batch, device: Any, dataloader_idx: int) -> Batch:  # noqa: ARG002
        return batch
