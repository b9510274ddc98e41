"""The layer as PyTorch operators: ``memcell::lstm`` and ``memcell::lstm_backward`` over the contract's arrays.

Registered through ``torch.library.Library`` rather than ``custom_op``, which costs tens of microseconds more a call.
First derivatives are the core's; second ones, and forward ones, go through the loop over time, which PyTorch
differentiates as often as one likes.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

from memcell.backends import choose
from memcell.contract import LstmCall, LstmSpec, LstmTape, LstmWeights
from memcell.torch.loop import lstm_loop

__all__ = ["lstm_operator"]

_library = torch.library.Library("memcell", "DEF")
# As LstmSpec.options; "peephole" is taken by its weights.
_OPTIONS = "str peephole_kind, str output_peek, bool coupled, float? cell_clip"
_LAYER = (
    "Tensor x, Tensor w_x, Tensor w_h, Tensor bias, Tensor? peephole, Tensor h0, Tensor c0, Tensor? carry_h, "
    f"Tensor? carry_c, Tensor sequences, {_OPTIONS}, bool reverse"
)
_library.define(
    f"lstm({_LAYER}, bool with_cells, bool with_tape) -> "
    "(Tensor h, Tensor c, Tensor h_final, Tensor c_final, Tensor gates)"
)
_library.define(
    f"lstm_backward({_LAYER}, Tensor h, Tensor c, Tensor gates, Tensor? d_h, Tensor? d_c, Tensor? d_h_final, "
    "Tensor? d_c_final, bool with_d_x) -> (Tensor x, Tensor w_x, Tensor w_h, Tensor bias, Tensor peephole, Tensor h0, "
    "Tensor c0, Tensor carry_h, Tensor carry_c)"
)
_DIFFERENTIABLE = 9  # x, the weights, the states, the carries
_LAYER_ARGUMENTS = _DIFFERENTIABLE + 1 + len(LstmSpec().options) + 1  # these, sequences, the options, reverse
_SEQUENCES, _X, _STATES = 9, 0, (5, 6)
_PLAIN = Tensor, torch.nn.Parameter

_spec = lru_cache(LstmSpec)


def lstm_operator(*arguments: Any) -> tuple[Tensor, ...]:
    """``torch.ops.memcell.lstm``, also inside ``torch.func``, whose transforms want to see the function itself.

    Where nothing but autograd can be looking on, the core is called without the dispatcher, which on a lone step takes
    as long as the core.
    """
    if _inside_torch_func():
        *layer, _, _ = arguments
        return _TransformedLstm.apply(*layer, True, True)
    tensors = arguments[:_DIFFERENTIABLE]
    if not _unwatched(tensors):
        return torch.ops.memcell.lstm(*arguments)
    return _UnwatchedLstm.apply(*arguments) if _wants_graph(tensors) else _lstm_cpu(*arguments)


def _unwatched(tensors: tuple[Tensor | None, ...]) -> bool:
    """Whether these are plain tensors on a CPU, and no mode, tracer or transform follows what becomes of them."""
    if torch.compiler.is_compiling() or forward_ad._current_level >= 0:
        return False
    if torch._C._len_torch_dispatch_stack() or torch._C._len_torch_function_stack():
        return False
    traced = torch._C._get_tracing_state() or torch._C._autograd._profiler_enabled()  # pyright: ignore[reportAttributeAccessIssue]
    return not traced and all(t is None or (type(t) in _PLAIN and t.is_cpu) for t in tensors)


def _inside_torch_func() -> bool:
    return not torch.compiler.is_compiling() and torch._C._are_functorch_transforms_active()


# The core ------------------------------------------------------------------------------------------------------------


def _array(tensor: Tensor | None) -> Any:
    return None if tensor is None else tensor.detach().numpy()


def _layer(
    x: Tensor, w_x: Tensor, w_h: Tensor, bias: Tensor, peephole: Tensor | None, h0: Tensor, c0: Tensor,
    carry_h: Tensor | None, carry_c: Tensor | None, sequences: Tensor, *options: Any,
) -> tuple[LstmSpec, LstmWeights, LstmCall]:  # fmt: skip
    *of_spec, reverse = options
    weights = LstmWeights(_array(w_x), _array(w_h), _array(bias), _array(peephole))
    states = (_array(h0), _array(c0), _array(sequences), _array(carry_h), _array(carry_c))
    return _spec(*of_spec), weights, LstmCall(_array(x), *states, reverse)


def _lstm_cpu(*arguments: Any) -> tuple[Tensor, ...]:
    *layer, with_cells, with_tape = arguments
    spec, weights, call = _layer(*layer)
    backend = choose(spec)
    result = backend.forward(backend.pack(spec, weights), call, with_cells=with_cells, with_tape=with_tape)
    h, h_final, c_final = map(torch.from_numpy, (result.h, result.h_final, result.c_final))
    c = h.new_empty((0, h.shape[1])) if result.c is None else torch.from_numpy(result.c)
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


# Shapes, for tracing -------------------------------------------------------------------------------------------------


def _lstm_fake(*arguments: Any) -> tuple[Tensor, ...]:
    x, h0, with_cells, with_tape = arguments[_X], arguments[_STATES[0]], arguments[-2], arguments[-1]
    rows, hidden = x.shape[0], h0.shape[1]
    h, c = x.new_empty((rows, hidden)), x.new_empty((rows if with_cells or with_tape else 0, hidden))
    gates = x.new_empty((rows if with_tape else 0, 4, hidden))
    return h, c, torch.empty_like(h0), torch.empty_like(h0), gates


def _lstm_backward_fake(*arguments: Any) -> tuple[Tensor, ...]:
    x, *given = arguments[:_DIFFERENTIABLE]
    d_x = torch.empty_like(x) if arguments[-1] else x.new_empty(0)
    return d_x, *(x.new_empty(0) if tensor is None else torch.empty_like(tensor) for tensor in given)


# torch.vmap ----------------------------------------------------------------------------------------------------------


def _one_by_one(operator: Any) -> Callable[..., Any]:
    def batched(info: Any, in_dims: tuple[int | None, ...], *arguments: Any) -> tuple[tuple[Tensor, ...], Any]:
        outputs = [
            operator(*(a if d is None else a.select(d, k) for a, d in zip(arguments, in_dims, strict=True)))
            for k in range(info.batch_size)
        ]
        stacked = tuple(map(torch.stack, zip(*outputs, strict=True)))
        return stacked, (0,) * len(stacked)

    return batched


def _lstm_batched(info: Any, in_dims: tuple[int | None, ...], *arguments: Any) -> tuple[tuple[Tensor, ...], Any]:
    """Under one set of weights the batches of all samples are one batch."""
    by_row_or_sequence = {_X, *_STATES, 7, 8}
    if any(d is not None for k, d in enumerate(in_dims) if k not in by_row_or_sequence):
        return _one_by_one(torch.ops.memcell.lstm)(info, in_dims, *arguments)
    size, joined = info.batch_size, list(arguments)
    for k in by_row_or_sequence:
        if arguments[k] is not None:
            d = in_dims[k]
            samples = arguments[k].expand(size, *arguments[k].shape) if d is None else arguments[k].movedim(d, 0)
            joined[k] = samples.flatten(0, 1)
    sequences, rows = arguments[_SEQUENCES], len(joined[_X]) // size
    first_rows = torch.tensor([rows, 0, 0]) * torch.arange(size)[:, None, None]
    joined[_SEQUENCES] = (sequences + first_rows).flatten(0, 1)
    outputs = torch.ops.memcell.lstm(*joined)
    return tuple(output.unflatten(0, (size, len(output) // size)) for output in outputs), (0,) * len(outputs)


# Autograd ------------------------------------------------------------------------------------------------------------


def _as_loop(layer: tuple[Any, ...]) -> tuple[Callable[..., Any], list[int]]:
    """The layer as the loop over time, a function of those differentiable arguments that are given; their places."""
    sequences, *of_spec, reverse = layer[_SEQUENCES:]
    given = [k for k in range(_DIFFERENTIABLE) if layer[k] is not None]

    def loop(*tensors: Tensor) -> tuple[Tensor, ...]:
        arguments = dict(zip(given, tensors, strict=True))
        x, w_x, w_h, bias, peephole, h0, c0, carry_h, carry_c = map(arguments.get, range(_DIFFERENTIABLE))
        carries = {"carry_h": carry_h, "carry_c": carry_c}
        weights: Any = (w_x, w_h, bias, peephole)
        return lstm_loop(_spec(*of_spec), x, weights, h0, c0, sequences, **carries, reverse=reverse)  # type: ignore[arg-type]

    return loop, given


_vjp: Any = torch.func.vjp  # annotated as if it always gave three results


def _push_forward(function: Callable[..., Any], primals: list[Tensor], tangents: list[Tensor | None]) -> Any:
    """J v, as the derivative of J^T u by u: nothing but reverse mode, which may be nested in anything."""
    outputs, pull_back = _vjp(function, *primals)
    zeros = tuple(torch.zeros_like(output) for output in outputs)
    pull_forward = _vjp(pull_back, zeros)[1]
    filled = (torch.zeros_like(p) if t is None else t for p, t in zip(primals, tangents, strict=True))
    return pull_forward(tuple(filled))[0]


class _Lstm(torch.autograd.Function):
    """The differentiable operator. ``torch.library.register_autograd`` would do the same, but reads the schema anew at
    every call, which takes longer than a short layer."""

    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> tuple[Tensor, ...]:
        output = _below_autograd(torch.ops.memcell.lstm.default, inputs)
        _Lstm.remember(ctx, inputs, output)
        return output

    @staticmethod
    def remember(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        ctx.options = inputs[_SEQUENCES + 1 : _LAYER_ARGUMENTS]
        h, c, _, _, gates = output
        ctx.set_materialize_grads(False)
        ctx.mark_non_differentiable(gates)
        ctx.save_for_backward(*inputs[: _SEQUENCES + 1], h, c, gates)

    @staticmethod
    def backward(ctx: Any, *d_outputs: Any) -> tuple[Any, ...]:
        call = _LstmBackward.apply if _inside_torch_func() else torch.ops.memcell.lstm_backward
        return _Lstm.gradients(ctx, call, d_outputs)

    @staticmethod
    def gradients(ctx: Any, call: Any, d_outputs: tuple[Any, ...]) -> tuple[Any, ...]:
        *tensors, h, c, gates = ctx.saved_tensors
        gradients = call(*tensors, *ctx.options, h, c, gates, *d_outputs[:4], ctx.needs_input_grad[_X])
        wanted = [d if needed else None for d, needed in zip(gradients, ctx.needs_input_grad, strict=False)]
        return (*wanted, *[None] * (len(ctx.needs_input_grad) - _DIFFERENTIABLE))


class _UnwatchedLstm(_Lstm):
    """The same without the dispatcher, where its first derivative is asked for and no further one."""

    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> tuple[Tensor, ...]:
        output = _lstm_cpu(*inputs)
        _Lstm.remember(ctx, inputs, output)
        return output

    @staticmethod
    def backward(ctx: Any, *d_outputs: Any) -> tuple[Any, ...]:
        if torch.is_grad_enabled() or not _unwatched(d_outputs) or _inside_torch_func():
            return _Lstm.backward(ctx, *d_outputs)
        return _Lstm.gradients(ctx, _lstm_backward_cpu, d_outputs)


class _TransformedLstm(_Lstm):
    """The same in the form that ``torch.func`` and forward mode want. Each call of this form reads a signature anew."""

    generate_vmap_rule = True

    @staticmethod
    def forward(*inputs: Any) -> tuple[Tensor, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        return torch.ops.memcell.lstm(*inputs)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        _Lstm.remember(ctx, inputs, output)
        ctx.save_for_forward(*inputs[: _SEQUENCES + 1])

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> tuple[Any, ...]:
        layer = (*ctx.saved_tensors[: _SEQUENCES + 1], *ctx.options)
        loop, given = _as_loop(layer)
        return *_push_forward(loop, [layer[k] for k in given], [tangents[k] for k in given]), None


class _LstmBackward(torch.autograd.Function):
    """Differentiable ``lstm_backward``: the derivative of the loop's derivative."""

    generate_vmap_rule = True

    @staticmethod
    def forward(*inputs: Any) -> tuple[Tensor, ...]:
        return _below_autograd(torch.ops.memcell.lstm_backward.default, inputs)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:  # noqa: ARG004
        ctx.options, ctx.with_d_x = inputs[_SEQUENCES + 1 : _LAYER_ARGUMENTS], inputs[-1]
        ctx.set_materialize_grads(False)
        kept = (*inputs[: _SEQUENCES + 1], *inputs[_LAYER_ARGUMENTS + 3 : -1])
        ctx.save_for_backward(*kept)
        ctx.save_for_forward(*kept)

    @staticmethod
    def loop(ctx: Any) -> tuple[Callable[..., Any], list[Tensor], list[int], list[int]]:
        """The gradients as a function of what they depend on, its arguments, where these stand, and where those."""
        saved = ctx.saved_tensors
        layer, d_outputs = (*saved[: _SEQUENCES + 1], *ctx.options), saved[_SEQUENCES + 1 :]
        loop, given = _as_loop(layer)
        seen = [k for k, d in enumerate(d_outputs) if d is not None]

        def gradients(*tensors: Tensor) -> tuple[Tensor, ...]:
            outputs, pull_back = _vjp(loop, *tensors[: len(given)])
            cotangents = dict(zip(seen, tensors[len(given) :], strict=True))
            return pull_back(tuple(cotangents.get(k, torch.zeros_like(o)) for k, o in enumerate(outputs)))

        inputs = [layer[k] for k in given] + [d_outputs[k] for k in seen]
        return gradients, inputs, given + [_LAYER_ARGUMENTS + 3 + k for k in seen], given

    @staticmethod
    def backward(ctx: Any, *d_gradients: Any) -> tuple[Any, ...]:
        gradients, inputs, places, given = _LstmBackward.loop(ctx)
        outputs, pull_back = _vjp(gradients, *inputs)
        wanted = [None if k == _X and not ctx.with_d_x else d_gradients[k] for k in given]
        filled = (torch.zeros_like(o) if d is None else d for o, d in zip(outputs, wanted, strict=True))
        found = dict(zip(places, pull_back(tuple(filled)), strict=True))
        return tuple(found.get(k) for k in range(_LAYER_ARGUMENTS + 8))

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> tuple[Any, ...]:
        gradients, inputs, places, given = _LstmBackward.loop(ctx)
        pushed = _push_forward(gradients, inputs, [tangents[k] for k in places])
        found = {k: d for k, d in zip(given, pushed, strict=True) if k != _X or ctx.with_d_x}
        nothing = inputs[0].new_zeros(0)
        return tuple(found.get(k, nothing) for k in range(_DIFFERENTIABLE))


def _below_autograd(operator: Any, inputs: tuple[Any, ...]) -> tuple[Tensor, ...]:
    with torch._C._AutoDispatchBelowAutograd():
        return operator(*inputs)


def _has_tangents(tensors: tuple[Tensor | None, ...]) -> bool:
    if forward_ad._current_level < 0:
        return False
    return any(t is not None and forward_ad.unpack_dual(t).tangent is not None for t in tensors)


def _wants_graph(tensors: tuple[Tensor | None, ...]) -> bool:
    return torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in tensors)


def _lstm_autograd(*inputs: Any) -> tuple[Tensor, ...]:
    if _has_tangents(inputs[:_DIFFERENTIABLE]):
        return _TransformedLstm.apply(*inputs)
    if _wants_graph(inputs[:_DIFFERENTIABLE]):
        return _Lstm.apply(*inputs[:-1], True)
    return _below_autograd(torch.ops.memcell.lstm.default, inputs)


def _lstm_backward_autograd(*inputs: Any) -> tuple[Tensor, ...]:
    tensors = (*inputs[:_DIFFERENTIABLE], *inputs[_LAYER_ARGUMENTS + 3 : -1])
    if _wants_graph(tensors) or _has_tangents(tensors):
        return _LstmBackward.apply(*inputs)
    return _below_autograd(torch.ops.memcell.lstm_backward.default, inputs)


_library.impl("lstm", _lstm_cpu, "CPU")
_library.impl("lstm_backward", _lstm_backward_cpu, "CPU")
torch.library.register_fake("memcell::lstm", _lstm_fake, lib=_library)
torch.library.register_fake("memcell::lstm_backward", _lstm_backward_fake, lib=_library)
_library.impl("lstm", _lstm_autograd, "Autograd")
_library.impl("lstm_backward", _lstm_backward_autograd, "Autograd")
torch.library.register_vmap("memcell::lstm", _lstm_batched, lib=_library)
torch.library.register_vmap("memcell::lstm_backward", _one_by_one(torch.ops.memcell.lstm_backward), lib=_library)
