"""Numbers of a whole series, with how sure they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import NDArray

from memcell.contract import InputError
from memcell.heads.classification import weighted_mean

__all__ = ["FREEDOM", "NARROWEST", "OF_T", "Regression", "check_targets", "limits_of"]

FREEDOM = 5.0  # degrees of freedom of the t distribution
OF_T = (-1.4758840, 0.0, 1.4758840, 0.0)  # its quantiles 0.1, 0.5 and 0.9, and its mean
NARROWEST = 1e-3  # scale, in units of the target's spread
_ATOM, _MANY = 3, 30  # targets that are one end for it to be a limit; from which on none below 0 is no chance
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
        limits: of each, the least and the largest number that it can be, None where there is none; or empty.
    """

    task: ClassVar[str] = "regress"
    measure: ClassVar[str] = "negative log-likelihood of a t distribution, but for a constant, in spreads, summed"
    whole: ClassVar[bool] = True
    names: tuple[str, ...]
    center: tuple[float, ...]
    scale: tuple[float, ...]
    errors: tuple[tuple[float, float, float, float], ...]
    limits: tuple[tuple[float | None, float | None], ...] = ()

    @property
    def bounds(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The limits [K] each, infinite where there is none."""
        limits = self.limits or ((None, None),) * len(self.names)
        low = np.array([-np.inf if one is None else one for one, _ in limits])
        return low, np.array([np.inf if one is None else one for _, one in limits])

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
        low, high = self.bounds
        numbers = np.array(self.center)[:, None] + np.array(self.scale)[:, None] * standard
        return np.clip(numbers, low[:, None], high[:, None])

    def standard(self, targets: NDArray[np.float64]) -> NDArray[np.float32]:
        """Targets [R, K] in units of their spreads, drawn in where they are a million of them away."""
        standard = (targets - np.array(self.center)) / np.array(self.scale)
        return np.clip(standard, -_FARTHEST, _FARTHEST).astype(np.float32)

    def to_json(self) -> dict[str, Any]:
        """The head as values that ``json.dumps`` takes."""
        lists = {name: list(getattr(self, name)) for name in ("center", "scale")}
        pairs = {name: [list(one) for one in getattr(self, name)] for name in ("errors", "limits")}
        return {"names": list(self.names), **lists, **pairs}

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
            limits: Any = tuple(tuple(None if one is None else float(one) for one in pair) for pair in data["limits"])
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"A regression has names, centers, scales and errors: {error}.") from error
        if not names or not len(names) == len(center) == len(scale) == len(errors):
            raise InputError("A regression has one center, scale and row of errors for each target.")
        rows = np.array([*center, *scale]), *map(np.array, errors)
        if not all(np.isfinite(row).all() for row in rows) or min(scale) <= 0:
            raise InputError("A regression has finite centers and errors and positive scales.")
        if any(len(one) != len(OF_T) or not one[0] < one[1] < one[2] for one in errors):
            raise InputError("Errors of a regression are three rising quantiles and a mean.")
        ends = [[one for one in pair if one is not None] for pair in limits]
        if limits and (len(limits) != len(names) or any(len(pair) != 2 for pair in limits)):
            raise InputError("A regression has two limits for each target, or none.")
        if not all(np.isfinite(pair).all() and list(pair) == sorted(pair) for pair in ends):
            raise InputError("Limits of a regression are finite and rise.")
        return cls(names, center, scale, errors, limits)


def limits_of(targets: NDArray[np.float64]) -> tuple[tuple[float | None, float | None], ...]:
    """What numbers like the targets [R, K] can be at least and at most: 0 where none of many is below it though they
    come near, and an end that several have.

    Example:
        >>> limits_of(np.array([[0.0], [0.0], [0.0], [4.0], [2.5]]))
        ((0.0, None),)
    """
    found: list[tuple[float | None, float | None]] = []
    for column in targets.T:
        known = column[~np.isnan(column)]
        if not len(known) or np.ptp(known) == 0:
            found.append((None, None))
            continue
        enough = max(_ATOM, len(known) // 50)
        ends = known.min(), known.max()
        low, high = (float(end) if np.count_nonzero(known == end) >= enough else None for end in ends)
        if low is None and len(known) >= _MANY and 0 <= known.min() < known.std():
            low = 0.0
        found.append((low, high))
    return tuple(found)


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
