"""What estimators refuse, and what they take as scikit-learn's users have it."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import cross_val_predict
from training.small_series import levels

from memcell import DataWarning, InputError, as_series
from memcell.evaluation import evaluate_model
from memcell.sklearn import SequenceClassifier, SequenceForecaster, SequenceRegressor, SequenceTagger
from memcell.sklearn.inputs import series_for_fit

FAST: dict[str, Any] = {"hidden_size": 4, "epochs": 2, "progress": False}
X = list(np.random.default_rng(0).standard_normal((40, 5, 3)))
Y = (np.array(X).mean(axis=1) > 0).astype(int)


def test_several_labels_in_cross_validation() -> None:
    found = cross_val_predict(SequenceClassifier(members=1, **FAST), X, Y, cv=2, method="predict_proba")
    assert found.shape == Y.shape


@pytest.mark.parametrize("labels", [[0, "0"] * 20, [1, "a"] * 20])
def test_labels_of_two_kinds_are_refused(labels: list[Any]) -> None:
    with pytest.raises(InputError, match=r"two kinds, such as '[0a]' and [01]; write all as text"):
        SequenceClassifier(members=1, **FAST).fit(X, labels)
    with pytest.raises(InputError, match="two kinds"):
        SequenceTagger(members=1, **FAST).fit(X, [np.array([label] * 5, object) for label in labels])


def test_training_goes_on_with_as_many_targets() -> None:
    numbers = SequenceRegressor(members=1, **FAST).fit(X, Y[:, 0].astype(float))
    with pytest.raises(InputError, match="There are 2 targets a series; the model was trained with 1"):
        numbers.partial_fit(X, Y[:, :2].astype(float))
    one = SequenceClassifier(members=1, **FAST).fit(X, Y[:, 0])
    with pytest.raises(InputError, match="There are 3 targets a series; the model was trained with 1"):
        one.partial_fit(X, Y)
    several = SequenceClassifier(members=1, **FAST).fit(X, Y)
    with pytest.raises(InputError, match="There are 1 targets a series; the model was trained with 3"):
        several.partial_fit(X, Y[:, 0])


def test_one_series_without_a_label_is_named() -> None:
    series, labels = levels(10)
    with pytest.raises(InputError, match=f"Series {series[3].id!r} has no label"):
        SequenceClassifier(members=1, **FAST).fit(series, [None if k == 3 else one for k, one in enumerate(labels)])


def test_horizons_may_be_numpys_numbers() -> None:
    wave = [np.sin(np.arange(40.0))]
    assert SequenceForecaster(horizon=np.int64(3), **FAST).fit(wave).predict(wave).shape == (1, 3)
    with pytest.raises(InputError, match="`horizon` is True"):
        SequenceForecaster(horizon=True, **FAST).fit(wave)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"events": "no"}, "`events` is 'no'; it must be True, False, or None"),
        ({"chrono": "a"}, "`chrono` is 'a'"),
        ({"progress": None}, "`progress` is None; it must be True or False"),
        ({"learning_rate": "a"}, "`learning_rate` is 'a'; it must be a number"),
        ({"dropout": None}, "`dropout` is None; it must be a number"),
        ({"without": "mask"}, "`without` is 'mask'; it must be a list"),
    ],
)
def test_parameters_of_another_kind_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        SequenceClassifier(members=1, **(FAST | options)).fit(X, Y[:, 0])


def test_columns_of_frames_are_known_by_name() -> None:
    frames = [pd.DataFrame(one, columns=["a", "b", "c"]) for one in X]
    model = SequenceClassifier(members=1, **FAST).fit(frames, Y[:, 0])
    probabilities = model.predict_proba(frames)
    others = [frame[["c", "a", "b"]].assign(d=1.0) for frame in frames]
    np.testing.assert_array_equal(model.predict_proba(others), probabilities)
    np.testing.assert_array_equal(model.predict_proba(X), probabilities)
    with pytest.raises(InputError, match="lack the channel 'c'"):
        model.predict_proba([frame[["a", "b"]] for frame in frames])


def test_tags_that_do_not_fit_are_refused() -> None:
    tags = [np.array(["p", "q", "p", "q", "p"])] * 40
    tagger = SequenceTagger(members=1, **FAST).fit(X, tags)
    for method in (SequenceTagger(members=1, **FAST).fit, tagger.score):
        with pytest.raises(InputError, match="labels of 39 series for 40 series"):
            method(X, tags[1:])
        with pytest.raises(InputError, match="Series 0 has 5 rows and 3 labels"):
            method(X, [tags[0][:3], *tags[1:]])
        with pytest.raises(InputError, match="give one label a row"):
            method(X, Y[:, 0])
    with pytest.raises(InputError, match="`sample_weight` has 3 entries for 40 series"):
        tagger.score(X, tags, sample_weight=[1.0] * 3)


def test_no_series_have_no_forecasts() -> None:
    forecaster = SequenceForecaster(horizon=3, **FAST).fit([np.sin(np.arange(40.0))])
    assert forecaster.predict([]).shape == (0, 3)


@pytest.mark.parametrize("y", [np.datetime64("2020-01-01") + np.arange(40), np.arange(40) * 1j])
def test_targets_that_are_no_numbers_are_refused(y: Any) -> None:
    with pytest.raises(InputError, match=r"The target is .*; it must be real numbers"):
        SequenceRegressor(members=1, **FAST).fit(X, y)


@pytest.mark.parametrize(("wrong", "said"), [("yes", "is 'yes'"), (float("nan"), "is blank"), (2, "is 2")])
def test_the_label_that_is_neither_0_nor_1_is_named(wrong: Any, said: str) -> None:
    labels = [[int(a), int(b)] for a, b in Y[:, :2]]
    labels[3][1] = wrong
    with pytest.raises(InputError, match=f"Label 'y1' {said} for series 3"):
        SequenceClassifier(members=1, **FAST).fit(X, labels)


@pytest.mark.parametrize("weight", [[0, 1], 2.0, [1.0, 3.0]])
def test_weights_of_classes_are_by_class(weight: Any) -> None:
    with pytest.raises(InputError, match=r"`class_weight` is .*; it must be 'balanced', a mapping from class"):
        SequenceClassifier(members=1, class_weight=weight, **FAST).fit(X, Y[:, 0])


def test_labels_may_be_fractions() -> None:
    labels = Y[:, 0] + 0.5
    model = SequenceClassifier(members=1, **FAST).fit(X, labels)
    assert model.score(X, labels) == np.mean(model.predict(X) == labels)
    weight = np.arange(40.0)
    assert model.score(X, labels, weight) == pytest.approx(np.average(model.predict(X) == labels, weights=weight))
    several = SequenceClassifier(members=1, **FAST).fit(X, Y)
    assert several.score(X, Y) == np.mean((several.predict(X) == Y).all(axis=1))
    with pytest.raises(InputError, match=r"`y` has the shape \(40,\); the model gives \(40, 3\)"):
        several.score(X, Y[:, 0])


def test_classes_do_not_change_while_training_goes_on() -> None:
    model = SequenceClassifier(members=1, **FAST).partial_fit(X, Y[:, 0], classes=[0, 1])
    model.partial_fit(X, Y[:, 0], classes=np.array([1, 0]))
    with pytest.raises(InputError, match=r"`classes` is \(0, 1, 2\); the first call of `partial_fit` said \(0, 1\)"):
        model.partial_fit(X, Y[:, 0], classes=[0, 1, 2])


def test_the_target_that_is_no_number_is_named() -> None:
    with pytest.raises(InputError, match=r"The target must be numbers: series 3 is '12,2'. Write numbers plainly"):
        SequenceRegressor(members=1, **FAST).fit(X, [1.0, 2.0, 3.0, "12,2", *[0.0] * 36])


@pytest.mark.parametrize("other", ["constant", "zeros"])
def test_a_target_that_says_little_does_not_spoil_the_others(other: str) -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(160, 8, 2))
    y = np.abs(x[:, 2:4].sum(axis=1)) * np.sign(x[:, -1]) + 0.1 * random.normal(size=(160, 2))
    more = np.full(160, 5.0) if other == "constant" else np.where(random.random(160) < 0.05, 3.0, 0.0)
    options: dict[str, Any] = {"members": 1, "epochs": 40, "progress": False, "hidden_size": 8}
    both, three = (SequenceRegressor(**options).fit(x[:120], one[:120]) for one in (y, np.column_stack([y, more])))
    found = three.predict(x[120:])
    errors = [np.sqrt(np.mean((one[:, :2] - y[120:]) ** 2)) for one in (both.predict(x[120:]), found)]
    assert errors[1] < 1.15 * errors[0]
    losses = [one.model_.record["validation_loss"] for one in (both, three)]
    assert losses[1] > losses[0] - 2  # the logarithm of a scale that falls as it likes would rule all decisions
    if other == "constant":
        np.testing.assert_allclose(three.predict_quantiles(x[120:])[:, 2], 5.0, atol=1e-3)
    scored = [
        replace(one, label=tuple(row)) for one, row in zip(as_series(list(x)), np.column_stack([y, more]), strict=True)
    ]
    assert np.isfinite(evaluate_model(three.model_, scored).r2)


def test_passes_over_equal_targets_are_no_constant() -> None:
    x = np.random.default_rng(0).normal(size=(40, 5, 3))
    regressor = SequenceRegressor(members=1, learning_rate=0.02, progress=False, hidden_size=4)
    regressor.partial_fit(x[:8], np.full(8, 2.0))
    before = regressor.predict(x)
    for _ in range(3):
        regressor.partial_fit(x[:8], np.full(8, 4.0))  # which are learnt, though they do not differ
    assert regressor.predict(x).mean() > before.mean() + 0.1
    regressor.partial_fit(x, np.linspace(0.0, 10.0, 40))
    assert np.abs(regressor.predict(x)).max() < 20


def test_a_class_whose_groups_are_all_held_out_is_told() -> None:
    with pytest.warns(DataWarning, match="without any series of a class: whole groups are held out"):
        SequenceClassifier(members=1, **FAST).fit(X, Y[:, 0], groups=Y[:, 0])


def test_numbers_have_at_most_two_axes() -> None:
    with pytest.raises(InputError, match=r"`y` has the shape \(40, 3, 1\); give one number a series"):
        SequenceRegressor(members=1, **FAST).fit(X, Y[:, :, None])


def test_tags_that_pandas_does_not_know_are_unknown() -> None:
    tags = [pd.Series([1, pd.NA, 0, 1, 0], dtype="Int64")] * 40
    plain = [np.array([1, None, 0, 1, 0], object)] * 40
    tagger = SequenceTagger(members=1, **FAST).fit(X, tags)
    np.testing.assert_array_equal(tagger.predict_proba(X[:1]), tagger.fit(X, plain).predict_proba(X[:1]))
    assert tagger.score(X, tags) == tagger.score(X, plain)


def test_weights_have_one_entry_a_series() -> None:
    with pytest.raises(InputError, match="`sample_weight`"):
        SequenceClassifier(members=1, **FAST).fit(X, Y[:, 0], sample_weight=np.ones((20, 2)))


@pytest.mark.parametrize("missing", [None, float("nan"), pd.NA])
def test_series_without_a_group_are_groups_of_their_own(missing: Any) -> None:
    series = series_for_fit(np.zeros((4, 3)), groups=["a", missing, missing, "b"])
    assert [one.group for one in series] == ["a", None, None, "b"]


def test_scores_by_weights_of_zero_are_refused() -> None:
    classifier = SequenceClassifier(epochs=1, members=1, hidden_size=3, progress=False)
    x, y = np.random.default_rng(0).normal(size=(20, 4)), [0, 1] * 10
    with pytest.raises(InputError, match="The weight of every series is zero"):
        classifier.fit(x, y).score(x, y, sample_weight=np.zeros(20))
