"""Layers and trained models through ONNX Runtime, and LSTM nodes back."""

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from model.random_models import MAKERS, series_of
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor

from memcell import InputError, Series
from memcell.contract.errors import OutputError
from memcell.model.stack import NativeEngine, run
from memcell.onnx import export, inputs_of, load_lstm
from memcell.torch import LSTM

BATCH, STEPS, INPUTS, UNITS = 4, 6, 3, 5
LENGTHS = np.array([6, 0, 3, 1])
CLOSE = {"rtol": 0, "atol": 1e-5}
CELLS: list[dict[str, Any]] = [
    {"peephole": "none"},
    {"peephole": "diagonal", "output_peek": "current"},
    {"peephole": "diagonal"},
    {"peephole": "full"},
    {"peephole": "full", "output_peek": "current"},
    {"peephole": "none", "coupled": True},
    {"peephole": "full", "coupled": True, "cell_clip": 0.2},
    {"peephole": "none", "proj_size": 2},
    {"peephole": "full", "proj_size": 2},
    {"heads": 5},
    {"layer_norm": True, "zoneout_h": 0.2, "zoneout_c": 0.4, "fallback": True},
    {"peephole": "diagonal", "output_peek": "current", "layer_norm": True, "coupled": True, "fallback": True},
]
STANDARD = CELLS[:2]


def random(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


def run_onnx(path: Path, feeds: dict[str, Any]) -> dict[str, np.ndarray]:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = {given.name for given in session.get_inputs()}
    arrays = {name: v.detach().numpy() if isinstance(v, Tensor) else v for name, v in feeds.items() if name in names}
    outputs = session.run(None, arrays)
    return dict(zip([o.name for o in session.get_outputs()], outputs, strict=True))  # type: ignore[arg-type]


def assert_same(got: dict[str, np.ndarray], output: Tensor, states: tuple[Tensor, Tensor]) -> None:
    for name, want in (("output", output), ("h_n", states[0]), ("c_n", states[1])):
        assert got[name].shape == tuple(want.shape)
        np.testing.assert_allclose(got[name], want.detach().numpy(), **CLOSE, err_msg=name)


@pytest.mark.parametrize(("both", "batch_first"), product((False, True), (False, True)))
@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_layer(tmp_path: Path, cell: dict[str, Any], both: bool, batch_first: bool) -> None:
    torch.manual_seed(0)
    layer = LSTM(INPUTS, UNITS, 2, bidirectional=both, batch_first=batch_first, **cell).eval()
    x = random(BATCH, STEPS, INPUTS) if batch_first else random(STEPS, BATCH, INPUTS)
    count = 2 * (1 + both)
    state = random(count, BATCH, layer.proj_size or UNITS), random(count, BATCH, UNITS)
    feeds = {"input": x, "lengths": LENGTHS, "h_0": state[0], "c_0": state[1]}
    choices: list[tuple[tuple[str, ...], Any]] = [
        ((), layer(x)), (("lengths",), layer(x, lengths=LENGTHS)),
        (("lengths", "states"), layer(x, state, lengths=LENGTHS)), (("states",), layer(x, state)),
    ]  # fmt: skip
    for inputs, wanted in choices:
        path = tmp_path / f"{'-'.join(inputs)}.onnx"
        export(layer, path, inputs=inputs)
        assert_same(run_onnx(path, feeds), *wanted)
        kinds = {node.op_type for node in onnx.load(path).graph.node}
        assert ("LSTM" in kinds, "Scan" in kinds) == ((True, False) if cell in STANDARD else (False, True))


@pytest.mark.parametrize("both", [False, True])
def test_layer_with_resets_gaps_and_carries(tmp_path: Path, both: bool) -> None:
    torch.manual_seed(0)
    layer = LSTM(INPUTS, UNITS, 2, bidirectional=both, batch_first=True, gap_rates=True, time_scale=3.0)
    x, gaps, resets = random(BATCH, STEPS, INPUTS), random(BATCH, STEPS, 1).abs(), random(BATCH, STEPS, 1) > 0.7
    carries = {"carry_h": random(BATCH, STEPS, 1).abs(), "carry_c": random(BATCH, STEPS, 1).square()}
    given: dict[str, Any] = {"lengths": LENGTHS, "resets": resets, "gaps": gaps, **carries}
    for names in (tuple(given), ("resets",), ("gaps", "resets"), ("carry_c",)):
        path = tmp_path / f"{'-'.join(names)}.onnx"
        export(layer, path, inputs=names)
        output, states = layer(x, **{name: given[name] for name in names})
        assert_same(run_onnx(path, {"input": x, **given}), output, states)


def test_streaming_by_steps_is_the_whole(tmp_path: Path) -> None:
    layer = LSTM(INPUTS, UNITS)
    export(layer, tmp_path / "step.onnx", inputs=["states"])
    x, zeros = random(STEPS, 2, INPUTS), np.zeros((1, 2, UNITS), np.float32)
    output, (h, c) = layer(x)
    state = {"h_n": zeros, "c_n": zeros}
    for t in range(STEPS):
        state = run_onnx(tmp_path / "step.onnx", {"input": x[t : t + 1], "h_0": state["h_n"], "c_0": state["c_n"]})
        np.testing.assert_allclose(state["output"][0], output[t].detach().numpy(), **CLOSE)
    assert_same({**state, "output": output.detach().numpy()}, output, (h, c))


def series() -> list[Series]:
    rng = np.random.default_rng(0)
    return [series_of(rng, length) for length in (9, 1, 30)]


@pytest.mark.parametrize("kind", MAKERS)
def test_trained_model(tmp_path: Path, kind: str) -> None:
    model = MAKERS[kind]()
    export(model, tmp_path / "model.onnx")
    (got,) = run_onnx(tmp_path / "model.onnx", inputs_of(model, series())).values()
    if model.task == "classify":
        wanted = model.predict_proba(series())
    else:
        wanted = np.array([forecast.quantiles for forecast in model.predict(series())])
    assert got.shape == wanted.shape
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", MAKERS)
def test_trained_model_goes_on_from_a_state(tmp_path: Path, kind: str) -> None:
    model = MAKERS[kind]()
    one = series()[2:]
    export(model, tmp_path / "model.onnx", inputs=["states"])
    feeds = inputs_of(model, one)
    _, _, state = run(model.config, model.members[0], model.recipe.apply(one), NativeEngine())
    shape = model.config.num_layers, 1, model.config.hidden_size
    parts = {"h_n": np.zeros(shape, np.float32), "c_n": np.zeros(shape, np.float32)}
    middle = feeds["values"].shape[1] // 2
    for cut in (slice(None, middle), slice(middle, None)):
        steps = {name: a[:, cut] if a.ndim == 3 else a for name, a in feeds.items()}
        parts = run_onnx(tmp_path / "model.onnx", {**steps, "h_0": parts["h_n"], "c_0": parts["c_n"]})
    np.testing.assert_allclose(parts["h_n"], np.stack(state.h), **CLOSE)
    np.testing.assert_allclose(parts["c_n"], np.stack(state.c), **CLOSE)


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("cell", STANDARD, ids=str)
def test_node_comes_back_as_the_layer(tmp_path: Path, cell: dict[str, Any], both: bool) -> None:
    layer = LSTM(INPUTS, UNITS, bidirectional=both, **cell)
    export(layer, tmp_path / "lstm.onnx")
    again = load_lstm(tmp_path / "lstm.onnx")
    x = random(STEPS, BATCH, INPUTS)
    torch.testing.assert_close(again(x, lengths=LENGTHS), layer(x, lengths=LENGTHS), rtol=0, atol=1e-6)


def test_one_of_several_nodes(tmp_path: Path) -> None:
    export(LSTM(INPUTS, UNITS, 2, peephole="none"), tmp_path / "two.onnx")
    nodes = onnx.load(tmp_path / "two.onnx").graph.node
    names = [node.name or node.output[0] for node in nodes if node.op_type == "LSTM"]
    with pytest.raises(InputError, match="has 2 LSTM nodes; name one, or"):
        load_lstm(tmp_path / "two.onnx")
    assert [load_lstm(tmp_path / "two.onnx", name).input_size for name in names] == [INPUTS, UNITS]
    with pytest.raises(InputError, match="`node` is 'other'; the graph's LSTM nodes are"):
        load_lstm(tmp_path / "two.onnx", "other")


def test_nodes_by_their_outputs() -> None:
    one, two = (_one_node().graph.node[0] for _ in range(2))
    model = _one_node()
    del model.graph.node[:]
    for node, name in ((one, "first"), (two, "second")):
        del node.output[:]
        node.output.extend(["", name])
        model.graph.node.append(node)
    with pytest.raises(InputError, match="name one, or one of its outputs, with `node`: first, second"):
        load_lstm(model)
    assert isinstance(load_lstm(model, "second"), LSTM)
    one.name = "named"
    model.graph.node[0].name = "named"
    assert isinstance(load_lstm(model, "first"), LSTM)


def test_a_constant_initial_state_is_refused() -> None:
    model = _one_node(activations=["sigmoid", "tanh", "tanh"])
    assert isinstance(load_lstm(model), LSTM)
    model.graph.initializer.append(numpy_helper.from_array(np.ones((1, 1, 2), np.float32), "h0"))
    model.graph.node[0].input.extend(["", "", "h0"])
    with pytest.raises(InputError, match="initial_h of the LSTM node is a constant that is not 0"):
        load_lstm(model)


def test_no_steps(tmp_path: Path) -> None:
    export(LSTM(INPUTS, UNITS, peephole="none"), tmp_path / "lstm.onnx", inputs=[])
    assert run_onnx(tmp_path / "lstm.onnx", {"input": random(0, 2, INPUTS)})["output"].shape == (0, 2, UNITS)


def _one_node(weights_as: str = "constant", **attributes: Any) -> onnx.ModelProto:
    arrays = {"W": np.zeros((1, 8, 3), np.float32), "R": np.zeros((1, 8, 2), np.float32)}
    real = [helper.make_tensor_value_info("X", TensorProto.FLOAT, ["T", "B", 3])]
    if weights_as == "input":
        real += [helper.make_tensor_value_info(name, TensorProto.FLOAT, a.shape) for name, a in arrays.items()]
    constants = [] if weights_as == "input" else [numpy_helper.from_array(a, name) for name, a in arrays.items()]
    node = helper.make_node("LSTM", ["X", "W", "R"], ["Y"], hidden_size=2, **attributes)
    out = [helper.make_tensor_value_info("Y", TensorProto.FLOAT, None)]
    return helper.make_model(helper.make_graph([node], "g", real, out, constants))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (_one_node(activations=["Sigmoid", "Relu", "Tanh"]), "activations Sigmoid, Relu, Tanh; only"),
        (_one_node(direction="reverse"), "runs backwards only"),
        (_one_node(clip=3.0), r"has clip=3\.0"),
        (_one_node(input_forget=1), "has input_forget=1"),
        (_one_node("input"), "W of the LSTM node is computed by the graph"),
        (helper.make_model(helper.make_graph([], "g", [], [])), "no LSTM node"),
    ],
)
def test_nodes_that_are_another_cell_are_refused(model: onnx.ModelProto, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_lstm(model)


def test_bad_calls(tmp_path: Path) -> None:
    layer, path = LSTM(3, 4), tmp_path / "lstm.onnx"
    with pytest.raises(InputError, match="The source is a Linear; it must be"):
        export(torch.nn.Linear(1, 1), path)
    with pytest.raises(InputError, match="`inputs` has 'length'; it may have 'lengths'"):
        export(layer, path, inputs=["length"])
    with pytest.raises(InputError, match="Build it with gap_rates=True"):
        export(layer, path, inputs=["gaps"])
    with pytest.raises(InputError, match="'resets', which a trained model makes itself"):
        export(MAKERS["classify"](), path, inputs=["resets"])
    assert not list(tmp_path.iterdir())
    export(layer, path)
    before = path.read_bytes()
    with pytest.raises((InputError, OutputError), match="exists"):
        export(layer, path)
    assert path.read_bytes() == before
    export(LSTM(3, 5), path, overwrite=True)
    assert path.read_bytes() != before
    (tmp_path / "no.onnx").write_text("not a graph")
    with pytest.raises(InputError, match="is no ONNX model"):
        load_lstm(tmp_path / "no.onnx")
    with pytest.raises(InputError, match="cannot be read"):
        load_lstm(tmp_path / "missing.onnx")
