"""What the stack needs beside the array API, on tensors."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from memcell.backends import decay, decay_gradients, fill, fill_gradient
from memcell.contract import LstmSpec
from memcell.torch import lstm

__all__ = ["TorchEngine"]


class TorchEngine:
    """``memcell.model.stack.Engine`` with gradients."""

    def lstm(
        self, spec: LstmSpec, x: Tensor, weights: Any, h0: Tensor, c0: Tensor, sequences: Tensor, *, carry_h: Any,
        carry_c: Any, reverse: bool,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
        """One layer."""
        return lstm(spec, x, weights, h0, c0, sequences, carry_h=carry_h, carry_c=carry_c, reverse=reverse)

    def decay(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Factors of a state."""
        return _Decay.apply(x, weight, bias)  # type: ignore[no-any-return]

    def fill(self, values: Tensor, last: Tensor, since: Tensor, rate: Tensor) -> Tensor:
        """Gaps filled with what was last seen."""
        if not last.any():  # nothing is missing after a first value: nothing to fill, and no gradient to look for
            return values
        return _Fill.apply(values, last, since, rate)  # type: ignore[no-any-return]

    def segment_sum(self, values: Tensor, index: Tensor, count: int) -> Tensor:
        """Sums of the rows of one index."""
        return values.new_zeros((count, *values.shape[1:])).index_add(0, index, values)


class _Decay(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *given: Tensor | None) -> Tensor:
        factors = torch.from_numpy(decay(*map(_array, given)))
        ctx.save_for_backward(*given, factors)
        return factors

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_factors: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        d_weight, d_bias = decay_gradients(*map(_array, (*ctx.saved_tensors, d_factors)))
        return None, torch.from_numpy(d_weight), None if d_bias is None else torch.from_numpy(d_bias)


class _Fill(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *given: Tensor) -> Tensor:
        ctx.save_for_backward(*given[1:])
        return torch.from_numpy(fill(*map(_array, given)))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_filled: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        return None, None, None, torch.from_numpy(fill_gradient(*map(_array, (*ctx.saved_tensors, d_filled))))


def _array(tensor: Tensor | None) -> Any:
    return None if tensor is None else tensor.detach().numpy()
