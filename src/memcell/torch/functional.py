"""One LSTM layer over a ragged batch of tensors."""

import warnings
from typing import Any

import torch
from torch import Tensor

from memcell.contract import InputError, LstmSpec
from memcell.torch.checks import has_kernel
from memcell.torch.layouts import sequences_of
from memcell.torch.loop import lstm_loop
from memcell.torch.operators import lstm_operator

__all__ = ["LayerWeights", "lstm"]

LayerWeights = tuple[Tensor, Tensor, Tensor, Tensor | None]  # w_x, w_h, bias, peephole

_warned_of: set[str] = set()


def lstm(
    spec: LstmSpec,
    x: Tensor,
    weights: LayerWeights,
    h0: Tensor,
    c0: Tensor,
    sequences: Tensor,
    *,
    carry_h: Tensor | None = None,
    carry_c: Tensor | None = None,
    reverse: bool = False,
    with_cells: bool = True,
    norm: Tensor | None = None,
    keep_h: Tensor | None = None,
    keep_c: Tensor | None = None,
    fallback: bool = False,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Output and cell at every row, and the final states: h [N, H], c [N, H], h_final [B, H], c_final [B, H].

    Differentiable in x, the weights, the states and the carries. On a CPU the native core computes it; elsewhere a
    plain loop over time in PyTorch does, and says so once.

    Args:
        spec: the cell and its equations.
        x: [N, I], float32 or float64.
        weights: w_x [4H, I], w_h [4H, H], bias [4H], peephole None | [3, H] | [3H, H] (see ``LstmSpec``).
        h0, c0: [B, H].
        sequences: int64 [B, 3], the first row, length and stride of each, no row in two of them; or, of sequences laid
            end to end, their offsets [B + 1]. Rows of no sequence come out as 0.
        carry_h, carry_c: None | [N, 1] | [N, H], finite and not negative.
        reverse: run each sequence from its end.
        norm, keep_h, keep_c: of a normalised cell and of zoneout, see ``lstm_loop``.
        fallback: run a cell that has no kernel as a loop over time in PyTorch.
        with_cells: whether the cell at every row is wanted; without, c may come with no rows.

    Raises:
        InputError: shapes or dtypes do not fit, or no kernel runs the spec and ``fallback`` is False.

    Example:
        >>> spec = LstmSpec(peephole="none")
        >>> weights = (torch.ones(8, 3), torch.ones(8, 2), torch.zeros(8), None)
        >>> h, c, h_final, c_final = lstm(
        ...     spec, torch.ones(5, 3), weights, torch.zeros(2, 2), torch.zeros(2, 2), torch.tensor([0, 4, 5]))
        >>> h.shape, h_final.shape
        (torch.Size([5, 2]), torch.Size([2, 2]))
    """
    if x.dtype not in (torch.float32, torch.float64):
        raise InputError(f"`x` is {x.dtype}; it must be torch.float32 or torch.float64. Convert it with .float().")
    if sequences.dim() == 1:
        sequences = sequences_of(sequences, len(x))

    def by_loop() -> tuple[Tensor, Tensor, Tensor, Tensor]:
        own: Any = {"norm": norm, "keep_h": keep_h, "keep_c": keep_c}
        carries: Any = {"carry_h": carry_h, "carry_c": carry_c}
        return lstm_loop(spec, x, weights, h0, c0, sequences, **carries, reverse=reverse, **own)

    if not has_kernel(spec, fallback):
        return by_loop()
    if x.device.type not in ("cpu", "meta"):
        if x.device.type not in _warned_of:
            _warned_of.add(x.device.type)
            warnings.warn(
                f"memcell has no kernel for device '{x.device.type}' yet; a plain PyTorch loop over time runs instead.",
                stacklevel=2,
            )
        return by_loop()
    tensors = (x, *weights, h0, c0, carry_h, carry_c)
    # A recorded graph runs with and without gradients; where they are asked for, the operator makes its tape unasked.
    wants = torch.is_grad_enabled() and torch._C._get_tracing_state() is None
    with_tape = wants and any(t is not None and t.requires_grad for t in tensors)
    h, c, h_final, c_final, _ = lstm_operator(*tensors, sequences, *spec.options, reverse, with_cells, with_tape)
    return h, c, h_final, c_final
