"""From series to what the stack reads: learnt from training rows, saved with the model, applied unchanged."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from memcell.contract import InputError
from memcell.data.cadence import Cadence, step_of
from memcell.data.gaps import LastSeen, observe
from memcell.data.grid import on_grid, places_of
from memcell.data.schema import TableSchema
from memcell.data.series import Series
from memcell.data.steps import Steps
from memcell.data.target import TargetRecipe, TargetState
from memcell.ragged import offsets_of

__all__ = ["Recipe", "RecipeState"]

Array = NDArray[Any]

_LIMIT = 10.0  # scaled values beyond it are measuring errors, and are cut
_LARGEST = 1e100  # squares of larger values leave float64


@dataclass(frozen=True)
class Recipe:
    """What columns mean and how their values are scaled.

    Attributes:
        schema: the columns' roles.
        cadence: the usual step between rows; time gaps are counted in it.
        center, scale: [C], mean and standard deviation of the training rows, outliers drawn in to the 0.5 % and 99.5 %
            quantiles first.
        target: of a forecast, how its channel is made relative; None otherwise.

    Example:
        >>> from memcell.data import as_series
        >>> series = as_series([np.array([[1.0], [np.nan], [3.0]])])
        >>> recipe = Recipe.learn(series, TableSchema(None, None, None, ("x0",), "order", False))
        >>> recipe.apply(series).mask[:, 0].tolist()
        [1.0, 0.0, 1.0]
    """

    schema: TableSchema
    cadence: Cadence
    center: tuple[float, ...]
    scale: tuple[float, ...]
    target: TargetRecipe | None = None

    @classmethod
    def learn(
        cls, series: list[Series], schema: TableSchema, target: str | None = None, horizon: int | None = None
    ) -> "Recipe":
        """Statistics of the series, which must be training series and, for a forecast, end where training ends.

        Raises:
            InputError: values too large to be scaled, or times too uneven for a forecast.
        """
        cadence = step_of(series)
        values = np.concatenate([one.values for one in series]) if series else np.empty((0, len(schema.channels)))
        center, scale = np.zeros(values.shape[1]), np.ones(values.shape[1])
        for c, column in enumerate(values.T):
            seen = column[~np.isnan(column)]
            if len(seen):
                _check_size(schema.channels[c], seen)
                seen = np.clip(seen, *np.quantile(seen, [0.005, 0.995]))
                center[c], spread = seen.mean(), seen.std()
                # A constant's deviation is what rounding left of it, and no unit to measure in.
                scale[c] = spread if spread > 1e-12 * abs(center[c]) else 1.0
        target_recipe = None
        if target is not None and horizon is not None:
            channel = schema.channels.index(target)
            grids = [on_grid(one, cadence)[0][:, channel] for one in series]
            target_recipe = TargetRecipe.learn(grids, channel, horizon)
        return cls(schema, cadence, tuple(center.tolist()), tuple(scale.tolist()), target_recipe)

    @property
    def extra(self) -> int:
        """E, features of a row beside its channels."""
        return 0 if self.target is None else self.target.features

    def apply(self, series: list[Series]) -> Steps:
        """The series as the stack reads them."""
        return Steps.concatenate([self.begin().advance(one) for one in series])

    def begin(self) -> "RecipeState":
        """The start of a series."""
        return RecipeState(self)

    def to_json(self) -> dict[str, Any]:
        """The recipe as values that ``json.dumps`` takes."""
        return {
            "schema": self.schema.to_json(),
            "cadence": self.cadence.to_json(),
            "center": list(self.center),
            "scale": list(self.scale),
            "target": None if self.target is None else self.target.to_json(),
        }

    @classmethod
    def from_json(cls, data: object) -> "Recipe":
        """The recipe that ``to_json`` gave ``data`` for.

        Raises:
            InputError: a field lacks, is unknown or has a value that does not fit.
        """
        record = cast("Mapping[str, Any]", data)
        if not isinstance(data, Mapping) or set(record) != {field.name for field in fields(cls)}:
            raise InputError("The recipe does not have the fields it should have.")
        schema = TableSchema.from_json(record["schema"])
        center, scale = (tuple(map(float, record[name])) for name in ("center", "scale"))
        if not len(center) == len(scale) == len(schema.channels) or not all(0 < s < np.inf for s in scale):
            raise InputError("The recipe's centers and scales do not fit its channels.")
        target = None if record["target"] is None else TargetRecipe.from_json(record["target"])
        if target is not None and target.channel >= len(center):
            raise InputError(f"The recipe forecasts channel {target.channel}, but has {len(center)} channels only.")
        return cls(schema, Cadence.from_json(record["cadence"]), center, scale, target)


class RecipeState:
    """One series on its way through a recipe: all at once, or row by row as it streams in."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._seen = LastSeen.nothing(len(recipe.center))
        self._start: float | None = None
        self._time: float | None = None
        self._place = -1
        self._target = None if recipe.target is None else TargetState(recipe.target)

    def copy(self) -> "RecipeState":
        """A state that goes on from here by itself."""
        other = copy.copy(self)
        other._target = None if self._target is None else self._target.copy()
        return other

    def shares_step(self, time: float) -> bool:
        """Whether a forecast puts a row at ``time`` to the step of the row before, to be averaged with it."""
        if self._recipe.target is None or self._start is None:
            return False
        return int(places_of(self._recipe.cadence, self._start, np.array([time]))[0]) <= self._place

    def advance(self, rows: Series) -> Steps:
        """The next rows of the series.

        A forecast runs on an even grid: rows are put to the nearest step, and a step without a row is a row of missing
        values, which the mask and the time since the last observation tell apart from any value. A row that
        ``shares_step`` goes with the one before it, from a ``copy`` made before that one.

        Raises:
            InputError: the rows do not come after those before.
        """
        recipe = self._recipe
        if self._time is not None and len(rows) and rows.times[0] <= self._time:
            raise InputError(f"Time {rows.times[0]} does not come after {self._time}, the time of the row before.")
        assert not len(rows) or not self.shares_step(float(rows.times[0]))
        begins = self._start is None
        if begins and len(rows):
            self._start = float(rows.times[0])
        if recipe.target is None:
            values, times = rows.values, rows.times
            previous = times[:1] if self._time is None else np.array([self._time])
            gap = recipe.cadence.steps_between(np.concatenate([previous, times])[: len(times)], times)
        else:
            values, _ = on_grid(rows, recipe.cadence, self._start, self._place)
            gap = np.ones(len(values))
            gap[:1] = 0.0 if begins else 1.0
        scaled = np.clip((values - np.array(recipe.center)) / np.array(recipe.scale), -_LIMIT, _LIMIT)
        observed, self._seen = observe(scaled, gap, self._seen)
        extra, anchor = np.zeros((len(values), 0)), np.full((len(values), 2), np.nan)
        if self._target is not None and recipe.target is not None:
            channel = recipe.target.channel
            steps = [self._target.advance(value) for value in values[:, channel]]
            features = np.array([row for row, _ in steps]).reshape(len(values), 1 + recipe.extra)
            anchor = np.array([level_and_unit for _, level_and_unit in steps], np.float64).reshape(len(values), 2)
            # Of the target itself only the change enters, and an absent one is no change.
            observed.values[:, channel], observed.last[:, channel] = features[:, 0], 0.0
            extra = features[:, 1:]
        if len(rows):
            self._time, self._place = float(rows.times[-1]), self._place + len(values)
        return Steps(
            values=observed.values.astype(np.float32),
            mask=observed.mask.astype(np.float32),
            last=observed.last.astype(np.float32),
            since=observed.since.astype(np.float32),
            gap=observed.gap.astype(np.float32),
            extra=extra.astype(np.float32),
            anchor=anchor,
            offsets=offsets_of([len(values)]),
        )


def _check_size(channel: str, values: NDArray[np.float64]) -> None:
    largest = float(np.abs(values).max())
    if largest > _LARGEST:
        raise InputError(
            f"Channel {channel!r} has a value of size {largest:g}, too large to be scaled. Mend it, leave the cell "
            "empty if it is unknown, or choose another unit."
        )
