"""``memcell.torch.LSTMCell``: one step of ``memcell.torch.LSTM``."""

from typing import Any

import torch
from torch import Tensor, nn

from memcell.contract import LstmSpec
from memcell.torch.checks import check_together, computed_in
from memcell.torch.functional import lstm

__all__ = ["LSTMCell"]


class LSTMCell(nn.RNNCellBase):
    """One step of an LSTM whose gates see the cell; with ``peephole="none"`` it is ``torch.nn.LSTMCell``.

    Args:
        input_size: I, features of the input.
        hidden_size: H, units of the output and the cell.
        bias: whether there are ``bias_ih`` and ``bias_hh``, which add up.
        device, dtype: of the parameters.
        peephole, output_peek, cell_clip: the cell, see ``memcell.LstmSpec``.

    Attributes:
        weight_ih: [4*H, I], rows in the order i, f, g, o; weight_hh: [4*H, H]; bias_ih, bias_hh: [4*H].
        weight_peephole: [3*H, H] full or [3, H] diagonal; rows in the order i, f, o.

    Raises:
        InputError: an option that does not fit.

    Example:
        >>> h, c = LSTMCell(3, 5)(torch.zeros(2, 3))
        >>> h.shape
        torch.Size([2, 5])
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        peephole: str = "full",
        output_peek: str = "previous",
        cell_clip: float | None = None,
    ) -> None:
        spec = LstmSpec(peephole, output_peek, cell_clip=cell_clip)  # type: ignore[arg-type]
        super().__init__(input_size, hidden_size, bias, num_chunks=4, device=device, dtype=dtype)
        self.spec = spec
        shape = spec.weight_shapes(input_size, hidden_size).get("peephole")
        self.weight_peephole = None if shape is None else nn.Parameter(self.weight_ih.new_empty(shape))
        if self.weight_peephole is not None:
            nn.init.uniform_(self.weight_peephole, -(hidden_size**-0.5), hidden_size**-0.5)

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        """The states (h, c) after one step, [B, H] each ([H] for an input [I]).

        Args:
            input: [B, I] or [I].
            hx: the states before, of the same form; zeros if None.

        Raises:
            ValueError: a number of dimensions that does not fit, in the words of ``nn.LSTMCell``.
            RuntimeError: a size that does not fit.
        """
        if input.dim() not in (1, 2):
            raise ValueError(f"LSTMCell: Expected input to be 1D or 2D, got {input.dim()}D instead")
        for k, state in enumerate(hx or ()):
            if state.dim() not in (1, 2):
                raise ValueError(f"LSTMCell: Expected hx[{k}] to be 1D or 2D, got {state.dim()}D instead")
        one = input.dim() == 1
        x = input[None] if one else input
        if x.shape[1] != self.input_size:
            raise RuntimeError(f"input has inconsistent input_size: got {x.shape[1]} expected {self.input_size}")
        batch = x.shape[0]  # not len, of which a trace makes a constant
        zeros = x.new_zeros((batch, self.hidden_size))
        h, c = (zeros, zeros) if hx is None else (state[None] if one else state for state in hx)
        for k, state in enumerate((h, c)):
            if state.shape[0] != batch:
                raise RuntimeError(f"Input batch size {batch} doesn't match hidden{k} batch size {state.shape[0]}")
            if state.shape[1] != self.hidden_size:
                raise RuntimeError(
                    f"hidden{k} has inconsistent hidden_size: got {state.shape[1]}, expected {self.hidden_size}"
                )
        check_together(x, self.weight_ih, (h, c))
        if x.dtype != self.weight_ih.dtype and not torch.is_autocast_enabled(x.device.type):
            raise RuntimeError(
                f"The input is {x.dtype} and the parameters are {self.weight_ih.dtype}; make them the same."
            )
        given, dtype = x.dtype, computed_in(self.weight_ih.dtype)
        parameters = (self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh, self.weight_peephole)
        w_x, w_h, b_x, b_h, peephole = (None if p is None else p.to(dtype) for p in parameters)
        x, h, c = x.to(dtype), h.to(dtype), c.to(dtype)
        bias = x.new_zeros(4 * self.hidden_size) if b_x is None or b_h is None else b_x + b_h
        at = torch.arange(batch, device=x.device)
        sequences = torch.stack([at, torch.ones_like(at), torch.ones_like(at)], dim=1)
        weights: Any = (w_x, w_h, bias, peephole)
        _, _, h, c = lstm(self.spec, x, weights, h, c, sequences, with_cells=False)
        h, c = h.to(given), c.to(given)
        return (h[0], c[0]) if one else (h, c)

    def extra_repr(self) -> str:
        shown = f"{super().extra_repr()}, peephole={self.spec.peephole!r}, output_peek={self.spec.output_peek!r}"
        return shown if self.spec.cell_clip is None else f"{shown}, cell_clip={self.spec.cell_clip}"
