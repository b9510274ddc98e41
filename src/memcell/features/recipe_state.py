"""One series on its way through a recipe."""

import copy
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from memcell.contract import InputError
from memcell.data.series import Series
from memcell.features.cycles import cycle_features
from memcell.features.evenly import Evenly
from memcell.features.filling import Filling
from memcell.features.gaps import LastSeen, beside_gaps, observe
from memcell.features.grid import merged, on_grid, patched, places_of, spans_of
from memcell.features.shape_counts import ShapeCounts
from memcell.features.steps import Steps
from memcell.features.summary import Summary
from memcell.features.target import TargetState
from memcell.features.windows import Windows, both_ways
from memcell.ragged import offsets_of

if TYPE_CHECKING:
    from memcell.features.recipe import Recipe

__all__ = ["RecipeState"]

_BLOCK = 1024  # rows whose summaries, or shapes, are worked out at once
_NOTHING = {name: np.empty((1, 0), np.float32) for name in ("summary", "wide")}  # where a recipe has no summaries


class RecipeState:
    """One series on its way through a recipe: all at once, or row by row as it streams in."""

    def __init__(self, recipe: "Recipe") -> None:
        self._recipe = recipe
        self._seen = LastSeen.nothing(len(recipe.encoding.columns))
        columns = len(recipe.row_encoding.columns)
        self._summary = Summary.nothing(columns + recipe.gaps, recipe.products)
        self._shapes = [ShapeCounts.nothing(one, columns) for one in recipe.shapes]
        self._filling, self._first = Filling.nothing(columns), np.empty((0, columns))
        self._evenly = Evenly.nothing(columns)
        self._so_far = recipe.widths["so_far"]
        self._windows = Windows.nothing(columns + recipe.gaps)
        self._words = np.zeros(recipe.encoding.event_count)
        self._facts = np.empty(recipe.encoding.fact_width, np.float32)
        self.blank = True
        """Whether nothing was seen so far."""
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
        if self._time is None:
            return False
        before, now = self._numbers(self._count - 1, np.array([self._time, time]))
        return bool(now == before)

    def steps_of(self, times: NDArray[np.float64]) -> NDArray[np.float64]:
        """Of the next rows, at these times, the number of the step that each goes to; only whether they are the same
        and which are more says anything."""
        return self._numbers(self._count, times)

    def _numbers(self, first: int, times: NDArray[np.float64]) -> NDArray[np.float64]:
        """The same of row number ``first`` and those after it."""
        recipe, start = self._recipe, float(times[0]) if self._start is None else self._start
        rows = np.arange(first, first + len(times), dtype=np.float64)
        if recipe.patch > 1:
            return rows // recipe.patch
        if recipe.span:
            return spans_of(recipe.span, start, times)
        return rows if recipe.target is None else places_of(recipe.cadence, start, times)

    def advance(self, rows: Series, *, whole: bool = True) -> Steps:
        """The next rows of the series; with ``whole`` of it so far, unless that is asked for by itself.

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
        given, numbers = rows, recipe.row_encoding.columns_of(rows)
        so_far = self._remember(rows, numbers)
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
        if rows is not given:
            numbers = recipe.encoding.columns_of(rows)
        scaled = recipe.scaled(numbers)
        observed, self._seen = observe(scaled, gap, self._seen)
        extra = np.concatenate([cycle_features(rows.times, recipe.cycles), recipe.encoding.pieces_of(scaled)], axis=1)
        anchor = np.empty((len(rows), 0))
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
        if recipe.words:
            self._words = self._words + np.bincount(event_feature, minlength=len(self._words))
        self._facts = recipe.encoding.facts_of(rows)
        self.blank &= not (len(event_row) or observed.mask.any())
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
            facts=self._facts[None, :],
            so_far=np.empty((len(rows), self._so_far), np.float32) if so_far is None else so_far,
            offsets=offsets_of([len(rows)]),
            **(self.whole() if whole else _NOTHING),
        )

    def whole(self) -> dict[str, NDArray[np.float32]]:
        """What the series is as a whole so far: the ``summary`` and ``wide`` of steps, [1, .]."""
        scaling = self._recipe.summary
        if scaling is None or self._recipe.by_row:
            return _NOTHING
        statistics = self._summary.statistics()
        waiting = self._filling.rest()
        first = np.concatenate([self._first, waiting[:, :-1]])[: self._recipe.aligned]
        aligned = np.zeros((self._recipe.aligned, first.shape[1]))
        aligned[: len(first)] = first
        summary = self._summary.features(scaling, aligned, statistics)
        blank = np.concatenate([np.ones(1, np.float32), self._facts]) * np.float32(self.blank)
        _, even = self._evenly.after(waiting)
        words = np.log1p(self._words[self._recipe.encoding.words]) if self._recipe.words else np.empty(0)
        shapes = [one.after(even).features() for one in self._shapes]
        wide = [blank, *shapes, words.astype(np.float32), scaling.fine_features(statistics)]
        return {"summary": summary[None, :], "wide": np.concatenate(wide)[None, :]}

    def _remember(self, rows: Series, numbers: NDArray[np.float64]) -> NDArray[np.float32] | None:
        """Rows, and the values of their columns, of which ``whole`` is to say something; of a recipe by row the
        ``so_far`` of steps, [T, .]."""
        recipe = self._recipe
        if recipe.summary is None or not len(rows):
            return None
        seen = recipe.row_encoding.scaled(numbers)
        elapsed = recipe.cadence.steps_between(np.full(len(rows), self._start), rows.times)
        told = seen
        if recipe.gaps:
            before = None
            if self._start is not None and self._time is not None:
                before = float(recipe.cadence.steps_between(self._start, self._time))
            told = beside_gaps(seen, elapsed, before)
        if not recipe.by_row:
            self._summary = self._summary.after(told, elapsed)
            if recipe.shapes or recipe.aligned:
                self._filling, settled = self._filling.after(np.column_stack([seen, elapsed]))
                self._first = np.concatenate([self._first, settled[: recipe.aligned - len(self._first), :-1]])
                for begin in range(0, len(settled), _BLOCK):  # an even grid may have many more rows
                    self._evenly, even = self._evenly.after(settled[begin : begin + _BLOCK])
                    self._shapes = [one.after(even) for one in self._shapes]
            return None
        parts: list[NDArray[np.float32]] = []
        for begin in range(0, len(rows), _BLOCK):
            block = slice(begin, begin + _BLOCK)
            each = self._summary.after_each(told[block], elapsed[block])
            parts.append(recipe.summary.features(each.statistics()).astype(np.float32))
            self._summary = each.at_last()
        so_far = np.concatenate(parts)
        if not recipe.windows:
            return so_far
        if recipe.windows == 2:  # of a series that comes whole
            return np.concatenate([so_far, both_ways(told, elapsed)], axis=1)
        self._windows, lately = self._windows.after_each(told, elapsed)
        return np.concatenate([so_far, lately], axis=1)
