"""What the user sees of training and how Ctrl-C ends it."""

import signal
import threading
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

__all__ = ["Interrupt", "ProgressBar"]


class ProgressBar:
    """One bar over all epochs: loss, validation loss, time left; a context that shows it."""

    def __init__(self, title: str, epochs: int, shown: bool) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("epochs  {task.fields[losses]}"),
            TimeRemainingColumn(),
            disable=not shown,
        )
        self._task = self._progress.add_task(title, total=epochs, losses="")

    def __enter__(self) -> "ProgressBar":
        self._progress.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._progress.stop()

    def advance(self, losses: dict[str, float], epochs: int = 1) -> None:
        """An epoch, or several, are done."""
        shown = f"loss {losses['loss']:.4f}"
        if "validation_loss" in losses:
            shown += f"  validation {losses['validation_loss']:.4f}"
        self._progress.update(self._task, advance=epochs, losses=shown)


class Interrupt:
    """A context in which the first Ctrl-C is only remembered, so that the step at hand ends and the best weights so
    far are kept; a second one ends the program. Threads other than the main one leave Ctrl-C alone.

    Attributes:
        came: Ctrl-C was pressed.
    """

    def __init__(self) -> None:
        self.came = False

    def __enter__(self) -> "Interrupt":
        self._ours = threading.current_thread() is threading.main_thread()
        if self._ours:
            self._before: Any = signal.signal(signal.SIGINT, self._remember)
        return self

    def __exit__(self, *_: Any) -> None:
        if self._ours:
            signal.signal(signal.SIGINT, self._before)

    def _remember(self, *_: Any) -> None:
        self.came = True
        signal.signal(signal.SIGINT, self._before)
