"""Numbers of a whole series, with how sure they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import NDArray

from memcell.contract import InputError
from memcell.heads.classification import weighted_mean

__all__ = ["NARROWEST", "T90", "Regression", "check_targets"]

_FREEDOM = 5.0  # degrees of freedom of the t distribution
T90 = 1.4758840  # its quantile 0.9
NARROWEST = 1e-3  # scale, in units of the target's spread
_LARGEST = 1e100  # squares of larger targets leave float64
_FARTHEST = 1e6  # in units of the spread; squares of what is much farther leave float32, and none of it pulls any more


@dataclass(frozen=True)
class Regression:
    """A Student t distribution of each target, whose heavy tails keep outliers from ruling the fit.

    Lange, Little and Taylor, "Robust statistical modeling using the t distribution" (1989), eq. 2, with 5 degrees of
    freedom. Its median is also its mean.

    Attributes:
        names: of the K targets.
        center, scale: of each, median and spread in training, from the quartiles.
        band: of each, factor on the distance of the quantiles 0.1 and 0.9 from the median, set on held-out series so
            that 80 % lie between.
    """

    task: ClassVar[str] = "regress"
    whole: ClassVar[bool] = True
    names: tuple[str, ...]
    center: tuple[float, ...]
    scale: tuple[float, ...]
    band: tuple[float, ...]

    def weight_shapes(self, read: int, inputs: int) -> dict[str, tuple[int, ...]]:  # noqa: ARG002
        """Shape of each weight by name."""
        return {"head.weight": (2 * len(self.names), read), "head.bias": (2 * len(self.names),)}

    def readout(self, weights: Mapping[str, Any], read: Any, x: Any) -> Any:  # noqa: ARG002
        """Locations and raw scales [R, 2 K], in units of the targets' spreads."""
        return read @ weights["head.weight"].T + weights["head.bias"]

    def loss(self, raw: Any, target: Any, weight: Any = None) -> Any:
        """Mean negative log-likelihood but for a constant; target [R, K] in units of the spreads, NaN where unknown."""
        xp = array_namespace(raw)
        count = len(self.names)
        scale = xp.logaddexp(raw[:, count:], xp.zeros_like(raw[:, count:])) + NARROWEST
        known = ~xp.isnan(target)
        error = (xp.where(known, target, xp.zeros_like(target)) - raw[:, :count]) / scale
        losses = xp.log(scale) + (_FREEDOM + 1) / 2 * xp.log1p(error * error / _FREEDOM)
        return weighted_mean(xp.sum(xp.where(known, losses, xp.zeros_like(losses)), axis=1), weight)

    def decode(self, raw: NDArray[Any]) -> NDArray[np.float64]:
        """Quantiles 0.1, 0.5 and 0.9 [R, K, 3], in the targets' own units."""
        count = len(self.names)
        raw = raw.astype(np.float64)
        half = np.array(self.band) * T90 * (np.logaddexp(raw[:, count:], 0.0) + NARROWEST)
        quantiles = raw[:, :count, None] + half[:, :, None] * np.array([-1.0, 0.0, 1.0])
        return np.array(self.center)[:, None] + np.array(self.scale)[:, None] * quantiles

    def standard(self, targets: NDArray[np.float64]) -> NDArray[np.float32]:
        """Targets [R, K] in units of their spreads, drawn in where they are a million of them away."""
        standard = (targets - np.array(self.center)) / np.array(self.scale)
        return np.clip(standard, -_FARTHEST, _FARTHEST).astype(np.float32)

    def to_json(self) -> dict[str, Any]:
        """The head as values that ``json.dumps`` takes."""
        lists = {name: list(getattr(self, name)) for name in ("center", "scale", "band")}
        return {"names": list(self.names), **lists}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Regression":
        """The head that ``to_json`` gave ``data`` for.

        Raises:
            InputError: numbers that lack or do not fit.
        """
        try:
            names = tuple(map(str, data["names"]))
            center, scale, band = (tuple(map(float, data[name])) for name in ("center", "scale", "band"))
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"A regression has names, centers, scales and bands: {error}.") from error
        if not names or not len(names) == len(center) == len(scale) == len(band):
            raise InputError("A regression has one center, scale and band for each target.")
        if not np.isfinite([*center, *scale, *band]).all() or min(*scale, *band) <= 0:
            raise InputError("A regression has finite centers and positive scales and bands.")
        return cls(names, center, scale, band)


def check_targets(targets: NDArray[np.float64], ids: Sequence[object]) -> None:
    """Nothing, if targets [R, K] of series with these ids are small enough to be learnt and scored.

    Raises:
        InputError: they are not.
    """
    large = (np.abs(targets) > _LARGEST) & np.isfinite(targets)
    if large.any():
        row, column = np.argwhere(large)[0]
        raise InputError(
            f"The target of series {ids[row]!r} is {targets[row, column]:g}, too large to be learnt. Mend it, leave it "
            "blank if it is unknown, or choose another unit."
        )
