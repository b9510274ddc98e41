"""Quantiles of the steps to come, from every row of a series."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import NDArray

from memcell.contract import InputError

__all__ = ["QUANTILES", "QuantileForecast"]

QUANTILES = (0.1, 0.5, 0.9)
_RANK = 8  # cosines over the horizon that the state writes its forecast in
START = math.log(math.expm1(1.28))  # a band of 1.28 standard deviations either way, to start with


@dataclass(frozen=True)
class QuantileForecast:
    """Quantiles 0.1, 0.5, 0.9 for each of K steps ahead, read from the state after each row.

    One pass over a series gives a forecast at every row (Wen et al., "A multi-horizon quantile recurrent forecaster",
    arXiv 1711.11053, forking sequences). The median is a linear map of the inputs plus the state's own part; the state
    writes in a few cosines over the horizon, so that long horizons need no more weights than short ones. The outer
    quantiles lie a positive distance from the median.

    Attributes:
        horizon: K.
        band: factor on both distances, set on held-out rows so that the band covers what it claims.
    """

    task: ClassVar[str] = "forecast"
    measure: ClassVar[str] = "pinball loss, in units of the usual change"
    whole: ClassVar[bool] = False
    spreads: ClassVar[int] = 0
    horizon: int
    band: float = 1.0

    @property
    def _rank(self) -> int:
        return min(self.horizon, _RANK)

    def weight_shapes(self, read: int, inputs: int) -> dict[str, tuple[int, ...]]:
        """Shape of each weight by name."""
        return {
            "head.weight": (3 * self._rank, read),
            "head.bias": (3 * self._rank,),
            "head.skip": (self.horizon, inputs),
        }

    def basis(self) -> NDArray[np.float64]:
        """Cosines over the horizon [rank, K]: all of them where it is short, else the slowest."""
        rank, steps = np.arange(self._rank), np.arange(1, self.horizon + 1)
        return np.cos(np.pi * rank[:, None] * (steps - 0.5) / self.horizon)

    def readout(self, weights: Mapping[str, Any], h: Any, x: Any) -> Any:
        """Quantiles [N, K, 3] in units of the target's reach, from outputs h [N, H] and inputs x [N, I]."""
        xp = array_namespace(h)
        parts = h @ weights["head.weight"].T + weights["head.bias"]
        basis = xp.asarray(self.basis(), dtype=h.dtype, device=h.device)
        rank = self._rank
        low, middle, high = (parts[:, k * rank : (k + 1) * rank] @ basis for k in range(3))
        median = middle + x @ weights["head.skip"].T
        down, up = (self.band * xp.logaddexp(part + START, xp.zeros_like(part)) for part in (low, high))
        return xp.stack([median - down, median, median + up], axis=2)

    def loss(self, quantiles: Any, target: Any, weight: Any = None) -> Any:  # noqa: ARG002
        """Mean pinball loss over the known outcomes; target [N, K], NaN where unknown.

        Koenker and Bassett, "Regression quantiles" (1978), eq. 2.1.
        """
        xp = array_namespace(quantiles)
        known = ~xp.isnan(target)
        error = xp.where(known, target, xp.zeros_like(target))[:, :, None] - quantiles
        level = xp.asarray(QUANTILES, dtype=quantiles.dtype, device=quantiles.device)
        pinball = xp.sum(xp.maximum(level * error, (level - 1) * error), axis=2)
        count = xp.sum(xp.astype(known, quantiles.dtype))
        return xp.sum(xp.where(known, pinball, xp.zeros_like(pinball))) / xp.clip(count, 1)

    def decode(self, quantiles: NDArray[Any]) -> NDArray[np.float64]:
        """The same numbers in float64."""
        return quantiles.astype(np.float64)

    def to_json(self) -> dict[str, Any]:
        """The head as values that ``json.dumps`` takes."""
        return {"horizon": self.horizon, "band": self.band}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "QuantileForecast":
        """The head that ``to_json`` gave ``data`` for.

        Raises:
            InputError: a horizon that is not a whole number of at least 1, or a band that is not positive.
        """
        horizon, band = data.get("horizon"), data.get("band")
        if type(horizon) is not int or horizon < 1 or not isinstance(band, float) or not 0 < band < math.inf:
            raise InputError("A forecaster has a horizon of at least 1 and a positive band.")
        return cls(horizon, band)
