"""`memcell.torch.LSTM`: parameters, options, and sequences in every form it takes."""

import copy
import io
import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_sequence

from memcell import InputError
from memcell.torch import LSTM

LENGTHS = [3, 0, 5, 1]


def module(**options: Any) -> LSTM:
    torch.manual_seed(0)
    return LSTM(3, 4, **{"dtype": torch.float64, **options})


def sequences_of(lengths: list[int]) -> list[Tensor]:
    torch.manual_seed(1)
    return [torch.randn(length, 3, dtype=torch.float64) for length in lengths]


def padded(sequences: list[Tensor], filler: float = 0.0) -> Tensor:
    """[B, T, 3], with ``filler`` past each end."""
    return nn.utils.rnn.pad_sequence(sequences, batch_first=True, padding_value=filler)


@pytest.mark.parametrize(("peephole", "shape"), [("full", (12, 4)), ("diagonal", (3, 4))])
def test_peephole_parameters(peephole: str, shape: tuple[int, ...]) -> None:
    layer = module(num_layers=2, bidirectional=True, peephole=peephole)
    plain = nn.LSTM(3, 4, num_layers=2, bidirectional=True)
    shapes = {name: tuple(p.shape) for name, p in layer.named_parameters()}
    suffixes = ["l0", "l0_reverse", "l1", "l1_reverse"]
    extra = {f"weight_peephole_{suffix}": shape for suffix in suffixes}
    assert shapes == {name: tuple(p.shape) for name, p in plain.named_parameters()} | extra


def test_coupled_parameters_have_three_blocks() -> None:
    shapes = {name: tuple(p.shape) for name, p in module(coupled=True).named_parameters()}
    assert shapes == {
        "weight_ih_l0": (12, 3), "weight_hh_l0": (12, 4), "bias_ih_l0": (12,), "bias_hh_l0": (12,),
        "weight_peephole_l0": (8, 4),
    }  # fmt: skip


def test_parameters_start_uniform_up_to_the_bound() -> None:
    layer = LSTM(100, 64)
    bound = 1 / math.sqrt(64)
    for name, parameter in layer.named_parameters():
        assert parameter.abs().max() <= bound, name
        assert parameter.abs().max() > 0.95 * bound, name
        assert abs(parameter.mean()) < 0.15 * bound, name
    before = layer.weight_peephole_l0.detach().clone()
    layer.reset_parameters()
    assert not torch.equal(before, layer.weight_peephole_l0)


def test_peephole_weights_reach_the_gates_they_name() -> None:
    """Rows i, f, o: with one huge weight in a block, that gate alone opens or shuts."""
    layer = LSTM(1, 1, peephole="diagonal", dtype=torch.float64)
    c0 = torch.ones(1, 1, dtype=torch.float64)
    cells, outputs = [], []
    for gate in range(3):
        with torch.no_grad():
            for parameter in layer.parameters():
                parameter.zero_()
            layer.bias_ih_l0[2] = 1.0  # g, or the input gate would open on nothing
            layer.weight_peephole_l0[gate] = -1000.0
        _, (h, c) = layer(torch.zeros(1, 1, dtype=torch.float64), (torch.zeros_like(c0), c0))
        cells.append(c.item()), outputs.append(h.item())
    half_g = 0.5 * math.tanh(1.0)
    assert cells == pytest.approx([0.5, half_g, 0.5 + half_g])
    assert outputs == pytest.approx([0.5 * math.tanh(0.5), 0.5 * math.tanh(half_g), 0.0])


@pytest.mark.parametrize("options", [{}, {"bidirectional": True, "num_layers": 2}, {"output_peek": "current"}], ids=str)
def test_every_form_of_a_batch_gives_what_its_sequences_give(options: dict[str, Any]) -> None:
    layer = module(batch_first=True, **options)
    sequences = sequences_of(LENGTHS)
    alone = [layer(sequence) for sequence in sequences]
    output, (h, c) = layer(padded(sequences, float("nan")), lengths=LENGTHS)
    for b, (own, (own_h, own_c)) in enumerate(alone):
        assert torch.equal(output[b, : LENGTHS[b]], own)
        assert not output[b, LENGTHS[b] :].any()
        assert torch.equal(h[:, b], own_h)
        assert torch.equal(c[:, b], own_c)

    nested = torch.nested.nested_tensor(sequences, layout=torch.jagged)
    nested_output, (nested_h, _) = layer(nested)
    assert nested_output.is_nested
    assert torch.equal(nested_output.values(), torch.cat([own for own, _ in alone]))
    assert torch.equal(nested_h, h)

    time_major = module(**options)
    swapped, (swapped_h, _) = time_major(padded(sequences).transpose(0, 1), lengths=torch.tensor(LENGTHS))
    assert torch.equal(swapped.transpose(0, 1), output)
    assert torch.equal(swapped_h, h)

    present = [b for b, length in enumerate(LENGTHS) if length]
    packed, (packed_h, _) = layer(pack_sequence([sequences[b] for b in present], enforce_sorted=False))
    assert isinstance(packed, PackedSequence)
    for own, b in zip(nn.utils.rnn.unpack_sequence(packed), present, strict=True):
        assert torch.equal(own, alone[b][0])
    assert torch.equal(packed_h, h[:, present])


def test_gradients_past_a_length_are_ignored() -> None:
    layer = module(batch_first=True)
    batch = padded(sequences_of(LENGTHS)).requires_grad_()
    output, _ = layer(batch, lengths=LENGTHS)
    output.sum().backward()
    assert batch.grad is not None
    for b, length in enumerate(LENGTHS):
        assert not batch.grad[b, length:].any()
        assert batch.grad[b, :length].all()


def test_length_zero_returns_the_initial_state() -> None:
    layer = module(bidirectional=True, batch_first=True)
    h0, c0 = torch.randn(2, 2, 4, dtype=torch.float64), torch.randn(2, 2, 4, dtype=torch.float64)
    _, (h, c) = layer(torch.zeros(2, 5, 3, dtype=torch.float64), (h0, c0), lengths=[0, 0])
    assert torch.equal(h, h0)
    assert torch.equal(c, c0)


def test_dropout_works_between_layers_while_training() -> None:
    x = torch.randn(5, 2, 3, dtype=torch.float64)
    layer = module(num_layers=2, dropout=0.5)
    plain = module(num_layers=2)
    assert not torch.equal(layer(x)[0], layer(x)[0])
    assert not torch.equal(layer(x)[0], plain(x)[0])
    assert torch.equal(layer.eval()(x)[0], plain(x)[0])
    single = module(dropout=0.5)
    assert torch.equal(single(x)[0], single(x)[0])


def test_copies_and_saved_modules_give_the_same() -> None:
    layer = module(num_layers=2, peephole="diagonal", output_peek="current")
    x = torch.randn(5, 2, 3, dtype=torch.float64)
    stream = io.BytesIO()
    torch.save(layer, stream)
    stream.seek(0)
    for other in (copy.deepcopy(layer), torch.load(stream, weights_only=False)):
        assert other.spec == layer.spec
        assert torch.equal(other(x)[0], layer(x)[0])
        with torch.no_grad():
            other.weight_ih_l0.zero_()
        assert not torch.equal(other(x)[0], layer(x)[0])


def test_repr_names_the_options() -> None:
    assert "3, 4, num_layers=2, peephole='diagonal', output_peek='current'" in repr(
        module(num_layers=2, peephole="diagonal", output_peek="current")
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"peephole": "some"}, "`peephole` is 'some'; it must be one of"),
        ({"output_peek": "next"}, "`output_peek` is 'next'; it must be one of"),
        ({"cell_clip": -1}, "`cell_clip` is -1; it must be a positive number"),
        ({"heads": 3}, "`heads` is 3; it must divide hidden_size, 4"),
        ({"recurrent_dropout": 1.0}, "`recurrent_dropout` is 1.0; it must be a probability"),
        ({"time_scale": 0}, "`time_scale` is 0; it must be more than 1 step"),
        ({"time_scale": 9.0, "bias": False}, "in a module with bias=True"),
        ({"proj_size": 2, "heads": 2}, "`proj_size` goes neither with `heads`"),
    ],
)
def test_options_are_checked(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        LSTM(**{"input_size": 3, "hidden_size": 4, **options})


ZEROS = torch.zeros(5, 2, 3, dtype=torch.float64)
STATE = torch.zeros(1, 2, 4, dtype=torch.float64)


@pytest.mark.parametrize(
    ("given", "hx", "lengths", "message"),
    [
        (ZEROS.numpy(), None, None, "is a ndarray; it must be a tensor"),
        (ZEROS, None, [5], "`lengths` must be 2 whole numbers from 0 to 5"),
        (ZEROS, None, [6, 1], "`lengths` must be 2 whole numbers from 0 to 5; .* from 1 to 6"),
        (ZEROS, None, [-1, 1], "`lengths` must be 2 whole numbers from 0 to 5; .* from -1 to 1"),
        (ZEROS[:, 0], None, [5], "`lengths` was given with an input of two dimensions"),
        (pack_sequence([ZEROS[:, 0]]), None, [5], "`lengths` was given beside an input that carries its own"),
    ],
)
def test_calls_are_checked(given: Any, hx: Any, lengths: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        module()(given, hx, lengths=lengths)


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
def test_nested_tensor_must_be_jagged() -> None:
    strided = torch.nested.nested_tensor([ZEROS[:, 0]], layout=torch.strided)
    with pytest.raises(InputError, match="not jagged"):
        module()(strided)
