"""What is linear in the summaries, beside a network."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from training.small_series import SCHEMA, levels

from memcell.data.recipe import Recipe
from memcell.heads import Classification, Head, MultiLabel, Regression
from memcell.model import ModelConfig
from memcell.training.batches import Batch, Batches
from memcell.training.linear import with_linear
from memcell.training.module import SequenceModule, initial_weights
from memcell.training.train import Trained

SERIES, LABELS = levels(60)
RECIPE = Recipe.learn(SERIES, SCHEMA, summary=True)
STEPS = RECIPE.apply(SERIES)
HIGH = np.array([label == "high" for label in LABELS], np.float32)[:, None]
CASES: dict[str, tuple[Head, NDArray[np.float32]]] = {
    "classify": (Classification(("low", "high")), np.hstack([1 - HIGH, HIGH])),
    "multilabel": (MultiLabel(("high", "low")), np.hstack([HIGH, 1 - HIGH])),
    "regress": (Regression(("level",), (1.5,), (1.5,), (1.0,)), 2 * HIGH - 1),
}


def started(head: Head, noise: float) -> tuple[ModelConfig, Trained]:
    """A network with random weights, as if it had been trained to a loss that is easy to better."""
    config = ModelConfig(head=head, hidden_size=4, **RECIPE.widths)
    torch.manual_seed(0)
    weights = {
        name: (one + noise * torch.randn_like(one) * (name != "linear.weight")).numpy()
        for name, one in initial_weights(config, 5.0).items()
    }
    return config, Trained(weights, 1, np.inf)


def batches_of(target: NDArray[np.float32], weight: NDArray[np.float32] | None = None) -> Batches:
    def of(first: int, last: int) -> Batch:
        part = np.arange(first, last)
        return Batch.of(STEPS.sequences(part), None, target[part], None if weight is None else weight[part])

    return Batches(lambda random: iter([of(0, 20), of(20, 40)]), 2, [of(40, 50), of(50, 60)])  # noqa: ARG005


@pytest.mark.parametrize("name", CASES)
def test_it_learns_what_is_linear(name: str) -> None:
    head, target = CASES[name]
    config, run = started(head, 0.0)
    batches = batches_of(target)
    mixed = with_linear(config, run, batches)
    module = SequenceModule(config, 0.0, {key: torch.from_numpy(one) for key, one in mixed.weights.items()})
    answers = torch.cat([module.answers(batch) for batch in batches.validation])[:, : target.shape[1]]
    middle = 0.5 if name == "regress" else 0.0
    assert (((answers > 0) == (torch.from_numpy(target[40:]) > middle)).float().mean()) > 0.8
    losses = [module.validation_loss(batch) for batch in batches.validation]
    assert np.mean(losses) == pytest.approx(mixed.validation_loss, rel=1e-4)
    nothing = SequenceModule(config, 0.0, {key: torch.from_numpy(one) for key, one in run.weights.items()})
    assert np.mean(losses) < 0.7 * abs(np.mean([nothing.validation_loss(batch) for batch in batches.validation]))


@pytest.mark.parametrize("name", CASES)
def test_a_network_that_is_better_alone_stays_as_it_is(name: str) -> None:
    head, target = CASES[name]
    config, run = started(head, 0.3)
    run.validation_loss = -1e9
    assert with_linear(config, run, batches_of(target)) is run


def test_series_of_no_weight_teach_nothing() -> None:
    head, target = CASES["classify"]
    config, run = started(head, 0.0)
    turned, weight = target.copy(), np.ones(60, np.float32)
    turned[20:40], weight[20:40] = target[20:40, ::-1], 0.0
    found = with_linear(config, run, batches_of(turned, weight)).weights["linear.weight"]
    first, second = batches_of(target), batches_of(target).draw
    half = Batches(lambda random: iter(list(second(random))[:1]), 1, first.validation)
    np.testing.assert_allclose(found, with_linear(config, run, half).weights["linear.weight"], atol=0.01)
