"""`import memcell` is light, a trained model runs without the heavy libraries, and the public names are these."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from model.random_models import MAKERS, predictions, series_of

import memcell
from memcell.model import save

HEAVY = ("torch", "polars", "narwhals", "pandas", "pyarrow", "matplotlib", "sklearn", "typer", "rich")

PUBLIC = {
    "memcell": [
        "DataWarning", "InputError", "LstmSpec", "LstmWeights", "OutputError", "RaggedBatch", "Series", "Step",
        "as_series", "load", "read",
    ],
    "memcell.data": [
        "Cadence", "Series", "TableSchema", "TimeKind", "as_series", "check_output", "format_times", "replacing",
        "step_of",
    ],
    "memcell.heads": [
        "HEADS", "QUANTILES", "Classification", "Head", "MultiLabel", "QuantileForecast", "Regression", "Tagging",
    ],
    "memcell.keras": ["LSTM", "LSTMCell"],
    "memcell.model": [
        "FIT_MECHANISMS", "MECHANISMS", "Forecast", "Model", "ModelConfig", "Stream", "load", "save",
    ],
    "memcell.onnx": ["export", "inputs_of", "load_lstm"],
    "memcell.sklearn": ["SequenceClassifier", "SequenceForecaster", "SequenceRegressor", "SequenceTagger"],
    "memcell.tables": ["Duplicates", "TableContents", "read", "read_table", "write_table"],
    "memcell.torch": ["LSTM", "LSTMCell", "convert", "lstm", "lstm_loop"],
    "memcell.training": [
        "Checkpoint", "Design", "Partial", "TrainingSettings", "fingerprint", "fit_classifier", "fit_forecaster",
        "fit_multilabel", "fit_regressor", "fit_tagger",
    ],
}  # fmt: skip

LIGHT_INSTALL = f"""
import json, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {HEAVY!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent())

import numpy as np
import memcell

found = {{}}
for task, case in json.load(sys.stdin).items():
    model = memcell.load(case["path"])
    series = [memcell.Series(values, times, model.recipe.schema.channels, time_kind="number")
              for values, times in case["series"]]
    stream = model.stream()
    for row, time in zip(*case["series"][0]):
        stream.observe(row, time)
    if model.task == "classify":
        found[task] = [model.predict_proba(series).tolist(), stream.predict_proba().tolist()]
    else:
        found[task] = [[one.quantiles.tolist() for one in model.predict(series)], stream.predict().quantiles.tolist()]
print(json.dumps(found))
"""


def python(program: str, given: str = "") -> str:
    """What the program prints in a process of its own."""
    done = subprocess.run([sys.executable, "-c", program], input=given, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_trained_model_runs_in_a_light_install(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    series = [series_of(rng, length) for length in (9, 1, 4)]
    given: dict[str, Any] = {}
    for task, make in MAKERS.items():
        path = tmp_path / task
        save(make(), path)
        given[task] = {"path": str(path), "series": [[one.values.tolist(), one.times.tolist()] for one in series]}
    found = json.loads(python(LIGHT_INSTALL, json.dumps(given)))
    for task, make in MAKERS.items():
        expected = predictions(make(), series)
        np.testing.assert_allclose(found[task][0], expected, atol=1e-6)
        np.testing.assert_allclose(found[task][1], expected[0], atol=1e-6)


@pytest.mark.parametrize("room", ["memcell", "memcell.data", "memcell.features", "memcell.heads", "memcell.model"])
def test_light_rooms_load_no_heavy_library(room: str) -> None:
    loaded = python(f"import sys, {room}; print([name for name in {(*HEAVY, 'keras')} if name in sys.modules])")
    assert loaded.strip() == "[]"


def test_import_memcell_opens_no_room_before_it_is_asked_for() -> None:
    rooms = python(
        "import sys, memcell; print(*sorted(m for m in sys.modules if m.count('.') == 1 and m[:8] == 'memcell.'))"
    )
    assert rooms.split() == ["memcell.contract", "memcell.ragged"]
    # A room may also be reached as an attribute, as the help of `import memcell` says.
    assert python("import memcell; print(memcell.model.load is memcell.load)").strip() == "True"


def test_public_names() -> None:
    found = python(f"""
import importlib, json, os
os.environ["KERAS_BACKEND"] = "torch"
rooms = {{room: importlib.import_module(room) for room in {sorted(PUBLIC)!r}}}
assert all(hasattr(room, name) for room in rooms.values() for name in room.__all__)
print(json.dumps({{name: room.__all__ for name, room in rooms.items()}}))
""")
    assert json.loads(found) == PUBLIC
    assert set(PUBLIC["memcell"]) <= set(dir(memcell))


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'memcell' has no attribute 'lode'"):
        memcell.lode  # noqa: B018


def test_the_command_line_says_what_a_light_install_lacks() -> None:
    program = LIGHT_INSTALL.partition("import numpy")[0] + "import memcell.cli\nsys.exit(memcell.cli.main())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 2
    assert "pip install 'memcell[train]'" in done.stderr
    assert "Traceback" not in done.stderr
