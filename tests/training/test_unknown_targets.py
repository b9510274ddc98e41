"""Series of which nothing is to be learnt, and how weights and few held-out series count."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from memcell import DataWarning, as_series
from memcell.heads import Classification
from memcell.model import load
from memcell.sklearn import SequenceClassifier, SequenceRegressor, SequenceTagger
from memcell.training import TrainingSettings
from memcell.training.judging import doubted_loss, each_loss

SMALL: dict[str, Any] = {"epochs": 2, "hidden_size": 4, "progress": False}


def some(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, 6, 2))


def test_series_without_a_known_number_are_as_if_they_were_not_there() -> None:
    x = some(50)
    y, groups = x[:, :, 0].sum(axis=1), [k // 10 for k in range(50)]
    y[:10] = np.nan
    with pytest.warns(DataWarning, match="10 of 50 series have no known target and are left out"):
        all_of_them = SequenceRegressor(**SMALL).fit(x, y, groups=groups)
    known = SequenceRegressor(**SMALL).fit(x[10:], y[10:], groups=groups[10:])
    np.testing.assert_array_equal(all_of_them.predict(x), known.predict(x))
    assert all_of_them.model_.record["left_out"] == known.model_.record["left_out"]


@pytest.mark.parametrize("where", [slice(0, 8), slice(8, 20)])
def test_series_without_a_tag_are_too(where: slice, tmp_path: Path) -> None:
    x = some(20)
    tags = [["low", "high"] * 3 for _ in range(20)]
    for row in tags[where]:
        row[:] = [None] * 6
    with pytest.warns(DataWarning, match="series have no known label and are left out"):
        tagger = SequenceTagger(**SMALL).fit(x, tags)
    assert np.isfinite(tagger.model_.record["validation_loss"])
    tagger.save(tmp_path / "x.memcell")
    assert load(tmp_path / "x.memcell").classes == ("high", "low")


@pytest.mark.parametrize("factor", [1e-20, 1e20])
def test_only_how_weights_compare_counts(factor: float) -> None:
    x, weight = some(30), np.random.default_rng(1).uniform(0.5, 2.0, 30)
    y = x[:, :, 0].sum(axis=1) > 0
    one, other = (SequenceClassifier(**SMALL).fit(x, y, sample_weight=weight * by) for by in (1.0, factor))
    np.testing.assert_allclose(one.predict_proba(x), other.predict_proba(x), atol=1e-3)


def test_few_long_series_with_labels_by_row_are_seen_often_enough() -> None:
    settings = TrainingSettings()
    assert settings.for_data(10).epochs == 300
    assert settings.for_data(10, rows=4_200).epochs == 1000
    assert settings.for_data(40, rows=31_000).epochs == 300
    assert TrainingSettings(epochs=7).for_data(10, rows=4_200).epochs == 7


def test_few_series_that_are_all_right_do_not_prove_that_it_is_sure() -> None:
    head, target = Classification(("no", "yes")), torch.eye(2)[[0, 1, 0, 1, 1, 0]]
    sure, careful = (size * (2 * target - 1) for size in (20.0, 1.0))
    assert each_loss(head, sure, target).mean() < each_loss(head, careful, target).mean()
    assert doubted_loss(head, sure, target).mean() > doubted_loss(head, careful, target).mean()
    assert doubted_loss(head, careful, target).mean() > each_loss(head, careful, target).mean()


def test_one_network_is_not_sure_of_labels_that_are_chance() -> None:
    random = np.random.default_rng(5)
    fresh = random.normal(size=(200, 30, 4)).cumsum(axis=1)
    for seed in range(3):
        x, y = random.normal(size=(40, 30, 4)).cumsum(axis=1), random.integers(0, 2, 40)
        model = SequenceClassifier(**SMALL, members=1, seed=seed).fit(x, y)
        assert np.mean(model.predict_proba(fresh).max(axis=1) > 0.95) < 0.1


def test_targets_over_orders_of_magnitude_are_told() -> None:
    y = np.exp(np.random.default_rng(0).normal(size=30) * 3)
    with pytest.warns(DataWarning, match="learn its logarithm"):
        SequenceRegressor(**SMALL, members=1).fit(as_series(some(30)), y)
