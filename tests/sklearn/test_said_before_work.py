"""Mistakes in arguments that are told before work starts, and what is told of what comes in."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import memcell
from memcell import DataWarning, InputError
from memcell.sklearn import SequenceClassifier, SequenceForecaster, SequenceRegressor

QUICK: dict[str, Any] = {"hidden_size": 4, "members": 1, "epochs": 1, "progress": False}
X = np.random.default_rng(0).normal(size=(12, 5, 2))
Y = np.arange(12) % 2


def test_a_table_of_arrow_in_a_list_is_refused() -> None:
    with pytest.raises(InputError, match="Series 0 of `x` is a table of Arrow"):
        memcell.as_series([pa.table({"a": [1.0, 2.0]})])


def test_missing_values_of_pandas_are_missing() -> None:
    frame = pd.DataFrame({"a": pd.array([1, None, 3], dtype="Int64"), "b": [1.0, 2.0, 3.0]})
    (one,) = memcell.as_series([frame])
    np.testing.assert_array_equal(one.values, [[1, 1], [np.nan, 2], [3, 3]])


def test_weights_by_row_are_refused() -> None:
    with pytest.raises(InputError, match="`sample_weight` has entries of several lengths; give one a series"):
        SequenceClassifier(**QUICK).fit(X, Y, sample_weight=[np.ones(2), *[np.ones(3)] * 11])


def test_a_weight_of_zero_for_all_classes_but_one_is_refused() -> None:
    with pytest.raises(InputError, match="`class_weight` is 0 for every class but 1"):
        SequenceClassifier(**QUICK, class_weight={0: 0, 1: 2}).fit(X, Y)


def test_what_is_no_file_is_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    model = SequenceClassifier(**QUICK).fit(X, Y)
    with pytest.raises(InputError, match="is no regular file"):
        model.save(tmp_path / "pipe", overwrite=True)
    with pytest.raises(InputError, match="`path` is NoneType"):
        memcell.load(None)  # type: ignore[arg-type]


def test_targets_far_from_those_of_the_first_pass_are_told() -> None:
    model = SequenceRegressor(**QUICK).partial_fit(X, np.linspace(0, 1, 12))
    with pytest.warns(DataWarning, match="far from those of the first pass"):
        model.partial_fit(X, np.linspace(0, 1000, 12))


def test_series_of_which_nothing_is_seen_are_told() -> None:
    model = SequenceClassifier(**QUICK).fit(X, Y)
    with pytest.warns(DataWarning, match="1 of 2 series have no observation; their answer is what is usual"):
        model.predict_proba([X[0], np.full((3, 2), np.nan)])


def test_rows_after_the_last_value_of_what_is_forecast_are_told() -> None:
    wave = np.sin(np.arange(60) / 3)[:, None]
    model = SequenceForecaster(horizon=3, hidden_size=4, epochs=1, progress=False).fit([wave])
    with pytest.warns(DataWarning, match="it is blank in the last 4 rows"):
        model.predict([np.concatenate([wave, np.full((4, 1), np.nan)])])


def test_the_text_among_numbers_is_named() -> None:
    with pytest.raises(InputError, match="is 'high'"):
        SequenceRegressor(**QUICK).fit(X, np.array(["1", "2", "high", *["3"] * 9], object))
