"""One LSTM layer as ONNX: the standard operator where it is the same cell, a Scan over the steps elsewhere."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memcell.contract import LstmSpec
from memcell.onnx.graph import BOOL, FLOAT, Graph

__all__ = ["Direction", "Entering", "add_layer", "onnx_blocks", "zeros_for"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Direction:
    """Weights of one layer in one direction, as ``LstmWeights`` has them, and a projection w_hr [R, H]."""

    w_x: Array
    w_h: Array
    bias: Array
    peephole: Array | None = None
    w_hr: Array | None = None
    norm: Array | None = None

    @property
    def units(self) -> int:
        return len(self.w_hr[0]) if self.w_hr is not None else self.w_h.shape[1]


@dataclass(frozen=True)
class Entering:
    """Names of what a direction starts from: h0 [B, R], c0 [B, H], and factors [T, B, 1 or H] of each step's states."""

    h0: str
    c0: str
    carry_h: str | None = None
    carry_c: str | None = None


def onnx_blocks(array: Array, order: str) -> Array:
    """Row blocks in our order, i f g o of gates or i f o of peepholes, in ONNX's."""
    blocks = dict(zip(order, np.split(array, len(order)), strict=True))
    return np.concatenate([blocks[gate] for gate in "iofg" if gate in blocks])


def zeros_for(graph: Graph, x: str, width: int) -> str:
    """Zeros [B, width] for the batch of x [T, B, .]."""
    batch = graph.op("Slice", graph.op("Shape", x), graph.constant([1], np.int64), graph.constant([2], np.int64))
    shape = graph.op("Concat", batch, graph.constant([width], np.int64), axis=0)
    return graph.op("Expand", graph.constant(0.0), shape)


def add_layer(
    graph: Graph, spec: LstmSpec, x: str, lengths: str | None, directions: list[Direction], entering: list[Entering]
) -> tuple[str, list[tuple[str, str]]]:
    """Outputs [T, B, D*R] of one layer over x [T, B, I], and h [B, R] and c [B, H] of each direction at the end.

    Args:
        lengths: int64 [B]; None: all steps. Outputs past a length are 0.
    """
    standard = spec.peephole == "none" or (spec.peephole == "diagonal" and spec.output_peek == "current")
    beyond = spec.coupled or spec.cell_clip or spec.layer_norm or spec.zoneout_h or spec.zoneout_c
    plain = not beyond and all(d.w_hr is None for d in directions)
    carried = any(e.carry_h or e.carry_c for e in entering)
    if standard and plain and not carried:
        return _operator(graph, x, lengths, directions, entering)
    outputs, finals = [], []
    for reverse, (direction, states) in enumerate(zip(directions, entering, strict=True)):
        y, h, c = _scan(graph, spec, x, lengths, direction, states, bool(reverse))
        outputs.append(y)
        finals.append((h, c))
    return outputs[0] if len(outputs) == 1 else graph.op("Concat", *outputs, axis=2), finals


def _operator(
    graph: Graph, x: str, lengths: str | None, directions: list[Direction], entering: list[Entering]
) -> tuple[str, list[tuple[str, str]]]:
    units = directions[0].units

    def stacked(arrays: list[Array]) -> str:
        return graph.constant(np.stack(arrays))

    def states(names: list[str]) -> str:
        axis = graph.constant([0], np.int64)
        return graph.op("Concat", *(graph.op("Unsqueeze", name, axis) for name in names), axis=0)

    h0, c0 = states([e.h0 for e in entering]), states([e.c0 for e in entering])
    w = stacked([onnx_blocks(d.w_x, "ifgo") for d in directions])
    r = stacked([onnx_blocks(d.w_h, "ifgo") for d in directions])
    b = stacked([np.concatenate([onnx_blocks(d.bias, "ifgo"), np.zeros_like(d.bias)]) for d in directions])
    p = ""
    if directions[0].peephole is not None:
        p = stacked([onnx_blocks(d.peephole, "ifo").reshape(-1) for d in directions])  # type: ignore[arg-type]
    count = "" if lengths is None else graph.op("Cast", lengths, to=6)  # the operator wants int32
    both = "bidirectional" if len(directions) == 2 else "forward"
    y, h, c = graph.ops("LSTM", [x, w, r, b, count, h0, c0, p], 3, hidden_size=units, direction=both)
    width = len(directions) * units
    y = graph.op("Reshape", graph.op("Transpose", y, perm=[0, 2, 1, 3]), graph.constant([0, 0, width], np.int64))
    if lengths is not None:  # what a runtime makes of a length of 0 is left open: here it is the initial state
        seen = graph.op("Greater", graph.op("Unsqueeze", lengths, graph.constant([1], np.int64)),
                        graph.constant(0, np.int64))  # fmt: skip
        h, c = graph.op("Where", seen, h, h0), graph.op("Where", seen, c, c0)
    finals = []
    for k in range(len(directions)):
        at = graph.constant(k, np.int64)
        finals.append((graph.op("Gather", h, at, axis=0), graph.op("Gather", c, at, axis=0)))
    return y, finals


def _scan(
    graph: Graph, spec: LstmSpec, x: str, lengths: str | None, weights: Direction, states: Entering, reverse: bool
) -> tuple[str, str, str]:
    from_x = graph.op("MatMul", x, graph.constant(weights.w_x.T))
    sequences, body = [from_x], Graph(graph)
    h, c = body.input(body.name("h"), None), body.input(body.name("c"), None)
    z = body.input(body.name("from_x"), None)
    h_in, c_in = h, c
    for name, which in ((states.carry_h, 0), (states.carry_c, 1)):
        if name is not None:
            sequences.append(name)
            factor = body.input(body.name("carry"), None)
            entered = _carried(body, factor, (h, c)[which])
            h_in, c_in = (entered, c_in) if which == 0 else (h_in, entered)
    new_h, new_c = _step(graph, body, spec, z, h_in, c_in, weights)
    new_h, new_c = _kept(body, spec.zoneout_h, h_in, new_h), _kept(body, spec.zoneout_c, c_in, new_c)
    y = new_h
    if lengths is not None:
        sequences.append(_within(graph, x, lengths))
        within = body.input(body.name("within"), None, BOOL)
        new_h, new_c = body.op("Where", within, new_h, h), body.op("Where", within, new_c, c)
        y = body.op("Where", within, y, body.constant(0.0))
    for value, hint in ((new_h, "h_next"), (new_c, "c_next"), (y, "y")):
        body.output(value, body.name(hint), None, FLOAT)
    last_h, last_c, outputs = graph.scan(body, [states.h0, states.c0], sequences, 1, reverse)
    return outputs, last_h, last_c


def _carried(body: Graph, factor: str, state: str) -> str:
    """A factor of 0 selects 0, whatever the state is."""
    zero = body.constant(0.0)
    return body.op("Where", body.op("Equal", factor, zero), zero, body.op("Mul", factor, state))


def _kept(body: Graph, probability: float, before: str, new: str) -> str:
    """Zoneout outside of training: k before + (1 - k) new."""
    if not probability:
        return new
    kept, renewed = (body.op("Mul", body.constant(p), v) for p, v in ((probability, before), (1 - probability, new)))
    return body.op("Add", kept, renewed)


def _step(
    graph: Graph, body: Graph, spec: LstmSpec, from_x: str, h_in: str, c_in: str, weights: Direction
) -> tuple[str, str]:
    """The equations of ``LstmSpec``; weights are constants of the graph around the body."""
    gates, units = spec.gates, weights.units
    z = body.op("Add", from_x, body.op("MatMul", h_in, graph.constant(weights.w_h.T)))
    split = body.constant([units] * len(gates), np.int64)
    parts = dict(zip(gates, body.ops("Split", [z, split], len(gates), axis=1), strict=True))
    biases = dict(zip(gates, np.split(weights.bias, len(gates)), strict=True))
    peepholes: dict[str, Array] = {}
    if weights.peephole is not None:
        peepholes = dict(zip(spec.peephole_gates, np.split(weights.peephole, len(spec.peephole_gates)), strict=True))

    def gate(name: str, cell: str) -> str:
        total = parts[name]
        if name in peepholes:
            p = peepholes[name]
            full = spec.peephole == "full"
            seen = body.op("MatMul" if full else "Mul", cell, graph.constant(p.T if full else p[0]))
            total = body.op("Add", total, seen)
        return body.op("Sigmoid", normed(name, total))

    def normed(name: str, total: str) -> str:
        k, bias = [*gates, "c"].index(name), biases.get(name)
        if weights.norm is None:
            return total if bias is None else body.op("Add", total, graph.constant(bias))
        gain, shift = weights.norm[k], weights.norm[-1] if bias is None else bias
        return body.op("LayerNormalization", total, graph.constant(gain), graph.constant(shift), epsilon=1e-5)

    f = gate("f", c_in)
    i = body.op("Sub", body.constant(1.0), f) if spec.coupled else gate("i", c_in)
    c = body.op("Add", body.op("Mul", f, c_in), body.op("Mul", i, body.op("Tanh", normed("g", parts["g"]))))
    if spec.cell_clip is not None:
        c = body.op("Clip", c, body.constant(-spec.cell_clip), body.constant(spec.cell_clip))
    o = gate("o", c if spec.output_peek == "current" else c_in)
    h = body.op("Mul", o, body.op("Tanh", normed("c", c)))
    return (h if weights.w_hr is None else body.op("MatMul", h, graph.constant(weights.w_hr.T))), c


def _within(graph: Graph, x: str, lengths: str) -> str:
    """bool [T, B, 1]: whether a step lies within its sequence."""
    steps = graph.op("Gather", graph.op("Shape", x), graph.constant(0, np.int64), axis=0)
    times = graph.op("Range", graph.constant(0, np.int64), steps, graph.constant(1, np.int64))
    column = graph.op("Reshape", times, graph.constant([-1, 1, 1], np.int64))
    return graph.op("Less", column, graph.op("Reshape", lengths, graph.constant([1, -1, 1], np.int64)))
