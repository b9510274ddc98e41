"""``memcell.torch.LSTM``: the module of PyTorch with peepholes, over dense and ragged batches."""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from memcell.backends import Step
from memcell.contract import InputError, LstmSpec, LstmWeights
from memcell.torch.functional import LayerWeights, lstm
from memcell.torch.layouts import rows_of

__all__ = ["LSTM"]


class LSTM(nn.Module):
    r"""A multi-layer LSTM whose gates see the cell, named and shaped like ``torch.nn.LSTM``.

    The equations are those of ``memcell.LstmSpec``. With ``peephole="none"`` they are ``torch.nn.LSTM``'s, and
    ``state_dict`` goes either way.

    Args:
        input_size: I, features of a step.
        hidden_size: H, units of the output and the cell.
        num_layers: layers, each reading the output of the one below.
        bias: whether there are ``bias_ih_l*`` and ``bias_hh_l*``, which add up.
        batch_first: dense input is [B, T, I] instead of [T, B, I].
        dropout: probability of zeroing an output between layers while training.
        bidirectional: a second set of weights reads every sequence from its end; outputs are put side by side.
        peephole: ``"full"``, ``"diagonal"`` or ``"none"``.
        output_peek: whether the output gate sees the ``"previous"`` or the ``"current"`` cell.
        coupled: i = 1 - f; the weights then have the three row blocks f, g, o.
        cell_clip: the cell stays within ±this; None: free.

    Attributes (D = 2 directions if bidirectional, G = 4 gates i, f, g, o):
        weight_ih_l{k}{_reverse}: [G*H, I], above the first layer [G*H, D*H].
        weight_hh_l{k}{_reverse}: [G*H, H].
        bias_ih_l{k}{_reverse}, bias_hh_l{k}{_reverse}: [G*H].
        weight_peephole_l{k}{_reverse}: [3*H, H] full or [3, H] diagonal; rows in the order i, f, o.

    All start uniform in ±1/sqrt(H).

    Raises:
        InputError: an option or a shape that does not fit.

    Example:
        >>> layer = LSTM(3, 5, batch_first=True)
        >>> output, (h, c) = layer(torch.zeros(2, 7, 3), lengths=[7, 4])
        >>> output.shape, h.shape
        (torch.Size([2, 7, 5]), torch.Size([1, 2, 5]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        peephole: str = "full",
        output_peek: str = "previous",
        coupled: bool = False,
        cell_clip: float | None = None,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        for name, size in (("input_size", input_size), ("hidden_size", hidden_size), ("num_layers", num_layers)):
            if not isinstance(size, int) or size < 1:
                raise InputError(f"`{name}` is {size!r}; it must be a whole number of at least 1.")
        if not 0 <= dropout <= 1:
            raise InputError(f"`dropout` is {dropout!r}; it must be a probability from 0 to 1.")
        self.spec = LstmSpec(peephole, output_peek, coupled, cell_clip)  # type: ignore[arg-type]
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.dropout, self.bidirectional = bias, batch_first, dropout, bidirectional
        for layer in range(num_layers):
            width = input_size if layer == 0 else hidden_size * len(self._suffixes)
            shapes = self.spec.weight_shapes(width, hidden_size)
            named = {"weight_ih": shapes["w_x"], "weight_hh": shapes["w_h"]}
            if bias:
                named |= {"bias_ih": shapes["bias"], "bias_hh": shapes["bias"]}
            if "peephole" in shapes:
                named["weight_peephole"] = shapes["peephole"]
            for suffix in self._suffixes:
                for name, shape in named.items():
                    weight = nn.Parameter(torch.empty(shape, device=device, dtype=dtype))
                    self.register_parameter(f"{name}_l{layer}{suffix}", weight)
        self.reset_parameters()

    @property
    def _suffixes(self) -> tuple[str, ...]:
        return ("", "_reverse") if self.bidirectional else ("",)

    def reset_parameters(self) -> None:
        """Draw every parameter anew, uniform in ±1/sqrt(H)."""
        bound = 1 / math.sqrt(self.hidden_size)
        for weight in self.parameters():
            nn.init.uniform_(weight, -bound, bound)

    def layer_weights(self, layer: int, reverse: bool = False) -> LayerWeights:
        """Weights of one layer and direction as ``memcell.torch.lstm`` takes them, the biases summed."""
        suffix = f"_l{layer}_reverse" if reverse else f"_l{layer}"
        w_x, w_h = getattr(self, "weight_ih" + suffix), getattr(self, "weight_hh" + suffix)
        biases = [getattr(self, name + suffix) for name in ("bias_ih", "bias_hh")] if self.bias else []
        bias = biases[0] + biases[1] if biases else w_x.new_zeros(len(w_x))
        return w_x, w_h, bias, None if self.spec.peephole == "none" else getattr(self, "weight_peephole" + suffix)

    def stepper(self, batch: int | None = None) -> Step:
        """The layers as they are now, to be fed one step at a time without PyTorch.

        Args:
            batch: streams that advance together; None is one, whose arrays have no batch axis.

        Raises:
            InputError: the module is bidirectional, so that there is no output before the end is known.

        Example:
            >>> LSTM(3, 5).stepper()([0.0, 1.0, 2.0]).shape
            (5,)
        """
        if self.bidirectional:
            raise InputError("`bidirectional` is True; a step gives outputs that do not wait for the end.")
        layers = [self.layer_weights(layer) for layer in range(self.num_layers)]
        arrays = [[None if w is None else w.detach().cpu().numpy() for w in layer] for layer in layers]
        return Step(self.spec, [LstmWeights(*layer) for layer in arrays], batch)  # type: ignore[arg-type]

    def forward(
        self, input: Any, hx: tuple[Tensor, Tensor] | None = None, *, lengths: Any = None
    ) -> tuple[Any, tuple[Tensor, Tensor]]:
        """Output at every step, in the form of the input, and the final states (h, c), [layers * D, B, H] each.

        Args:
            input: dense [T, B, I] ([B, T, I] with ``batch_first``), one sequence [T, I], a ``PackedSequence``, or a
                jagged ``torch.nested`` tensor.
            hx: initial states (h0, c0), [layers * D, B, H] each ([layers * D, H] for one sequence); zeros if None.
            lengths: of a dense batch, B whole numbers from 0 to T in any order; outputs past a length are 0.

        Raises:
            InputError: names what does not fit.
        """
        rows, layout = rows_of(input, self.batch_first, lengths)
        if rows.shape[-1] != self.input_size:
            raise InputError(f"The input has {rows.shape[-1]} features a step; input_size is {self.input_size}.")
        h0, c0 = self._initial_states(hx, layout.batch_size, layout.kind == "unbatched", rows)
        finals: list[tuple[Tensor, Tensor]] = []
        directions = len(self._suffixes)
        for layer in range(self.num_layers):
            outputs: list[Tensor] = []
            for direction in range(directions):
                reverse, at = direction == 1, layer * directions + direction
                weights = self.layer_weights(layer, reverse)
                h, _, h_final, c_final = lstm(
                    self.spec, rows, weights, h0[at], c0[at], layout.sequences, reverse=reverse
                )
                outputs.append(h)
                finals.append((h_final, c_final))
            rows = outputs[0] if directions == 1 else torch.cat(outputs, dim=1)
            if self.dropout and layer + 1 < self.num_layers:
                rows = functional.dropout(rows, self.dropout, self.training)
        h_n, c_n = (s[0][None] if len(s) == 1 else torch.stack(s) for s in zip(*finals, strict=True))
        if layout.kind == "unbatched":
            h_n, c_n = h_n[:, 0], c_n[:, 0]
        return layout.restore(rows), (h_n, c_n)

    def _initial_states(
        self, hx: tuple[Tensor, Tensor] | None, batch: int, unbatched: bool, like: Tensor
    ) -> tuple[Tensor, Tensor]:
        layers = self.num_layers * len(self._suffixes)
        if hx is None:
            zeros = like.new_zeros((layers, batch, self.hidden_size))
            return zeros, zeros
        wanted = (layers, self.hidden_size) if unbatched else (layers, batch, self.hidden_size)
        for name, state in zip(("h0", "c0"), hx, strict=True):
            if state.shape != wanted:
                raise InputError(f"`{name}` has shape {list(state.shape)}; it must be {list(wanted)}.")
        return (hx[0][:, None], hx[1][:, None]) if unbatched else hx

    def extra_repr(self) -> str:
        options = f"{self.input_size}, {self.hidden_size}, num_layers={self.num_layers}"
        return f"{options}, peephole={self.spec.peephole!r}, output_peek={self.spec.output_peek!r}"
