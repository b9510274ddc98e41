"""Where a value lies between knots: what is read beside the value itself.

A number that is a code, or matters beyond a threshold, says little as one input, which a cell has to bend by itself:
from few series it learns sooner where each step between two knots is an input of its own.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["ROUNDING", "Stepwise", "knots_of", "pieces", "piecewise"]

Array = NDArray[np.float64]

Stepwise = Literal["none", "codes", "every"]
"""Which channels come in pieces."""

ROUNDING = 1e-6
"""Of the largest values, or of how far they lie apart: what differs by less, rounding may have left."""

_SHARES = (0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99)  # of the values below each knot
_CODES = 16  # different values up to which each is a knot
_SOME = 10  # values for each of them, from which on they are no coincidence
_ENOUGH = 100_000  # values that knots are learnt from


def knots_of(values: Array, stepwise: Stepwise) -> tuple[float, ...]:
    """Knots of a channel, from its training values: these, where few are different, as of codes and grades; of others
    quantiles, if every channel is to have some. None of two values, of which a feature would be the value itself."""
    if stepwise == "none":
        return ()
    values = values[:: -(-len(values) // _ENOUGH) or 1]
    different = _apart(np.unique(values))
    if len(different) <= 2:
        return ()
    if len(different) <= min(_CODES, len(values) // _SOME):
        return tuple(different.tolist())
    return tuple(_apart(np.quantile(values, _SHARES)).tolist()) if stepwise == "every" else ()


def _apart(values: Array) -> Array:
    """Increasing values, of those that only rounding tells apart the first."""
    if not len(values):
        return values
    return values[np.diff(values, prepend=-np.inf) > ROUNDING * (values[-1] - values[0])]


def pieces(values: Array, knots: Array) -> Array:
    """[..., K - 1] of values [...], NaN where missing, and knots [K]: -1 below each step between two knots, 1 above it,
    and between the two as far as the value has come; 0 where missing."""
    return np.nan_to_num(2 * piecewise(values, knots) - 1)


def piecewise(values: Array | Sequence[float], knots: Array) -> Array:
    """[..., K - 1]: of each value how far it has come between each two neighbouring knots [..., K], from 0 to 1.

    Below the first knot the first feature goes on to -1, above the last the last one to 2. Gorishniy et al., "On
    embeddings for numerical features in tabular deep learning" (arXiv 2203.05556), eq. 1.

    Example:
        >>> piecewise(np.array([1.5]), np.array([[0.0, 1.0, 2.0]])).tolist()
        [[1.0, 0.5]]
    """
    low, width = knots[..., :-1], np.diff(knots, axis=-1)
    above = np.asarray(values)[..., None] - low
    beside = np.where(np.abs(above) > ROUNDING * np.maximum(np.abs(low), 1.0), np.sign(above), 0.0)
    steps = np.where(width > 0, above / np.where(width > 0, width, 1.0), beside)
    least, most = np.zeros(steps.shape[-1]), np.ones(steps.shape[-1])
    least[:1], most[-1:] = -1.0, 2.0
    return np.clip(steps, least, most)
