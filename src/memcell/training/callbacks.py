"""What watches training: the best weights so far, the progress bar, Ctrl-C."""

import signal
import threading
from typing import Any

import lightning
from lightning.pytorch.callbacks import Callback
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from memcell.training.module import SequenceModule

__all__ = ["BestWeights", "ProgressBar", "StopOnInterrupt"]


class BestWeights(Callback):
    """Keeps the averaged weights of the epoch with the lowest validation loss; without validation, the last."""

    def __init__(self) -> None:
        self.weights: dict[str, Any] | None = None
        self.loss = float("inf")
        self.step = 0
        self.history: list[dict[str, float]] = []

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: Any) -> None:
        module: SequenceModule = pl_module
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
        self.history.append(metrics)
        loss = metrics.get("validation_loss")
        if loss is None or loss < self.loss - 1e-5:
            self.weights, self.step = module.averaged(), trainer.global_step
            self.loss = self.loss if loss is None else loss


class ProgressBar(Callback):
    """One bar over all epochs: loss, validation loss, time left."""

    def __init__(self, title: str, epochs: int) -> None:
        self._title, self._epochs = title, epochs
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("epochs  {task.fields[losses]}"),
            TimeRemainingColumn(),
        )

    def on_fit_start(self, trainer: lightning.Trainer, pl_module: Any) -> None:  # noqa: ARG002
        self._progress.start()
        self._task = self._progress.add_task(self._title, total=self._epochs, losses="")

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: Any) -> None:  # noqa: ARG002
        metrics = trainer.callback_metrics
        losses = f"loss {float(metrics['loss']):.4f}"
        if "validation_loss" in metrics:
            losses += f"  validation {float(metrics['validation_loss']):.4f}"
        self._progress.update(self._task, advance=1, losses=losses)

    def teardown(self, trainer: Any, pl_module: Any, stage: str) -> None:  # noqa: ARG002
        self._progress.stop()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:  # noqa: ARG002
        self._progress.stop()


class StopOnInterrupt(Callback):
    """The first Ctrl-C ends training after the step at hand, so that the best weights so far are kept; a second one
    ends the program. Lightning's own handling would end it at the first."""

    def __init__(self) -> None:
        self.interrupted = False
        self._before: Any = None

    def on_fit_start(self, trainer: lightning.Trainer, pl_module: Any) -> None:  # noqa: ARG002
        if threading.current_thread() is not threading.main_thread():
            return

        def stop(*_: Any) -> None:
            self.interrupted = True
            trainer.should_stop = True
            signal.signal(signal.SIGINT, self._before)

        self._before = signal.signal(signal.SIGINT, stop)

    def restore(self) -> None:
        """Hand Ctrl-C back. No hook for it: after an error Lightning's last act is to put this handler in again."""
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
            self._before = None
