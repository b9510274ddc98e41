"""``load_lstm``: an LSTM node of an ONNX graph as a layer."""

import os
from typing import Any

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper

from memcell.contract import InputError
from memcell.torch import LSTM

__all__ = ["load_lstm"]

_INPUTS = ("X", "W", "R", "B", "sequence_lens", "initial_h", "initial_c", "P")


def load_lstm(source: "str | os.PathLike[str] | onnx.ModelProto", node: str | None = None) -> LSTM:
    """A ``memcell.torch.LSTM`` with the weights of an LSTM node: no peepholes, or diagonal ones that see the cell after
    the step, one direction or both.

    Args:
        source: a file, or a model at hand.
        node: name of the node, or of one of its outputs; None where the graph has one LSTM only.

    Raises:
        InputError: no such file or node, several nodes and no name, weights that the graph computes, or a cell that is
            another: other activations, clipping before them, coupled gates, or a backward direction alone.
    """
    model = source if isinstance(source, onnx.ModelProto) else _read(source)
    found = [one for one in model.graph.node if one.op_type == "LSTM"]
    names = ", ".join(one.name or next(filter(None, one.output), "unnamed") for one in found)
    if not found:
        raise InputError("The graph has no LSTM node.")
    chosen = found if node is None else [one for one in found if node in (one.name, *filter(None, one.output))]
    if node is not None and not chosen:
        raise InputError(f"`node` is {node!r}; the graph's LSTM nodes are {names}.")
    if len(chosen) > 1:
        raise InputError(
            f"The graph has {len(chosen)} LSTM nodes; name one, or one of its outputs, with `node`: {names}."
        )
    one = chosen[0]
    options = {attribute.name: helper.get_attribute_value(attribute) for attribute in one.attribute}
    _check(options)
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    nodes = [other for other in model.graph.node if other.op_type == "Constant" and other.attribute[0].name == "value"]
    constants |= {other.output[0]: other.attribute[0].t for other in nodes}
    arrays: dict[str, Any] = {}
    for role, name in zip(_INPUTS, one.input, strict=False):
        if role in ("W", "R", "B", "P") and name:
            if name not in constants:
                raise InputError(f"{role} of the LSTM node is computed by the graph ({name!r}), not a constant of it.")
            arrays[role] = numpy_helper.to_array(constants[name])
        if role in ("initial_h", "initial_c") and name in constants and numpy_helper.to_array(constants[name]).any():
            raise InputError(
                f"{role} of the LSTM node is a constant that is not 0; a layer starts where its caller says."
            )
    return _layer(arrays, batch_first=options.get("layout", 0) == 1)


def _read(path: str | os.PathLike[str]) -> onnx.ModelProto:
    try:
        return onnx.load(path)
    except OSError as error:
        raise InputError(f"{os.fspath(path)} cannot be read: {error.strerror or error}.") from error
    except Exception as error:  # protobuf's own classes change from version to version
        raise InputError(f"{os.fspath(path)} is no ONNX model: {error}.") from error


def _check(options: dict[str, Any]) -> None:
    usual = [b"sigmoid", b"tanh", b"tanh"]
    activations = options.get("activations", usual)
    if [name.lower() for name in activations] not in (usual, usual * 2):
        names = ", ".join(name.decode() for name in activations)
        raise InputError(f"The LSTM node has the activations {names}; only Sigmoid, Tanh, Tanh are known here.")
    if options.get("direction", b"forward") == b"reverse":
        raise InputError("The LSTM node runs backwards only, which a layer does not; `bidirectional` has it beside.")
    for name in ("clip", "input_forget"):
        if options.get(name, 0):
            raise InputError(f"The LSTM node has {name}={options[name]}, which is another cell than any here.")


def _layer(arrays: dict[str, Any], batch_first: bool) -> LSTM:
    w, r = arrays["W"], arrays["R"]
    directions, _, units = r.shape
    p = arrays.get("P")
    layer = LSTM(
        w.shape[2], units, batch_first=batch_first, bidirectional=directions == 2, dtype=torch.tensor(w[:0]).dtype,
        peephole="none" if p is None else "diagonal", output_peek="previous" if p is None else "current",
    )  # fmt: skip
    b = arrays.get("B", np.zeros((directions, 8 * units), w.dtype))
    state: dict[str, Any] = {}
    for d, suffix in enumerate(("_l0", "_l0_reverse")[:directions]):
        state["weight_ih" + suffix], state["weight_hh" + suffix] = _ours(w[d], "iofg"), _ours(r[d], "iofg")
        state["bias_ih" + suffix], state["bias_hh" + suffix] = (_ours(part, "iofg") for part in np.split(b[d], 2))
        if p is not None:
            state["weight_peephole" + suffix] = _ours(p[d], "iof").reshape(3, units)
    layer.load_state_dict({name: torch.from_numpy(array) for name, array in state.items()})
    return layer


def _ours(array: Any, order: str) -> Any:
    """ONNX's row blocks in our order."""
    blocks = dict(zip(order, np.split(array, len(order)), strict=True))
    return np.concatenate([blocks[gate] for gate in "ifgo" if gate in blocks])
