"""What decays with the time since something was seen, and its gradients, by the compiled core.

Factors of a state, and values that fill gaps (GRU-D, Che et al., arXiv 1606.01865).
"""

import numpy as np

from memcell.backends import _core
from memcell.contract.arrays import Array

__all__ = ["decay", "decay_gradients", "fill", "fill_gradient"]

_FUNCTIONS = {
    (name, np.dtype(dtype)): getattr(_core, f"{name}_{suffix}")
    for dtype, suffix in ((np.float32, "f32"), (np.float64, "f64"))
    for name in ("decay", "decay_backward", "fill", "fill_backward")
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


def fill(values: Array, last: Array, since: Array, rate: Array) -> Array:
    """values + exp(-max(rate, 0) since) last, [N, K]: gaps filled with what decays towards the mean, 0 (eq. 4).

    Args:
        values: [N, K], float32 or float64, 0 where missing.
        last: [N, K], same dtype, the value last seen where this one is missing, else 0.
        since: [N, K], time since then.
        rate: [K] of each column.
    """
    filled = np.empty_like(values, order="C")
    _FUNCTIONS["fill", values.dtype](*map(np.ascontiguousarray, (values, last, since, rate)), filled)
    return filled


def fill_gradient(last: Array, since: Array, rate: Array, d_filled: Array) -> Array:
    """The gradient of the rate [K], from that of what ``fill`` gave; none reaches a negative rate, which counts as 0.

    Args:
        last, since, rate: as ``fill`` got them.
        d_filled: [N, K].
    """
    d_rate = np.empty_like(rate)
    _FUNCTIONS["fill_backward", rate.dtype](*map(np.ascontiguousarray, (last, since, rate, d_filled)), d_rate)
    return d_rate
