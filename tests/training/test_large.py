"""What is too large for memory lies in files, and leads to the same model."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from memcell.features import recipe
from memcell.features.learning import learn_recipe
from memcell.sklearn import SequenceClassifier, SequenceRegressor, SequenceTagger
from memcell.tables import parts, read_table

ROLES: dict[str, tuple[Any, dict[str, str]]] = {
    "classifier": (SequenceClassifier, {"label": "died"}),
    "regressor": (SequenceRegressor, {"label": "score"}),
    "tagger": (SequenceTagger, {"tag": "tag"}),
}


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 12, 40)
    ids = np.repeat(np.arange(40), lengths)
    x = rng.normal(size=len(ids)) + ids % 2
    path = tmp_path / "t.parquet"
    pl.DataFrame(
        {
            "id": ids,
            "t": np.arange(len(ids)) * 1.5,
            "x": np.where(rng.random(len(ids)) < 0.3, np.nan, x),
            "word": rng.choice(["a", "b", "c"], len(ids)),
            "died": ids % 2,
            "score": (ids % 7) * 1.0,
            "tag": (x > 0).astype(int),
        }
    ).write_parquet(path)
    return path


@pytest.mark.parametrize("name", ROLES)
def test_the_same_model_comes_of_files(name: str, table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make, role = ROLES[name]
    others = [column for column in ("died", "score", "tag") if column not in role.values()]
    estimator = make(epochs=2, members=2, progress=False)

    def predicted() -> list[Any]:
        series = read_table(table, id="id", time="t", ignore=others, **role).series
        model = estimator.fit(series).model_
        said = model.predict_quantiles(series) if name == "regressor" else model.predict_proba(series)
        return [np.asarray(one) for one in said]

    in_memory = predicted()
    monkeypatch.setattr(parts, "LARGE", 1)
    monkeypatch.setattr(parts, "CELLS", 200)
    monkeypatch.setattr(recipe, "LARGE", 1)
    for one, other in zip(predicted(), in_memory, strict=True):
        np.testing.assert_array_equal(one, other)


def test_prepared_series_lie_in_files(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contents = read_table(table, id="id", time="t", label="died", ignore=["score", "tag"])
    learnt = learn_recipe(contents.series, contents.schema, summary=True)
    in_memory = learnt.apply(contents.series)
    monkeypatch.setattr(recipe, "LARGE", 1)
    in_files = learnt.apply(contents.series)
    for name, array in vars(in_memory).items():
        np.testing.assert_array_equal(getattr(in_files, name), array)
    assert not in_files.values.flags.writeable
