"""A graph of ONNX nodes under construction."""

from collections.abc import Sequence
from itertools import count
from typing import Any

import numpy as np
import onnx
from numpy.typing import ArrayLike
from onnx import TensorProto, helper, numpy_helper

__all__ = ["BOOL", "DOUBLE", "FLOAT", "INT64", "Graph"]

BOOL, DOUBLE, FLOAT, INT64 = TensorProto.BOOL, TensorProto.DOUBLE, TensorProto.FLOAT, TensorProto.INT64
_OPSET, _IR_VERSION = 18, 8


class Graph:
    """Nodes in the order they were asked for; values go by name.

    Args:
        parent: the graph around the body of a loop, whose values the body may read.
    """

    def __init__(self, parent: "Graph | None" = None) -> None:
        self._names: Any = count() if parent is None else parent._names
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []

    def name(self, hint: str) -> str:
        """A name that nothing else has."""
        return f"{hint}_{next(self._names)}"

    def constant(self, value: ArrayLike, dtype: Any = np.float32) -> str:
        """A value known now; floating ones are kept as float32."""
        name = self.name("constant")
        self._constants.append(
            numpy_helper.from_array(np.ascontiguousarray(value, dtype).reshape(np.shape(value)), name)
        )
        return name

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """The one output of a node."""
        return self.ops(kind, inputs, 1, **attributes)[0]

    def ops(self, kind: str, inputs: Sequence[str], outputs: int, **attributes: Any) -> list[str]:
        """The outputs of a node; an input of "" is left out."""
        names = [self.name(kind.lower()) for _ in range(outputs)]
        self._nodes.append(helper.make_node(kind, list(inputs), names, **attributes))
        return names

    def input(self, name: str, shape: Sequence[int | str] | None, kind: Any = FLOAT) -> str:
        """An input of the graph under its own name."""
        self._inputs.append(helper.make_tensor_value_info(name, kind, None if shape is None else list(shape)))
        return name

    def output(self, value: str, name: str, shape: Sequence[int | str] | None, kind: Any = FLOAT) -> None:
        """Make a value an output of the graph under a name of its own."""
        self._nodes.append(helper.make_node("Identity", [value], [name]))
        self._outputs.append(helper.make_tensor_value_info(name, kind, None if shape is None else list(shape)))

    def scan(
        self, body: "Graph", states: Sequence[str], sequences: Sequence[str], outputs: int, reverse: bool
    ) -> list[str]:
        """The last states and the outputs of all steps of a body over the first axis of the sequences."""
        directions = {"scan_input_directions": [int(reverse)] * len(sequences)}
        directions["scan_output_directions"] = [int(reverse)] * outputs
        inputs = [*states, *sequences]
        graph = helper.make_graph(body._nodes, self.name("step"), body._inputs, body._outputs, body._constants)
        return self.ops("Scan", inputs, len(states) + outputs, body=graph, num_scan_inputs=len(sequences), **directions)

    def model(self, name: str, metadata: dict[str, str]) -> onnx.ModelProto:
        """The whole, checked."""
        graph = helper.make_graph(self._nodes, name, self._inputs, self._outputs, self._constants)
        opsets = [helper.make_opsetid("", _OPSET)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION, producer_name="memcell")
        helper.set_model_props(model, metadata)
        onnx.checker.check_model(model)
        return model
