"""With ``peephole="none"`` the module is ``torch.nn.LSTM``: names, weights, outputs, states and gradients."""

import os
from itertools import product
from pathlib import Path
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
FLAGS += [{**flags, "proj_size": 2} for flags in FLAGS if flags["bias"] == flags["batch_first"]]
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
        given, state = normal(6, 3), (layers,)
    else:
        given = normal(batch, 6, 3) if flags["batch_first"] else normal(6, batch, 3)
        state = (layers, batch)
    hx = normal(*state, flags.get("proj_size", 5)), normal(*state, 5)
    assert_alike(ours, theirs, given, hx if with_states else None)


@pytest.mark.parametrize("lengths", [[6, 4, 4, 1], [1, 4, 6, 4]], ids=["sorted", "unsorted"])
@pytest.mark.parametrize("flags", [FLAGS[0], FLAGS[15], FLAGS[-1]], ids=str)
def test_packed(flags: dict[str, Any], lengths: list[int]) -> None:
    ours, theirs = pair(**flags)
    in_order = lengths == sorted(lengths, reverse=True)
    packed = pack_padded_sequence(normal(4, 6, 3), lengths, batch_first=True, enforce_sorted=in_order)
    state = (len(theirs.all_weights), 4)
    hx = normal(*state, flags.get("proj_size", 5)), normal(*state, 5)
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


X, H, C = normal(6, 4, 3), normal(1, 4, 5), normal(1, 4, 5)


@pytest.mark.parametrize(
    ("given", "hx"),
    [
        (X[..., :2], None),
        (X[None], None),
        (X[0, 0], None),
        (X.float(), None),
        (X.half(), None),
        (X, (H[:, :3], C)),
        (X, (H, C[..., :4])),
        (X, (H[0], C)),
        (X, (H[0], C[0])),
        (X, (H[:, :, None], C)),
        (X[:, 0], (H, C)),
        (X[:, 0], (H[:, 0, :3], C[:, 0])),
    ],
)
def test_refuses_in_the_same_words(given: Any, hx: Any) -> None:
    ours, theirs = pair()
    with pytest.raises((ValueError, RuntimeError)) as wanted:
        theirs(given, hx)
    with pytest.raises(type(wanted.value)) as got:
        ours(given, hx)
    assert str(got.value) == str(wanted.value)


@pytest.mark.parametrize(
    "options",
    [
        {"input_size": 0}, {"input_size": 2.0}, {"hidden_size": 0}, {"hidden_size": "4"}, {"num_layers": 0},
        {"dropout": 1.5}, {"dropout": True}, {"bias": 1}, {"batch_first": None}, {"proj_size": -1}, {"proj_size": 5},
    ],
    ids=str,
)  # fmt: skip
def test_refuses_options_in_the_same_words(options: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError)) as wanted:
        nn.LSTM(**{"input_size": 3, "hidden_size": 5, **options})
    with pytest.raises(type(wanted.value)) as got:
        LSTM(**{"input_size": 3, "hidden_size": 5, "peephole": "none", **options})
    assert str(got.value) == str(wanted.value)


def test_weights_without_peepholes_are_refused_with_the_remedy() -> None:
    with pytest.raises(RuntimeError, match=r"(?s)Missing key.*weight_peephole_l0.*with peephole='none'"):
        LSTM(3, 5).load_state_dict(nn.LSTM(3, 5).state_dict())
    model = nn.ModuleDict({"encoder": LSTM(3, 5)})
    with pytest.raises(RuntimeError, match=r"encoder.weight_peephole_l0 .*with peephole='none'"):
        model.load_state_dict({f"encoder.{n}": p for n, p in nn.LSTM(3, 5).state_dict().items()})


def test_attributes_are_those_of_the_original() -> None:
    ours, theirs = pair(num_layers=2, bidirectional=True, batch_first=True, dropout=0.1, proj_size=2)
    names = [name for name in vars(theirs) if not name.startswith("_")]
    assert {name: getattr(ours, name) for name in names} == {name: getattr(theirs, name) for name in names}
    for got, want in zip(ours.all_weights, theirs.all_weights, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(got, want, strict=True))
    ours.flatten_parameters()


def test_memory_does_not_grow_with_the_number_of_shapes() -> None:
    """Over 2,000 passes of ever new shapes, forward and backward."""
    layer = LSTM(3, 8)

    def resident() -> int:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def passes(first: int, count: int) -> None:
        for k in range(first, first + count):
            layer(torch.zeros(1 + k % 47, 1 + k % 53, 3))[0].sum().backward()

    passes(0, 500)
    before = resident()
    passes(500, 2000)
    assert resident() - before < 8 << 20
