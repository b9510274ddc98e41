"""Cross-entropy and probabilities, against PyTorch's."""

import numpy as np
import pytest
import torch

from memcell import InputError
from memcell.heads import HEADS, Classification

HEAD = Classification(("a", "b", "c"))


@pytest.fixture
def logits() -> np.ndarray:
    return np.random.default_rng(0).normal(0, 4, (9, 3))


def test_loss_is_cross_entropy_from_arrays_and_tensors_alike(logits: np.ndarray) -> None:
    codes = np.arange(9) % 3
    target = np.eye(3)[codes]
    expected = torch.nn.functional.cross_entropy(torch.tensor(logits), torch.tensor(codes)).item()
    assert float(HEAD.loss(logits, target)) == pytest.approx(expected, rel=1e-12)
    assert HEAD.loss(torch.tensor(logits), torch.tensor(target)).item() == pytest.approx(expected, rel=1e-12)


def test_loss_takes_probabilities_for_targets(logits: np.ndarray) -> None:
    target = np.random.default_rng(1).dirichlet([1.0, 1.0, 1.0], 9)
    expected = torch.nn.functional.cross_entropy(torch.tensor(logits), torch.tensor(target)).item()
    assert float(HEAD.loss(logits, target)) == pytest.approx(expected, rel=1e-12)


def test_large_logits_neither_overflow_nor_lose_their_order() -> None:
    logits = np.array([[1000.0, -1000.0, 999.0]], np.float32)
    np.testing.assert_allclose(HEAD.decode(logits), [[0.7310586, 0.0, 0.2689414]], atol=1e-7)
    assert np.isfinite(HEAD.loss(logits, np.array([[0.0, 1.0, 0.0]], np.float32)))


def test_probabilities_are_a_softmax(logits: np.ndarray) -> None:
    found = HEAD.decode(logits.astype(np.float32))
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, torch.softmax(torch.tensor(logits), dim=1), atol=1e-6)
    np.testing.assert_allclose(found.sum(axis=1), 1.0, rtol=1e-12)


def test_readout_is_linear_in_the_state() -> None:
    rng = np.random.default_rng(2)
    weights = {name: rng.normal(size=shape) for name, shape in HEAD.weight_shapes(5, 11).items()}
    h = rng.normal(size=(4, 5))
    expected = torch.nn.functional.linear(*map(torch.tensor, (h, weights["head.weight"], weights["head.bias"])))
    np.testing.assert_allclose(HEAD.readout(weights, h, None), expected, rtol=1e-12)


@pytest.mark.parametrize("classes", [("a", "b"), (0, 1, 2), (False, True), (0.5, 1.5)])
def test_json_round_trip(classes: tuple[object, ...]) -> None:
    head = Classification(classes)
    again = HEADS[head.task].from_json(head.to_json())
    assert again == head
    assert list(map(type, again.classes)) == list(map(type, classes))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, "at least two different classes"),
        ({"classes": ["a"]}, "at least two different classes"),
        ({"classes": ["a", "a"]}, "at least two different classes"),
        ({"classes": "ab"}, "at least two different classes"),
        ({"classes": ["a", None]}, "text, numbers or flags"),
    ],
)
def test_json_that_is_no_classifier_is_refused(data: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Classification.from_json(data)
