"""What is refused: as ``torch.nn.LSTM`` does, in its words, so that code which reads them goes on; and what is ours."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from memcell.backends import BACKENDS
from memcell.contract import InputError, LstmSpec

__all__ = ["check_input", "check_together", "checked_states", "computed_in", "has_kernel"]


def check_input(module: nn.RNNBase, input: Any) -> None:
    """Refuse what is no sequence or batch of sequences of the module's features and dtype.

    Raises:
        ValueError, RuntimeError: as ``nn.LSTM``.
        InputError: no tensor at all.
    """
    packed = isinstance(input, PackedSequence)
    data = input.data if packed else input
    if not isinstance(data, Tensor):
        raise InputError(f"The input is a {type(input).__name__}; it must be a tensor or a PackedSequence.")
    if data.is_nested and data.layout != torch.jagged:
        raise InputError("The nested tensor is not jagged. Build it with layout=torch.jagged.")
    if not packed and data.dim() not in (2, 3):
        raise ValueError(f"LSTM: Expected input to be 2D or 3D, got {data.dim()}D instead")
    dtype = module.weight_ih_l0.dtype
    if data.dtype != dtype and not torch.is_autocast_enabled(data.device.type):
        raise ValueError(
            f"RNN input dtype ({data.dtype}) does not match weight dtype ({dtype}). "
            f"Convert input: input.to({dtype}), or convert model: model.to({data.dtype})"
        )
    if data.shape[-1] != module.input_size:
        raise RuntimeError(
            f"input.size(-1) must be equal to input_size. Expected {module.input_size}, got {data.shape[-1]}"
        )


def has_kernel(spec: LstmSpec, fallback: bool) -> bool:
    """Whether a kernel runs the cell.

    Raises:
        InputError: none does, and ``fallback`` is False.
    """
    refusals = BACKENDS["native"].refusals(spec)
    if refusals and not fallback:
        raise InputError(
            f"No kernel runs this cell ({'; '.join(refusals)}). With fallback=True a loop over time in PyTorch "
            "does, more slowly."
        )
    return not refusals


def computed_in(dtype: torch.dtype) -> torch.dtype:
    """The dtype that a layer of parameters of ``dtype`` computes in: float32 for half precision.

    Raises:
        InputError: a dtype that is not floating, such as a complex one.
    """
    if not dtype.is_floating_point:
        raise InputError(f"The parameters are {dtype}; a layer runs in a floating dtype. Convert it with .float().")
    return dtype if dtype in (torch.float32, torch.float64) else torch.float32


def check_together(x: Tensor, parameter: Tensor, states: tuple[Tensor, ...] = ()) -> None:
    """Refuse input, parameters and states on different devices, or states of another dtype (but under autocast).

    Raises:
        RuntimeError: as ``nn.LSTM``.
    """
    if x.device != parameter.device:
        raise RuntimeError(
            "Input and parameter tensors are not at the same device, "
            f"found input tensor at {x.device} and parameter tensor at {parameter.device}"
        )
    for state in states:
        if state.device != x.device:
            raise RuntimeError(
                "Input and hidden tensors are not at the same device, "
                f"found input tensor at {x.device} and hidden tensor at {state.device}"
            )
        if state.dtype not in (x.dtype, parameter.dtype) and not torch.is_autocast_enabled(x.device.type):
            raise RuntimeError(
                "Input and hidden tensors are not the same dtype, "
                f"found input tensor with {x.dtype} and hidden tensor with {state.dtype}"
            )


def checked_states(module: nn.RNNBase, input: Any, hx: Any, batch: int) -> tuple[Tensor, Tensor]:
    """Initial states [layers * D, B, .] that fit a checked input.

    Raises:
        RuntimeError: as ``nn.LSTM``.
    """
    if not isinstance(hx, tuple | list) or len(hx) != 2 or not all(isinstance(state, Tensor) for state in hx):
        raise InputError(f"`hx` is a {type(hx).__name__}; it must be a pair of tensors, (h0, c0).")
    h0, c0 = hx
    batched = isinstance(input, PackedSequence) or input.dim() == 3
    wanted = 3 if batched else 2
    if (h0.dim() != wanted or c0.dim() != wanted) and not isinstance(input, PackedSequence):
        raise RuntimeError(
            f"For {'batched 3-D' if batched else 'unbatched 2-D'} input, hx and cx should also be {wanted}-D but got "
            f"({h0.dim()}-D, {c0.dim()}-D) tensors"
        )
    if not batched:
        h0, c0 = h0[:, None], c0[:, None]
    layers = module.num_layers * (2 if module.bidirectional else 1)
    outputs = module.proj_size or module.hidden_size
    module.check_hidden_size(h0, (layers, batch, outputs), "Expected hidden[0] size {}, got {}")
    module.check_hidden_size(c0, (layers, batch, module.hidden_size), "Expected hidden[1] size {}, got {}")
    return h0, c0
