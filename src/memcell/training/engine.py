"""What the stack needs beside the array API, on tensors."""

from typing import Any

from torch import Tensor

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

    def segment_sum(self, values: Tensor, index: Tensor, count: int) -> Tensor:
        """Sums of the rows of one index."""
        return values.new_zeros((count, *values.shape[1:])).index_add(0, index, values)
