"""Factors that a state is multiplied with for the time that has passed, and their gradients, by the compiled core."""

import numpy as np

from memcell.backends import _core
from memcell.contract.arrays import Array

__all__ = ["decay", "decay_gradients"]

_FUNCTIONS = {
    (name, np.dtype(dtype)): getattr(_core, f"{name}_{suffix}")
    for dtype, suffix in ((np.float32, "f32"), (np.float64, "f64"))
    for name in ("decay", "decay_backward")
}


def decay(x: Array, weight: Array, bias: Array | None = None) -> Array:
    """exp(-max(x W^T + b, 0)), [N, H]: decay by what passed at each row (GRU-D, Che et al., arXiv 1606.01865, eq. 3).

    What falls below the smallest normal number of the dtype is 0. A row's factors are the same whatever is beside it.

    Args:
        x: [N, K], float32 or float64.
        weight: [H, K], same dtype, any layout.
        bias: [H] or None for zeros.
    """
    factors = np.empty((len(x), len(weight)), x.dtype)
    _FUNCTIONS["decay", x.dtype](np.ascontiguousarray(x), weight, bias, factors)
    return factors


def decay_gradients(
    x: Array, weight: Array, bias: Array | None, factors: Array, d_factors: Array
) -> tuple[Array, Array | None]:
    """Gradients of the weight [H, K] and the bias [H], None without one, from those of the factors [N, H].

    Where the exponent is exactly 0 they pass, so that a bias that starts at 0 can leave it.

    Args:
        x, weight, bias: as ``decay`` got them.
        factors: as ``decay`` gave them.
        d_factors: [N, H], their gradients.
    """
    d_weight, d_bias = np.empty_like(weight), None if bias is None else np.empty_like(bias)
    x, d_factors = np.ascontiguousarray(x), np.ascontiguousarray(d_factors)
    _FUNCTIONS["decay_backward", x.dtype](x, weight, bias, factors, d_factors, d_weight, d_bias)
    return d_weight, d_bias
