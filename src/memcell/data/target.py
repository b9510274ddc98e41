"""What a forecaster sees of the series it forecasts: every value relative to levels that the past alone has set.

A series that grows leaves the range it was trained on, so no raw value enters the cell. The last value is taken out and
put back under the forecast; averages of several spans and changes over parts of the horizon say where it stands.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from memcell.contract import InputError

__all__ = ["TargetRecipe", "TargetState"]

Array = NDArray[np.float64]

_WARM_UP = 5  # rows at the start of a series whose features say little and do not count for the scales


@dataclass(frozen=True)
class TargetRecipe:
    """How the forecast channel becomes features, learnt from training rows only.

    Attributes:
        channel: its place among the channels.
        horizon: K, steps to forecast.
        log: whether logarithms are forecast: the spread grows with the level.
        spans: steps over which each moving average forgets.
        lags: steps over which changes are taken.
        scales: root mean squares: of the change since the last value, of the distance from each average, of the change
            over each lag, in that order.
        reach: [K], root mean square of y[t + k] - y[t], the unit of a forecast k steps ahead.
    """

    channel: int
    horizon: int
    log: bool
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
        raw = cls(channel, horizon, log, spans, lags, ones, (1.0,) * horizon)
        rows: list[Array] = []
        reach: list[Array] = []
        for y in series:
            features, anchor = raw.apply(y)
            rows.append(features[_WARM_UP:])
            reach.append(raw.outcomes(y, anchor)[_WARM_UP:])
        squares = np.nanmean(np.concatenate(reach) ** 2, axis=0) if sum(map(len, reach)) else np.full(horizon, np.nan)
        overall = float(np.nanmean(squares)) if np.isfinite(squares).any() else 1.0
        squares = np.where(np.isfinite(squares) & (squares > 0), squares, overall or 1.0)
        scales = np.sqrt(np.mean(np.concatenate(rows) ** 2, axis=0)) if sum(map(len, rows)) else np.ones(len(ones))
        scales = np.where(scales > 0, scales, 1.0)
        return cls(channel, horizon, log, spans, lags, tuple(scales.tolist()), tuple(np.sqrt(squares).tolist()))

    def transform(self, y: Array) -> Array:
        """The scale that is forecast; NaN stays NaN."""
        if not self.log:
            return y
        with np.errstate(invalid="ignore"):
            return np.log(np.maximum(y, np.finfo(np.float64).tiny))

    def restore(self, y: Array) -> Array:
        """The inverse of ``transform``."""
        return np.exp(y) if self.log else y

    def apply(self, y: Array) -> tuple[Array, Array]:
        """Of y [T]: features [T, 1 + features], scaled, 0 where missing, and anchor [T], the last value transformed."""
        state = TargetState(self)
        rows = [state.advance(value) for value in y]
        width = 1 + self.features
        features = np.array([row for row, _ in rows]).reshape(len(y), width)
        return features, np.array([anchor for _, anchor in rows])

    def outcomes(self, y: Array, anchor: Array) -> Array:
        """[T, K]: what a forecast at each row should say, in units of ``reach`` above the anchor; NaN if unknown."""
        y = self.transform(y)
        padded = np.concatenate([y, np.full(self.horizon, np.nan)])
        ahead = np.lib.stride_tricks.sliding_window_view(padded, self.horizon)[1 : len(y) + 1]
        return (ahead - anchor[:, None]) / np.array(self.reach)

    def forecast(self, outcomes: Array, anchor: Array) -> Array:
        """[..., K, Q] in the series' own unit, from outcomes like those of ``outcomes`` and anchors [...]."""
        return self.restore(anchor[..., None, None] + np.array(self.reach)[:, None] * outcomes)

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
        self._past: deque[float] = deque([np.nan] * max(recipe.lags), maxlen=max(recipe.lags))

    def advance(self, value: float) -> tuple[Array, float]:
        """One row: features [1 + features] and the anchor after it (NaN before the first value)."""
        recipe = self._recipe
        y = float(recipe.transform(np.float64(value)))  # type: ignore[arg-type]
        raw = np.zeros(1 + recipe.features)
        if not np.isnan(y):
            self._seen += 1
            if self._seen > 1:
                raw[0] = y - self._last
            self._averages += np.maximum(1 / self._spans, 1 / self._seen) * (y - self._averages)
            raw[1 : 1 + len(self._averages)] = y - self._averages
            for at, lag in enumerate(recipe.lags, start=1 + len(self._averages)):
                past = self._past[-lag]
                raw[at] = 0.0 if np.isnan(past) else y - past
            self._last = y
        self._past.append(y)
        return np.clip(raw / self._scales, -6, 6), self._last


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
