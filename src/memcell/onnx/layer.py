"""A ``memcell.torch.LSTM`` as an ONNX graph."""

from collections.abc import Collection

import numpy as np
from torch import Tensor

from memcell.contract import InputError
from memcell.onnx.cell import Direction, Entering, add_layer, zeros_for
from memcell.onnx.graph import BOOL, FLOAT, INT64, Graph
from memcell.torch import LSTM

__all__ = ["layer_graph"]


def layer_graph(layer: LSTM, inputs: Collection[str]) -> Graph:
    """All layers and directions, with the shapes and names of the module's arguments and results.

    Raises:
        InputError: "gaps" for a module without rates.
    """
    if "gaps" in inputs and not layer.gap_rates:
        raise InputError("`inputs` has 'gaps', but the module has no rates. Build it with gap_rates=True.")
    graph, directions = Graph(), 2 if layer.bidirectional else 1
    outputs, units = layer.proj_size or layer.hidden_size, layer.hidden_size
    shape = ["B", "T"] if layer.batch_first else ["T", "B"]

    def by_step(name: str, width: int, kind: int = FLOAT) -> str:
        given = graph.input(name, [*shape, width], kind)
        return graph.op("Transpose", given, perm=[1, 0, 2]) if layer.batch_first else given

    x = by_step("input", layer.input_size)
    lengths = graph.input("lengths", ["B"], INT64) if "lengths" in inputs else None
    count = layer.num_layers * directions
    states = None
    if "states" in inputs:
        states = graph.input("h_0", [count, "B", outputs]), graph.input("c_0", [count, "B", units])
    factors = {name: by_step(name, 1, kind) for name, kind in _FACTORS.items() if name in inputs}
    shared = _Shared(graph, lengths, factors)
    finals: list[tuple[str, str]] = []
    for k in range(layer.num_layers):
        weights = [_weights(layer, k, bool(d)) for d in range(directions)]
        entering = []
        for d in range(directions):
            if states is None:
                h0, c0 = zeros_for(graph, x, outputs), zeros_for(graph, x, units)
            else:
                at = graph.constant(k * directions + d, np.int64)
                h0, c0 = (graph.op("Gather", state, at, axis=0) for state in states)
            rate = _rate(layer, k, bool(d)) if "gaps" in inputs else None
            entering.append(Entering(h0, c0, *shared.carries(bool(d), rate)))
        x, last = add_layer(graph, layer.spec, x, lengths, weights, entering)
        finals += last
    graph.output(graph.op("Transpose", x, perm=[1, 0, 2]) if layer.batch_first else x, "output",
                 [*shape, directions * outputs])  # fmt: skip
    axis = graph.constant([0], np.int64)
    for name, column, width in (("h_n", 0, outputs), ("c_n", 1, units)):
        layers = [graph.op("Unsqueeze", final[column], axis) for final in finals]
        graph.output(graph.op("Concat", *layers, axis=0), name, [count, "B", width])
    return graph


_FACTORS = {"resets": BOOL, "gaps": FLOAT, "carry_h": FLOAT, "carry_c": FLOAT}


class _Shared:
    """What multiplies the states of every layer, from inputs [T, B, 1]; see ``memcell.torch.carries``."""

    def __init__(self, graph: Graph, lengths: str | None, given: dict[str, str]) -> None:
        self._graph, self._lengths, self._given = graph, lengths, given

    def carries(self, reverse: bool, rate: np.ndarray | None) -> tuple[str | None, str | None]:
        """carry_h and carry_c of a direction; ``rate`` [H] goes with the gaps."""
        graph, given = self._graph, self._given
        carry_h, carry_c = given.get("carry_h"), given.get("carry_c")
        if "resets" in given:
            cut = self._met("resets", reverse)
            kept = graph.op("Sub", graph.constant(1.0), graph.op("Cast", cut, to=FLOAT))
            carry_h, carry_c = self._product(kept, carry_h), self._product(kept, carry_c)
        if rate is not None:
            decay = graph.op("Exp", graph.op("Mul", self._met("gaps", reverse), graph.constant(-rate)))
            carry_c = self._product(decay, carry_c)
        return carry_h, carry_c

    def _product(self, factor: str, other: str | None) -> str:
        return factor if other is None else self._graph.op("Mul", factor, other)

    def _met(self, name: str, reverse: bool) -> str:
        """What lies between a row and the one processed before: backwards that of the row after, 0 after the last."""
        graph, values = self._graph, self._given[name]
        if not reverse:
            return values
        numbers = graph.op("Cast", values, to=FLOAT)
        one, end, axis = (graph.constant([k], np.int64) for k in (1, np.iinfo(np.int64).max, 0))
        following = graph.op("Slice", numbers, one, end, axis)
        zero = graph.op("Mul", graph.op("Slice", numbers, axis, one, axis), graph.constant(0.0))
        following = graph.op("Concat", following, zero, axis=0)
        if self._lengths is None:
            return following
        steps = graph.op("Gather", graph.op("Shape", values), graph.constant(0, np.int64), axis=0)
        after = graph.op("Range", graph.constant(1, np.int64), graph.op("Add", steps, graph.constant(1, np.int64)),
                         graph.constant(1, np.int64))  # fmt: skip
        column, row = (graph.constant(shape, np.int64) for shape in ([-1, 1, 1], [1, -1, 1]))
        inside = graph.op("Less", graph.op("Reshape", after, column), graph.op("Reshape", self._lengths, row))
        return graph.op("Mul", following, graph.op("Cast", inside, to=FLOAT))


def _weights(layer: LSTM, k: int, reverse: bool) -> Direction:
    w_x, w_h, bias, peephole = layer.layer_weights(k, reverse)
    suffix = f"_l{k}{'_reverse' if reverse else ''}"
    w_hr, norm = getattr(layer, "weight_hr" + suffix, None), getattr(layer, "layer_norm" + suffix, None)
    return Direction(*(None if w is None else _array(w) for w in (w_x, w_h, bias, peephole, w_hr, norm)))  # type: ignore[arg-type]


def _rate(layer: LSTM, k: int, reverse: bool) -> np.ndarray:
    return np.logaddexp(_array(getattr(layer, f"gap_rate_l{k}{'_reverse' if reverse else ''}")), 0)


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().cpu().double().numpy()
