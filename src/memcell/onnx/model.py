"""A trained model as an ONNX graph: the stack and its head; the recipe stays with memcell, see ``inputs_of``."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memcell.contract import InputError
from memcell.heads import Classification, MultiLabel, QuantileForecast, Regression
from memcell.heads.forecast import START
from memcell.heads.regression import NARROWEST
from memcell.model import Model, ModelConfig
from memcell.onnx.cell import Direction, Entering, add_layer, zeros_for
from memcell.onnx.events import add_events, padded_events
from memcell.onnx.graph import DOUBLE, FLOAT, INT64, Graph

__all__ = ["inputs_of", "model_graph"]


def inputs_of(model: Model, series: Any) -> dict[str, NDArray[Any]]:
    """What the graph of a trained model reads, of series as ``Model.predict`` takes them: arrays [B, T, .] by name.

    T is at least 1, and where no series has a row, lengths say so.

    Raises:
        InputError: there is no series.
    """
    prepared = model.series_of(series)
    if not prepared:
        raise InputError("`series` is empty; a graph wants at least one series.")
    steps = model.recipe.apply(prepared)
    lengths = np.diff(steps.offsets)
    padded: dict[str, NDArray[Any]] = {}
    within = np.arange(max(1, *lengths)) < lengths[:, None]
    for name, width in _widths(model).items():
        padded[name] = np.zeros((*within.shape, width), np.float32)
        padded[name][within] = getattr(steps, name)
    if model.config.events:
        padded |= padded_events(model.config, steps, within.shape[1])
    if model.config.facts:
        padded["facts"] = steps.facts
    if model.config.summary:
        padded["summary"] = steps.summary
    if model.config.wide:
        padded["wide"] = steps.wide
    if model.task == "forecast":
        padded["anchor"] = steps.anchor[steps.offsets[1:] - 1]
    return padded | {"lengths": lengths}


def model_graph(model: Model, inputs: Collection[str]) -> Graph:
    """The equations of ``memcell.model.stack.run`` and of the head, averaged over the members.

    Raises:
        InputError: several networks should take a state.
    """
    if "states" in inputs and (len(model.members) > 1 or model.config.bidirectional):
        raise InputError("`states` are for a model of one network that runs forwards; leave them out of `inputs`.")
    graph, config = Graph(), model.config
    steps = {name: _time_first(graph, graph.input(name, ["B", "T", width])) for name, width in _widths(model).items()}
    if config.events:
        for name, kind in (("event_feature", INT64), ("event_value", FLOAT)):
            steps[name] = _time_first(graph, graph.input(name, ["B", "T", "E"], kind))
    facts = graph.input("facts", ["B", config.facts]) if config.facts else None
    summary = graph.input("summary", ["B", config.summary]) if config.summary else None
    wide = graph.input("wide", ["B", config.wide]) if config.wide else None
    lengths = graph.input("lengths", ["B"], INT64) if "lengths" in inputs else None
    shape = [config.num_layers, "B", config.hidden_size]
    states = [graph.input(name, shape) for name in ("h_0", "c_0")] if "states" in inputs else None
    answers: list[str] = []
    finals: list[tuple[str, str]] = []
    for w in model.members:
        x, h, finals = _stack(graph, config, w, steps, facts, lengths, states)
        if config.head.whole:
            read = _read_whole(graph, config, w, [final[0] for final in finals], facts, summary, wide)
        elif isinstance(config.head, QuantileForecast):
            read, x = finals[-1][0], _last_rows(graph, x, lengths)
            read = read if facts is None else graph.op("Concat", read, facts, axis=1)
        else:
            read = _read_rows(graph, w, h, steps.get("so_far"), facts)
        answers.append(_head(graph, model, w, read, x))
    answer = answers[0]
    for other in answers[1:]:
        answer = graph.op("Add", answer, other)
    if len(answers) > 1:
        kind = np.float32 if isinstance(config.head, (Classification, MultiLabel)) else np.float64
        answer = graph.op("Div", answer, graph.constant(float(len(answers)), kind))
    _name_output(graph, model, answer)
    if states is not None:
        axis = graph.constant([0], np.int64)
        for name, column in (("h_n", 0), ("c_n", 1)):
            layers = [graph.op("Unsqueeze", final[column], axis) for final in finals]
            graph.output(graph.op("Concat", *layers, axis=0), name, shape)
    return graph


def _widths(model: Model) -> dict[str, int]:
    """The inputs of rows and their widths; those that a model does not use are left out."""
    config = model.config
    widths = dict.fromkeys(("values", "mask", "last", "since"), config.channels) | {"gap": 1, "extra": config.extra}
    widths["so_far"] = config.so_far
    if not config.has("input_decay"):
        del widths["last"]
    if not any(config.has(name) for name in ("since", "input_decay", "state_decay")):
        del widths["since"]
    if not (config.has("mask") or config.has("local")):
        del widths["mask"]
    return {name: width for name, width in widths.items() if width}


def _stack(
    graph: Graph,
    config: ModelConfig,
    w: Mapping[str, NDArray[Any]],
    steps: dict[str, str],
    facts: str | None,
    lengths: str | None,
    states: list[str] | None,
) -> tuple[str, str, list[tuple[str, str]]]:
    """``memcell.model.stack.run``: inputs and outputs [T, B, .], and the final h, c of every layer and direction."""
    zero = graph.constant(0.0)

    def falling(rates: str) -> str:
        """exp(-max(rates, 0))"""
        return graph.op("Exp", graph.op("Neg", graph.op("Max", rates, zero)))

    parts: list[str] = []
    if config.channels:
        filled = steps["values"]
        if config.has("input_decay"):
            rate = np.maximum(w["input_decay.rate"], 0)
            decay = graph.op("Exp", graph.op("Mul", steps["since"], graph.constant(-rate)))
            filled = graph.op("Add", filled, graph.op("Mul", decay, steps["last"]))
        parts.append(filled)
    if config.has("mask"):
        parts.append(steps["mask"])
    if config.has("since"):
        parts.append(graph.op("Log", graph.op("Add", steps["since"], graph.constant(1.0))))
    if config.has("local"):
        parts.append(_local(graph, config, w, parts[0], steps["mask"]))
    if config.events:
        parts += add_events(graph, config, w, steps["event_feature"], steps["event_value"])
        parts.append(graph.op("Log", graph.op("Add", steps["gap"], graph.constant(1.0))))
    if config.extra:
        parts.append(steps["extra"])
    x = graph.op("Concat", *parts, axis=2)
    carry_h = None
    if config.has("state_decay"):
        linear = graph.op("MatMul", steps["since"], graph.constant(w["state_decay.weight"].T))
        carry_h = falling(graph.op("Add", linear, graph.constant(w["state_decay.bias"])))
    h, finals = x, []
    for k in range(config.num_layers):
        directions, entering = [], []
        for way, direction in enumerate(config.directions):
            name = f"layers.{k}.{direction}"
            directions.append(Direction(*(w.get(name + part) for part in ("w_x", "w_h", "bias", "peephole"))))  # type: ignore[arg-type]
            carry_c = None
            if config.has("time_decay"):
                gap = steps["gap"] if way == 0 else _gap_after(graph, steps["gap"])
                forgetting = np.logaddexp(w[name + "forgetting"], 0)
                carry_c = graph.op("Exp", graph.op("Mul", gap, graph.constant(-forgetting)))
            h0, c0 = _initial(graph, config, w.get(name + "facts"), states, facts, k, steps["gap"])
            entering.append(Entering(h0, c0, carry_h if k == way == 0 else None, carry_c))
        h, final = add_layer(graph, config.spec, h, lengths, directions, entering)
        finals += final
    return x, h, finals


def _local(graph: Graph, config: ModelConfig, w: Mapping[str, NDArray[Any]], filled: str, mask: str) -> str:
    """``memcell.model.stack.encode_patches`` of filled and mask [T, B, .]."""
    width = config.channels // config.patch
    apart = graph.constant([0, 0, config.patch, width], np.int64)
    rows = graph.op("Concat", *(graph.op("Reshape", one, apart) for one in (filled, mask)), axis=3)
    rows = graph.op("Transpose", rows, perm=[2, 0, 1, 3])
    rows = graph.op("Reshape", rows, graph.constant([config.patch, -1, 2 * width], np.int64))
    cell = Direction(*(w.get(f"local.{part}") for part in ("w_x", "w_h", "bias", "peephole")))  # type: ignore[arg-type]
    zeros = zeros_for(graph, rows, cell.units)
    h, [(last, _)] = add_layer(graph, config.spec, rows, None, [cell], [Entering(zeros, zeros)])
    both = graph.op("Concat", last, graph.op("ReduceMax", h, graph.constant([0], np.int64), keepdims=0), axis=1)
    ends = (graph.constant([one], np.int64) for one in (0, 2))
    shape = graph.op("Slice", graph.op("Shape", filled), *ends)
    return graph.op("Reshape", both, graph.op("Concat", shape, graph.constant([2 * cell.units], np.int64), axis=0))


def _time_first(graph: Graph, x: str) -> str:
    return graph.op("Transpose", x, perm=[1, 0, 2])


def _gap_after(graph: Graph, gap: str) -> str:
    """Of each row the gap [T, B, 1] to the one after it, 0 at the end; rows past a length are not used."""
    later = graph.op("Slice", gap, *(graph.constant([one], np.int64) for one in (1, np.iinfo(np.int64).max, 0)))
    first = graph.op("Slice", gap, *(graph.constant([one], np.int64) for one in (0, 1, 0)))
    return graph.op("Concat", later, graph.op("Mul", first, graph.constant(0.0)), axis=0)


def _initial(
    graph: Graph,
    config: ModelConfig,
    weight: NDArray[Any] | None,
    states: list[str] | None,
    facts: str | None,
    layer: int,
    like: str,
) -> tuple[str, str]:
    """h0 and c0 [B, H] of a layer: given, set by the facts, or zeros for the batch of ``like`` [T, B, .]."""
    if states is not None:
        at = graph.constant(layer, np.int64)
        return graph.op("Gather", states[0], at, axis=0), graph.op("Gather", states[1], at, axis=0)
    if weight is not None and facts is not None:
        size = config.hidden_size
        h, c = (graph.op("MatMul", facts, graph.constant(part.T)) for part in (weight[:size], weight[size:]))
        return graph.op("Tanh", h), c
    zeros = zeros_for(graph, like, config.hidden_size)
    return zeros, zeros


def _last_rows(graph: Graph, x: str, lengths: str | None) -> str:
    """x [T, B, I] at each sequence's last row, [B, I]."""
    if lengths is None:
        return graph.op("Gather", x, graph.constant(-1, np.int64), axis=0)
    last = graph.op("Max", graph.op("Sub", lengths, graph.constant(1, np.int64)), graph.constant(0, np.int64))
    index = graph.op("Unsqueeze", last, graph.constant([1], np.int64))
    return graph.op("GatherND", graph.op("Transpose", x, perm=[1, 0, 2]), index, batch_dims=1)


def _read_whole(
    graph: Graph, config: ModelConfig, w: Mapping[str, NDArray[Any]], finals: list[str], facts: str | None,
    summary: str | None, wide: str | None,
) -> str:  # fmt: skip
    """What ``memcell.model.stack.answer_whole`` is a linear function of."""
    of_facts = [] if facts is None else [facts]
    parts = [*finals[-len(config.directions) :], *of_facts]
    if summary is not None and config.aligned:
        ends = (graph.constant([one], np.int64) for one in (-config.aligned, np.iinfo(np.int64).max, 1))
        parts.append(graph.op("Slice", summary, *ends))
    of_linear = [*of_facts, wide] if wide is not None else []
    if summary is not None:
        known = graph.op("Concat", summary, *of_facts, axis=1)
        linear = graph.op("MatMul", known, graph.constant(w["summary.weight"].T))
        parts.append(graph.op("Relu", graph.op("Add", linear, graph.constant(w["summary.bias"]))))
        of_linear = [summary, *of_facts, *of_linear[len(of_facts) :]]
    parts += of_linear
    return graph.op("Concat", *parts, axis=1)


def _read_rows(graph: Graph, w: Mapping[str, NDArray[Any]], h: str, so_far: str | None, facts: str | None) -> str:
    """What ``memcell.model.stack.answer_rows`` is a linear function of, [B, T, .], of outputs h [T, B, .]."""
    known: list[str] = []
    if facts is not None:
        count = graph.op("Slice", graph.op("Shape", h), *(graph.constant([one], np.int64) for one in (0, 1)))
        rows = graph.op("Concat", count, graph.constant([1, 1], np.int64), axis=0)
        known.append(graph.op("Expand", graph.op("Unsqueeze", facts, graph.constant([0], np.int64)), rows))
    parts = [h, *known]
    if so_far is not None:
        linear = graph.op("MatMul", _joined(graph, [so_far, *known]), graph.constant(w["summary.weight"].T))
        parts.append(graph.op("Relu", graph.op("Add", linear, graph.constant(w["summary.bias"]))))
    return graph.op("Transpose", _joined(graph, parts), perm=[1, 0, 2])


def _joined(graph: Graph, parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else graph.op("Concat", *parts, axis=2)


def _head(graph: Graph, model: Model, w: Mapping[str, NDArray[Any]], read: str, x: str) -> str:
    """What the head says, decoded."""
    head = model.config.head
    if isinstance(head, QuantileForecast):
        return _quantiles(graph, model, head, w, read, x)
    weight = np.concatenate([w[name] for name in ("head.weight", "linear.weight") if name in w], axis=1)
    raw = graph.op("Add", graph.op("MatMul", read, graph.constant(weight.T)), graph.constant(w["head.bias"]))
    if isinstance(head, Classification):
        return graph.op("Softmax", raw, axis=-1)
    return graph.op("Sigmoid", raw) if isinstance(head, MultiLabel) else _regression(graph, head, raw)


def _name_output(graph: Graph, model: Model, answer: str) -> None:
    head = model.config.head
    if isinstance(head, QuantileForecast):
        graph.output(answer, "quantiles", ["B", head.horizon, 3], DOUBLE)
    elif isinstance(head, Regression):
        count, split = len(head.names), graph.constant([3, 1], np.int64)
        quantiles, mean = graph.ops("Split", [answer, split], 2, axis=2)
        graph.output(quantiles, "quantiles", ["B", count, 3], DOUBLE)
        graph.output(graph.op("Squeeze", mean, graph.constant([2], np.int64)), "mean", ["B", count], DOUBLE)
    else:
        dims: list[str | int] = ["B", len(model.classes)] if head.whole else ["B", "T", len(model.classes)]
        graph.output(answer, "probabilities", dims)


def _regression(graph: Graph, head: Regression, raw: str) -> str:
    """``Regression.decode``."""
    count = len(head.names)
    split = graph.constant([count, count], np.int64)
    axis = graph.constant([2], np.int64)
    location, spread = (
        graph.op("Unsqueeze", graph.op("Cast", one, to=DOUBLE), axis)
        for one in graph.ops("Split", [raw, split], 2, axis=1)
    )
    spread = graph.op("Add", graph.op("Softplus", spread), graph.constant(NARROWEST, np.float64))
    errors = graph.op("Mul", spread, graph.constant(np.array(head.errors), np.float64))
    scale, center = (graph.constant(np.array(one)[:, None], np.float64) for one in (head.scale, head.center))
    numbers = graph.op("Add", center, graph.op("Mul", scale, graph.op("Add", location, errors)))
    low, high = (graph.constant(one[:, None], np.float64) for one in head.bounds)
    return graph.op("Max", graph.op("Min", numbers, high), low)


def _quantiles(
    graph: Graph, model: Model, head: QuantileForecast, w: Mapping[str, NDArray[Any]], h: str, x: str
) -> str:
    """``QuantileForecast.readout``, then ``TargetRecipe.forecast``: in double, as there, for large levels."""
    target = model.recipe.target
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
