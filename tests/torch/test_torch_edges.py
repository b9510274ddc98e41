"""Corners of `memcell.torch`: devices, holes, padding, dtypes, traces, modules that others have changed."""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import prune

from memcell import InputError
from memcell.torch import LSTM, LSTMCell, convert


def plain(**options: Any) -> LSTM:
    torch.manual_seed(0)
    return LSTM(4, 6, **{"peephole": "none", "dtype": torch.float64, **options})


def normal(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(sum(shape)))


X, META = normal(5, 3, 4), torch.empty(5, 3, 4, dtype=torch.float64, device="meta")


def test_nothing_mixes_devices() -> None:
    states = torch.zeros(1, 3, 6, dtype=torch.float64, device="meta")
    cell = LSTMCell(4, 6, device="meta", dtype=torch.float64)
    for call in (
        lambda: plain(device="meta")(X), lambda: plain()(META), lambda: plain()(X, (states, states)),
        lambda: cell(X[0]),
    ):  # fmt: skip
        with pytest.raises(RuntimeError, match="tensors are not at the same device, found input tensor at"):
            call()
    output, (h, _) = plain(device="meta")(META, lengths=[5, 0, 1], carry_h=torch.ones(5, 3, device="meta"))
    assert (output.device.type, output.shape, h.shape) == ("meta", (5, 3, 6), (1, 3, 6))


def test_states_of_another_dtype_are_refused() -> None:
    with pytest.raises(RuntimeError, match=r"not the same dtype, found input tensor with torch.float64 and hidden"):
        plain()(X, (torch.zeros(1, 3, 6), torch.zeros(1, 3, 6)))
    with pytest.raises(InputError, match=r"`hx` is a tuple; it must be a pair of tensors, \(h0, c0\)"):
        plain()(X, (torch.zeros(1, 3, 6),))
    with pytest.raises(InputError, match="complex64; a layer runs in a floating dtype"):
        plain(dtype=torch.complex64)(X.to(torch.complex64))


@pytest.mark.parametrize("both", [False, True])
def test_nested_tensor_with_holes(both: bool) -> None:
    layer = plain(bidirectional=both)
    sequences = normal(2, 6, 4)
    starts, counts = torch.tensor([0, 3]), torch.tensor([3, 2])
    given = torch.nested.narrow(sequences, 1, starts, counts, layout=torch.jagged)
    output, (h, _) = layer(given)
    for b, own in enumerate(output.unbind()):
        start, count = int(starts[b]), int(counts[b])
        want, (want_h, _) = layer(sequences[b, start : start + count])
        torch.testing.assert_close(own, want, rtol=0, atol=1e-12)
        torch.testing.assert_close(h[:, b], want_h, rtol=0, atol=1e-12)


def test_nested_output_knows_its_longest() -> None:
    given = torch.nested.nested_tensor([normal(3, 4), normal(5, 4)], layout=torch.jagged)
    assert plain()(given)[0].to_padded_tensor(0.0).shape == (2, 5, 6)


@pytest.mark.parametrize(
    ("lengths", "message"),
    [
        (torch.tensor([1.0, 0.6, 0.2]), "got numbers of torch.float32. Count steps"),
        ([5, 2.9, 0], "got numbers of torch.float32"),
        ([True, True, False], "got numbers of torch.bool"),
        (["5", "2", "1"], "got "),
        (None, None),
        ([2**70, 1, 1], "got "),
    ],
)
def test_lengths_are_whole_numbers(lengths: Any, message: str | None) -> None:
    if message is None:
        assert plain()(X, lengths=lengths)[0].shape == (5, 3, 6)
        return
    with pytest.raises(InputError, match=f"`lengths` must be 3 whole numbers from 0 to 5; {message}"):
        plain()(X, lengths=lengths)


def test_compiled_lengths_cannot_reach_the_next_sequence() -> None:
    torch._dynamo.reset()
    layer = plain(batch_first=True)
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    x = X.transpose(0, 1).contiguous()
    torch.testing.assert_close(compiled(x, lengths=torch.tensor([5, 2, 0])), layer(x, lengths=[5, 2, 0]))
    with pytest.raises(RuntimeError, match="`lengths` must be 3 whole numbers from 0 to 5"):
        compiled(x, lengths=torch.tensor([5, 9, 1]))


@pytest.mark.parametrize("options", [{}, {"proj_size": 2}, {"num_layers": 2, "bidirectional": True}], ids=str)
@pytest.mark.parametrize("twice", [False, True], ids=["first order", "second order"])
def test_what_lies_past_a_length_never_matters(options: dict[str, Any], twice: bool) -> None:
    """Neither NaN in the padding nor an infinite gradient there."""
    layer = plain(batch_first=True, **options)
    x = X.transpose(0, 1).clone()
    x[1, 2:] = float("nan")
    x.requires_grad_()
    output, _ = layer(x, lengths=[5, 2, 4])
    loss = output.abs().sqrt().sum()
    if twice:
        gradients = torch.autograd.grad(layer(x, lengths=[5, 2, 4])[0].sin().sum(), list(layer.parameters()),
                                        create_graph=True)  # fmt: skip
        loss = torch.stack([g.square().sum() for g in gradients]).sum()
    loss.backward()
    for name, parameter in layer.named_parameters():
        assert parameter.grad is not None
        assert parameter.grad.isfinite().all(), name


def test_time_first_output_lies_so_in_memory() -> None:
    assert plain()(X.transpose(0, 1).contiguous().transpose(0, 1))[0].view(-1, 6).shape == (15, 6)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_cell_in_half_precision(dtype: torch.dtype) -> None:
    cell = LSTMCell(4, 6).to(dtype)
    h, c = cell(X[0].to(dtype))
    assert (h.dtype, c.dtype) == (dtype, dtype)
    torch.testing.assert_close(h.float(), cell.float()(X[0].float())[0], rtol=0, atol=0.02)


def test_converted_cell_under_autocast() -> None:
    model = convert(nn.ModuleDict({"linear": nn.Linear(4, 4), "cell": nn.LSTMCell(4, 6)}))
    with torch.autocast("cpu", torch.bfloat16):
        h, _ = model["cell"](model["linear"](X[0].float()))
    assert h.dtype == torch.bfloat16


def test_no_steps_with_a_projection() -> None:
    layer = plain(proj_size=2)
    state = normal(1, 3, 2), normal(1, 3, 6)
    output, (h, c) = layer(X[:0], state, resets=torch.zeros(0, 3, dtype=torch.bool))
    assert output.shape == (0, 3, 2)
    assert torch.equal(h, state[0])
    assert torch.equal(c, state[1])


def test_trace_of_one_sequence_takes_any_length() -> None:
    layer = plain().eval()
    with torch.no_grad():
        traced = torch.jit.trace(layer, (normal(5, 4),))
        torch.testing.assert_close(traced(normal(7, 4))[0], layer(normal(7, 4))[0], rtol=0, atol=1e-12)


@pytest.mark.filterwarnings("ignore")  # torch says that traces are on their way out
@pytest.mark.parametrize("recorded", [True, False], ids=["with gradients", "without"])
@pytest.mark.parametrize(
    "module",
    [LSTM(4, 6, peephole="none"), LSTM(4, 6, 2, bidirectional=True), LSTM(4, 6, proj_size=2), LSTMCell(4, 6)],
    ids=str,
)
def test_trace_takes_any_batch_with_and_without_gradients(module: nn.Module, recorded: bool) -> None:
    x, other = X.float()[:3, :2], X.float()
    if isinstance(module, LSTMCell):
        x, other = x[0], other[0]
    with torch.set_grad_enabled(recorded):
        traced: Any = torch.jit.trace(module, (x,))
    found = [
        (output := each(other)[0], *torch.autograd.grad(output.square().sum(), [*module.parameters()]))
        for each in (module, traced)
    ]
    torch.testing.assert_close(*found)
    with torch.no_grad():
        torch.testing.assert_close(traced(other)[0], module(other)[0])


def test_stepper_is_the_layer_as_it_is_without_dropout() -> None:
    layer = plain(weight_dropout=0.5, dtype=torch.bfloat16)
    first, second = (layer.stepper()([1.0, 2.0, 3.0, 4.0]) for _ in range(2))
    assert (first == second).all()
    for batch in (-1, 1.5):
        with pytest.raises(InputError, match=f"`batch` is {batch}; it must be how many streams advance together"):
            layer.stepper(batch)  # type: ignore[arg-type]


def test_a_step_takes_a_tensor_for_what_it_says_or_refuses_it() -> None:
    """A tensor may hold the opposite of its numbers, which whoever reads its memory does not see."""
    step = plain().stepper()
    step(torch.ones(4, dtype=torch.float64))
    state = step.h[0]
    with pytest.raises(RuntimeError, match="negative bit"):
        step(torch._neg_view(torch.ones(4, dtype=torch.float64)))
    assert (step.h[0] == state).all()


def test_methods_of_the_original() -> None:
    layer, theirs = plain(proj_size=2), nn.LSTM(4, 6, proj_size=2, dtype=torch.float64)
    assert layer.get_expected_cell_size(X, None) == theirs.get_expected_cell_size(X, None)
    hidden = normal(1, 3, 2), normal(1, 3, 6)
    layer.check_forward_args(X, hidden, None)
    with pytest.raises(RuntimeError, match=r"Expected hidden\[1\] size \(1, 3, 6\), got \[1, 3, 5\]"):
        layer.check_forward_args(X, (hidden[0], hidden[1][..., :5]), None)


def test_convert_leaves_alone_what_something_else_makes() -> None:
    pruned, swapped, buffered = nn.LSTM(4, 6), nn.LSTM(4, 6), nn.LSTM(4, 6)
    prune.random_unstructured(pruned, "weight_hh_l0", 0.5)
    weight = swapped.weight_hh_l0.detach()
    del swapped.weight_hh_l0
    swapped.weight_hh_l0 = weight
    buffered.register_buffer("scale", torch.ones(1))
    model = nn.ModuleList([pruned, swapped, buffered])
    convert(model)
    assert [type(one) for one in model] == [nn.LSTM] * 3


def test_convert_keeps_attributes_and_the_handles_of_hooks() -> None:
    model = nn.Sequential(nn.LSTM(4, 6))
    model[0].note = "mine"  # type: ignore[assignment]
    calls: list[str] = []
    forward = model[0].register_forward_hook(lambda *_: calls.append("forward"))
    model[0].register_full_backward_hook(lambda *_: calls.append("backward"))
    convert(model)
    assert model[0].note == "mine"
    model(X.float())[0].sum().backward()
    assert calls == ["forward", "backward"]
    forward.remove()
    model(X.float())
    assert calls == ["forward", "backward"]
    assert isinstance(copy.deepcopy(model)[0], LSTM)


def test_convert_back_knows_of_a_clipped_cell() -> None:
    with pytest.raises(InputError, match=r"has cell_clip=0\.05"):
        convert(nn.Sequential(LSTMCell(4, 6, peephole="none", cell_clip=0.05)), back=True)


@pytest.mark.parametrize(
    "options", [{"time_scale": "5"}, {"time_scale": float("inf")}, {"gap_rates": "no"}, {"cell_clip": True}]
)
def test_more_options_are_checked(options: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=f"`{next(iter(options))}` is"):
        plain(**options)
