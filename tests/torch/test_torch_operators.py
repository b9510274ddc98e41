"""`memcell::lstm` as PyTorch sees it: schema, autograd, fake kernels, and the loop that stands in for it."""

import functools
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from backends.cases import CELLS, CELLS_WITHOUT_KERNEL, SMALL, Cell, Shape, problem, run
from tensors import ONE_OF_EACH, TINY, arguments_of, call_layer, of_given
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from memcell import InputError, LstmSpec
from memcell.backends import ReferenceBackend
from memcell.torch import functional, lstm, lstm_loop

PLAIN = Cell(LstmSpec(), "none", "none", False)
CARRIED = Cell(LstmSpec("full", "current"), "step", "unit", True)


@pytest.mark.parametrize("with_tape", [False, True])
@pytest.mark.parametrize("cell", [PLAIN, CARRIED, CELLS[7]], ids=str)
def test_opcheck_of_forward(cell: Cell, with_tape: bool) -> None:
    # An operator that keeps no tape cannot be differentiated; memcell.torch.lstm asks for one where it is needed.
    tensors, offsets = arguments_of(cell, requires_grad=with_tape)
    arguments = (*tensors, offsets, *cell.spec.options, cell.reverse, with_tape, with_tape)
    torch.library.opcheck(torch.ops.memcell.lstm.default, arguments)


@pytest.mark.parametrize("cell", [PLAIN, CARRIED, CELLS[7]], ids=str)
def test_opcheck_of_backward(cell: Cell) -> None:
    tensors, offsets = arguments_of(cell, requires_grad=False)
    layer = (*tensors, offsets, *cell.spec.options, cell.reverse)
    h, c, h_final, _, gates = torch.ops.memcell.lstm(*layer, True, True)
    torch.library.opcheck(torch.ops.memcell.lstm_backward.default, (*layer, h, c, gates, h, None, h_final, None, True))


@pytest.mark.parametrize("cell", ONE_OF_EACH, ids=str)
def test_gradcheck(cell: Cell) -> None:
    function, given = of_given(lstm, cell, *arguments_of(cell))
    assert torch.autograd.gradcheck(function, given, fast_mode=True)


@pytest.mark.parametrize("layer", [lstm, lstm_loop])
@pytest.mark.parametrize("cell", ONE_OF_EACH, ids=str)
def test_second_derivatives(cell: Cell, layer: Any) -> None:
    function, given = of_given(layer, cell, *arguments_of(cell, Shape(1, 2, (2, 1))))
    assert torch.autograd.gradgradcheck(function, given, fast_mode=True)


def _values_and_gradients(layer: Any, cell: Cell, shape: Shape) -> list[Tensor]:
    tensors, offsets = arguments_of(cell, shape, zero_carries=True)
    outputs = call_layer(layer, cell, tensors, offsets)
    generator = torch.Generator().manual_seed(0)
    loss = sum((o * torch.randn(o.shape, generator=generator, dtype=o.dtype)).sum() for o in outputs)
    assert isinstance(loss, Tensor)
    given = [tensor for tensor in tensors if tensor is not None]
    return [*outputs, *torch.autograd.grad(loss, given, materialize_grads=True)]


@pytest.mark.parametrize("shape", [SMALL, Shape(3, 8, (0, 0)), Shape(3, 5, ())], ids=str)
@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_loop_equals_the_operator(cell: Cell, shape: Shape) -> None:
    fast, slow = (_values_and_gradients(layer, cell, shape) for layer in (lstm, lstm_loop))
    torch.testing.assert_close(fast, slow, rtol=1e-12, atol=1e-12)


def test_loop_selects_zero_at_a_carry_of_zero() -> None:
    cell = Cell(LstmSpec(), "step", "step", False)
    tensors, offsets = arguments_of(cell, Shape(2, 3, (4,)))
    x, *_, carry_h, carry_c = tensors
    with torch.no_grad():
        for carry in (carry_h, carry_c):
            assert carry is not None
            carry[2] = 0
        assert x is not None
        x[0] = float("nan")
    h, *_ = call_layer(lstm_loop, cell, tensors, offsets)
    assert h[:2].isnan().all()
    assert h[2:].isfinite().all()
    (d_x,) = torch.autograd.grad(h[2:].sum(), [x])
    assert d_x[2:].isfinite().all()


@pytest.mark.parametrize("index", range(4))
def test_gradient_of_one_output_alone(index: int) -> None:
    """The other outputs' gradients then come as None."""
    tensors, offsets = arguments_of(CARRIED)
    given = [tensor for tensor in tensors if tensor is not None]
    fast, slow = (
        torch.autograd.grad(call_layer(layer, CARRIED, tensors, offsets)[index].square().sum(), given,
                            materialize_grads=True)
        for layer in (lstm, lstm_loop)
    )  # fmt: skip
    torch.testing.assert_close(fast, slow, rtol=1e-12, atol=1e-12)


def test_no_tape_is_kept_without_gradients() -> None:
    tensors, offsets = arguments_of(PLAIN)
    with torch.no_grad():
        outputs = call_layer(lstm, PLAIN, tensors, offsets)
    assert not any(output.requires_grad for output in outputs)
    with_gradients = call_layer(lstm, PLAIN, tensors, offsets)
    torch.testing.assert_close(outputs, tuple(o.detach() for o in with_gradients), rtol=0, atol=0)


def test_fake_tensors_have_the_shapes_of_real_ones() -> None:
    tensors, offsets = arguments_of(CARRIED)
    real = call_layer(lstm, CARRIED, tensors, offsets)
    on_meta = tuple(None if t is None else t.to("meta") for t in tensors)
    meta = call_layer(lstm, CARRIED, on_meta, offsets.to("meta"))
    assert [(o.shape, o.dtype) for o in meta] == [(o.shape, o.dtype) for o in real]


class Elsewhere(Tensor):
    """A tensor of the CPU that says it lies on a device without a kernel."""

    @property
    def device(self) -> torch.device:  # type: ignore[override]
        return torch.device("cuda")


def test_device_without_a_kernel_takes_the_loop_and_says_so_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(functional, "_warned_of", set())
    tensors, offsets = arguments_of(CARRIED, requires_grad=False)
    wanted = call_layer(lstm, CARRIED, tensors, offsets)
    assert tensors[0] is not None
    elsewhere = (tensors[0].as_subclass(Elsewhere), *tensors[1:])
    call = functools.partial(call_layer, lstm, CARRIED, elsewhere, offsets)
    with pytest.warns(UserWarning, match="no kernel for device 'cuda'.*loop") as caught:
        call()
    assert len(caught) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        outputs = call()
    for output, want in zip(outputs, wanted, strict=True):
        torch.testing.assert_close(output.as_subclass(Tensor), want, rtol=1e-12, atol=1e-12)


def test_refusals_of_the_contract_reach_the_caller() -> None:
    (x, *rest), offsets = arguments_of(PLAIN, TINY)
    assert x is not None
    with pytest.raises(InputError, match=r"`x` is torch\.float16.*\.float\(\)"):
        call_layer(lstm, PLAIN, (x.half(), *rest), offsets)
    with pytest.raises(InputError, match=r"`x` has shape \[4, 1\]; it must be \[any, 2\]"):
        call_layer(lstm, PLAIN, (x[:, :1], *rest), offsets)
    with pytest.raises(InputError, match="`offsets` must end at the number of rows, 4; got 3"):
        call_layer(lstm, PLAIN, (x, *rest), torch.tensor([0, 1, 2, 3]))


@pytest.mark.parametrize("masks", [False, True])
@pytest.mark.parametrize("cell", CELLS_WITHOUT_KERNEL, ids=str)
def test_loop_equals_the_reference_where_there_is_no_kernel(cell: Cell, masks: bool) -> None:
    given = problem(cell, SMALL)
    rows, rng = len(given.call.x), np.random.default_rng(0)
    kept: dict[str, Any] = {}
    if masks:
        kept = {"keep_h": rng.integers(0, 2, (rows, SMALL.units)).astype(float), "keep_c": rng.uniform(size=(rows, 1))}
        given = replace(given, call=replace(given.call, **kept))
    wanted = run(ReferenceBackend(), given)
    call, w = given.call, given.weights
    names = ("x", "w_x", "w_h", "bias", "peephole", "h0", "c0", "carry_h", "carry_c", "norm")
    arrays = (call.x, w.w_x, w.w_h, w.bias, w.peephole, call.h0, call.c0, call.carry_h, call.carry_c, w.norm)
    x, w_x, w_h, bias, peephole, h0, c0, carry_h, carry_c, norm = tensors = [
        None if array is None else torch.tensor(array, requires_grad=True) for array in arrays
    ]
    outputs = lstm(
        given.spec, x, (w_x, w_h, bias, peephole), h0, c0, torch.from_numpy(call.sequences), carry_h=carry_h,  # type: ignore[arg-type]
        carry_c=carry_c, reverse=call.reverse, norm=norm, fallback=True,
        **{name: torch.from_numpy(array) for name, array in kept.items()},
    )  # fmt: skip
    for name, output in zip(("h", "c", "h_final", "c_final"), outputs, strict=True):
        np.testing.assert_allclose(output.detach().numpy(), wanted[name], rtol=0, atol=1e-12)
    loss = torch.stack([(o * torch.from_numpy(d)).sum() for o, d in zip(outputs, given.cotangents, strict=True)]).sum()
    loss.backward()
    for name, tensor in zip(names, tensors, strict=True):
        if tensor is not None:
            np.testing.assert_allclose(tensor.grad.numpy(), wanted[f"d_{name}"], rtol=0, atol=1e-11, err_msg=name)  # type: ignore[union-attr]


def test_no_kernel_is_refused_with_reasons_and_the_remedy() -> None:
    tensors, sequences = arguments_of(PLAIN)
    with pytest.raises(InputError, match=r"layer_norm: .* have no kernel.*With fallback=True"):
        call_layer(lstm, Cell(LstmSpec(layer_norm=True), "none", "none", False), tensors, sequences)


class _Seen(TorchDispatchMode):
    """What the dispatcher is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names.add(func.name())
        return func(*args, **kwargs or {})


@pytest.mark.parametrize("cell", [PLAIN, CARRIED, CELLS[7]], ids=str)
def test_the_short_way_gives_the_same_to_the_bit_and_is_left_where_somebody_looks_on(cell: Cell) -> None:
    tensors, offsets = arguments_of(cell)
    given = [tensor for tensor in tensors if tensor is not None]

    def gradients() -> list[Tensor]:
        outputs = call_layer(lstm, cell, tensors, offsets)
        found = torch.autograd.grad(sum(o.square().sum() for o in outputs), given)  # type: ignore[arg-type]
        return [*outputs, *found]

    alone = gradients()
    with _Seen() as seen:
        watched = gradients()
    assert {"memcell::lstm", "memcell::lstm_backward"} <= seen.names
    for one, other in zip(alone, watched, strict=True):
        assert torch.equal(one, other)
    with torch.profiler.profile() as profile:
        gradients()
    assert "memcell::lstm" in {event.name for event in profile.events() or ()}
