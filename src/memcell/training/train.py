"""One run of training over drawn batches."""

import math
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from memcell.contract import InputError
from memcell.model.config import ModelConfig
from memcell.training.batches import Batch, Batches
from memcell.training.module import SequenceModule
from memcell.training.progress import Interrupt, ProgressBar
from memcell.training.settings import TrainingSettings

__all__ = ["Trained", "train"]

_WARM_UP_STEPS = 20
_LARGEST_NORM = 1.0  # of the gradient
_IMPROVEMENT = 1e-5  # of the validation loss that counts


@dataclass
class Trained:
    """The best weights of a run: of the epoch with the lowest validation loss; without validation, of the last.

    Attributes:
        weights: the averaged ones, by name, float32; none before the first epoch with a finite loss.
        step: optimiser steps that led to them.
        validation_loss: theirs; infinite without validation.
        interrupted: Ctrl-C ended the run early.
        history: losses of every epoch.
    """

    weights: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    step: int = 0
    validation_loss: float = math.inf
    interrupted: bool = False
    history: list[dict[str, float]] = field(default_factory=list)

    @property
    def epochs_since_best(self) -> int:
        """Epochs since the validation loss last fell."""
        losses = [epoch.get("validation_loss", -math.inf) for epoch in self.history]
        return next((k for k, loss in enumerate(reversed(losses)) if loss <= self.validation_loss), len(losses))


def train(
    config: ModelConfig, batches: Batches, settings: TrainingSettings, title: str, stop_after: int | None = None
) -> Trained:
    """Train until the validation loss stops falling, or for ``stop_after`` steps of the same schedule.

    AdamW (Loshchilov and Hutter, arXiv 1711.05101) under a learning rate that rises over the first steps and falls as
    a cosine (arXiv 1608.03983), gradients clipped by their norm (Pascanu et al., arXiv 1211.5063), weights averaged
    over the steps (Polyak and Juditsky, 1992).

    Raises:
        KeyboardInterrupt: Ctrl-C came before there was anything to keep.
        InputError: the loss was never finite.
    """
    total = settings.epochs * batches.steps_per_epoch
    limit = total if stop_after is None else min(total, stop_after)
    bar = ProgressBar(title, -(-limit // batches.steps_per_epoch), settings.progress)
    best, step = Trained(), 0
    with torch.random.fork_rng(devices=[]), Interrupt() as interrupt, bar:  # the caller's draws go on as before
        torch.manual_seed(settings.seed)
        random = np.random.default_rng(settings.seed)
        module = SequenceModule(config, settings.dropout)
        optimizer = torch.optim.AdamW([module.vector], lr=settings.learning_rate, weight_decay=1e-3, fused=True)
        while step < limit and not interrupt.came:
            losses: list[float] = []
            for batch in batches.draw(random):
                step += 1
                losses.append(_advance(module, optimizer, batch, settings.learning_rate * _rise_and_fall(step, total)))
                module.average(step)
                if interrupt.came or step == limit:
                    break
            epoch = {"loss": float(np.mean(losses))}
            if batches.validation:
                epoch["validation_loss"] = _validate(module, batches.validation)
            _keep_best(best, epoch, module, step)
            bar.advance(epoch)
            if not math.isfinite(epoch.get("validation_loss", 0.0)) or best.epochs_since_best >= settings.patience:
                break
        best.interrupted = interrupt.came
    if not best.weights:
        if best.interrupted:
            raise KeyboardInterrupt
        raise InputError("Training never reached a finite loss. Try a smaller `learning_rate`.")
    return best


def _rise_and_fall(step: int, total: int) -> float:
    """The factor on the learning rate at a step, from 1."""
    return min(1.0, step / _WARM_UP_STEPS) * 0.5 * (1 + math.cos(math.pi * (step - 1) / total))


def _advance(module: SequenceModule, optimizer: torch.optim.Optimizer, batch: Batch, rate: float) -> float:
    """One step of the optimiser; the loss before it."""
    optimizer.param_groups[0]["lr"] = rate
    optimizer.zero_grad(set_to_none=True)
    loss = module.loss(batch)
    loss.backward()
    nn.utils.clip_grad_norm_([module.vector], _LARGEST_NORM)
    optimizer.step()
    return loss.item()


def _validate(module: SequenceModule, batches: list[Batch]) -> float:
    sizes = [len(batch.target) for batch in batches]
    return float(np.average([module.validation_loss(batch) for batch in batches], weights=sizes))


def _keep_best(best: Trained, epoch: dict[str, float], module: SequenceModule, step: int) -> None:
    best.history.append(epoch)
    loss = epoch.get("validation_loss")
    if loss is None or loss < best.validation_loss - _IMPROVEMENT:
        best.weights, best.step = module.averaged(), step
        best.validation_loss = math.inf if loss is None else loss
