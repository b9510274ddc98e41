"""`memcell.keras.LSTM` on two backends of Keras, each in a process of its own: Keras takes one backend a process."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from layer_cases import CASES, UNITS
from numpy.typing import NDArray

HERE = Path(__file__).parent
BACKENDS = ["torch", "jax"]
Answers = dict[str, NDArray[np.float32]]


def start(backend: str, program: str, *arguments: str, module: str | None = None) -> subprocess.Popen[str]:
    environment = os.environ | {"KERAS_BACKEND": backend, "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, *(["-m", module] if module else []), str(HERE / program), *arguments]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def output_of(process: subprocess.Popen[str]) -> str:
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 0, output[-5000:] + errors
    return output


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Answers]:
    """What each backend answered, by the names ``answer.py`` gives."""
    folder = tmp_path_factory.mktemp("keras")
    files = {backend: folder / f"{backend}.npz" for backend in BACKENDS}
    for process in [start(backend, "answer.py", str(path)) for backend, path in files.items()]:
        output_of(process)
    return {backend: dict(np.load(path)) for backend, path in files.items()}


def named(answers: Answers, prefix: str) -> list[NDArray[np.float32]]:
    found = [array for name, array in answers.items() if name.startswith(prefix + "/")]
    assert found, prefix
    return found


def assert_close(got: list[NDArray[np.float32]], wanted: list[NDArray[np.float32]], tolerance: float = 1e-5) -> None:
    for one, want in zip(got, wanted, strict=True):
        assert one.shape == want.shape
        np.testing.assert_allclose(one, want, rtol=0, atol=tolerance)


@pytest.mark.parametrize("case", CASES)
def test_backends_agree(answers: dict[str, Answers], case: str) -> None:
    assert_close(*(named(answers[backend], f"{case}/ours") for backend in BACKENDS))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "case", [case for case, o in CASES.items() if o["peephole"] == "none" and "cell_clip" not in o]
)
def test_without_peepholes_it_is_the_layer_of_keras(answers: dict[str, Answers], backend: str, case: str) -> None:
    assert_close(named(answers[backend], f"{case}/ours"), named(answers[backend], f"{case}/keras"))


@pytest.mark.parametrize("backend", BACKENDS)
def test_config_goes_there_and_back(answers: dict[str, Answers], backend: str) -> None:
    for case in [case for case in CASES if case.endswith(" states")]:
        assert_close(named(answers[backend], f"{case}/from_config"), named(answers[backend], f"{case}/ours"), 0.0)


@pytest.mark.parametrize("call", ["states", "mask"])
def test_every_option_of_the_cell_matters(answers: dict[str, Answers], call: str) -> None:
    outputs = [named(answers["torch"], f"{case}/ours")[0] for case in CASES if case.endswith(f" {call}")]
    assert len(outputs) == 5
    for k, one in enumerate(outputs):
        assert all(np.abs(one - other).max() > 1e-3 for other in outputs[:k])


def test_dropout_is_off_at_inference(answers: dict[str, Answers]) -> None:
    assert_close(*(named(answers["torch"], f"full-previous {call}/ours") for call in ("dropout", "last")))


def test_states_are_the_last_of_the_sequences(answers: dict[str, Answers]) -> None:
    outputs, h, c = named(answers["torch"], "full-previous states/ours")
    (last,) = named(answers["torch"], "full-previous last/ours")
    np.testing.assert_array_equal(last, h)
    np.testing.assert_array_equal(outputs[:, -1], h)
    assert c.shape == (len(h), UNITS)


@pytest.mark.parametrize("backend", BACKENDS)
def test_loaded_model_predicts_the_same(answers: dict[str, Answers], backend: str) -> None:
    assert_close([answers[backend]["saved/after"]], [answers[backend]["saved/before"]], 1e-6)


def test_everything_that_is_only_on_torch() -> None:
    output_of(start("torch", "on_torch.py", module="pytest"))


def test_program_of_the_introduction() -> None:
    said = json.loads(output_of(start("torch", "introduction.py")).splitlines()[-1])
    assert said["shape"] == [450, 10]
    assert said["loss"][1] < 0.8 * said["loss"][0]
    assert said["accuracy"] > 0.5  # chance is 0.1
