"""With ``peephole="none"`` the module is ``torch.nn.LSTM``: names, weights, outputs, states and gradients."""

from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

from memcell.torch import LSTM

FLAGS = [
    {"num_layers": layers, "bidirectional": both, "batch_first": batch_first, "bias": bias}
    for layers, both, batch_first, bias in product((1, 2), (False, True), (False, True), (False, True))
]
CLOSE = {"rtol": 0.0, "atol": 1e-10}


def pair(**options: Any) -> tuple[LSTM, nn.LSTM]:
    """Both modules with the same weights."""
    torch.manual_seed(0)
    theirs = nn.LSTM(3, 5, dtype=torch.float64, **options)
    ours = LSTM(3, 5, peephole="none", dtype=torch.float64, **options)
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def normal(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64)


def values_and_gradients(layer: nn.Module, given: Any, hx: tuple[Tensor, Tensor] | None) -> list[Tensor]:
    """Output, states, and the gradients of input, states and weights under random cotangents."""
    leaves = [given.data if isinstance(given, PackedSequence) else given, *(hx or ())]
    leaves = [leaf.detach().requires_grad_() for leaf in leaves]
    rows = given._replace(data=leaves[0]) if isinstance(given, PackedSequence) else leaves[0]
    output, states = layer(rows, tuple(leaves[1:]) or None)
    outputs = [output.data if isinstance(output, PackedSequence) else output, *states]
    torch.manual_seed(1)
    loss = torch.stack([(o * normal(*o.shape)).sum() for o in outputs]).sum()
    return [*outputs, *torch.autograd.grad(loss, [*leaves, *layer.parameters()])]


def assert_alike(ours: LSTM, theirs: nn.LSTM, given: Any, hx: tuple[Tensor, Tensor] | None = None) -> None:
    got, wanted = (values_and_gradients(layer, given, hx) for layer in (ours, theirs))
    torch.testing.assert_close(got, wanted, **CLOSE)


@pytest.mark.parametrize("with_states", [False, True])
@pytest.mark.parametrize("batch", [None, 1, 4], ids=lambda batch: f"batch {batch}")
@pytest.mark.parametrize("flags", FLAGS, ids=str)
def test_dense(flags: dict[str, Any], batch: int | None, with_states: bool) -> None:
    ours, theirs = pair(**flags)
    layers = flags["num_layers"] * (2 if flags["bidirectional"] else 1)
    if batch is None:
        given, state = normal(6, 3), (layers, 5)
    else:
        given = normal(batch, 6, 3) if flags["batch_first"] else normal(6, batch, 3)
        state = (layers, batch, 5)
    assert_alike(ours, theirs, given, (normal(*state), normal(*state)) if with_states else None)


@pytest.mark.parametrize("lengths", [[6, 4, 4, 1], [1, 4, 6, 4]], ids=["sorted", "unsorted"])
@pytest.mark.parametrize("flags", [FLAGS[0], FLAGS[-1]], ids=str)
def test_packed(flags: dict[str, Any], lengths: list[int]) -> None:
    ours, theirs = pair(**flags)
    in_order = lengths == sorted(lengths, reverse=True)
    packed = pack_padded_sequence(normal(4, 6, 3), lengths, batch_first=True, enforce_sorted=in_order)
    state = (len(theirs.all_weights), 4, 5)
    hx = normal(*state), normal(*state)
    assert_alike(ours, theirs, packed, hx)
    output, wanted = ours(packed, hx)[0], theirs(packed, hx)[0]
    for got, want in zip(output[1:], wanted[1:], strict=True):
        assert (got is None and want is None) or torch.equal(got, want)


@pytest.mark.parametrize("flags", FLAGS, ids=str)
def test_state_dict_goes_either_way(flags: dict[str, Any]) -> None:
    ours, theirs = pair(**flags)
    assert [name for name, _ in ours.named_parameters()] == [name for name, _ in theirs.named_parameters()]
    ours.reset_parameters()
    theirs.load_state_dict(ours.state_dict())
    given = normal(6, 4, 3)
    torch.testing.assert_close(theirs(given)[0], ours(given)[0], **CLOSE)


def test_same_seed_draws_the_same_weights() -> None:
    torch.manual_seed(7)
    ours = LSTM(3, 5, num_layers=2, bidirectional=True, peephole="none")
    torch.manual_seed(7)
    theirs = nn.LSTM(3, 5, num_layers=2, bidirectional=True)
    for (name, got), want in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        assert torch.equal(got, want), name


def test_float32_is_as_close_as_float32_is() -> None:
    torch.manual_seed(0)
    theirs = nn.LSTM(8, 33, num_layers=2, bidirectional=True)
    ours = LSTM(8, 33, num_layers=2, bidirectional=True, peephole="none")
    ours.load_state_dict(theirs.state_dict())
    given = torch.randn(30, 7, 8)
    torch.testing.assert_close(ours(given)[0], theirs(given)[0], rtol=0, atol=1e-5)
