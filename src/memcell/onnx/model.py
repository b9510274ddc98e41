"""A trained model as an ONNX graph: the stack and its head; the recipe stays with memcell, see ``inputs_of``."""

from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memcell.heads import Classification, QuantileForecast
from memcell.heads.forecast import START
from memcell.model import Model
from memcell.onnx.cell import Direction, Entering, add_layer, zeros_for
from memcell.onnx.graph import DOUBLE, INT64, Graph

__all__ = ["inputs_of", "model_graph"]

_STEPS = ("values", "mask", "last", "since", "gap", "extra")  # of the stack, see memcell.model.stack.run


def inputs_of(model: Model, series: Any) -> dict[str, NDArray[Any]]:
    """What the graph of a trained model reads, of series as ``Model.predict`` takes them: arrays [B, T, .] by name."""
    steps = model.recipe.apply(model.series_of(series))
    lengths = np.diff(steps.offsets)
    padded: dict[str, NDArray[Any]] = {}
    within = np.arange(max(lengths, default=0)) < lengths[:, None]
    for name in _STEPS:
        rows = getattr(steps, name)
        padded[name] = np.zeros((*within.shape, rows.shape[1]), np.float32)
        padded[name][within] = rows
    if not padded["extra"].shape[2]:
        del padded["extra"]
    if model.task == "forecast":
        padded["anchor"] = steps.anchor[steps.offsets[1:] - 1]
    return padded | {"lengths": lengths}


def model_graph(model: Model, inputs: Collection[str]) -> Graph:
    """The equations of ``memcell.model.stack.run`` and of the head."""
    graph, config, w = Graph(), model.config, model.weights
    widths = dict.fromkeys(_STEPS, config.channels) | {"gap": 1, "extra": config.extra}
    steps = {name: _time_first(graph, graph.input(name, ["B", "T", widths[name]])) for name in _STEPS if widths[name]}
    lengths = graph.input("lengths", ["B"], INT64) if "lengths" in inputs else None
    zero = graph.constant(0.0)

    def falling(rates: str) -> str:
        """exp(-max(rates, 0))"""
        return graph.op("Exp", graph.op("Neg", graph.op("Max", rates, zero)))

    rate = np.maximum(w["input_decay.rate"], 0)
    decay = graph.op("Exp", graph.op("Mul", steps["since"], graph.constant(-rate)))
    unseen = graph.op("Sub", graph.constant(1.0), steps["mask"])
    kept = graph.op("Mul", graph.op("Mul", unseen, decay), steps["last"])
    filled = graph.op("Add", graph.op("Mul", steps["mask"], steps["values"]), kept)
    since = graph.op("Log", graph.op("Add", steps["since"], graph.constant(1.0)))
    parts = [filled, steps["mask"], since, *([steps["extra"]] if config.extra else [])]
    first = graph.op("Concat", *parts, axis=2)
    linear = graph.op("MatMul", steps["since"], graph.constant(w["state_decay.weight"].T))
    carry_h = falling(graph.op("Add", linear, graph.constant(w["state_decay.bias"])))
    shape = [config.num_layers, "B", config.hidden_size]
    states = [graph.input(name, shape) for name in ("h_0", "c_0")] if "states" in inputs else None
    x, finals = first, []
    for k in range(config.num_layers):
        weights = Direction(*(w.get(f"layers.{k}.{name}") for name in ("w_x", "w_h", "bias", "peephole")))  # type: ignore[arg-type]
        forgetting = np.logaddexp(w[f"layers.{k}.forgetting"], 0)
        carry_c = graph.op("Exp", graph.op("Mul", steps["gap"], graph.constant(-forgetting)))
        h0, c0 = _initial(graph, states, k, steps["gap"], config.hidden_size)
        entering = Entering(h0, c0, carry_h if k == 0 else None, carry_c)
        x, final = add_layer(graph, config.spec, x, lengths, [weights], [entering])
        finals += final
    last = _last_rows(graph, first, lengths)
    _head(graph, model, finals[-1][0], last)
    if states is not None:
        axis = graph.constant([0], np.int64)
        for name, column in (("h_n", 0), ("c_n", 1)):
            layers = [graph.op("Unsqueeze", final[column], axis) for final in finals]
            graph.output(graph.op("Concat", *layers, axis=0), name, shape)
    return graph


def _time_first(graph: Graph, x: str) -> str:
    return graph.op("Transpose", x, perm=[1, 0, 2])


def _initial(graph: Graph, states: list[str] | None, layer: int, like: str, units: int) -> tuple[str, str]:
    """h0 and c0 [B, H] of a layer: given, or zeros for the batch of ``like`` [T, B, .]."""
    if states is None:
        zeros = zeros_for(graph, like, units)
        return zeros, zeros
    at = graph.constant(layer, np.int64)
    return graph.op("Gather", states[0], at, axis=0), graph.op("Gather", states[1], at, axis=0)


def _last_rows(graph: Graph, x: str, lengths: str | None) -> str:
    """x [T, B, I] at each sequence's last row, [B, I]."""
    if lengths is None:
        return graph.op("Gather", x, graph.constant(-1, np.int64), axis=0)
    last = graph.op("Max", graph.op("Sub", lengths, graph.constant(1, np.int64)), graph.constant(0, np.int64))
    index = graph.op("Unsqueeze", last, graph.constant([1], np.int64))
    return graph.op("GatherND", graph.op("Transpose", x, perm=[1, 0, 2]), index, batch_dims=1)


def _head(graph: Graph, model: Model, h: str, x: str) -> None:
    head, w = model.config.head, model.weights
    if isinstance(head, Classification):
        logits = graph.op("Add", graph.op("MatMul", h, graph.constant(w["head.weight"].T)),
                          graph.constant(w["head.bias"]))  # fmt: skip
        graph.output(graph.op("Softmax", logits, axis=1), "probabilities", ["B", len(head.classes)])
        return
    graph.output(_quantiles(graph, model, h, x), "quantiles", ["B", head.horizon, 3], DOUBLE)


def _quantiles(graph: Graph, model: Model, h: str, x: str) -> str:
    """``QuantileForecast.readout``, then ``TargetRecipe.forecast``: in double, as there, for large levels."""
    head, w, target = model.config.head, model.weights, model.recipe.target
    assert isinstance(head, QuantileForecast)
    assert target is not None
    parts = graph.op("Add", graph.op("MatMul", h, graph.constant(w["head.weight"].T)),
                     graph.constant(w["head.bias"]))  # fmt: skip
    basis = head.basis()
    split = graph.constant([len(basis)] * 3, np.int64)
    thirds = graph.ops("Split", [parts, split], 3, axis=1)
    low, middle, high = (graph.op("MatMul", third, graph.constant(basis)) for third in thirds)
    median = graph.op("Add", middle, graph.op("MatMul", x, graph.constant(w["head.skip"].T)))
    down, up = (
        graph.op("Mul", graph.constant(head.band), graph.op("Softplus", graph.op("Add", p, graph.constant(START))))
        for p in (low, high)
    )
    axis = graph.constant([2], np.int64)
    columns = [graph.op("Sub", median, down), median, graph.op("Add", median, up)]
    quantiles = graph.op("Concat", *(graph.op("Unsqueeze", column, axis) for column in columns), axis=2)
    anchor = graph.input("anchor", ["B", 2], DOUBLE)
    level, unit = (
        graph.op("Unsqueeze", graph.op("Gather", anchor, graph.constant([k], np.int64), axis=1), axis) for k in (0, 1)
    )
    reach = graph.constant(np.array(target.reach)[:, None], np.float64)
    spread = graph.op("Mul", graph.op("Mul", unit, reach), graph.op("Cast", quantiles, to=DOUBLE))
    value = graph.op("Add", level, spread)
    return graph.op("Exp", value) if target.log else value
