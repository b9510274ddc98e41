"""How the layer over summaries is trained: around means, in a unit of its own, and with its own decay."""

from typing import Any

import numpy as np
import pytest
import torch
from training.small_series import SCHEMA, levels, settings

from memcell.features.learning import learn_recipe
from memcell.heads import Classification
from memcell.model import ModelConfig
from memcell.training import Design, fit_classifier, networks
from memcell.training.batches import Batch
from memcell.training.module import SequenceModule, initial_weights

SERIES, LABELS = levels(40)
RECIPE = learn_recipe(SERIES, SCHEMA, summary=True)
HEAD = Classification(("low", "high"))
CONFIG = ModelConfig(head=HEAD, hidden_size=4, **RECIPE.widths)
TARGET = np.array([[label == "low", label == "high"] for label in LABELS], np.float32)


def weights() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return {name: one + 0.1 * torch.randn_like(one) for name, one in initial_weights(CONFIG, 5.0).items()}


def module(center: torch.Tensor | None) -> SequenceModule:
    return SequenceModule(CONFIG, 0.0, weights(), center)


def center() -> torch.Tensor:
    return torch.randn(CONFIG.summary + CONFIG.facts, generator=torch.Generator().manual_seed(1))


def test_a_center_is_a_way_to_train_and_not_another_network() -> None:
    around = module(center())
    for name, one in around.averaged().items():
        np.testing.assert_allclose(one, weights()[name], rtol=1e-5, atol=1e-5, err_msg=name)
    batch = Batch.of(RECIPE.apply(SERIES), None, TARGET)
    torch.testing.assert_close(around.answers(batch), module(None).answers(batch), rtol=1e-4, atol=1e-5)


def test_steps_around_the_center_leave_its_answer_to_the_bias() -> None:
    """A step of the weights changes what a series far from the center is answered, and not what the center is."""
    here = center()
    stepped = module(here)
    with torch.no_grad():
        stepped._views(stepped.vector)["summary.weight"].add_(0.1)
    before, after = (one._parts(one.vector) for one in (module(here), stepped))

    def layer(parts: dict[str, torch.Tensor], known: torch.Tensor) -> torch.Tensor:
        return parts["summary.weight"] @ known + parts["summary.bias"]

    torch.testing.assert_close(layer(before, here), layer(after, here), rtol=1e-4, atol=1e-4)
    assert (layer(before, here + 1.0) - layer(after, here + 1.0)).abs().min() > 0.1


def test_decay_shrinks_what_reads_summaries_alone() -> None:
    shrunk = module(center())
    before = {name: one.clone() for name, one in shrunk._views(shrunk.vector.detach()).items()}
    shrunk.decay(0.1)
    after = shrunk._views(shrunk.vector.detach())
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"summary.weight", "summary.bias", "head.weight"}
    for name in changed:
        factor = after[name] / before[name]
        assert 0.5 < float(factor.min()) <= float(factor.max()) < 0.9, name


def test_without_a_center_nothing_decays() -> None:
    same = module(None)
    same.decay(0.1)
    torch.testing.assert_close(same.vector, module(None).vector)


def test_networks_are_trained_around_the_means_of_their_own_series(monkeypatch: pytest.MonkeyPatch) -> None:
    centers: list[Any] = []
    train = networks.train

    def watched(*arguments: Any, **options: Any) -> Any:
        centers.append(options["center"])
        return train(*arguments, **options)

    monkeypatch.setattr(networks, "train", watched)
    model = fit_classifier(SERIES, LABELS, SCHEMA, settings(epochs=1), Design(members=2))
    steps = model.recipe.apply(SERIES)
    known = np.concatenate([steps.summary, steps.facts], axis=1)
    for one, held in zip(centers, model.record["held_out"], strict=True):
        np.testing.assert_allclose(one, np.delete(known, held, axis=0).mean(axis=0), rtol=1e-5, atol=1e-6)
