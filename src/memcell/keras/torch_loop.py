"""All steps of a Keras layer at once on the torch backend."""

from typing import Any

from keras import ops
from torch import Tensor

from memcell.torch import lstm
from memcell.torch.layouts import rows_of

__all__ = ["run"]


def run(cell: Any, sequences: Tensor, initial_state: list[Tensor], go_backwards: bool) -> Any:
    """Last output [B, H], outputs [B, T, H] in processing order and states of ``LSTMCell`` over [B, T, I]."""
    weight = {name: _value(getattr(cell, name)) for name in ("kernel", "recurrent_kernel", "bias", "peephole_kernel")}
    w_x, w_h, peephole = weight["kernel"].T, weight["recurrent_kernel"].T, weight["peephole_kernel"]
    bias = w_x.new_zeros(len(w_x)) if weight["bias"] is None else weight["bias"]
    if cell.spec.peephole == "full":
        peephole = peephole.T
    rows, layout = rows_of(sequences, batch_first=True)
    h0, c0 = initial_state
    h, _, h_final, c_final = lstm(
        cell.spec, rows, (w_x, w_h, bias, peephole), h0, c0, layout.sequences, reverse=go_backwards
    )
    outputs = layout.restore(h)
    return h_final, outputs.flip(1) if go_backwards else outputs, [h_final, c_final]


def _value(weight: Any) -> Any:
    return None if weight is None else ops.convert_to_tensor(weight)
