"""What a forecaster sees of the series it forecasts: every value relative to levels that the past alone has set.

A series that grows leaves the range it was trained on, so no raw value enters the cell. The last value is taken out and
put back under the forecast; averages of several spans and changes over parts of the horizon say where it stands.
"""

import copy
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from memcell.contract import InputError

__all__ = ["TargetRecipe", "TargetState"]

Array = NDArray[np.float64]

_LIMIT = 6.0  # scaled features beyond it are measuring errors, and are cut
_WARM_UP = 5  # rows at the start of a series whose features say little and do not count for the scales


@dataclass(frozen=True)
class TargetRecipe:
    """How the forecast channel becomes features, learnt from training rows only.

    Attributes:
        channel: its place among the channels.
        horizon: K, steps to forecast.
        log: whether logarithms are forecast: the spread grows with the level.
        floor: for logarithms, what a value below it counts as, such as a zero, which has none.
        relative: whether every series is measured in a unit of its own, the root mean square of its changes so far,
            because the series differ too much to share one.
        spans: steps over which each moving average forgets.
        lags: steps over which changes are taken.
        scales: root mean squares: of the change since the last value, of the distance from each average, of the change
            over each lag, in that order.
        reach: [K], root mean square of y[t + k] - y[t], the unit of a forecast k steps ahead.
    """

    channel: int
    horizon: int
    log: bool
    floor: float
    relative: bool
    spans: tuple[float, ...]
    lags: tuple[int, ...]
    scales: tuple[float, ...]
    reach: tuple[float, ...]

    @property
    def features(self) -> int:
        """Width of what ``TargetState.advance`` returns, beside the change since the last value."""
        return len(self.spans) + len(self.lags)

    @classmethod
    def learn(cls, series: list[Array], channel: int, horizon: int) -> "TargetRecipe":
        """From the channel's training rows, one [T] an equally spaced series, NaN where missing."""
        log = _spread_grows(series, max(horizon, 12))
        spans = tuple(max(1.5, span * max(horizon, 4)) for span in (1 / 13, 1 / 4, 1, 4, 12))
        lags = tuple(sorted({max(1, round(part * horizon)) for part in (0.25, 0.5, 0.75, 1)}))
        ones = (1.0,) * (1 + len(spans) + len(lags))
        known = np.concatenate([np.empty(0), *(y[~np.isnan(y)] for y in series)])
        floor = float(known[known > 0].min()) / 10 if log else 0.0
        raw = cls(channel, horizon, log, floor, False, spans, lags, ones, (1.0,) * horizon)
        raw = replace(raw, relative=_sizes_differ([raw.transform(y) for y in series]))
        rows: list[Array] = []
        reach: list[Array] = []
        for y in series:
            state = TargetState(raw)
            measured = [state.measure(value) for value in y]
            anchor = np.array([anchor for _, anchor in measured]).reshape(len(y), 2)
            counts = slice(min(_WARM_UP, len(y) // 2), None)
            rows.append(np.array([row for row, _ in measured]).reshape(len(y), len(ones))[counts])
            reach.append(raw.outcomes(y, anchor)[counts])
        level = 1.0 if raw.relative else float(np.abs(raw.transform(known)).max(initial=0.0))
        unit = 1e-3 * level or 1e-3  # of a series that never changed
        distances = _root_mean_squares(np.concatenate(reach), unit)
        scales = _root_mean_squares(np.concatenate(rows), unit)
        scales = np.where(scales > 1e-12 * level, scales, unit)  # below is what rounding left of a constant
        return replace(raw, scales=tuple(scales.tolist()), reach=tuple(distances.tolist()))

    def transform(self, y: Array) -> Array:
        """The scale that is forecast; NaN stays NaN."""
        if not self.log:
            return y
        with np.errstate(invalid="ignore"):
            return np.log(np.maximum(y, self.floor))

    def restore(self, y: Array) -> Array:
        """The inverse of ``transform``."""
        return np.exp(y) if self.log else y

    def outcomes(self, y: Array, anchor: Array) -> Array:
        """[T, K]: what a forecast at each row should say, in units of ``reach`` above the anchor; NaN if unknown.

        Args:
            y: [T], equally spaced.
            anchor: [T, 2], level and unit at each row, as ``TargetState.advance`` gives them.
        """
        y = self.transform(y)
        padded = np.concatenate([y, np.full(self.horizon, np.nan)])
        ahead = np.lib.stride_tricks.sliding_window_view(padded, self.horizon)[1 : len(y) + 1]
        return (ahead - anchor[:, :1]) / (anchor[:, 1:] * np.array(self.reach))

    def forecast(self, outcomes: Array, anchor: Array) -> Array:
        """[..., K, Q] as the series is given, from outcomes like those of ``outcomes`` and anchors [..., 2]."""
        level, unit = anchor[..., 0, None, None], anchor[..., 1, None, None]
        return self.restore(level + unit * np.array(self.reach)[:, None] * outcomes)

    def to_json(self) -> dict[str, Any]:
        """The recipe as values that ``json.dumps`` takes."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: object) -> "TargetRecipe":
        """The recipe that ``to_json`` gave ``data`` for.

        Raises:
            InputError: a field lacks, is unknown or has a value that does not fit.
        """
        try:
            record = dict(cast("Mapping[str, Any]", data))
            for name in ("spans", "lags", "scales", "reach"):
                record[name] = tuple(record[name])
            recipe = cls(**record)
        except (TypeError, ValueError, KeyError) as error:
            raise InputError(f"The target's recipe does not fit: {error}.") from error
        if len(recipe.reach) != recipe.horizon or len(recipe.scales) != 1 + recipe.features:
            raise InputError("The target's recipe does not fit: scales and reach do not match lags and horizon.")
        whole = (recipe.horizon, recipe.channel, *recipe.lags)
        measures = (*recipe.spans, *recipe.scales, *recipe.reach)
        if (
            not all(type(number) is int and number >= 0 for number in whole)
            or not all(isinstance(number, int | float) and 0 < number < np.inf for number in measures)
            or not recipe.lags
            or min(recipe.lags) < 1
            or not isinstance(recipe.relative, bool)
            or not (isinstance(recipe.floor, float) and (recipe.floor > 0 or not recipe.log))
        ):
            raise InputError("The target's recipe does not fit: a number is missing, not finite or not above 0.")
        return recipe


class TargetState:
    """The forecast channel's memory: a few averages and as many last values as the longest lag."""

    def __init__(self, recipe: TargetRecipe) -> None:
        self._recipe = recipe
        self._averages = np.zeros(len(recipe.spans))
        self._spans = np.array(recipe.spans)
        self._scales = np.array(recipe.scales)
        self._seen = 0
        self._last = np.nan
        self._changes = 0.0  # sum of squares
        self._past: deque[float] = deque([np.nan] * max(recipe.lags), maxlen=max(recipe.lags))

    def copy(self) -> "TargetState":
        """A state that goes on from here by itself."""
        other = copy.copy(self)
        other._averages, other._past = self._averages.copy(), self._past.copy()
        return other

    def advance(self, value: float) -> tuple[Array, tuple[float, float]]:
        """One row: features [1 + features], 0 where missing, and the anchor after it.

        The anchor is the level that a forecast starts from, NaN before the first value, and the series' unit.
        """
        raw, anchor = self.measure(value)
        return np.clip(raw / self._scales, -_LIMIT, _LIMIT), anchor

    def measure(self, value: float) -> tuple[Array, tuple[float, float]]:
        """As ``advance``, in the unit of the series, neither scaled nor cut."""
        recipe = self._recipe
        y = float(recipe.transform(np.float64(value)))  # type: ignore[arg-type]
        raw = np.zeros(1 + recipe.features)
        if not np.isnan(y):
            self._seen += 1
            if self._seen > 1:
                raw[0] = y - self._last
                self._changes += raw[0] ** 2
            self._averages += np.maximum(1 / self._spans, 1 / self._seen) * (y - self._averages)
            raw[1 : 1 + len(self._averages)] = y - self._averages
            for at, lag in enumerate(recipe.lags, start=1 + len(self._averages)):
                past = self._past[-lag]
                raw[at] = 0.0 if np.isnan(past) else y - past
            self._last = y
        self._past.append(y)
        unit = self._unit()
        return raw / unit, (self._last, unit)

    def _unit(self) -> float:
        if not self._recipe.relative:
            return 1.0
        if self._changes == 0:  # nothing to measure by yet
            return 0.1 * abs(self._last) if self._seen and self._last != 0 else 1.0
        return max(float(np.sqrt(self._changes / (self._seen - 1))), 1e-9 * abs(self._last))


def _sizes_differ(series: list[Array]) -> bool:
    """Whether the changes of one series are several times those of another."""
    changes = [np.diff(y[~np.isnan(y)]) for y in series]
    sizes = [float(np.sqrt(np.mean(change**2))) for change in changes if len(change)]
    moving = [size for size in sizes if size > 0]
    return len(moving) > 1 and max(moving) > 3 * min(moving)


def _root_mean_squares(values: Array, unit: float) -> Array:
    """Of each column of values [N, M]; the mean of the others where one has only NaN or 0, ``unit`` where all have."""
    known = ~np.isnan(values)
    count = known.sum(axis=0)
    squares = np.where(known, values, 0.0) ** 2
    mean = squares.sum(axis=0) / np.maximum(count, 1)
    overall = mean[mean > 0].mean() if (mean > 0).any() else unit**2
    return np.sqrt(np.where(mean > 0, mean, overall))


def _spread_grows(series: list[Array], block: int) -> bool:
    """Whether the spread within blocks grows in proportion to their mean, so that logarithms tame it."""
    means, spreads = [], []
    for y in series:
        for start in range(0, len(y) - block + 1, block):
            part = y[start : start + block]
            part = part[~np.isnan(part)]
            if len(part) > block // 2:
                if part.min() <= 0:
                    return False
                means.append(part.mean())
                spreads.append(part.std())
    if len(means) < 4 or max(means) < 1.5 * min(means) or min(spreads) <= 0:
        return False
    level, spread = np.log(means), np.log(spreads)
    slope = np.polyfit(level, spread, 1)[0]
    return bool(np.corrcoef(level, spread)[0, 1] > 0.6 and slope > 0.5)
