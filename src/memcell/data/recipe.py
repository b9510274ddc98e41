"""From series to what the stack reads: learnt from training rows, saved with the model, applied unchanged."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from memcell.contract import InputError
from memcell.data.cadence import Cadence, step_of
from memcell.data.gaps import LastSeen, observe
from memcell.data.schema import TableSchema
from memcell.data.series import Series
from memcell.data.target import TargetRecipe, TargetState
from memcell.ragged import offsets_of

__all__ = ["Recipe", "RecipeState", "Steps", "on_grid"]

Array = NDArray[Any]

_LIMIT = 10.0  # scaled values beyond it are measuring errors, and are cut
_LONGEST_GRID = 50  # cells a row, of a forecast's even grid


@dataclass(frozen=True)
class Steps:
    """Series as the stack reads them: N rows in B sequences, float32.

    Attributes:
        values, mask, last, since: [N, C]; gap: [N, 1]; all as in ``memcell.data.gaps.Observed``.
        extra: [N, E], what a forecast knows of its target's levels; E = 0 otherwise.
        anchor: float64 [N], the level a forecast at the row starts from; NaN without one.
        offsets: int64 [B + 1].
    """

    values: Array
    mask: Array
    last: Array
    since: Array
    gap: Array
    extra: Array
    anchor: Array
    offsets: NDArray[np.int64]

    def rows(self, rows: NDArray[np.int64], offsets: NDArray[np.int64]) -> "Steps":
        """Some of the rows, as sequences cut by ``offsets``."""
        return replace(self, **{name: getattr(self, name)[rows] for name in _BY_ROW}, offsets=offsets)

    def sequences(self, index: NDArray[np.int64]) -> "Steps":
        """Some of the sequences."""
        bounds = [(int(self.offsets[b]), int(self.offsets[b + 1])) for b in index]
        rows = [np.arange(start, stop) for start, stop in bounds]
        lengths = [stop - start for start, stop in bounds]
        return self.rows(np.concatenate([np.empty(0, np.int64), *rows]), offsets_of(lengths))

    @classmethod
    def concatenate(cls, parts: list["Steps"]) -> "Steps":
        """The sequences of all parts, one part after another."""
        arrays = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _BY_ROW}
        return cls(**arrays, offsets=offsets_of(np.concatenate([np.diff(part.offsets) for part in parts]).tolist()))


_BY_ROW = tuple(field.name for field in fields(Steps) if field.name != "offsets")


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
        """Statistics of the series, which must be training series and, for a forecast, end where training ends."""
        cadence = step_of(series)
        values = np.concatenate([one.values for one in series]) if series else np.empty((0, len(schema.channels)))
        center, scale = np.zeros(values.shape[1]), np.ones(values.shape[1])
        for c, column in enumerate(values.T):
            seen = column[~np.isnan(column)]
            if len(seen):
                seen = np.clip(seen, *np.quantile(seen, [0.005, 0.995]))
                center[c], scale[c] = seen.mean(), seen.std() or 1.0
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
        if not len(center) == len(scale) == len(schema.channels) or not all(s > 0 for s in scale):
            raise InputError("The recipe's centers and scales do not fit its channels.")
        target = None if record["target"] is None else TargetRecipe.from_json(record["target"])
        return cls(schema, Cadence.from_json(record["cadence"]), center, scale, target)


class RecipeState:
    """One series on its way through a recipe: all at once, or row by row as it streams in."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._seen = LastSeen.nothing(len(recipe.center))
        self._time: float | None = None
        self._target = None if recipe.target is None else TargetState(recipe.target)

    def advance(self, rows: Series) -> Steps:
        """The next rows of the series.

        A forecast runs on an even grid: rows are put to the nearest step, and a step without a row is a row of missing
        values, which the mask and the time since the last observation tell apart from any value.

        Raises:
            InputError: the rows do not come after those before.
        """
        recipe = self._recipe
        if self._time is not None and len(rows) and rows.times[0] <= self._time:
            raise InputError(f"Time {rows.times[0]} does not come after {self._time}, the time of the row before.")
        if recipe.target is None:
            values, times = rows.values, rows.times
        else:
            values, times = on_grid(rows, recipe.cadence, self._time)
        previous = times[:-1] if self._time is None else np.concatenate([[self._time], times[:-1]])
        gap = recipe.cadence.steps_between(previous, times[len(times) - len(previous) :])
        gap = np.concatenate([np.zeros(len(times) - len(gap)), gap])
        scaled = np.clip((values - np.array(recipe.center)) / np.array(recipe.scale), -_LIMIT, _LIMIT)
        observed, self._seen = observe(scaled, gap, self._seen)
        extra, anchor = np.zeros((len(times), 0)), np.full(len(times), np.nan)
        if self._target is not None and recipe.target is not None:
            channel = recipe.target.channel
            steps = [self._target.advance(value) for value in values[:, channel]]
            features = np.array([row for row, _ in steps]).reshape(len(times), 1 + recipe.extra)
            anchor = np.array([level for _, level in steps], np.float64)
            # Of the target itself only the change enters, and an absent one is no change.
            observed.values[:, channel], observed.last[:, channel] = features[:, 0], 0.0
            extra = features[:, 1:]
        if len(times):
            self._time = float(times[-1])
        return Steps(
            values=observed.values.astype(np.float32),
            mask=observed.mask.astype(np.float32),
            last=observed.last.astype(np.float32),
            since=observed.since.astype(np.float32),
            gap=observed.gap.astype(np.float32),
            extra=extra.astype(np.float32),
            anchor=anchor,
            offsets=offsets_of([len(times)]),
        )


def on_grid(
    series: Series, cadence: Cadence, after: float | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Values [S, C] and times [S] on the even grid of ``cadence``, the last row on a grid point.

    Rows that fall on one point are averaged channel by channel; a point without rows is all missing. With ``after``,
    the grid continues from that point.

    Raises:
        InputError: the times are so uneven that the grid would be mostly empty.
    """
    if not len(series):
        return series.values, series.times
    start = series.times[0] if after is None else after
    place = np.rint(cadence.steps_between(start, series.times)).astype(np.int64)
    if after is not None:
        place = np.maximum(place - 1, 0)
    length = int(place[-1]) + 1
    if length > _LONGEST_GRID * len(series) + 1000:
        name = "The series" if series.id is None else f"Series {series.id!r}"
        raise InputError(
            f"{name} has {len(series)} rows over {length} steps of its usual length, too uneven to forecast step by "
            "step. Resample it, or leave out the stretch before its longest gap."
        )
    if length == len(series) and (np.diff(place) == 1).all():
        values = series.values
    else:
        known = ~np.isnan(series.values)
        total, count = np.zeros((length, series.values.shape[1])), np.zeros((length, series.values.shape[1]))
        np.add.at(total, place, np.where(known, series.values, 0.0))
        np.add.at(count, place, known)
        with np.errstate(invalid="ignore"):
            values = np.where(count > 0, total / count, np.nan)
    first = 0 if after is None else 1
    return values, cadence.after(start, np.arange(first, first + length))
