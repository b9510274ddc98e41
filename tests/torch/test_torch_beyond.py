"""What `memcell.torch.LSTM` has and `nn.LSTM` has not: resets, gaps, carries, cells, heads, dropouts, first values."""

import math
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pack_sequence

from memcell import InputError
from memcell.torch import LSTM

BATCH, STEPS, INPUTS, UNITS = 3, 7, 2, 4
LENGTHS = [7, 0, 4]
DIRECTIONS = pytest.mark.parametrize("both", [False, True], ids=["forward", "both ways"])
ORDERS = pytest.mark.parametrize("batch_first", [False, True])


def module(**options: Any) -> LSTM:
    torch.manual_seed(0)
    return LSTM(INPUTS, UNITS, **{"dtype": torch.float64, "batch_first": True, **options})


def normal(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(sum(shape)))


def swapped(values: Tensor, batch_first: bool) -> Tensor:
    return values if batch_first else values.transpose(0, 1)


RESETS = torch.zeros(BATCH, STEPS, dtype=torch.bool)
RESETS[0, 3] = RESETS[0, 5] = RESETS[1, 0] = RESETS[2, 2] = RESETS[2, 4] = RESETS[2, 6] = True


def episodes(resets: Tensor, length: int) -> list[slice]:
    starts = [0, *[t for t in range(1, length) if resets[t]], length]
    return [slice(a, b) for a, b in pairwise(starts) if b > a]


@ORDERS
@DIRECTIONS
@pytest.mark.parametrize("lengths", [None, LENGTHS])
def test_resets_are_episodes_of_their_own(batch_first: bool, both: bool, lengths: list[int] | None) -> None:
    layer = module(bidirectional=both, batch_first=batch_first)
    x, state = normal(BATCH, STEPS, INPUTS), (normal(1 + both, BATCH, UNITS), normal(1 + both, BATCH, UNITS))
    output, (h, _) = layer(swapped(x, batch_first), state, lengths=lengths, resets=swapped(RESETS, batch_first))
    output = swapped(output, batch_first)
    for b in range(BATCH):
        length = STEPS if lengths is None else lengths[b]
        cut = episodes(RESETS[b], length)
        for k, episode in enumerate(cut):
            start = [s[:, b : b + 1].clone() for s in state]
            for s in start:
                if k > 0 or RESETS[b, 0]:
                    s[0] = 0  # only the first episode goes on from the forward state
                if both and k < len(cut) - 1:
                    s[1] = 0
            own = module(bidirectional=both)(x[b : b + 1, episode], tuple(start))[0]
            torch.testing.assert_close(output[b, episode], own[0], rtol=0, atol=1e-12)
        if length == 0:
            assert torch.equal(h[:, b], state[0][:, b])


@DIRECTIONS
def test_no_gradient_crosses_a_reset(both: bool) -> None:
    layer = module(bidirectional=both)
    x = normal(BATCH, STEPS, INPUTS).requires_grad_()
    layer(x, resets=RESETS)[0][0, 3:5].sum().backward()
    assert x.grad is not None
    assert x.grad[0, 3:5].all()
    assert not x.grad[0, :3].any()
    assert not x.grad[0, 5:].any()


@DIRECTIONS
def test_gaps_decay_the_cell_either_way(both: bool) -> None:
    """The same as carries worked out by hand, one direction after the other."""
    layer = module(bidirectional=both, gap_rates=True)
    x, gaps = normal(BATCH, STEPS, INPUTS), 10 * normal(BATCH, STEPS).abs()
    output, (_, c) = layer(x, gaps=gaps, lengths=LENGTHS)
    for d in range(1 + both):
        suffix = "_l0_reverse" if d else "_l0"
        one = module()
        one.load_state_dict({n.removesuffix("_reverse"): p for n, p in layer.state_dict().items()
                             if n.endswith(suffix) and not n.startswith("gap")})  # fmt: skip
        rate = functional.softplus(getattr(layer, "gap_rate" + suffix))
        for b, length in enumerate(LENGTHS):
            own, own_gaps = x[b : b + 1, :length], gaps[b : b + 1, :length]
            if d:
                own = own.flip(1)
                own_gaps = torch.cat([torch.zeros(1, 1), own_gaps.flip(1)], dim=1)[:, :length]
            want, (_, want_c) = one(own, carry_c=torch.exp(-rate * own_gaps[..., None]))
            got = output[b : b + 1, :length, d * UNITS : (d + 1) * UNITS]
            torch.testing.assert_close(got.flip(1) if d else got, want, rtol=0, atol=1e-12)
            torch.testing.assert_close(c[d, b], want_c[0, 0], rtol=0, atol=1e-12)


def test_rates_learn() -> None:
    layer = module(gap_rates=True)
    layer(normal(BATCH, STEPS, INPUTS), gaps=torch.ones(BATCH, STEPS))[0].sum().backward()
    assert layer.gap_rate_l0.grad is not None
    assert layer.gap_rate_l0.grad.all()


@ORDERS
@pytest.mark.parametrize("width", [None, 1, UNITS])
def test_carries_multiply_what_enters(batch_first: bool, width: int | None) -> None:
    layer = module(bidirectional=True, num_layers=2, batch_first=batch_first)
    shape = (BATCH, STEPS) if width is None else (BATCH, STEPS, width)
    x, carry_h, carry_c = normal(BATCH, STEPS, INPUTS), normal(*shape).abs(), normal(*shape).square()
    output, (h, c) = layer(
        swapped(x, batch_first), carry_h=swapped(carry_h, batch_first), carry_c=swapped(carry_c, batch_first)
    )
    rows = x
    finals: list[tuple[Tensor, Tensor]] = []
    for k in range(2):
        outputs: list[Tensor] = []
        for reverse in (False, True):
            cell = _cell_of(layer, k, reverse)
            state = torch.zeros(BATCH, UNITS, dtype=torch.float64), torch.zeros(BATCH, UNITS, dtype=torch.float64)
            by_step: dict[int, Tensor] = {}
            for t in reversed(range(STEPS)) if reverse else range(STEPS):
                a_h, a_c = (a[:, t, None] if width is None else a[:, t] for a in (carry_h, carry_c))
                state = cell(rows[:, t], (a_h * state[0], a_c * state[1]))
                by_step[t] = state[0]
            outputs.append(torch.stack([by_step[t] for t in range(STEPS)], dim=1))
            finals.append(state)
        rows = torch.cat(outputs, dim=2)
    torch.testing.assert_close(swapped(output, batch_first), rows, rtol=0, atol=1e-12)
    torch.testing.assert_close(h, torch.stack([f[0] for f in finals]), rtol=0, atol=1e-12)
    torch.testing.assert_close(c, torch.stack([f[1] for f in finals]), rtol=0, atol=1e-12)


def _cell_of(layer: LSTM, k: int, reverse: bool) -> Any:
    from memcell.torch import LSTMCell

    suffix = f"_l{k}{'_reverse' if reverse else ''}"
    weights = {n.removesuffix(suffix): p for n, p in layer.state_dict().items() if n.endswith(suffix)}
    cell = LSTMCell(weights["weight_ih"].shape[1], UNITS, dtype=torch.float64)
    cell.load_state_dict(weights)
    return cell


@DIRECTIONS
def test_cells_of_every_step(both: bool) -> None:
    layer = module(bidirectional=both, num_layers=2)
    x = normal(BATCH, STEPS, INPUTS)
    output, _, cells = layer(x, lengths=LENGTHS, return_cells=True)
    assert cells.shape == output.shape
    for b, length in enumerate(LENGTHS):
        assert not cells[b, length:].any()
        for t in range(1, length + 1):
            partial = layer(x[b : b + 1, :t])[1][1]
            if not both:
                torch.testing.assert_close(cells[b, t - 1], partial[1, 0], rtol=0, atol=1e-12)
    present = [b for b, length in enumerate(LENGTHS) if length]
    *_, packed = layer(pack_sequence([x[b, : LENGTHS[b]] for b in present]), return_cells=True)
    for own, b in zip(nn.utils.rnn.unpack_sequence(packed), present, strict=True):
        torch.testing.assert_close(own, cells[b, : LENGTHS[b]], rtol=0, atol=1e-12)
    x.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: layer(x, lengths=LENGTHS, return_cells=True)[2], [x], fast_mode=True)


def test_heads_see_their_own_units_only() -> None:
    layer = module(heads=2, peephole="none")
    assert layer.weight_hh_l0.shape == (4 * UNITS, UNITS // 2)
    plain = module(peephole="none")
    state = layer.state_dict()
    whole = torch.zeros(4 * UNITS, UNITS, dtype=torch.float64)
    for gate in range(4):
        for head in range(2):
            rows, columns = slice(gate * 4 + head * 2, gate * 4 + head * 2 + 2), slice(head * 2, head * 2 + 2)
            whole[rows, columns] = state["weight_hh_l0"][rows]
    plain.load_state_dict(state | {"weight_hh_l0": whole})
    x = normal(BATCH, STEPS, INPUTS)
    torch.testing.assert_close(layer(x)[0], plain(x)[0], rtol=0, atol=1e-12)
    h0 = normal(1, BATCH, UNITS).requires_grad_()
    layer(x, (h0, torch.zeros_like(h0)))[0][..., :2].sum().backward()
    assert h0.grad is not None
    assert h0.grad[..., :2].all()
    assert not h0.grad[..., 2:].any()


@pytest.mark.parametrize("form", ["dense", "time first", "one", "packed", "nested"])
def test_variational_dropout_takes_a_feature_from_all_steps(form: str) -> None:
    layer = module(variational_dropout=0.5, batch_first=form != "time first")
    x = torch.ones(STEPS, INPUTS, dtype=torch.float64).requires_grad_()
    many = [x] * 20
    given: Any = {
        "dense": torch.stack(many), "time first": torch.stack(many, dim=1), "one": x,
        "packed": pack_sequence(many), "nested": torch.nested.nested_tensor(many, layout=torch.jagged),
    }[form]  # fmt: skip
    torch.manual_seed(3)
    seen: list[Tensor] = []
    import memcell.torch.direction as room

    lstm = room.lstm

    def watched(spec: Any, rows: Tensor, *rest: Any, **options: Any) -> Any:
        seen.append(rows.detach())
        return lstm(spec, rows, *rest, **options)

    room.lstm = watched  # type: ignore[assignment]
    try:
        layer(given)
        layer.eval()(given)
    finally:
        room.lstm = lstm
    count = 1 if form == "one" else 20
    by_step = (
        seen[0].view(STEPS, count, 2)
        if form in ("time first", "packed")
        else seen[0].view(count, STEPS, 2).transpose(0, 1)
    )
    assert set(by_step.flatten().tolist()) <= {0.0, 2.0}
    assert (by_step == by_step[0]).all()
    if count > 1:
        assert len({tuple(row) for row in by_step[0].tolist()}) > 1
    assert (seen[1] == 1).all()


def test_recurrent_dropout_is_one_mask_on_h() -> None:
    layer = module(recurrent_dropout=0.4)
    x = normal(BATCH, STEPS, INPUTS)
    torch.manual_seed(5)
    output = layer(x)[0]
    torch.manual_seed(5)
    mask = functional.dropout(torch.ones(BATCH, UNITS, dtype=torch.float64), 0.4)
    torch.testing.assert_close(output, module()(x, carry_h=mask[:, None].expand(-1, STEPS, -1))[0], rtol=0, atol=1e-12)
    torch.testing.assert_close(layer.eval()(x)[0], module()(x)[0], rtol=0, atol=0)


def test_weight_dropout_takes_recurrent_weights() -> None:
    layer, x = module(weight_dropout=0.5), normal(BATCH, STEPS, INPUTS)
    assert not torch.equal(layer(x)[0], layer(x)[0])
    torch.testing.assert_close(layer(x[:, :1])[0], module()(x[:, :1])[0], rtol=0, atol=1e-12)  # nothing recurs yet
    torch.testing.assert_close(layer.eval()(x)[0], module()(x)[0], rtol=0, atol=0)


def test_chrono_initialisation_spans_the_time_scale() -> None:
    torch.manual_seed(0)
    layer = LSTM(2, 1000, time_scale=50.0, gap_rates=True)
    i, f, _, _ = (layer.bias_ih_l0 + layer.bias_hh_l0).view(4, 1000)
    assert 0 <= f.min() < 0.5
    assert math.log(45) < f.max() <= math.log(49)
    torch.testing.assert_close(i, -f)
    memory = 1 / (1 - torch.sigmoid(f))  # time constant of a unit in steps: uniform from 2 to the time scale
    assert 20 < memory.mean() < 32
    half_lives = math.log(2) / functional.softplus(layer.gap_rate_l0)
    torch.testing.assert_close(half_lives[[0, -1]], torch.tensor([50.0, 500.0]), rtol=1e-3, atol=0)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_computed_in_float32(dtype: torch.dtype) -> None:
    layer = module(dtype=torch.float32, num_layers=2)
    x = normal(BATCH, STEPS, INPUTS).float()
    wanted = layer(x)[0]
    low = module(dtype=torch.float32, num_layers=2).to(dtype)
    output, (h, c) = low(x.to(dtype))
    assert (output.dtype, h.dtype, c.dtype) == (dtype, dtype, dtype)
    torch.testing.assert_close(output.float(), wanted, rtol=0, atol=0.02)


def test_autocast_keeps_the_state_in_float32() -> None:
    layer = nn.Sequential(nn.Linear(INPUTS, INPUTS), LSTM(INPUTS, UNITS, batch_first=True))
    x = normal(BATCH, STEPS, INPUTS).float()
    wanted, _ = layer(x)
    with torch.autocast("cpu", torch.bfloat16):
        output, (h, c) = layer(x)
    assert (output.dtype, h.dtype, c.dtype) == (torch.bfloat16, torch.float32, torch.float32)
    torch.testing.assert_close(output.float(), wanted, rtol=0, atol=0.02)
    output.float().sum().backward()
    assert all(p.grad is not None and p.grad.dtype == torch.float32 for p in layer.parameters())


def test_deterministic_algorithms_are_enough() -> None:
    layer = module(bidirectional=True, gap_rates=True)
    x, gaps = normal(BATCH, STEPS, INPUTS), torch.ones(BATCH, STEPS)

    def gradients() -> list[Tensor]:
        layer.zero_grad()
        layer(x, lengths=LENGTHS, gaps=gaps, resets=RESETS)[0].square().sum().backward()
        return [p.grad.clone() for p in layer.parameters() if p.grad is not None]

    torch.use_deterministic_algorithms(True)
    try:
        first, again = gradients(), gradients()
    finally:
        torch.use_deterministic_algorithms(False)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))


def test_nan_in_one_sequence_stays_there() -> None:
    """pytorch/pytorch#177016."""
    layer, x = module(), normal(BATCH, STEPS, INPUTS)
    wanted = layer(x)[0]
    x[1, 2] = float("nan")
    output = layer(x)[0]
    assert output[1, 2:].isnan().all()
    assert torch.equal(output[[0, 2]], wanted[[0, 2]])


def test_layer_norm_and_zoneout_run_where_the_caller_allows_the_loop() -> None:
    with pytest.raises(InputError, match=r"No kernel runs this cell \(layer_norm: .*zoneout: .*With fallback=True"):
        module(layer_norm=True, zoneout_c=0.1)
    layer = module(layer_norm=True, zoneout_h=0.3, zoneout_c=0.5, fallback=True, bidirectional=True)
    assert layer.layer_norm_l0.shape == (6, UNITS)
    assert layer.layer_norm_l0_reverse[:5].eq(1).all()
    assert layer.layer_norm_l0[5].eq(0).all()
    x = normal(BATCH, STEPS, INPUTS)
    assert not torch.equal(layer(x)[0], layer(x)[0])
    layer.eval()
    output, (h, c) = layer(x, lengths=LENGTHS)
    torch.testing.assert_close(layer(x, lengths=LENGTHS)[0], output, rtol=0, atol=0)
    output.square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in layer.parameters())
    assert torch.equal(h[:, 1], torch.zeros_like(h[:, 1]))
    assert c.isfinite().all()


def test_zoneout_keeps_a_share_of_the_units() -> None:
    layer = LSTM(1, 2000, zoneout_c=0.25, fallback=True, peephole="none")
    c0 = torch.full((1, 1, 2000), 7.0)
    _, (_, c) = layer(torch.zeros(1, 1, 1), (torch.zeros_like(c0), c0))
    assert 0.2 < (c == 7.0).float().mean() < 0.3
    _, (_, mean) = layer.eval()(torch.zeros(1, 1, 1), (torch.zeros_like(c0), c0))
    _, (_, new) = _without_zoneout(layer)(torch.zeros(1, 1, 1), (torch.zeros_like(c0), c0))
    torch.testing.assert_close(mean, 0.25 * c0 + 0.75 * new)


def _without_zoneout(layer: LSTM) -> LSTM:
    plain = LSTM(1, 2000, peephole="none")
    plain.load_state_dict(layer.state_dict())
    return plain


ZEROS = torch.zeros(BATCH, STEPS, INPUTS, dtype=torch.float64)


@pytest.mark.parametrize(
    ("given", "options", "message"),
    [
        (ZEROS, {"resets": RESETS.T}, r"`resets` has shape \[7, 3\]; it must be \[3, 7\] or \[3, 7, 1\]"),
        (
            ZEROS,
            {"resets": RESETS.float()},
            r"`resets` is torch.float32; it must be torch.bool. Convert it with .bool\(\)",
        ),
        (ZEROS, {"gaps": torch.ones(BATCH, STEPS)}, "Build it with gap_rates=True"),
        (ZEROS, {"carry_h": torch.ones(BATCH, STEPS, 2)}, r"\[3, 7\] or \[3, 7, 1\] or \[3, 7, 4\]"),
        (ZEROS, {"carry_c": -torch.ones(BATCH, STEPS)}, "`carry_c` must be finite and not negative"),
        (ZEROS, {"carry_c": torch.full((BATCH, STEPS), float("nan"))}, "`carry_c` must be finite"),
        (
            pack_sequence([ZEROS[0]]),
            {"resets": RESETS[:1]},
            "with a packed input.*Give the input dense",
        ),
    ],
)
def test_new_arguments_are_checked(given: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        module()(given, **options)


def test_everything_at_once_compiles_into_one_graph() -> None:
    layer = module(bidirectional=True, num_layers=2, gap_rates=True)
    torch._dynamo.reset()
    given = {
        "lengths": torch.tensor(LENGTHS),
        "resets": RESETS,
        "gaps": normal(BATCH, STEPS).abs(),
    }
    x = normal(BATCH, STEPS, INPUTS)
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    for cells in (False, True):
        got, want = (one(x, **given, return_cells=cells) for one in (compiled, layer))
        torch.testing.assert_close(got, want, rtol=0, atol=1e-12)
