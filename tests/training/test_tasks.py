"""What can be learnt beside one class a series: numbers, several labels, tags; and how a run goes on."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from training.small_series import SCHEMA, levels, settings

from memcell import InputError, Series
from memcell.model import config
from memcell.sklearn import SequenceClassifier, SequenceRegressor, SequenceTagger
from memcell.training import Checkpoint, Design, fingerprint, fit_classifier
from memcell.training.batches import Batch
from memcell.training.leaks import leaking_channels
from memcell.training.module import SequenceModule, initial_weights
from memcell.training.splits import held_out

FAST: dict[str, Any] = {
    "members": 1,
    "dropout": 0.0,
    "hidden_size": 8,
    "epochs": 20,
    "learning_rate": 0.02,
    "progress": False,
}


def sums(count: int, seed: int = 0) -> tuple[list[np.ndarray], np.ndarray]:
    """Random steps, and what they add up to."""
    rng = np.random.default_rng(seed)
    x = [rng.normal(size=(int(rng.integers(3, 9)), 1)) for _ in range(count)]
    return x, np.array([one.sum() for one in x])


def test_numbers_are_learnt_with_intervals_that_cover_what_they_claim() -> None:
    x, y = sums(300)
    regressor = SequenceRegressor(**FAST).fit(x, 1000 + 50 * y)
    fresh, truth = sums(400, seed=1)
    truth = 1000 + 50 * truth
    assert regressor.score(fresh, truth) > 0.9
    quantiles = regressor.predict_quantiles(fresh)
    assert quantiles.shape == (400, 1, 3)
    covered = np.mean((quantiles[:, 0, 0] <= truth) & (truth <= quantiles[:, 0, 2]))
    assert 0.65 < covered < 0.92


def test_several_numbers_some_of_them_unknown() -> None:
    x, y = sums(200)
    targets = np.column_stack([y, -2 * y])
    targets[::3, 1] = np.nan
    regressor = SequenceRegressor(**FAST).fit(x, targets)
    fresh, truth = sums(100, seed=1)
    found = regressor.predict(fresh)
    assert found.shape == (100, 2)
    assert np.corrcoef(found[:, 1], -2 * truth)[0, 1] > 0.9


def test_one_wild_target_does_not_rule_the_fit() -> None:
    x, y = sums(200)
    y[0] = 1e4
    fresh, truth = sums(100, seed=1)
    assert np.corrcoef(SequenceRegressor(**FAST).fit(x, y).predict(fresh), truth)[0, 1] > 0.8


def test_several_labels_at_once() -> None:
    x, y = sums(300)
    labels = np.column_stack([y > 0, y > 2]).astype(int)
    classifier = SequenceClassifier(**FAST).fit(x, labels)
    fresh, truth = sums(200, seed=1)
    expected = np.column_stack([truth > 0, truth > 2])
    assert classifier.predict(fresh).shape == (200, 2)
    assert (classifier.predict(fresh) == expected).mean() > 0.9
    assert classifier.score(fresh, expected.astype(int)) > 0.8


def waves(count: int, seed: int = 0) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The tag of a row is the sign of the next row's value: only who looks ahead knows it."""
    rng = np.random.default_rng(seed)
    x = [rng.normal(size=(int(rng.integers(5, 40)), 1)) for _ in range(count)]
    return x, [np.append(np.where(one[1:, 0] > 0, "up", "down"), "up") for one in x]


def test_a_tagger_looks_ahead_only_if_it_is_told_to() -> None:
    x, y = waves(60)
    fresh, truth = waves(30, seed=1)
    assert SequenceTagger(bidirectional=True, **FAST).fit(x, y).score(fresh, truth) > 0.9
    assert SequenceTagger(**FAST).fit(x, y).score(fresh, truth) < 0.65


def test_tags_may_be_unknown_on_some_rows() -> None:
    x, y = waves(60)
    rng = np.random.default_rng(2)
    holes = [np.where(rng.random(len(row)) < 0.5, None, row.astype(object)) for row in y]
    fresh, truth = waves(30, seed=1)
    assert SequenceTagger(bidirectional=True, **FAST).fit(x, holes).score(fresh, truth) > 0.85


@pytest.mark.parametrize("killed_after", [1, 3, 4])
def test_a_killed_run_ends_where_the_unbroken_one_ends(
    killed_after: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    series, labels = levels()
    options = FAST | {"epochs": 3, "members": 2, "checkpoint": tmp_path / "run"}
    whole = SequenceClassifier(**options | {"checkpoint": None}).fit(series, labels).model_
    keep, kept = Checkpoint.keep, 0

    def killed(self: Checkpoint, *arguments: Any) -> None:
        nonlocal kept
        keep(self, *arguments)
        kept += 1
        if kept == killed_after:
            raise ArithmeticError("the lights go out")

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "keep", killed)
        with pytest.raises(ArithmeticError):
            SequenceClassifier(**options).fit(series, labels)
    model = SequenceClassifier(resume=True, **options).fit(series, labels).model_
    assert model.record == whole.record
    for one, other in zip(model.members, whole.members, strict=True):
        for name, weight in one.items():
            np.testing.assert_array_equal(weight, other[name])


def test_a_run_with_networks_of_another_size_is_not_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a newer version chooses other sizes."""
    series, labels = levels()
    options = FAST | {"epochs": 2, "members": 1, "checkpoint": tmp_path / "run"}
    keep = Checkpoint.keep

    def killed(self: Checkpoint, *arguments: Any) -> None:
        keep(self, *arguments)
        raise ArithmeticError("the lights go out")

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "keep", killed)
        with pytest.raises(ArithmeticError):
            SequenceClassifier(**options).fit(series, labels)
    monkeypatch.setattr(config, "_SUMMARY_SIZE", 16)
    with pytest.raises(InputError, match="another version"):
        SequenceClassifier(resume=True, **options).fit(series, labels)


def test_a_run_of_other_data_or_settings_is_not_gone_on_with(tmp_path: Path) -> None:
    series, labels = levels()
    options = FAST | {"epochs": 1, "checkpoint": tmp_path / "run"}
    SequenceClassifier(**options).fit(series, labels)
    with pytest.raises(InputError, match="another run"):
        SequenceClassifier(**options | {"resume": True, "seed": 1}).fit(series, labels)
    with pytest.raises(InputError, match="another run"):
        SequenceClassifier(**options | {"resume": True}).fit(series[1:], labels[1:])
    (tmp_path / "run").write_bytes(b"rubbish")
    with pytest.raises(InputError, match="no unfinished run"):
        SequenceClassifier(**options | {"resume": True}).fit(series, labels)
    assert fingerprint(series, 1) != fingerprint(series, 2)


def test_partial_fit_goes_on_and_learns() -> None:
    series, labels = levels(80)
    fresh, truth = levels(60, seed=1)
    classifier = SequenceClassifier(**FAST)
    with pytest.raises(InputError, match="`classes` is missing"):
        classifier.partial_fit(series[:40], labels[:40])
    scores = []
    for turn in range(30):
        half = slice(0, 40) if turn % 2 else slice(40, 80)
        classifier.partial_fit(series[half], labels[half], classes=sorted(set(labels)))
        scores.append(classifier.score(fresh, truth))
    assert scores[-1] >= max(0.8, scores[0])
    assert classifier.model_.record["passes"] == 30
    with pytest.raises(InputError, match="none of the classes"):
        classifier.partial_fit(series[:2], ["strange", "new"])


def test_partial_fit_of_numbers_and_labels() -> None:
    x, y = sums(200)
    regressor = SequenceRegressor(**FAST)
    classifier = SequenceClassifier(**FAST)
    for _ in range(25):
        regressor.partial_fit(x, y)
        classifier.partial_fit(x, np.column_stack([y > 0, y > 1]).astype(int))
    assert regressor.score(x, y) > 0.8
    assert classifier.score(x, np.column_stack([y > 0, y > 1]).astype(int)) > 0.8


def test_groups_are_never_split() -> None:
    groups = ["a"] * 5 + ["b"] * 3 + [None] * 4 + ["c"] * 2
    for seed in range(20):
        for training, validation in held_out(len(groups), 0.3, seed, groups=groups, times=3):
            assert len(training)
            assert len(validation)
            for name in "abc":
                members = {k for k, group in enumerate(groups) if group == name}
                assert members <= set(training) or members <= set(validation)
    with pytest.raises(InputError, match="one group only"):
        held_out(3, 0.2, 0, groups=["a"] * 3)


def test_networks_validate_on_different_series() -> None:
    codes = np.repeat([0, 1], 50)
    splits = held_out(100, 0.2, 0, codes, times=5)
    assert sorted(np.concatenate([validation for _, validation in splits]).tolist()) == list(range(100))
    for _, validation in splits:
        assert codes[validation].sum() == 10


def test_weights_count() -> None:
    rng = np.random.default_rng(0)
    x = [rng.normal(size=(4, 1)) for _ in range(200)]
    y = rng.integers(0, 2, 200)
    classifier = SequenceClassifier(**FAST | {"epochs": 8, "without": ("summary",)}).fit(
        x, y, sample_weight=np.where(y == 1, 9.0, 1.0)
    )
    assert classifier.predict_proba(x)[:, 1].mean() == pytest.approx(0.9, abs=0.06)


def test_rare_classes_can_count_as_much_as_frequent_ones() -> None:
    rng = np.random.default_rng(0)
    x = [rng.normal(size=(4, 1)) for _ in range(300)]
    y = (rng.random(300) < 0.1).astype(int)
    options = FAST | {"epochs": 8, "without": ("summary",)}
    even = SequenceClassifier(class_weight="balanced", **options).fit(x, y).predict_proba(x)[:, 1].mean()
    plain = SequenceClassifier(**options).fit(x, y).predict_proba(x)[:, 1].mean()
    assert even == pytest.approx(0.5, abs=0.1)
    assert plain == pytest.approx(0.1, abs=0.06)
    with pytest.raises(InputError, match="`class_weight` names 7"):
        SequenceClassifier(class_weight={7: 1.0}, **options).fit(x, y)
    for weights, message in (({0: 1e300}, "`class_weight` of 0 is 1e.300"), ({0: 0, 1: 0}, "is 0 for every class")):
        with pytest.raises(InputError, match=message):
            SequenceClassifier(class_weight=weights, **options).fit(x, y)


def test_a_channel_that_gives_the_answer_away_is_reported() -> None:
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 15)
    series = []
    for label in y:
        values = rng.normal(size=(6, 3))
        values[rng.random((6, 3)) < 0.3] = np.nan
        values[:, 1] = 1.0 if label else np.nan
        series.append(Series(values, np.arange(6.0), ("a", "b", "c")))
    assert leaking_channels(series, y[:, None] == 1) == ["b"]
    model = fit_classifier(series, y.tolist(), replace(SCHEMA, channels=("a", "b", "c")), settings(epochs=1),
                           Design(hidden_size=3, members=1))  # fmt: skip
    assert model.record["leaks"] == ["b"]


def test_a_long_batch_in_parts_has_the_gradients_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from memcell.features.learning import learn_recipe
    from memcell.heads import Classification, Tagging
    from memcell.training.networks import config_of

    rng = np.random.default_rng(0)
    series = [Series(rng.normal(size=(length, 2)), np.arange(length), ("a", "b")) for length in (40, 1, 0, 33)]
    for head in (Classification((0, 1)), Tagging((0, 1))):
        recipe = learn_recipe(series, replace(SCHEMA, channels=("a", "b"), time=None, time_kind="order"))
        config = config_of(recipe, head, Design(hidden_size=5, num_layers=2), 4)
        torch.manual_seed(0)
        start = {name: one + 0.1 * torch.randn_like(one) for name, one in initial_weights(config, 40.0).items()}
        steps = recipe.apply(series)
        rows = None if head.whole else np.flatnonzero(rng.random(74) < 0.5)
        target = np.eye(2, dtype=np.float32)[rng.integers(0, 2, 4 if rows is None else len(rows))]
        found = []
        for limit in (10**6, 24):
            monkeypatch.setattr("memcell.training.batches._ROWS", limit)
            batch = Batch.of(steps, rows, target)
            assert (len(batch.parts) > 1) == (limit == 24)
            module = SequenceModule(config, 0.0, start)
            loss = module.loss(batch)
            loss.backward()
            assert module.vector.grad is not None
            found.append((loss.item(), module.vector.grad.numpy()))
        assert found[1][0] == pytest.approx(found[0][0], rel=1e-5)
        np.testing.assert_allclose(found[1][1], found[0][1], atol=1e-6)
