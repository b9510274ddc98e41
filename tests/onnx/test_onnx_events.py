"""Models that read words, sets and sparse channels give the same answers in ONNX Runtime."""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import polars as pl
import pytest

import memcell
from memcell import InputError, Series
from memcell.onnx import export, inputs_of
from memcell.sklearn import SequenceClassifier, SequenceRegressor, SequenceTagger

MAKERS = {"label": SequenceClassifier, "number": SequenceRegressor, "tag": SequenceTagger}


def read(target: str) -> list[Series]:
    """Words, running text, a set of several values, and rows without anything."""
    rng = np.random.default_rng(0)
    rows: list[dict[str, Any]] = []
    for id in range(40):
        for time in range(id % 9):
            row = {"id": id, "time": time * 1.5, "label": "ab"[id % 2], "number": id % 5, "tag": "xy"[time % 2]}
            empty = rng.random() < 0.3
            row["word"] = None if empty else rng.choice(["red", "green", "blue"])
            row["says"] = None if empty else " ".join(rng.choice(["one", "two", "three", "four"], 4))
            row["x"] = None if empty else rng.normal()
            rows.append(row)
    role: Any = {"tag": target} if target == "tag" else {"label": target}
    ignore = [name for name in MAKERS if name != target]
    return memcell.read(pl.DataFrame(rows), id="id", time="time", ignore=ignore, **role)


@pytest.mark.parametrize("target", MAKERS)
def test_words_in_a_graph(target: str, tmp_path: Path) -> None:
    series = read(target)
    estimator = MAKERS[target](epochs=2, members=2, learning_rate=0.05, progress=False).fit(series)
    assert check(estimator.model_, series, tmp_path) > 0
    empty = [one for one in series if not len(one)] or [series[0].between(0, 0)]
    check(estimator.model_, empty, tmp_path / "again")
    with pytest.raises(InputError, match="`series` is empty"):
        inputs_of(estimator.model_, [])


def test_sparse_channels_and_sets_in_a_graph(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = [{"id": id, "time": int(rng.integers(0, 6)), "what": f"c{rng.integers(0, 30)}", "v": rng.normal(),
             "label": id % 2} for id in range(40) for _ in range(10)]  # fmt: skip
    with pytest.warns(UserWarning, match="read as a set"):
        series = memcell.read(pl.DataFrame(rows), id="id", time="time", channel="what", value="v", label="label")
    assert any(one.observations.surplus for one in series)
    estimator = SequenceClassifier(epochs=2, members=1, events=True, progress=False).fit(series)
    assert check(estimator.model_, series, tmp_path) > 0


def check(model: Any, series: list[Series], folder: Path) -> int:
    """The most events of a row, after the graph's answers were found to be the model's."""
    folder.mkdir(exist_ok=True)
    export(model, folder / "model.onnx")
    feeds = inputs_of(model, series)
    session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    got, *means = session.run(None, {given.name: feeds[given.name] for given in session.get_inputs()})
    assert isinstance(got, np.ndarray)
    if model.task == "regress":
        np.testing.assert_allclose(means[0], model.predict(series).reshape(got.shape[:2]), rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(got, model.predict_quantiles(series), rtol=1e-5, atol=1e-5)
    else:
        for answer, wanted in zip(got, model.predict_proba(series), strict=True):
            np.testing.assert_allclose(answer[: len(wanted)], wanted, rtol=1e-5, atol=1e-5)
    return feeds["event_feature"].shape[2]
