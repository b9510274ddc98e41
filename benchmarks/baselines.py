"""What a user would run in memcell's place, each in the form its own users write."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from memcell.torch import LSTM

__all__ = ["Full", "onnx_layer", "onnx_session", "onnx_weights"]


class Full(nn.Module):
    """The cell with full peepholes as a careful PyTorch user writes it: x projected in one product, gates fused, no
    indexing in the loop (``gx[t]`` would make the backward pass quadratic)."""

    def __init__(self, like: LSTM) -> None:
        super().__init__()
        self.hidden_size = like.hidden_size
        named = dict(like.named_parameters())
        self.w_x, self.w_h, self.w_c = (
            nn.Parameter(named[name].detach().clone())
            for name in ("weight_ih_l0", "weight_hh_l0", "weight_peephole_l0")
        )
        self.bias = nn.Parameter((named["bias_ih_l0"] + named["bias_hh_l0"]).detach().clone())

    def forward(self, x: Tensor) -> Tensor:
        """x [T, B, I] to h [T, B, H]."""
        h = c = x.new_zeros(x.shape[1], self.hidden_size)
        w_h, w_c = self.w_h.T, self.w_c.T
        outputs = []
        for from_x in torch.nn.functional.linear(x, self.w_x, self.bias).unbind(0):
            z = torch.addmm(from_x, h, w_h)
            i_peek, f_peek, o_peek = torch.mm(c, w_c).chunk(3, 1)
            i, f, g, o = z.chunk(4, 1)
            i, f, o = torch.sigmoid(i + i_peek), torch.sigmoid(f + f_peek), torch.sigmoid(o + o_peek)
            c = torch.addcmul(f * c, i, torch.tanh(g))
            h = o * torch.tanh(c)
            outputs.append(h)
        return torch.stack(outputs)


def onnx_weights(layer: LSTM) -> dict[str, np.ndarray]:
    """W, R, B and P of ONNX's LSTM: gates in the order i, o, f, g, peepholes i, o, f."""
    named = {name: value.detach().numpy() for name, value in layer.named_parameters()}
    units = layer.hidden_size

    def reordered(matrix: np.ndarray, order: tuple[int, ...]) -> np.ndarray:
        return np.concatenate([matrix[gate * units : (gate + 1) * units] for gate in order])[None]

    gates = (0, 3, 1, 2)
    bias = [reordered(named[name], gates) for name in ("bias_ih_l0", "bias_hh_l0")]
    return {
        "W": reordered(named["weight_ih_l0"], gates), "R": reordered(named["weight_hh_l0"], gates),
        "B": np.concatenate(bias, 1), "P": named["weight_peephole_l0"][[0, 2, 1]].reshape(1, -1),
    }  # fmt: skip


def onnx_session(layer: LSTM, threads: int) -> Any:
    """A session of ONNX Runtime with one LSTM node of diagonal peepholes: x, h0, c0 to y, h, c."""
    import onnx
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    def real(name: str, *shape: int | str) -> Any:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))

    units = layer.hidden_size
    inputs = ["x", "W", "R", "B", "", "h0", "c0", "P"]
    node = helper.make_node("LSTM", inputs, ["y", "h", "c"], hidden_size=units)
    constants = [numpy_helper.from_array(value, name) for name, value in onnx_weights(layer).items()]
    states = [real(name, 1, "B", units) for name in ("h0", "c0", "h", "c")]
    graph = helper.make_graph(
        [node], "lstm", [real("x", "T", "B", layer.input_size), *states[:2]],
        [real("y", "T", 1, "B", units), *states[2:]], constants,
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    onnx.checker.check_model(model)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def onnx_layer(layer: LSTM, x: np.ndarray, threads: int) -> Callable[[], np.ndarray]:
    """A call that runs x [T, B, I] to y [T, B, H] from states of zero."""
    session = onnx_session(layer, threads)
    zeros = np.zeros((1, x.shape[1], layer.hidden_size), np.float32)
    feeds = {"x": x, "h0": zeros, "c0": zeros}
    return lambda: session.run(["y"], feeds)[0][:, 0]
