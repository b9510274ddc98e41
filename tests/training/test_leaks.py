"""Channels whose missing values give the answer away are named, whatever is to be learnt; honest ones are not."""

import warnings
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from memcell import DataWarning, Series, as_series
from memcell.sklearn import SequenceClassifier, SequenceRegressor, SequenceTagger
from memcell.training.leaks import leaking_channels, leaking_rows

QUICK: dict[str, Any] = {"members": 1, "epochs": 1, "hidden_size": 3, "progress": False}
RANDOM = np.random.default_rng(0)
SCORE = RANDOM.normal(size=60)


def seen_where(there: NDArray[np.bool_]) -> list[Series]:
    """Series of three channels with gaps, of which the second has values in some series only."""
    values = RANDOM.normal(size=(len(there), 6, 3))
    values[RANDOM.random(values.shape) < 0.3] = np.nan
    values[:, :, 1] = np.where(there[:, None], 1.0, np.nan)
    return as_series(list(values), channels=["a", "b", "c"])


@pytest.mark.parametrize("wrong", [0, 1, 2])
def test_a_few_exceptions_hide_nothing(wrong: int) -> None:
    there = SCORE > 0.5
    there[:wrong] = ~there[:wrong]
    assert leaking_channels(seen_where(there), (SCORE > 0.5)[:, None]) == ["b"]


def test_an_honest_channel_is_not_named() -> None:
    """Even one that is measured far more often where the answer is yes."""
    there = RANDOM.random(60) < np.where(SCORE > 0.5, 0.9, 0.3)
    assert leaking_channels(seen_where(there), (SCORE > 0.5)[:, None]) == []


def test_of_few_series_nothing_is_said() -> None:
    assert leaking_channels(seen_where(SCORE[:12] > 0.5), (SCORE[:12] > 0.5)[:, None]) == []


LABELS = np.where(SCORE > 0.8, "high", np.where(SCORE < -0.8, "low", "middle"))


@pytest.mark.parametrize(
    ("estimator", "y", "there"),
    [
        (SequenceClassifier(**QUICK), SCORE > 0.5, SCORE > 0.5),
        (SequenceClassifier(**QUICK), LABELS, LABELS == "middle"),
        (SequenceClassifier(**QUICK), np.column_stack([SCORE > 0, RANDOM.random(60) < 0.5]).astype(int), SCORE <= 0),
        (SequenceRegressor(**QUICK), SCORE, np.median(SCORE) < SCORE),
    ],
    ids=["two", "three", "labels", "numbers"],
)
def test_whatever_is_to_be_learnt(estimator: Any, y: NDArray[Any], there: NDArray[np.bool_]) -> None:
    with pytest.warns(DataWarning, match="'b' may give the target away"):
        estimator.fit(seen_where(there), y)
    assert estimator.model_.record["leaks"] == ["b"]
    with warnings.catch_warnings():
        warnings.simplefilter("error", DataWarning)
        estimator.fit(seen_where(RANDOM.random(60) < 0.5), y)
    assert estimator.model_.record["leaks"] == []


def test_labels_of_rows() -> None:
    tags = [RANDOM.choice(["walk", "sit", "lie"], 8) for _ in range(20)]
    values = RANDOM.normal(size=(20, 8, 2))
    values[:, :, 1] = np.where(np.array(tags) == "sit", 1.0, np.nan)
    series = as_series(list(values))
    with pytest.warns(DataWarning, match="'x1' may give the target away"):
        model = SequenceTagger(**QUICK).fit(series, tags)
    assert model.model_.record["leaks"] == ["x1"]
    codes = [RANDOM.integers(-1, 3, 8) for _ in range(20)]
    assert leaking_rows(series, codes, 3) == []


def test_a_channel_or_fact_that_is_the_target_is_told() -> None:
    random = np.random.default_rng(0)
    values, label = random.normal(size=(40, 5, 2)), np.arange(40) % 2
    values[:, :, 1] = 3.0 - label[:, None]
    options: dict[str, Any] = {"epochs": 1, "hidden_size": 3, "members": 1, "progress": False}
    with pytest.warns(DataWarning, match="'x1' tells exactly what is to be learnt"):
        assert SequenceClassifier(**options).fit(values, label).model_.record["copies"] == ["x1"]
    number = random.normal(size=40)
    series = as_series(list(values[:, :, :1]), facts=np.column_stack([random.normal(size=40), 5.0 - 2.0 * number]))
    with pytest.warns(DataWarning, match="'fact1' tells exactly"):
        assert SequenceRegressor(**options).fit(series, number).model_.record["copies"] == ["fact1"]
    tags = (random.normal(size=(40, 5)) > 0).astype(int)
    values[:, :, 1] = 7.0 * tags
    with pytest.warns(DataWarning, match="'x1' tells exactly"):
        assert SequenceTagger(**options).fit(values, list(tags)).model_.record["copies"] == ["x1"]
    values[0, 0, 1] = 3.5
    assert SequenceTagger(**options).fit(values, list(tags)).model_.record["copies"] == []
