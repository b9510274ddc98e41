"""Numbers of a whole series, with how sure they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import NDArray

from memcell.contract import InputError
from memcell.heads.classification import weighted_mean

__all__ = ["FREEDOM", "NARROWEST", "OF_T", "Regression", "check_targets"]

FREEDOM = 5.0  # degrees of freedom of the t distribution
OF_T = (-1.4758840, 0.0, 1.4758840, 0.0)  # its quantiles 0.1, 0.5 and 0.9, and its mean
NARROWEST = 1e-3  # scale, in units of the target's spread
_LARGEST = 1e100  # squares of larger targets leave float64
_FARTHEST = 1e6  # in units of the spread; squares of what is much farther leave float32, and none of it pulls any more


@dataclass(frozen=True)
class Regression:
    """A Student t distribution of each target, whose heavy tails keep outliers from ruling the fit.

    Lange, Little and Taylor, "Robust statistical modeling using the t distribution" (1989), eq. 2, with 5 degrees of
    freedom. It says where a target lies and how far it may be off; how those errors are distributed, which need not be
    evenly to both sides, is what held-out series show.

    Attributes:
        names: of the K targets.
        center, scale: of each, median and spread in training, from the quartiles.
        errors: of each, the quantiles 0.1, 0.5 and 0.9 and the mean of its errors, in units of the scale of the t
            distribution from its location.
    """

    task: ClassVar[str] = "regress"
    measure: ClassVar[str] = "negative log-likelihood of a t distribution, but for a constant, in spreads, summed"
    whole: ClassVar[bool] = True
    names: tuple[str, ...]
    center: tuple[float, ...]
    scale: tuple[float, ...]
    errors: tuple[tuple[float, float, float, float], ...]

    @property
    def spreads(self) -> int:
        """How many of its outputs, the last, say how far it may be off."""
        return len(self.names)

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
        losses = xp.log(scale) + (FREEDOM + 1) / 2 * xp.log1p(error * error / FREEDOM)
        return weighted_mean(xp.sum(xp.where(known, losses, xp.zeros_like(losses)), axis=1), weight)

    def decode(self, raw: NDArray[Any]) -> NDArray[np.float64]:
        """Quantiles 0.1, 0.5 and 0.9, and the mean [R, K, 4], in the targets' own units."""
        count = len(self.names)
        raw = raw.astype(np.float64)
        spread = np.logaddexp(raw[:, count:], 0.0) + NARROWEST
        standard = raw[:, :count, None] + spread[:, :, None] * np.array(self.errors)
        return np.array(self.center)[:, None] + np.array(self.scale)[:, None] * standard

    def standard(self, targets: NDArray[np.float64]) -> NDArray[np.float32]:
        """Targets [R, K] in units of their spreads, drawn in where they are a million of them away."""
        standard = (targets - np.array(self.center)) / np.array(self.scale)
        return np.clip(standard, -_FARTHEST, _FARTHEST).astype(np.float32)

    def to_json(self) -> dict[str, Any]:
        """The head as values that ``json.dumps`` takes."""
        lists = {name: list(getattr(self, name)) for name in ("center", "scale")}
        return {"names": list(self.names), **lists, "errors": [list(one) for one in self.errors]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Regression":
        """The head that ``to_json`` gave ``data`` for.

        Raises:
            InputError: numbers that lack or do not fit.
        """
        try:
            names = tuple(map(str, data["names"]))
            center, scale = (tuple(map(float, data[name])) for name in ("center", "scale"))
            errors: Any = tuple(tuple(map(float, one)) for one in data["errors"])
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"A regression has names, centers, scales and errors: {error}.") from error
        if not names or not len(names) == len(center) == len(scale) == len(errors):
            raise InputError("A regression has one center, scale and row of errors for each target.")
        rows = np.array([*center, *scale]), *map(np.array, errors)
        if not all(np.isfinite(row).all() for row in rows) or min(scale) <= 0:
            raise InputError("A regression has finite centers and errors and positive scales.")
        if any(len(one) != len(OF_T) or not one[0] < one[1] < one[2] for one in errors):
            raise InputError("Errors of a regression are three rising quantiles and a mean.")
        return cls(names, center, scale, errors)


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
