"""`memcell.keras.LSTM` on the torch backend: the core against the steps, and against `keras.layers.LSTM`.

Collected by a process of its own, see `test_keras_layer.py`: Keras takes one backend a process.
"""

from collections.abc import Iterator
from itertools import product
from typing import Any
from unittest import mock

import keras
import numpy as np
import onnxruntime
import pytest
import torch
from keras import layers, ops

from memcell.keras import LSTM, LSTMCell, torch_loop

BATCH, STEPS, FEATURES, UNITS = 4, 6, 3, 5
MASKS = {
    "no mask": None,
    "padded": [6, 1, 4, 0],
    "padded before": [-6, -1, -4, 0],
    "holes": [[1, 0, 1, 1, 0, 1], [0, 0, 1, 0, 0, 0], [1, 1, 0, 0, 1, 0], [0, 0, 0, 0, 0, 0]],
}
FLAGS = [
    dict(zip(("return_sequences", "return_state", "go_backwards", "zero_output_for_mask"), flags, strict=True))
    for flags in product((False, True), repeat=4)
]
of_masks = pytest.mark.parametrize("mask", MASKS)


def mask_of(name: str) -> Any:
    given = MASKS[name]
    if given is None:
        return None
    if isinstance(given[0], list):
        return torch.tensor(given, dtype=torch.bool)
    steps = np.arange(STEPS)
    rows = [steps < k if k >= 0 else steps >= STEPS + k for k in given]  # type: ignore[operator]
    return torch.tensor(np.array(rows))


def inputs(*shape: int) -> torch.Tensor:
    return torch.randn(shape or (BATCH, STEPS, FEATURES), generator=torch.Generator().manual_seed(0)).requires_grad_()


def flat(outputs: Any) -> list[torch.Tensor]:
    return list(outputs) if isinstance(outputs, list | tuple) else [outputs]


def values_and_gradients(layer: Any, *arguments: Any, **options: Any) -> list[torch.Tensor]:
    x = inputs()
    outputs = flat(layer(x, *arguments, **options))
    torch.manual_seed(1)
    loss = torch.stack([(o * torch.randn(o.shape)).sum() for o in outputs]).sum()
    weights = [weight.value for weight in layer.weights if weight.trainable]
    return [*outputs, *torch.autograd.grad(loss, [x, *weights], allow_unused=True, materialize_grads=True)]


def by_steps(layer: Any, *arguments: Any, **options: Any) -> list[torch.Tensor]:
    with mock.patch.object(LSTM, "_is_usual", return_value=False):
        return values_and_gradients(layer, *arguments, **options)


@pytest.fixture(autouse=True)
def _seed() -> Iterator[None]:
    keras.utils.set_random_seed(0)
    yield
    keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize("flags", FLAGS, ids=str)
@of_masks
def test_core_is_the_steps(mask: str, flags: dict[str, bool]) -> None:
    layer = LSTM(UNITS, peephole="full", bias_initializer="uniform", **flags)
    layer.build((BATCH, STEPS, FEATURES))
    with mock.patch.object(torch_loop, "run", wraps=torch_loop.run) as core:
        got = values_and_gradients(layer, mask=mask_of(mask))
    assert core.call_count == 1
    torch.testing.assert_close(got, by_steps(layer, mask=mask_of(mask)), rtol=0, atol=2e-5)


@pytest.mark.parametrize("flags", FLAGS, ids=str)
@of_masks
def test_without_peepholes_it_is_the_layer_of_keras(mask: str, flags: dict[str, bool]) -> None:
    ours, theirs = LSTM(UNITS, peephole="none", **flags), layers.LSTM(UNITS, **flags)
    for layer in (ours, theirs):
        layer.build((BATCH, STEPS, FEATURES))
    theirs.set_weights(ours.get_weights())
    state = [inputs(BATCH, UNITS).detach(), inputs(BATCH, UNITS).detach() + 1]
    for options in ({}, {"initial_state": state}):
        got, want = (values_and_gradients(one, mask=mask_of(mask), **options) for one in (ours, theirs))
        torch.testing.assert_close(got, want, rtol=0, atol=2e-5)


@pytest.mark.parametrize("dropped", [(0.0, 0.4), (0.4, 0.0), (0.3, 0.3)], ids=str)
@of_masks
def test_dropout_of_inputs_and_of_the_state(mask: str, dropped: tuple[float, float]) -> None:
    got, want = [], []
    for found, run in ((got, values_and_gradients), (want, by_steps)):
        layer = LSTM(UNITS, dropout=dropped[0], recurrent_dropout=dropped[1], return_sequences=True, seed=3)
        layer.build((BATCH, STEPS, FEATURES))
        keras.utils.set_random_seed(7)
        layer.set_weights([np.random.default_rng(k).normal(0, 0.4, w.shape) for k, w in enumerate(layer.get_weights())])
        found += run(layer, mask=mask_of(mask), training=True)
        still = LSTM(UNITS, return_sequences=True)
        still.build((BATCH, STEPS, FEATURES))
        still.set_weights(layer.get_weights()[: len(still.weights)])
        assert not torch.allclose(found[0], still(inputs(), mask=mask_of(mask)))
    torch.testing.assert_close(got, want, rtol=0, atol=2e-5)


@pytest.mark.parametrize("merge", ["concat", "sum", None])
@of_masks
def test_bidirectional(mask: str, merge: str | None) -> None:
    made = []
    for kind, options in ((LSTM, {"peephole": "none"}), (layers.LSTM, {})):
        made.append(layers.Bidirectional(kind(UNITS, return_sequences=True, **options), merge_mode=merge))
        made[-1].build((BATCH, STEPS, FEATURES))
    made[1].set_weights(made[0].get_weights())
    got, want = (values_and_gradients(layer, mask=mask_of(mask)) for layer in made)
    torch.testing.assert_close(got, want, rtol=0, atol=2e-5)
    again = layers.Bidirectional.from_config(made[0].get_config())
    again.build((BATCH, STEPS, FEATURES))
    again.set_weights(made[0].get_weights())
    torch.testing.assert_close(values_and_gradients(again, mask=mask_of(mask)), got)
    assert isinstance(again.backward_layer, LSTM)


def test_stateful() -> None:
    layer, whole = LSTM(UNITS, stateful=True, return_sequences=True), LSTM(UNITS, return_sequences=True)
    x = inputs().detach()
    layer.build(x.shape), whole.build(x.shape)
    whole.set_weights(layer.get_weights()[:4])
    parts = [layer(x[:, :2]), layer(x[:, 2:])]
    torch.testing.assert_close(torch.cat(parts, dim=1), whole(x))
    layer.reset_state()
    torch.testing.assert_close(layer(x[:, :2]), parts[0])


@pytest.mark.parametrize("mask", ["no mask", "holes"])
def test_stateful_layer_trains(mask: str) -> None:
    layer = LSTM(UNITS, stateful=True, peephole="none")
    twin = layers.RNN(LSTMCell(UNITS, peephole="none"), stateful=True)
    x = inputs().detach()
    for one in (layer, twin):
        one.build(x.shape)
    twin.set_weights(layer.get_weights())
    for _ in range(2):
        got, want = (values_and_gradients(one, mask=mask_of(mask)) for one in (layer, twin))
        torch.testing.assert_close(got, want, rtol=0, atol=2e-5)


def test_one_initial_state_serves_all() -> None:
    layer, one = LSTM(UNITS), inputs(1, UNITS).detach()
    torch.testing.assert_close(layer(inputs(), initial_state=[one, one]),
                               layer(inputs(), initial_state=[one.expand(BATCH, -1)] * 2))  # fmt: skip


def test_a_seeded_program_goes_on_as_with_the_layer_of_keras() -> None:
    weights = []
    for kind, options in ((LSTM, {"peephole": "none"}), (layers.LSTM, {})):
        keras.utils.set_random_seed(3)
        made = [kind(UNITS, **options), layers.Dense(2)]
        for layer in made:
            layer.build((BATCH, STEPS, UNITS))
        weights.append([w for layer in made for w in layer.get_weights()])
    for got, want in zip(*weights, strict=True):
        np.testing.assert_array_equal(got, want)


def test_options_of_the_layer_and_positions() -> None:
    assert LSTM(UNITS, autocast=False).autocast is False
    assert LSTM(UNITS, "tanh", "sigmoid", True, "he_normal").kernel_initializer.__class__.__name__ == "HeNormal"


def test_exports_as_the_layer_of_keras_does() -> None:
    model = keras.Sequential([keras.Input((STEPS, FEATURES)), layers.Masking(), LSTM(UNITS), layers.Dense(1)])
    x = inputs().detach()
    want = model(x)
    program = torch.export.export(model.eval(), (x,))
    torch.testing.assert_close(program.module()(x), want)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_exports_to_onnx_as_the_layer_of_keras_does(tmp_path: Any, bidirectional: bool) -> None:
    layer: Any = LSTM(UNITS)
    layer = layers.Bidirectional(layer) if bidirectional else layer
    model = keras.Sequential([keras.Input((STEPS, FEATURES)), layer, layers.Dense(1)])
    x = inputs().detach()
    want = model(x)
    model.export(tmp_path / "model.onnx", format="onnx", verbose=False)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    (got,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    torch.testing.assert_close(torch.from_numpy(got), want, rtol=0, atol=1e-5)


def test_cell_in_a_loop_of_keras() -> None:
    cell = LSTMCell(UNITS, peephole="diagonal", output_peek="current")
    loop, layer = layers.RNN(cell, return_sequences=True), LSTM(UNITS, peephole="diagonal", output_peek="current",
                                                                return_sequences=True)  # fmt: skip
    x = inputs()
    loop.build(x.shape), layer.build(x.shape)
    layer.set_weights(loop.get_weights())
    torch.testing.assert_close(layer(x), loop(x))
    stacked = layers.RNN([LSTMCell(4), LSTMCell(UNITS)])
    assert stacked(x).shape == (BATCH, UNITS)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float64"])
def test_precision(policy: str) -> None:
    wanted = LSTM(UNITS, return_state=True)
    wanted.build((BATCH, STEPS, FEATURES))
    keras.config.set_dtype_policy(policy)
    layer = LSTM(UNITS, return_state=True)
    layer.build((BATCH, STEPS, FEATURES))
    layer.set_weights(wanted.get_weights())
    computed = getattr(torch, layer.compute_dtype)
    with mock.patch.object(torch_loop, "run", wraps=torch_loop.run) as core:
        got = layer(inputs())
    assert core.call_count == 1
    assert {output.dtype for output in got} == {computed}
    low = torch.finfo(computed).eps > 1e-4
    for output, want in zip(got, wanted(inputs()), strict=True):
        torch.testing.assert_close(output.float(), want, rtol=0, atol=0.02 if low else 1e-5)


def test_other_activations_take_the_steps() -> None:
    ours = LSTM(UNITS, "relu", "hard_sigmoid", peephole="none")
    theirs = layers.LSTM(UNITS, "relu", "hard_sigmoid")
    ours.build((BATCH, STEPS, FEATURES)), theirs.build((BATCH, STEPS, FEATURES))
    theirs.set_weights(ours.get_weights())
    with mock.patch.object(torch_loop, "run", wraps=torch_loop.run) as core:
        torch.testing.assert_close(ours(inputs()), theirs(inputs()))
    assert core.call_count == 0


def test_it_is_a_layer_of_keras() -> None:
    ours, theirs = LSTM(UNITS, peephole="none", dropout=0.1, use_cudnn=False), layers.LSTM(UNITS, dropout=0.1)
    assert isinstance(ours, layers.LSTM)
    names = [name for name in theirs.get_config() if name not in ("name", "use_cudnn")]
    assert {name: ours.get_config()[name] for name in names} == {name: theirs.get_config()[name] for name in names}
    assert ours.get_config()["use_cudnn"] is False
    for name in ("units", "activation", "use_bias", "dropout", "recurrent_dropout", "unit_forget_bias"):
        assert getattr(ours, name) == getattr(theirs, name)
    with pytest.raises(ValueError, match="`use_cudnn` is 'yes'"):
        LSTM(UNITS, use_cudnn="yes")


def test_model_with_masks_trains_saves_and_loads(tmp_path: Any) -> None:
    tokens = np.random.default_rng(0).integers(0, 9, (32, 7))
    labels = (tokens == 3).any(1).astype(np.float32)[:, None]
    model = keras.Sequential([
        layers.Embedding(9, 4, mask_zero=True),
        layers.Bidirectional(LSTM(UNITS, return_sequences=True, recurrent_dropout=0.1)),
        LSTM(UNITS, peephole="diagonal", cell_clip=3.0),
        layers.Dense(1, activation="sigmoid"),
    ])  # fmt: skip
    model.compile(keras.optimizers.Adam(0.02), "binary_crossentropy")
    first, *_, last = model.fit(tokens, labels, epochs=30, verbose=0).history["loss"]
    assert last < 0.8 * first
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded.predict(tokens, verbose=0), model.predict(tokens, verbose=0), atol=1e-6)
    assert loaded.layers[2].cell.spec.cell_clip == 3.0


def test_masks_of_any_kind_are_taken() -> None:
    layer = LSTM(UNITS)
    wanted = layer(inputs(), mask=mask_of("holes"))
    for mask in (mask_of("holes").numpy(), mask_of("holes").int(), ops.expand_dims(mask_of("holes"), -1)):
        torch.testing.assert_close(layer(inputs(), mask=mask), wanted)
