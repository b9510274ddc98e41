"""One run of Lightning's Trainer over drawn batches."""

import logging
import warnings
from dataclasses import dataclass, field
from typing import Any

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback, EarlyStopping
from numpy.typing import NDArray

from memcell.contract import InputError
from memcell.model.config import ModelConfig
from memcell.training.batches import Batches
from memcell.training.callbacks import BestWeights, ProgressBar, StopOnInterrupt
from memcell.training.module import SequenceModule
from memcell.training.settings import TrainingSettings

__all__ = ["Trained", "train"]


@dataclass(frozen=True)
class Trained:
    """The best weights of a run.

    Attributes:
        weights: by name, float32.
        step: optimiser steps that led to them.
        validation_loss: theirs; infinite without validation.
        interrupted: Ctrl-C ended the run early.
        history: losses of every epoch.
    """

    weights: dict[str, NDArray[np.float32]]
    step: int
    validation_loss: float
    interrupted: bool
    history: list[dict[str, float]] = field(default_factory=list)


def train(
    config: ModelConfig, batches: Batches, settings: TrainingSettings, title: str, stop_after: int | None = None
) -> Trained:
    """Train until the validation loss stops falling, or for ``stop_after`` steps of the same schedule.

    Raises:
        KeyboardInterrupt: Ctrl-C came before there was anything to keep.
        InputError: the loss was never finite.
    """
    best, interrupt = BestWeights(), StopOnInterrupt()
    callbacks: list[Callback] = [best, interrupt]
    if settings.progress:
        epochs = settings.epochs if stop_after is None else -(-stop_after // batches.steps_per_epoch)
        callbacks.append(ProgressBar(title, epochs))
    if batches.validation:
        callbacks.append(EarlyStopping("validation_loss", patience=settings.patience, check_finite=True))
    with warnings.catch_warnings(), _quiet(), torch.random.fork_rng(devices=[]):  # the caller's draws go on as before
        module = _seeded(config, batches, settings)
        warnings.simplefilter("ignore")  # Lightning's advice on workers, loggers and lengths
        trainer = lightning.Trainer(
            accelerator="cpu",
            max_epochs=settings.epochs,
            max_steps=stop_after or -1,
            callbacks=callbacks,
            gradient_clip_val=1.0,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
        )
        try:
            trainer.fit(module, datamodule=batches)
        finally:
            interrupt.restore()
    if best.weights is None:
        if interrupt.interrupted:
            raise KeyboardInterrupt
        raise InputError("Training never reached a finite loss. Try a smaller `learning_rate`.")
    return Trained(best.weights, best.step, best.loss, interrupt.interrupted, best.history)


def _seeded(config: ModelConfig, batches: Batches, settings: TrainingSettings) -> SequenceModule:
    torch.manual_seed(settings.seed)
    return SequenceModule(config, settings, settings.epochs * batches.steps_per_epoch)


class _quiet:  # noqa: N801
    """Lightning's notes on devices and tips, off for the time of a run."""

    def __enter__(self) -> None:
        self._loggers = [
            logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric", "pytorch_lightning")
        ]
        self._levels = [logger.level for logger in self._loggers]
        for logger in self._loggers:
            logger.setLevel(logging.ERROR)

    def __exit__(self, *_: Any) -> None:
        for logger, level in zip(self._loggers, self._levels, strict=True):
            logger.setLevel(level)
