"""One layer of a module in one direction, from rows to rows: projection, decay and dropout around the cell."""

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional

from memcell.contract import InputError
from memcell.torch.carries import Carries
from memcell.torch.functional import lstm
from memcell.torch.layouts import Layout

if TYPE_CHECKING:
    from memcell.torch.module import LSTM

__all__ = ["run_direction"]


def run_direction(
    module: "LSTM",
    rows: Tensor,
    layout: Layout,
    carries: Carries | None,
    layer: int,
    reverse: bool,
    state: tuple[Tensor, Tensor] | None,
    *,
    with_cells: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """h [N, R] and c [N, H] at every row, and h [B, R] and c [B, H] after each sequence.

    A projection runs as the one matrix W_hh W_hr; what it cannot say of h0, which is no output of the layer, enters
    with x at the first step of each sequence.

    Args:
        rows: [N, I], in the dtype that is computed in.
        state: h0 [B, R] and c0 [B, H]; zeros if None.
        with_cells: whether c is wanted; without, it may come with no rows.

    Raises:
        InputError: a carry of h with a number a unit, in a module with a projection.
    """
    dtype, suffix = rows.dtype, f"_l{layer}{'_reverse' if reverse else ''}"
    weights = module.layer_weights(layer, reverse, dropped=module.training)
    if weights[0].dtype != dtype:
        weights = tuple(None if w is None else w.to(dtype) for w in weights)
    w_x, w_h, bias, peephole = weights
    assert w_x is not None
    assert w_h is not None
    rate = functional.softplus(getattr(module, "gap_rate" + suffix).to(dtype)) if module.gap_rates else None
    mask = None
    if module.recurrent_dropout and module.training:
        ones = rows.new_ones((layout.batch_size, module.hidden_size))
        mask = layout.of_sequences(functional.dropout(ones, module.recurrent_dropout))
    carry_h, carry_c = (mask, None) if carries is None else carries.entering(int(reverse), rate, mask)
    zeros = rows.new_zeros((layout.batch_size, module.hidden_size))
    h0, c0 = (zeros, zeros) if state is None else state
    w_hr = None
    if module.proj_size:
        if carry_h is not None and carry_h.shape[1] != 1:
            raise InputError("`carry_h` has H features; with a projection it must be one number a step.")
        w_hr = getattr(module, "weight_hr" + suffix).to(dtype)
        if state is not None and rows.shape[0]:
            rows = torch.cat([rows, _at_first_steps(h0, rows.shape[0], layout, carry_h, reverse)], dim=1)
            w_x = torch.cat([w_x, w_h], dim=1)
        h0, w_h = zeros, w_h @ w_hr
    packed: Any = (w_x, w_h, bias, peephole)
    h, c, h_final, c_final = lstm(
        module.spec, rows, packed, h0, c0, layout.sequences, carry_h=carry_h, carry_c=carry_c, reverse=reverse,
        with_cells=with_cells, **_without_kernel(module, rows, suffix),
    )  # fmt: skip
    if w_hr is not None:
        h, h_final = h @ w_hr.T, h_final @ w_hr.T
        if (inside := layout.inside()) is not None:
            h = torch.where(inside, h, torch.zeros_like(h))  # or gradients past a length would reach w_hr
        if state is not None:
            h_final = torch.where(layout.sequences[:, 1:2] == 0, state[0], h_final)
    return h, c, h_final, c_final


def _at_first_steps(h0: Tensor, count: int, layout: Layout, carry_h: Tensor | None, reverse: bool) -> Tensor:
    """[N, R]: a h0 at the first row of each sequence in processing order, 0 elsewhere."""
    first, length, stride = layout.sequences.unbind(1)
    at = first + (length - 1) * stride if reverse else first
    factor = 1 if carry_h is None else carry_h[at.clamp(0, count - 1)]
    rows = h0.new_zeros((count + 1, h0.shape[1]))  # the last: of sequences without rows
    return rows.index_copy(0, torch.where(length > 0, at, count), h0 * factor)[:-1]


def _without_kernel(module: "LSTM", rows: Tensor, suffix: str) -> dict[str, Any]:
    """What only the loop over time reads; masks of zoneout while training."""
    if not module.fallback:
        return {}
    found: dict[str, Any] = {"fallback": True}
    if module.spec.layer_norm:
        found["norm"] = getattr(module, "layer_norm" + suffix).to(rows.dtype)
    for name, probability in (("keep_h", module.spec.zoneout_h), ("keep_c", module.spec.zoneout_c)):
        if probability and module.training:
            found[name] = rows.new_empty((rows.shape[0], module.hidden_size)).bernoulli_(probability)
    return found
