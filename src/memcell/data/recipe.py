"""From series to what the stack reads: learnt from training rows, saved with the model, applied unchanged."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from memcell.contract import InputError
from memcell.data.cadence import Cadence, step_of
from memcell.data.channels import Channel, channel_from_json, channel_to_json
from memcell.data.choices import (
    aligned_rows,
    learn_channel,
    patch_of,
    span_of,
    sparse_or_sets,
    values_by_channel,
    window_of,
)
from memcell.data.cycles import cycle_features, periods_of
from memcell.data.encoding import Encoding
from memcell.data.gaps import LastSeen, observe
from memcell.data.grid import merged, on_grid, patched, places_of, spans_of
from memcell.data.schema import TableSchema
from memcell.data.series import Series
from memcell.data.steps import Steps
from memcell.data.summary import PER_CHANNEL, Summary
from memcell.data.target import TargetRecipe, TargetState
from memcell.data.window import Window
from memcell.ragged import offsets_of

__all__ = ["Recipe", "RecipeState"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Recipe:
    """What columns mean and how their values are scaled.

    Attributes:
        schema: the columns' roles.
        cadence: the usual step between rows; time gaps are counted in it.
        channels: what each channel means, in the order of the schema.
        facts: the same of each static fact.
        cycles: periods in the unit of time whose phase is a feature.
        target: of a forecast, how its channel is made relative; None otherwise.
        summary: whether a series comes with a summary of each column, see ``memcell.data.summary``.
        span: the time over which rows become one, 0 for none: rows that each see little become fewer that see more.
        patch: how many rows of an even and complete series become one with as many times the channels.
        aligned: rows of which each value is a feature of the summary, where all series have the same rows; 0 for none.
        window: rows up to each whose mean and deviation are features of it, see ``memcell.data.window``; 0 for none.
        ahead: whether as many rows to come count too.

    Example:
        >>> from memcell.data import as_series
        >>> series = as_series([np.array([[1.0], [np.nan], [3.0]])])
        >>> recipe = Recipe.learn(series, TableSchema(None, None, (), ("x0",), "order", False))
        >>> recipe.apply(series).mask[:, 0].tolist()
        [1.0, 0.0, 1.0]
    """

    schema: TableSchema
    cadence: Cadence
    channels: tuple[Channel, ...]
    facts: tuple[Channel, ...] = ()
    cycles: tuple[float, ...] = ()
    target: TargetRecipe | None = None
    summary: bool = False
    span: float = 0.0
    patch: int = 1
    aligned: int = 0
    window: int = 0
    ahead: bool = False

    @classmethod
    def learn(
        cls,
        series: list[Series],
        schema: TableSchema,
        target: str | None = None,
        horizon: int | None = None,
        *,
        clipping: bool = True,
        events: bool | None = None,
        cycles: str | Sequence[float] = (),
        summary: bool = False,
        merging: bool = False,
        window: bool = False,
        ahead: bool = False,
    ) -> "Recipe":
        """Statistics of the series, which must be training series and, for a forecast, end where training ends.

        Args:
            series: to learn from.
            schema: the columns' roles.
            target, horizon: of a forecast, its channel and how many steps.
            clipping: whether outliers are cut, and impossible values not seen.
            events: whether numbers enter as events; None: where channels are many and sparse, or hold sets.
            cycles: as in ``memcell.data.cycles.periods_of``.
            summary: whether a series comes with a summary of each column.
            merging: whether rows may become one, where they are many: within spans of time where each sees few of the
                channels, in patches where they are even and complete.
            window: whether each row comes with the mean and deviation of those before, where channels are few.
            ahead: whether rows to come count too.

        Raises:
            InputError: values too large to be scaled, or times too uneven for a forecast.
        """
        cadence = step_of(series)
        if events is None:
            numbers = np.array([name not in schema.kinds for name in schema.channels], bool)
            events = target is None and sparse_or_sets(series, numbers)
        split = values_by_channel([one.observations for one in series], len(schema.channels))
        channels = tuple(
            learn_channel(name, schema.kinds.get(name), seen, [one.levels for one in series], clipping, events)
            for name, seen in zip(schema.channels, split, strict=True)
        )
        split = values_by_channel([one.facts for one in series], len(schema.facts))
        facts = tuple(
            learn_channel(
                name, schema.fact_kinds.get(name), seen, [one.fact_levels for one in series], clipping, events=False
            )
            for name, seen in zip(schema.facts, split, strict=True)
        )
        target_recipe = None
        if target is not None and horizon is not None:
            channel = schema.channels.index(target)
            grids = [on_grid(one, cadence).values[:, channel] for one in series]
            target_recipe = TargetRecipe.learn(grids, channel, horizon)
        span = span_of(series, len(schema.channels)) if merging else 0.0
        patch = patch_of(series, cadence, channels) if merging and not span else 1
        periods = periods_of(series, cycles)
        rows = aligned_rows(series, cadence, channels) if summary else 0
        size = window_of(channels) if window else 0
        return cls(
            schema,
            cadence,
            channels,
            facts,
            periods,
            target_recipe,
            summary,
            span,
            patch,
            rows,
            size,
            ahead and size > 0,
        )

    @cached_property
    def encoding(self) -> Encoding:
        """How observations and facts become the features of steps."""
        return Encoding(self.channels * self.patch, self.facts)

    @cached_property
    def row_encoding(self) -> Encoding:
        """The same of single rows."""
        return self.encoding if self.patch == 1 else Encoding(self.channels, self.facts)

    @property
    def extra(self) -> int:
        """E, features of a row beside its channels."""
        around = 2 * len(self.encoding.columns) if self.window else 0
        return 2 * len(self.cycles) + around + (0 if self.target is None else self.target.features)

    @property
    def widths(self) -> dict[str, Any]:
        """What a model must expect, by the names of ``ModelConfig``."""
        encoding = self.encoding
        columns = len(encoding.columns)
        return {
            "channels": columns, "extra": self.extra, "events": encoding.event_kinds, "facts": encoding.fact_width,
            "patch": self.patch,
            "summary": (PER_CHANNEL + self.aligned) * (columns // self.patch) if self.summary else 0,
            "aligned": self.aligned * (columns // self.patch),
        }  # fmt: skip

    @cached_property
    def target_column(self) -> int:
        """The forecast channel's place among the columns."""
        assert self.target is not None
        return int(np.searchsorted(self.encoding.columns, self.target.channel))

    def scaled(self, values: Array) -> Array:
        """[T, D], values of the columns, scaled; a forecast's target is kept whatever it is: it may well have grown."""
        result = self.encoding.scaled(values)
        if self.target is not None:
            result[:, self.target_column] = self.encoding.scaled(values, keep_all=True)[:, self.target_column]
        return result

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
            "channels": [channel_to_json(one) for one in self.channels],
            "facts": [channel_to_json(one) for one in self.facts],
            "cycles": list(self.cycles),
            "target": None if self.target is None else self.target.to_json(),
            "summary": self.summary,
            "span": self.span,
            "patch": self.patch,
            "aligned": self.aligned,
            "window": self.window,
            "ahead": self.ahead,
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
        channels, facts = (tuple(map(channel_from_json, record[name])) for name in ("channels", "facts"))
        for known, wanted in ((channels, schema.channels), (facts, schema.facts)):
            if tuple(one.name for one in known) != wanted:
                raise InputError("The recipe's channels are not those of its schema.")
        target = None if record["target"] is None else TargetRecipe.from_json(record["target"])
        if target is not None and target.channel >= len(channels):
            raise InputError(f"The recipe forecasts channel {target.channel}, but has {len(channels)} channels only.")
        cycles = tuple(map(float, record["cycles"]))
        cadence = Cadence.from_json(record["cadence"])
        span = record["span"]
        if not isinstance(span, float) or not 0 <= span < np.inf:
            raise InputError(f"The recipe's span is {span!r}; it must be a number of at least 0.")
        counts = {name: record[name] for name in ("patch", "aligned", "window")}
        if any(type(count) is not int or count < 0 for count in counts.values()) or not counts["patch"]:
            raise InputError(f"The recipe's {', '.join(counts)} are {list(counts.values())}; they must be counts.")
        flags = {name: record[name] is True for name in ("summary", "ahead")}
        return cls(schema, cadence, channels, facts, cycles, target, span=span, **counts, **flags)


class RecipeState:
    """One series on its way through a recipe: all at once, or row by row as it streams in."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._seen = LastSeen.nothing(len(recipe.encoding.columns))
        self._summary = Summary.nothing(len(recipe.row_encoding.columns), recipe.aligned)
        self._window = (
            Window.begin(recipe.window, recipe.ahead, len(recipe.encoding.columns)) if recipe.window else None
        )
        self._count = 0
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
        """Whether a row at ``time`` goes with the row before: to one step of a forecast, or one span of time."""
        recipe = self._recipe
        if self._start is None or self._time is None:
            return False
        if recipe.patch > 1:
            return self._count % recipe.patch > 0
        if recipe.span:
            now, before = spans_of(recipe.span, self._start, np.array([time, self._time]))
            return bool(now == before)
        if recipe.target is None:
            return False
        return int(places_of(recipe.cadence, self._start, np.array([time]))[0]) <= self._place

    def advance(self, rows: Series) -> Steps:
        """The next rows of the series.

        A forecast runs on an even grid: rows are put to the nearest step, and a step without a row is a row of missing
        values, which the mask and the time since the last observation tell apart from any value. A row that
        ``shares_step`` goes with the one before it, from a ``copy`` made before that one. Summaries are of all rows,
        before any are merged.

        Raises:
            InputError: the rows do not come after those before.
        """
        recipe = self._recipe
        if self._time is not None and len(rows) and rows.times[0] <= self._time:
            raise InputError(f"Time {rows.times[0]} does not come after {self._time}, the time of the row before.")
        assert not len(rows) or not self.shares_step(float(rows.times[0]))
        begins, last_time = self._start is None, rows.times[-1:]
        if begins and len(rows):
            self._start = float(rows.times[0])
        seen = recipe.row_encoding.columns_of(rows) if recipe.summary else None
        self._count += len(rows)
        if recipe.patch > 1:
            rows = patched(rows, recipe.patch)
        elif recipe.span:
            rows = merged(rows, recipe.span, self._start)
        if recipe.target is None:
            previous = rows.times[:1] if self._time is None else np.array([self._time])
            gap = recipe.cadence.steps_between(np.concatenate([previous, rows.times])[: len(rows)], rows.times)
        else:
            rows = on_grid(rows, recipe.cadence, self._start, self._place)
            gap = np.ones(len(rows))
            gap[:1] = 0.0 if begins else 1.0
        numbers = recipe.encoding.columns_of(rows)
        scaled = recipe.scaled(numbers)
        observed, self._seen = observe(scaled, gap, self._seen)
        summary = np.empty(0, np.float32)
        if seen is not None:
            self._summary = self._summary.after(recipe.row_encoding.scaled(seen))
            summary = self._summary.features(recipe.row_encoding.knots)
        extra, anchor = cycle_features(rows.times, recipe.cycles), np.full((len(rows), 2), np.nan)
        if self._window is not None:
            around, self._window = self._window.advance(scaled)
            extra = np.concatenate([extra, around], axis=1)
        if self._target is not None and recipe.target is not None:
            column = recipe.target_column
            steps = [self._target.advance(value) for value in numbers[:, column]]
            features = np.array([row for row, _ in steps]).reshape(len(rows), 1 + recipe.target.features)
            anchor = np.array([level_and_unit for _, level_and_unit in steps], np.float64).reshape(len(rows), 2)
            # Of the target itself only the change enters, and an absent one is no change.
            observed.values[:, column], observed.last[:, column] = features[:, 0], 0.0
            extra = np.concatenate([extra, features[:, 1:]], axis=1)
        if len(last_time):
            self._time, self._place = float(last_time[0]), self._place + len(rows)
        event_row, event_feature, event_value = recipe.encoding.events_of(rows)
        return Steps(
            values=observed.values.astype(np.float32),
            mask=observed.mask.astype(np.float32),
            last=observed.last.astype(np.float32),
            since=observed.since.astype(np.float32),
            gap=observed.gap.astype(np.float32),
            extra=extra.astype(np.float32),
            anchor=anchor,
            event_row=event_row,
            event_feature=event_feature,
            event_value=event_value.astype(np.float32),
            facts=recipe.encoding.facts_of(rows)[None, :],
            summary=summary[None, :],
            offsets=offsets_of([len(rows)]),
        )
