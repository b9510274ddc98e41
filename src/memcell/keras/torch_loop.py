"""All steps of a Keras layer at once on the torch backend."""

from typing import Any

import torch
from keras import ops
from torch import Tensor

from memcell.torch import lstm
from memcell.torch.checks import computed_in
from memcell.torch.layouts import rows_of, sequences_of

__all__ = ["is_exporting", "run", "unrolled"]


def is_exporting() -> bool:
    """Whether ``torch.export`` or the exporter of ``torch.onnx`` is tracing."""
    if torch.compiler.is_compiling():
        return getattr(torch.compiler, "is_exporting", bool)()
    return torch._C._get_tracing_state() is not None and torch.onnx.is_in_onnx_export()


def run(
    cell: Any,
    sequences: Tensor,
    initial_state: list[Tensor],
    *,
    go_backwards: bool = False,
    mask: Tensor | None = None,
    zero_output_for_mask: bool = False,
    recurrent_mask: Tensor | None = None,
) -> Any:
    """Last output [B, H], outputs [B, T, H] in processing order and states of ``LSTMCell`` over [B, T, I].

    Args:
        mask: bool [B, T]; a step where it is False leaves the states alone and repeats the output before it (0 before
            the first), or gives 0 with ``zero_output_for_mask``.
        recurrent_mask: [B, H], factors of h before each step.
    """
    computed, given = computed_in(sequences.dtype), sequences.dtype
    weights = _weights(cell, computed)
    h0, c0 = (state.to(computed).expand(len(sequences), -1) for state in initial_state)
    x = sequences.to(computed)
    if mask is None:
        rows, layout = rows_of(x, batch_first=True)
        carry_h = None if recurrent_mask is None else layout.of_sequences(recurrent_mask.to(computed))
        h, _, h_final, c_final = lstm(
            cell.spec, rows, weights, h0, c0, layout.sequences, carry_h=carry_h, reverse=go_backwards, with_cells=False
        )
        outputs = layout.restore(h)
        outputs = outputs.flip(1) if go_backwards else outputs
        return h_final.to(given), outputs.to(given), [h_final.to(given), c_final.to(given)]
    if go_backwards:
        x, mask = x.flip(1), mask.flip(1)
    count = mask.cumsum(1)  # [B, T]: steps taken
    taken = count[:, -1] if mask.shape[1] else count.sum(1)
    starts = torch.cat([taken.new_zeros(1), taken.cumsum(0)])
    rows = x[mask]
    carry_h = None if recurrent_mask is None else recurrent_mask.to(computed).repeat_interleave(taken, dim=0)
    h, _, h_final, c_final = lstm(
        cell.spec, rows, weights, h0, c0, sequences_of(starts, len(rows)), carry_h=carry_h, with_cells=False
    )
    # Row 0 of what is gathered from stands for "no step yet".
    shown = torch.cat([h.new_zeros(1, h.shape[1]), h])
    place = torch.where(count > 0, starts[:-1, None] + count, 0)
    if zero_output_for_mask:
        place = torch.where(mask, place, 0)
    outputs = shown[place].to(given)
    return outputs[:, -1], outputs, [h_final.to(given), c_final.to(given)]


def unrolled(cell: Any, sequences: Tensor, state: Any, *, go_backwards: bool = False, training: bool = False) -> Any:
    """As ``run`` without a mask, a step at a time in operations of Keras."""
    steps = sequences.unbind(1)
    outputs: list[Tensor] = []
    for x in reversed(steps) if go_backwards else steps:
        h, state = cell(x, state, training=training)
        outputs.append(h)
    return outputs[-1], torch.stack(outputs, dim=1), state


_tensor: Any = ops.convert_to_tensor  # Keras annotates its results as if they could be None


def _weights(cell: Any, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    variables: Any = (cell.kernel, cell.recurrent_kernel, cell.bias, cell.peephole_kernel)
    values: Any = (None if variable is None else _tensor(variable).to(dtype) for variable in variables)
    kernel, recurrent_kernel, bias, peephole = values
    w_x, w_h = kernel.T, recurrent_kernel.T
    if cell.spec.peephole == "full":
        peephole = peephole.T
    return w_x, w_h, w_x.new_zeros(len(w_x)) if bias is None else bias, peephole
