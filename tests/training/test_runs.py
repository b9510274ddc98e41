"""A run of training from inside: the best weights, early stopping, Ctrl-C, the bar, and what an error leaves behind."""

import io
import os
import re
import signal
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import rich
from rich.console import Console
from training.small_series import small_classifier, small_forecaster

from memcell.training import forecaster, networks
from memcell.training import train as training_run
from memcell.training.module import SequenceModule
from memcell.training.progress import Interrupt
from memcell.training.train import Trained

Hook = Callable[[int], None]


@pytest.fixture
def each_step(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Hook], None]]:
    """Calls a function with the number of each training step, from 1, before the step."""
    loss, count = SequenceModule.loss, 0

    def install(hook: Hook) -> None:
        def step(self: SequenceModule, batch: Any) -> Any:
            nonlocal count
            count += 1
            hook(count)
            return loss(self, batch)

        monkeypatch.setattr(SequenceModule, "loss", step)

    yield install
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> list[Trained]:
    """What each run of training came to."""
    kept: list[Trained] = []

    def remembered(*arguments: Any, **options: Any) -> Trained:
        kept.append(training_run.train(*arguments, **options))
        return kept[-1]

    for room in (networks, forecaster):
        monkeypatch.setattr(room, "train", remembered)
    return kept


def control_c(at: int) -> Hook:
    return lambda step: os.kill(os.getpid(), signal.SIGINT) if step == at else None


def test_a_step_without_a_finite_gradient_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    loss, count = SequenceModule.loss, 0

    def sometimes_none(self: SequenceModule, batch: Any) -> Any:
        nonlocal count
        count += 1
        return loss(self, batch) * (float("nan") if count % 3 == 1 else 1.0)

    monkeypatch.setattr(SequenceModule, "loss", sometimes_none)
    model = small_classifier(epochs=4)
    assert all(np.isfinite(one).all() for one in model.members[0].values())
    assert np.isfinite(model.record["validation_loss"])


def test_the_best_weights_are_kept_not_the_last(watched: list[Trained], monkeypatch: pytest.MonkeyPatch) -> None:
    losses = iter([0.6, 0.4, 0.5, 0.7, 0.9])
    averages: list[dict[str, Any]] = []

    def validate(self: SequenceModule, batch: Any) -> float:  # noqa: ARG001
        averages.append(self.averaged())
        return next(losses)

    monkeypatch.setattr(SequenceModule, "validation_loss", validate)
    model = small_classifier(epochs=20, patience=3)
    (best,) = watched
    assert [round(epoch["validation_loss"], 3) for epoch in best.history] == [0.6, 0.4, 0.5, 0.7, 0.9]
    assert best.validation_loss == pytest.approx(0.4)
    assert model.record["steps"] == 4
    for name, weight in best.weights.items():
        np.testing.assert_array_equal(weight, averages[1][name])
    assert (averages[1]["head.weight"] != averages[4]["head.weight"]).any()


@pytest.mark.parametrize("step", [1, 2, 5])
def test_control_c_keeps_the_best_so_far(step: int, each_step: Callable[[Hook], None]) -> None:
    each_step(control_c(step))
    record = small_classifier(epochs=50).record
    assert record["interrupted"] is True
    assert record["steps"] == step
    assert np.isfinite(record["validation_loss"])


@pytest.mark.parametrize("step", [41, 45, 60])
def test_control_c_in_the_second_run_keeps_the_first(
    step: int, each_step: Callable[[Hook], None], watched: list[Trained]
) -> None:
    each_step(control_c(step))
    model = small_forecaster(epochs=2)
    assert model.record["interrupted"] is True
    assert model.record["steps"] == 40
    for name, weight in model.members[0].items():
        np.testing.assert_array_equal(weight, watched[0].weights[name])


def test_control_c_before_the_second_run_begins_keeps_the_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    starts = 0
    enter = Interrupt.__enter__

    def start(self: Interrupt) -> Interrupt:
        nonlocal starts
        starts += 1
        entered = enter(self)
        if starts == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return entered

    monkeypatch.setattr(Interrupt, "__enter__", start)
    assert small_forecaster(epochs=2).record["interrupted"] is True


def test_a_second_control_c_ends_the_program(each_step: Callable[[Hook], None]) -> None:
    def twice(step: int) -> None:
        if step == 2:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)

    each_step(twice)
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        small_classifier(epochs=50)


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What a terminal would show."""
    shown = io.StringIO()
    monkeypatch.setattr(rich, "_console", Console(file=shown, force_terminal=True, color_system=None, width=100))
    return shown


def test_the_bar_shows_loss_validation_and_time_left(screen: io.StringIO) -> None:
    small_forecaster(epochs=3, progress=True)
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", screen.getvalue())
    assert re.search(r"Training .* 0/3 epochs .*-:--:--", shown)
    assert re.search(r"Training .* 3/3 epochs  loss \d\.\d{4}  validation \d\.\d{4} \d:\d\d:\d\d", shown)
    assert re.search(r"On all rows .* 3/3 epochs  loss \d\.\d{4} \d:\d\d:\d\d", shown)


def test_an_error_hands_back_control_c_and_the_cursor(screen: io.StringIO, each_step: Callable[[Hook], None]) -> None:
    def fail(step: int) -> None:
        raise ArithmeticError(f"step {step}")

    each_step(fail)
    with pytest.raises(ArithmeticError):
        small_classifier(progress=True)
    hidden, shown = "\x1b[?25l", "\x1b[?25h"
    assert screen.getvalue().rfind(shown) > screen.getvalue().rfind(hidden) >= 0


def test_the_second_bar_counts_the_epochs_that_were_best(screen: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    losses = iter([0.6, 0.4, 0.5, 0.7])
    monkeypatch.setattr(SequenceModule, "validation_loss", lambda self, batch: next(losses))  # noqa: ARG005
    small_forecaster(epochs=20, patience=2, progress=True)
    assert re.search(r"On all rows .* 2/2", screen.getvalue())


def test_quiet_is_quiet(capfd: pytest.CaptureFixture[str]) -> None:
    small_forecaster(epochs=1)
    assert capfd.readouterr() == ("", "")
