"""What a backend is."""

from typing import Any, Protocol

from memcell.contract.arrays import Array, LstmCall, LstmGradients, LstmResult, LstmTape, LstmWeights
from memcell.contract.spec import LstmSpec

__all__ = ["Backend"]


class Backend(Protocol):
    """Two functions and a step over the arrays of ``memcell.contract``.

    h, c and the gradients of a sequence's own inputs and states do not depend on what else is in its batch.
    """

    name: str
    tolerance: dict[str, float]  # of float32 and float64 against the float64 reference, relative to the largest value

    def refusals(self, spec: LstmSpec) -> list[str]:
        """Why this backend cannot run the spec; empty if it can."""
        ...

    def pack(self, spec: LstmSpec, weights: LstmWeights) -> Any:
        """The weights in the form this backend reads fastest; the caller owns it, for any number of calls."""
        ...

    def forward(self, packed: Any, call: LstmCall, *, with_cells: bool = False, with_tape: bool = False) -> LstmResult:
        """Run the layer."""
        ...

    def backward(
        self,
        spec: LstmSpec,
        tape: LstmTape,
        d_h: Array | None,
        d_c: Array | None,
        d_h_final: Array | None,
        d_c_final: Array | None,
        *,
        with_d_x: bool = True,
    ) -> LstmGradients:
        """Gradients of everything that entered the forward pass; a gradient of None stands for zeros."""
        ...

    def step(
        self, packed: Any, x: Array, h: Array, c: Array, carry_h: Array | None = None, carry_c: Array | None = None
    ) -> tuple[Array, Array]:
        """One position of B streams: x [B, I] and states [B, H] to the next states."""
        ...
