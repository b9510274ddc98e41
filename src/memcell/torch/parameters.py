"""First values and forms of parameters that ``torch.nn.LSTM`` has not."""

import math

import torch
from torch import Tensor

__all__ = ["block_diagonal", "chrono_biases_", "gap_rates_"]


def block_diagonal(blocks: Tensor, heads: int) -> Tensor:
    """The recurrent matrix [G*H, H] of ``heads`` groups of units that see only their own, from blocks [G*H, H/heads].

    Example:
        >>> block_diagonal(torch.tensor([[1.0], [2.0]]), 2).tolist()
        [[1.0, 0.0], [0.0, 2.0]]
    """
    width = blocks.shape[1]
    by_head = blocks.view(-1, heads, width, 1, width)
    places = torch.eye(heads, dtype=blocks.dtype, device=blocks.device)[:, None, :, None]
    return (by_head * places).reshape(len(blocks), heads * width)


def chrono_biases_(bias: Tensor, other: Tensor, gates: tuple[str, ...], time_scale: float) -> None:
    """Draw the biases of gates that remember for up to ``time_scale`` steps: log(U(1, T - 1)) for f, its negative for i
    (Tallec and Ollivier, arXiv 1804.11188, eq. 16). ``other`` is added to ``bias``, hence 0 there; a T of at most 2
    makes 0."""
    size = len(bias) // len(gates)
    span = torch.empty(size, dtype=torch.float64).uniform_(1.0, max(time_scale - 1.0, 1.0 + 1e-12)).log()
    for gate, value in (("f", span), ("i", -span)):
        if gate in gates:
            rows = slice(gates.index(gate) * size, (gates.index(gate) + 1) * size)
            bias[rows] = value.to(bias)
            other[rows] = 0.0


def gap_rates_(parameter: Tensor, time_scale: float | None) -> None:
    """Rates with half-lives even in logarithms from 1 to 10 time scales (10 to 1,000 units of time where none is
    known), as what softplus makes them of."""
    shortest, longest = (10.0, 1000.0) if time_scale is None else (time_scale, 10.0 * time_scale)
    half_lives = torch.logspace(math.log10(shortest), math.log10(longest), len(parameter), dtype=torch.float64)
    parameter.copy_(torch.expm1(math.log(2.0) / half_lives).log())
