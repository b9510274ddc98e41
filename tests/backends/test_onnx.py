"""ONNX's LSTM, published cases and its reference evaluator: the cell with diagonal peepholes that read c_t."""

from typing import Any

import numpy as np
import onnx
import pytest
from onnx.backend.test.case.node import lstm as published
from onnx.reference import ReferenceEvaluator

from memcell.contract import Backend, LstmCall, LstmSpec, LstmWeights, sequences_of
from memcell.contract.arrays import Array
from memcell.ragged import offsets_of

SPEC = LstmSpec("diagonal", "current")
CASES = ["defaults", "initial_bias", "peepholes", "batchwise", "reverse", "bidirectional"]


def _blocks(array: Array, order: str) -> Array:
    """ONNX's blocks along the first axis, i, o, f, c of gates and i, o, f of peepholes, in our order."""
    theirs = dict(zip("iofc"[: len(order)], np.split(array, len(order)), strict=True))
    return np.concatenate([theirs[gate] for gate in order])


def onnx_lstm(backend: Backend, inputs: dict[str, Array], direction: str = "forward") -> dict[str, Array]:
    """Y, Y_h, Y_c of ONNX's operator (layout 0, defaults filled in) from a backend."""
    x, w, r = inputs["X"], inputs["W"], inputs["R"]
    steps, batch, features = x.shape
    directions, _, units = r.shape
    lengths = inputs.get("sequence_lens", np.full(batch, steps))
    b = inputs.get("B", np.zeros((directions, 8 * units), x.dtype))
    p = inputs.get("P", np.zeros((directions, 3 * units), x.dtype))
    zeros = np.zeros((directions, batch, units), x.dtype)
    h0, c0 = inputs.get("initial_h", zeros), inputs.get("initial_c", zeros)
    within = np.arange(steps) < lengths[:, None]
    y, y_h, y_c = np.zeros((steps, directions, batch, units), x.dtype), zeros.copy(), zeros.copy()
    for d in range(directions):
        weights = LstmWeights(
            _blocks(w[d], "ifco"), _blocks(r[d], "ifco"), _blocks(b[d, : 4 * units] + b[d, 4 * units :], "ifco"),
            _blocks(p[d], "ifo").reshape(3, units),
        )  # fmt: skip
        rows = x.swapaxes(0, 1)[within].reshape(-1, features)
        reverse = direction == "reverse" or d == 1
        call = LstmCall(rows, h0[d], c0[d], sequences_of(offsets_of(lengths)), reverse=reverse)
        result = backend.forward(backend.pack(SPEC, weights), call)
        y[:, d].swapaxes(0, 1)[within] = result.h
        y_h[d], y_c[d] = result.h_final, result.c_final
    return {"Y": y, "Y_h": y_h, "Y_c": y_c}


@pytest.mark.parametrize("case", CASES)
def test_published_case(backend: Backend, case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found: dict[str, Any] = {}
    monkeypatch.setattr(published, "expect", lambda node, **case: found.update(case, node=node))
    getattr(published.LSTM, f"export_{case}")()
    node = found["node"]
    options = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
    inputs = dict(zip(node.input, found["inputs"], strict=True))
    wanted = dict(zip(filter(None, node.output), found["outputs"], strict=True))
    if options.get("layout") == 1:
        inputs["X"] = inputs["X"].swapaxes(0, 1)
        # From [B, T, D, H] and [B, D, H].
        moved = {"Y": (1, 2, 0, 3), "Y_h": (1, 0, 2)}
        wanted = {name: array.transpose(moved[name]) for name, array in wanted.items()}
    got = onnx_lstm(backend, inputs, options.get("direction", b"forward").decode())
    for name, want in wanted.items():
        np.testing.assert_allclose(got[name], want, rtol=0, atol=1e-5, err_msg=name)


def test_every_published_case_is_listed() -> None:
    assert {f"export_{case}" for case in CASES} == {name for name in dir(published.LSTM) if name.startswith("export_")}


def _evaluate(inputs: dict[str, Array], direction: str) -> dict[str, Array]:
    """The reference evaluator's answer; it does not read sequence_lens."""
    names = "X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P"
    given = [name if name in inputs else "" for name in names]
    outputs = "Y", "Y_h", "Y_c"
    node = onnx.helper.make_node("LSTM", given, outputs, hidden_size=inputs["R"].shape[2], direction=direction)
    infos = [onnx.helper.make_tensor_value_info(n, onnx.TensorProto.DOUBLE, None) for n in (*inputs, *outputs)]
    graph = onnx.helper.make_graph([node], "lstm", infos[: len(inputs)], infos[len(inputs) :])
    answers = ReferenceEvaluator(onnx.helper.make_model(graph)).run(None, inputs)
    return dict(zip(outputs, answers, strict=True))


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
def test_random_case_with_sequence_lens(backend: Backend, direction: str) -> None:
    rng = np.random.default_rng(0)
    steps, features, units, directions = 6, 3, 5, 2 if direction == "bidirectional" else 1
    lengths = np.array([6, 1, 4, 2])
    batch = len(lengths)
    shapes = {
        "X": (steps, batch, features), "W": (directions, 4 * units, features), "R": (directions, 4 * units, units),
        "B": (directions, 8 * units), "P": (directions, 3 * units),
        "initial_h": (directions, batch, units), "initial_c": (directions, batch, units),
    }  # fmt: skip
    inputs = {name: rng.standard_normal(shape) for name, shape in shapes.items()}
    got = onnx_lstm(backend, inputs | {"sequence_lens": lengths}, direction)
    for b, length in enumerate(lengths):
        one = slice(b, b + 1)
        alone = inputs | {"X": inputs["X"][:length, one]}
        alone |= {name: inputs[name][:, one] for name in ("initial_h", "initial_c")}
        wanted = _evaluate(alone, direction)
        np.testing.assert_allclose(got["Y"][:length, :, one], wanted["Y"], rtol=0, atol=1e-12)
        assert not got["Y"][length:, :, one].any()
        for name in ("Y_h", "Y_c"):
            np.testing.assert_allclose(got[name][:, one], wanted[name], rtol=0, atol=1e-12, err_msg=name)
