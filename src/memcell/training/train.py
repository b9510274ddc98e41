"""One run of training over drawn batches."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.optim.adamw import adamw

from memcell.contract import InputError
from memcell.model.config import ModelConfig
from memcell.training.batches import Batch, Batches
from memcell.training.checkpoint import Checkpoint
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
        shares: of the network and, by its name, of each kind of what is linear beside it, in the answer.
    """

    weights: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    step: int = 0
    validation_loss: float = math.inf
    interrupted: bool = False
    history: list[dict[str, float]] = field(default_factory=list)
    shares: dict[str, float] = field(default_factory=dict)

    @property
    def epochs_since_best(self) -> int:
        """Epochs since the validation loss last fell."""
        losses = [epoch.get("validation_loss", -math.inf) for epoch in self.history]
        return next((k for k, loss in enumerate(reversed(losses)) if loss <= self.validation_loss), len(losses))

    def take(self, epoch: dict[str, float], module: SequenceModule, step: int) -> None:
        """An epoch is done; keep its weights if they are the best."""
        self.history.append(epoch)
        loss = epoch.get("validation_loss")
        if loss is None or loss < self.validation_loss - _IMPROVEMENT:
            self.weights, self.step = module.averaged(), step
            self.validation_loss = math.inf if loss is None else loss


def train(
    config: ModelConfig,
    start: dict[str, Tensor],
    batches: Batches,
    settings: TrainingSettings,
    title: str,
    stop_after: int | None = None,
    checkpoint: Checkpoint | None = None,
    center: Tensor | None = None,
) -> Trained:
    """Train until the validation loss stops falling, or for ``stop_after`` steps of the same schedule.

    AdamW (Loshchilov and Hutter, arXiv 1711.05101) under a learning rate that rises over the first steps and falls as
    a cosine (arXiv 1608.03983), gradients clipped by their norm (Pascanu et al., arXiv 1211.5063), weights averaged
    over the steps (Polyak and Juditsky, 1992).

    Args:
        config: the model's shape.
        start: the weights to start from, by name.
        batches: what to train and validate on.
        settings: how.
        title: what the user is shown; also the stage's name in the checkpoint.
        stop_after: steps, where it is known when to stop.
        checkpoint: where the state goes after every epoch, and comes from where there is one of this stage.
        center: of the features of summaries, see ``SequenceModule``.

    Raises:
        KeyboardInterrupt: Ctrl-C came before there was anything to keep.
        InputError: the loss was never finite.
    """
    assert settings.epochs is not None
    assert settings.patience is not None
    assert settings.learning_rate is not None
    total = settings.epochs * batches.steps_per_epoch
    limit = total if stop_after is None else min(total, stop_after)
    bar = ProgressBar(title, -(-limit // batches.steps_per_epoch), settings.progress)
    with Interrupt() as interrupt, bar:
        run = _Run(SequenceModule(config, settings.dropout, start, center, settings.seed), settings)
        kept = None if checkpoint is None else checkpoint.restore(title)
        if kept is not None:
            run.restore(*kept)
            bar.advance(run.best.history[-1], len(run.best.history))
        while run.step < limit and not run.done and not interrupt.came:
            losses: list[float] = []
            for batch in batches.draw(run.random):
                rate = settings.learning_rate * _rise_and_fall(run.step + 1, total)
                losses.append(run.advance(batch, rate))
                if interrupt.came or run.step == limit:
                    break
            epoch = {"loss": float(np.mean(losses))}
            if batches.validation:
                epoch["validation_loss"] = _validate(run.module, batches.validation)
            run.best.take(epoch, run.module, run.step)
            bar.advance(epoch)
            run.done = not math.isfinite(epoch.get("validation_loss", 0.0))
            run.done |= run.best.epochs_since_best >= settings.patience
            run.done |= run.step >= limit
            if checkpoint is not None and not interrupt.came:
                checkpoint.keep(title, *run.kept())
        best = run.best
        best.interrupted = interrupt.came
    if not best.weights:
        if best.interrupted:
            raise KeyboardInterrupt
        raise InputError("Training never reached a finite loss. Try a smaller `learning_rate`.")
    return best


@dataclass
class _Moments:
    """What AdamW remembers of one vector of weights. ``torch.optim.AdamW`` around the same function takes four times as
    long for a vector of a hundred thousand, of a step of few milliseconds.

    Attributes:
        exp_avg, exp_avg_sq: of the gradients and of their squares.
        step: how many there were.
    """

    exp_avg: Tensor
    exp_avg_sq: Tensor
    step: Tensor

    @classmethod
    def of(cls, weights: Tensor) -> "_Moments":
        """Before the first gradient."""
        return cls(torch.zeros_like(weights), torch.zeros_like(weights), torch.zeros(()))

    @torch.no_grad()
    def move(self, weights: Tensor, gradient: Tensor, rate: float) -> None:
        """Move the weights in place."""
        adamw(
            [weights], [gradient], [self.exp_avg], [self.exp_avg_sq], [], [self.step],
            lr=rate, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=1e-3, fused=True, amsgrad=False, maximize=False,
        )  # fmt: skip


class _Run:
    """Everything that changes while training."""

    def __init__(self, module: SequenceModule, settings: TrainingSettings) -> None:
        self.module = module
        self.moments = _Moments.of(module.vector)
        self.random = np.random.default_rng(settings.seed)
        self.best = Trained()
        self.step = 0
        self.done = False

    def advance(self, batch: Batch, rate: float) -> float:
        """One step of the optimiser; the loss before it."""
        self.step += 1
        loss = self.module.loss(batch)
        (gradient,) = torch.autograd.grad(loss, [self.module.vector])
        norm = float(torch.linalg.vector_norm(gradient))
        if not math.isfinite(norm):  # as a series a thousand times as long as all others can have it
            return loss.item()
        if norm > _LARGEST_NORM:
            gradient.mul_(_LARGEST_NORM / norm)
        self.moments.move(self.module.vector, gradient, rate)
        self.module.decay(rate)
        self.module.average(self.step)
        return loss.item()

    def kept(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """The state, from which ``restore`` goes on as if nothing had been; of a run that is done, what it led to."""
        best = {name: value for name, value in asdict(self.best).items() if name != "weights"}
        info = {"best": best, "step": self.step, "done": self.done, "random": self.random.bit_generator.state}
        arrays = {f"best.{name}": one for name, one in self.best.weights.items()}
        if self.done:
            return arrays, info
        arrays |= {f"optimizer.{name}": one.numpy() for name, one in vars(self.moments).items()}
        arrays |= {"vector": self.module.vector.detach().numpy(), "averaged": self.module.averaged_vector.numpy()}
        arrays["torch_random"] = self.module.random.get_state().numpy()
        return arrays, info

    def restore(self, arrays: dict[str, NDArray[Any]], info: dict[str, Any]) -> None:
        """Go on from there."""
        weights = {name.removeprefix("best."): one for name, one in arrays.items() if name.startswith("best.")}
        self.best = Trained(weights=weights, **info["best"])
        self.step, self.done = info["step"], info["done"]
        self.random.bit_generator.state = info["random"]
        if self.done:
            return
        if arrays["vector"].shape != self.module.vector.shape:
            raise InputError(
                "The unfinished run is of another version of memcell, whose networks have other sizes. Begin "
                "anew with `resume=False` (on the command line, without `--resume`)."
            )
        with torch.no_grad():
            self.module.vector.copy_(torch.from_numpy(arrays["vector"]))
            self.module.averaged_vector.copy_(torch.from_numpy(arrays["averaged"]))
        self.moments = _Moments(**{
            name.removeprefix("optimizer."): torch.from_numpy(one.copy())
            for name, one in arrays.items()
            if name.startswith("optimizer.")
        })  # fmt: skip
        self.module.random.set_state(torch.from_numpy(arrays["torch_random"].copy()))


def _rise_and_fall(step: int, total: int) -> float:
    """The factor on the learning rate at a step, from 1."""
    return min(1.0, step / _WARM_UP_STEPS) * 0.5 * (1 + math.cos(math.pi * (step - 1) / total))


def _validate(module: SequenceModule, batches: Sequence[Batch]) -> float:
    losses, sizes = zip(*((module.validation_loss(batch), batch.size) for batch in batches), strict=True)
    return float(np.average(losses, weights=sizes))
