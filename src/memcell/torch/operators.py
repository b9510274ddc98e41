"""The layer as PyTorch operators: ``memcell::lstm`` and ``memcell::lstm_backward`` over the contract's arrays.

Registered through ``torch.library.Library`` rather than ``custom_op``, which costs tens of microseconds more a call.
"""

from dataclasses import fields
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from memcell.backends import choose
from memcell.contract import LstmCall, LstmSpec, LstmTape, LstmWeights

__all__: list[str] = []

_library = torch.library.Library("memcell", "DEF")
# The fields of LstmSpec in its order; "peephole" is taken by its weights.
_OPTIONS = "str peephole_kind, str output_peek, bool coupled, float? cell_clip"
_LAYER = (
    "Tensor x, Tensor w_x, Tensor w_h, Tensor bias, Tensor? peephole, Tensor h0, Tensor c0, Tensor? carry_h, "
    f"Tensor? carry_c, Tensor sequences, {_OPTIONS}, bool reverse"
)
_library.define(f"lstm({_LAYER}, bool with_tape) -> (Tensor h, Tensor c, Tensor h_final, Tensor c_final, Tensor gates)")
_library.define(
    f"lstm_backward({_LAYER}, Tensor h, Tensor c, Tensor gates, Tensor? d_h, Tensor? d_c, Tensor? d_h_final, "
    "Tensor? d_c_final, bool with_d_x) -> (Tensor x, Tensor w_x, Tensor w_h, Tensor bias, Tensor peephole, Tensor h0, "
    "Tensor c0, Tensor carry_h, Tensor carry_c)"
)


_spec = lru_cache(LstmSpec)


def _array(tensor: Tensor | None) -> Any:
    return None if tensor is None else tensor.detach().numpy()


def _layer(
    x: Tensor, w_x: Tensor, w_h: Tensor, bias: Tensor, peephole: Tensor | None, h0: Tensor, c0: Tensor,
    carry_h: Tensor | None, carry_c: Tensor | None, sequences: Tensor, *options: Any,
) -> tuple[LstmSpec, LstmWeights, LstmCall]:  # fmt: skip
    weights = LstmWeights(_array(w_x), _array(w_h), _array(bias), _array(peephole))
    states = (_array(h0), _array(c0), _array(sequences), _array(carry_h), _array(carry_c))
    *of_spec, reverse = options
    return _spec(*of_spec), weights, LstmCall(_array(x), *states, reverse)


def _lstm_cpu(*arguments: Any) -> tuple[Tensor, ...]:
    *layer, with_tape = arguments
    spec, weights, call = _layer(*layer)
    backend = choose(spec)
    result = backend.forward(backend.pack(spec, weights), call, with_cells=True, with_tape=with_tape)
    assert result.c is not None
    h, c, h_final, c_final = map(torch.from_numpy, (result.h, result.c, result.h_final, result.c_final))
    gates = h.new_empty((0, 4, h.shape[1])) if result.tape is None else torch.from_numpy(result.tape.gates)
    return h, c, h_final, c_final, gates


def _lstm_backward_cpu(*arguments: Any) -> tuple[Tensor, ...]:
    layer, outputs, with_d_x = arguments[:_LAYER_ARGUMENTS], arguments[_LAYER_ARGUMENTS:-1], arguments[-1]
    spec, weights, call = _layer(*layer)
    h, c, gates, *d_outputs = map(_array, outputs)
    d = choose(spec).backward(spec, LstmTape(call, weights, h, c, gates), *d_outputs, with_d_x=with_d_x)
    return tuple(
        torch.empty(0, dtype=layer[0].dtype) if field is None else torch.from_numpy(field)
        for field in (d.x, d.w_x, d.w_h, d.bias, d.peephole, d.h0, d.c0, d.carry_h, d.carry_c)
    )


def _lstm_fake(*arguments: Any) -> tuple[Tensor, ...]:
    x, h0, with_tape = arguments[0], arguments[5], arguments[-1]
    rows, hidden = x.shape[0], h0.shape[1]
    h = x.new_empty((rows, hidden))
    gates = x.new_empty((rows if with_tape else 0, 4, hidden))
    return h, torch.empty_like(h), torch.empty_like(h0), torch.empty_like(h0), gates


def _lstm_backward_fake(*arguments: Any) -> tuple[Tensor, ...]:
    x, *given = arguments[:_DIFFERENTIABLE]
    d_x = torch.empty_like(x) if arguments[-1] else x.new_empty(0)
    return d_x, *(x.new_empty(0) if tensor is None else torch.empty_like(tensor) for tensor in given)


class _Lstm(torch.autograd.Function):
    """The differentiable operator. ``torch.library.register_autograd`` would do the same, but reads the schema anew at
    every call, which takes longer than a short layer."""

    @staticmethod
    def forward(ctx: Any, *inputs_and_keys: Any) -> tuple[Tensor, ...]:
        *inputs, keys = inputs_and_keys
        output = _below_autograd(keys, inputs)
        ctx.options = inputs[_DIFFERENTIABLE + 1 : _LAYER_ARGUMENTS]
        h, c, _, _, gates = output
        ctx.set_materialize_grads(False)
        ctx.mark_non_differentiable(gates)
        ctx.save_for_backward(*inputs[: _DIFFERENTIABLE + 1], h, c, gates)
        return output

    @staticmethod
    def backward(ctx: Any, *d_outputs: Any) -> tuple[Any, ...]:
        *tensors, h, c, gates = ctx.saved_tensors
        gradients = torch.ops.memcell.lstm_backward(
            *tensors, *ctx.options, h, c, gates, *d_outputs[:4], ctx.needs_input_grad[0]
        )
        wanted = [d if needed else None for d, needed in zip(gradients, ctx.needs_input_grad, strict=False)]
        return (*wanted, *[None] * (len(ctx.needs_input_grad) - _DIFFERENTIABLE))


def _below_autograd(keys: Any, inputs: Any) -> tuple[Tensor, ...]:
    with torch._C._AutoDispatchBelowAutograd():
        return torch.ops.memcell.lstm.default.redispatch(keys & torch._C._after_autograd_keyset, *inputs)


def _lstm_autograd(keys: Any, *inputs: Any) -> tuple[Tensor, ...]:
    given = inputs[:_DIFFERENTIABLE]
    if torch.is_grad_enabled() and any(tensor is not None and tensor.requires_grad for tensor in given):
        return _Lstm.apply(*inputs, keys)
    return _below_autograd(keys, inputs)


def _refuse_double_backward(_ctx: Any, *_d_outputs: Any) -> None:
    raise NotImplementedError(
        "memcell::lstm has no second derivative. Compute it on a device without a kernel, or use "
        "memcell.torch.lstm_loop, which PyTorch differentiates as often as you like."
    )


_DIFFERENTIABLE = 9  # x, the weights, the states, the carries
_LAYER_ARGUMENTS = _DIFFERENTIABLE + 1 + len(fields(LstmSpec)) + 1  # these, sequences, the options, reverse

_library.impl("lstm", _lstm_cpu, "CPU")
_library.impl("lstm_backward", _lstm_backward_cpu, "CPU")
torch.library.register_fake("memcell::lstm", _lstm_fake, lib=_library)
torch.library.register_fake("memcell::lstm_backward", _lstm_backward_fake, lib=_library)
_library.impl("lstm", _lstm_autograd, "Autograd", with_keyset=True)
torch.library.register_autograd("memcell::lstm_backward", _refuse_double_backward, lib=_library)
