"""The layers on NumPy and the native core, against the same source on PyTorch and its operators."""

from dataclasses import fields
from typing import Any

import numpy as np
import pytest
import torch
from model.random_models import MAKERS, series_of

from memcell import LstmSpec, Series
from memcell.features.steps import Steps
from memcell.model import Model
from memcell.model.stack import NativeEngine, answer_whole, run
from memcell.training.engine import TorchEngine

SPECS = [
    LstmSpec(peephole, peek, coupled)
    for peephole in ("none", "diagonal", "full")
    for peek in ("previous", "current")
    for coupled in (False, True)
]


def tensors(steps: Steps) -> Steps:
    return Steps(**{field.name: torch.from_numpy(getattr(steps, field.name)) for field in fields(steps)})


def on_torch(model: Model, steps: Steps) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Inputs, outputs at each row and final outputs."""
    weights = {name: torch.from_numpy(weight) for name, weight in model.members[0].items()}
    x, h, state = run(model.config, weights, tensors(steps), TorchEngine())
    return x, h, state.h[-1]


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: f"{spec.peephole}-{spec.output_peek}-{spec.coupled}")
@pytest.mark.parametrize("task", sorted(MAKERS))
def test_numpy_gives_the_same_numbers_as_torch(task: str, spec: LstmSpec, series: list[Series]) -> None:
    model = MAKERS[task](spec=spec)
    steps = model.recipe.apply(series)
    x, h, state = run(model.config, model.members[0], steps, NativeEngine())
    for found, expected in zip((x, h, state.h[-1]), on_torch(model, steps), strict=True):
        np.testing.assert_allclose(found, expected.numpy(), atol=1e-5)


@pytest.mark.parametrize("with_bias", [True, False])
def test_gradients_of_decay(with_bias: bool) -> None:
    torch.manual_seed(0)
    x, weight, bias = torch.rand(7, 3).double(), torch.randn(5, 3).double(), torch.randn(5).double()
    trained = (weight, bias) if with_bias else (weight,)
    for one in trained:
        one.requires_grad_()
    assert torch.autograd.gradcheck(lambda *w: TorchEngine().decay(x, w[0], w[1] if with_bias else None), trained)


def test_gradient_of_filled_gaps() -> None:
    torch.manual_seed(0)
    values, last, since = torch.randn(3, 7, 3).double()
    rate = torch.tensor([0.7, 0.01, -0.5]).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda rate: TorchEngine().fill(values, last, since.abs(), rate), [rate])


def test_predictions_are_those_of_the_torch_stack(model: Model, series: list[Series]) -> None:
    head, weights = model.config.head, {name: torch.from_numpy(weight) for name, weight in model.members[0].items()}
    for one in series:
        steps = tensors(model.recipe.apply([one]))
        x, h, state = run(model.config, weights, steps, TorchEngine())
        if model.task == "classify":
            expected = head.decode(answer_whole(model.config, weights, state, steps).numpy())[0]
            np.testing.assert_allclose(model.predict_proba([one])[0], expected, atol=1e-5)
        else:
            raw = head.decode(head.readout(weights, h[-1:], x[-1:]).numpy())[0]
            expected = model.forecast_of(raw, model.recipe.apply([one]).anchor[-1], one.times)
            np.testing.assert_allclose(model.predict([one])[0].quantiles, expected.quantiles, atol=1e-5)


def test_time_and_missing_values_reach_the_cell() -> None:
    model = MAKERS["classify"]()
    one = series_of(np.random.default_rng(1), 6, missing=0.3)
    later = Series(one.values, one.times * [1, 1, 1, 1, 1, 3], one.channels, time_kind="number")
    means = [channel.center for channel in model.recipe.channels]
    filled = Series(np.where(np.isnan(one.values), means, one.values), one.times, one.channels, time_kind="number")
    usual, gap, complete = model.predict_proba([one, later, filled])
    assert np.abs(usual - gap).max() > 1e-3
    assert np.abs(usual - complete).max() > 1e-3


def test_the_state_between_rows_continues_a_series(model: Model) -> None:
    steps = model.recipe.apply([series_of(np.random.default_rng(2), 10, spacing="even")])
    _, whole, end = run(model.config, model.members[0], steps, NativeEngine())
    cut = len(whole) // 2
    first, second = steps.stretch(0, 0, cut), steps.stretch(0, cut, len(whole))
    _, _, state = run(model.config, model.members[0], first, NativeEngine())
    _, rest, state = run(model.config, model.members[0], second, NativeEngine(), state)
    np.testing.assert_allclose(rest, whole[cut:], atol=1e-6)
    for found, expected in zip((*state.h, *state.c), (*end.h, *end.c), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_inputs_and_carries_follow_their_equations() -> None:
    model = MAKERS["classify"](num_layers=2)
    steps = model.recipe.apply([series_of(np.random.default_rng(3), 8)])
    calls: list[tuple[Any, Any, Any]] = []

    class Watching(NativeEngine):
        def lstm(self, *arguments: Any, carry_h: Any, carry_c: Any, reverse: bool) -> Any:
            calls.append((arguments[1], carry_h, carry_c))
            return super().lstm(*arguments, carry_h=carry_h, carry_c=carry_c, reverse=reverse)

    run(model.config, model.members[0], steps, Watching())
    (x, carry_h, carry_c), (_, no_carry_h, upper_carry_c) = calls
    w = model.members[0]
    decayed = np.exp(-np.maximum(w["input_decay.rate"], 0) * steps.since) * steps.last
    filled = np.where(steps.mask == 1, steps.values, decayed)
    np.testing.assert_allclose(x, np.hstack([filled, steps.mask, np.log(1 + steps.since)]), rtol=1e-5)
    hidden = np.maximum(steps.since @ w["state_decay.weight"].T + w["state_decay.bias"], 0)
    np.testing.assert_allclose(carry_h, np.exp(-hidden), rtol=1e-5)
    assert no_carry_h is None
    for layer, carry in enumerate((carry_c, upper_carry_c)):
        softplus = np.log(1 + np.exp(w[f"layers.{layer}.forgetting"]))
        np.testing.assert_allclose(carry, np.exp(-softplus * steps.gap), rtol=1e-5)
