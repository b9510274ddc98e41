"""Series of which nothing is seen: what is known of them all is their facts and how frequent each answer is."""

import numpy as np
import pytest
from numpy.typing import NDArray

import memcell
from memcell.sklearn import SequenceClassifier, SequenceRegressor

FEW = {"members": 2, "epochs": 10, "progress": False}
NOTHING = np.zeros((0, 3))


def levels(count: int = 120, share: float = 0.3) -> tuple[list[NDArray[np.float64]], NDArray[np.int64]]:
    random = np.random.default_rng(0)
    y = (random.random(count) < share).astype(int)
    return [random.normal(size=(random.integers(2, 30), 3)) + label * np.array([1, 0, -1]) for label in y], y


def test_without_facts_the_answer_is_how_frequent_each_class_is() -> None:
    x, y = levels()
    probabilities = SequenceClassifier(**FEW).fit(x, y).predict_proba([NOTHING, np.full((9, 3), np.nan)])
    np.testing.assert_allclose(probabilities[:, 1], y.mean(), atol=0.02)


def test_weights_count_in_how_frequent_a_class_is() -> None:
    x, y = levels()
    model = SequenceClassifier(**FEW, class_weight="balanced").fit(x, y)
    np.testing.assert_allclose(model.predict_proba([NOTHING]), 0.5, atol=0.02)


def test_facts_alone_tell_what_they_can() -> None:
    random = np.random.default_rng(1)
    facts = random.normal(size=(200, 2))
    label = (facts[:, 0] + 0.3 * random.normal(size=200) > 0.8).astype(int)
    x, _ = levels(200)
    model = SequenceClassifier(**FEW).fit(memcell.as_series(x, facts=facts), label)
    says = model.predict_proba(memcell.as_series([NOTHING] * 200, facts=facts))[:, 1]
    assert says.mean() == pytest.approx(label.mean(), abs=0.03)
    assert ((says > 0.5) == label).mean() > 0.88


def test_a_number_is_what_it_usually_is() -> None:
    x, _ = levels()
    y = np.array([one.mean() for one in x]) * 3 + 5
    model = SequenceRegressor(**FEW).fit(x, y)
    assert model.predict([NOTHING])[0] == pytest.approx(y.mean(), abs=1e-3)
    low, middle, high = model.model_.predict_quantiles([NOTHING])[0, 0]
    assert low < middle < high


def test_a_stream_says_the_same_before_anything_is_seen() -> None:
    x, y = levels()
    model = SequenceClassifier(**FEW).fit(x, y).model_
    stream = model.stream()
    expected = model.predict_proba([NOTHING])[0]
    np.testing.assert_allclose(stream.predict_proba(), expected, atol=1e-9)
    for _ in range(70):
        stream.observe([None, None, None])
    np.testing.assert_allclose(stream.predict_proba(), expected, atol=1e-9)
    stream.observe([1.0, None, None])
    rows = np.full((71, 3), np.nan)
    rows[70, 0] = 1.0
    np.testing.assert_allclose(stream.predict_proba(), model.predict_proba([rows])[0], atol=1e-7)


@pytest.mark.parametrize("rows", [1, 40])
def test_rows_without_a_value_after_the_last_one_are_padding(rows: int) -> None:
    """Series in one array, with NaN after their ends, are answered as those in a list."""
    x, y = levels()
    model = SequenceClassifier(**FEW).fit(x, y)
    padded = np.full((len(x), 30 + rows, 3), np.nan)
    for one, target in zip(x, padded, strict=True):
        target[: len(one)] = one
    np.testing.assert_array_equal(model.predict_proba(padded), model.predict_proba(x))
    again = SequenceClassifier(**FEW).fit(padded, y)
    np.testing.assert_allclose(again.predict_proba(x), model.predict_proba(x), atol=1e-5)


def test_what_is_impossible_is_not_seen() -> None:
    x, y = levels(200)
    model = SequenceClassifier(**FEW).fit(x, y)
    with pytest.warns(memcell.DataWarning, match="far from nearly all"):
        says = model.predict_proba([np.full((4, 3), 1e9)])
    np.testing.assert_allclose(says[0, 1], y.mean(), atol=0.02)
