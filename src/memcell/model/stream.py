"""One series as it arrives: a row at a time, in constant memory."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from memcell.contract import InputError
from memcell.data import Series
from memcell.data.observations import Observations
from memcell.features.channels import WordChannel
from memcell.features.recipe_state import RecipeState
from memcell.model.row import observed, time_of
from memcell.model.stack import NativeEngine, State, answer_rows, answer_whole, run

if TYPE_CHECKING:
    from memcell.features.steps import Steps
    from memcell.model.model import Forecast, Model

__all__ = ["Stream"]

_WAITING = 64  # rows that come one by one are run together, or when something is asked


@dataclass(frozen=True)
class _Row:
    """Its time, and channel and value of each of its observations."""

    time: float
    channel: list[int]
    value: list[float]


_Reached = tuple[RecipeState, tuple[State, ...]]
"""What features remember after some rows, and the state of each member."""


class Stream:
    """The state of one series: what its features remember and h and c of every layer.

    Args:
        model: whose series it is.
        facts: what is known of the series as a whole, by name.

    Ends at the same prediction as the whole series at once. A copy goes on by itself, with the same model; a pickled
    stream takes its model along.

    Example:
        >>> stream = memcell.load("icu.memcell").stream()                                   # doctest: +SKIP
        >>> stream.observe({"pulse": 80.0}, time=0.5)                                       # doctest: +SKIP
        >>> stream.predict_proba()                                                          # doctest: +SKIP
        array([0.93, 0.07])
    """

    def __init__(self, model: "Model", facts: Mapping[str, Any] | None = None) -> None:
        if model.config.bidirectional:
            raise InputError("This model reads series from both ends, so there is nothing to say before the end.")
        self._model = model
        schema, encoding = model.recipe.schema, model.recipe.encoding
        levels, fact_levels = (
            {one.name: one.levels for one in known if isinstance(one, WordChannel)}
            for known in (encoding.channels, encoding.facts)
        )
        known, values = observed("facts", {} if facts is None else facts, encoding.facts)
        self._nothing = Series(
            Observations.of([], [], []), np.empty(0), schema.channels, time_kind=schema.time_kind,
            facts=Observations.of(np.zeros(len(known)), known, values), fact_names=schema.facts,
            levels=levels, fact_levels=fact_levels,
        )  # fmt: skip
        self._whole = model.recipe.whole
        self._engine = NativeEngine()
        features = model.recipe.begin()
        self._steps = features.advance(self._nothing, whole=False)  # the last ones
        self._now: _Reached = features, self._states()
        self._before = self._now  # the last step that was run
        self._rows: tuple[_Row, ...] = ()  # of that step, and then those that wait
        self._run = 0  # how many of them were run
        self._last: list[tuple[Any, Any]] = []  # of each member the inputs and outputs of the last steps
        self._time: float | None = None
        self._count = 0

    def __copy__(self) -> Self:
        other = object.__new__(type(self))
        vars(other).update(vars(self))  # what is in them is replaced by the next row, not changed
        return other

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self.__copy__()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_engine"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _engine=NativeEngine())

    def observe(self, values: Any, time: Any = None) -> None:
        """Take the next row.

        Args:
            values: [C] in the order of the model's channels, or a mapping (or pandas Series) from channel to value;
                absent, NaN, None or what a table has for missing is missing, a list a set of values.
            time: later than the row before: a number, or a date where the model was trained on dates, in UTC where it
                has no time zone. May be left out where rows have no times.

        Raises:
            InputError: an unknown channel, a time that is absent or not later, a value that is infinite. The stream is
                then as it was before.
        """
        schema = self._model.recipe.schema
        if time is None and schema.time_kind != "order":
            raise InputError(f"`time` is missing; the model was trained with the times of column {schema.time!r}.")
        now = float(self._count) if time is None else time_of(time, schema.time_kind)
        if self._time is not None and now <= self._time:
            if time is None:
                raise InputError(
                    f"`time` was left out, which stands for {now:g}, the number of rows so far, and the row before had "
                    f"{self._time:g}. Give a number above it, or leave `time` out for every row."
                )
            raise InputError(f"`time` {time} does not come after that of the row before. Give a later one.")
        before = self._rows
        self._rows = (*before, _Row(now, *observed("values", values, self._model.recipe.channels)))
        try:
            full = len(self._rows) - self._run >= _WAITING and (not self._whole or len(self._rows[-1].channel))
            if self._model.task == "forecast" or full:
                self._catch_up()
        except InputError:
            self._rows = before
            raise
        self._time = now
        self._count += 1

    def predict_proba(self) -> NDArray[np.float64]:
        """Probabilities [classes] after the rows so far; of a tagger those of the last row.

        Raises:
            InputError: the model predicts numbers, or a tagger has seen no row.
        """
        self._model.classes  # noqa: B018  (refuses what has none)
        return self._decoded()[0]

    def predict(self) -> "Any | Forecast":
        """The label, the labels' 0 or 1, the mean or means [K], or the forecast of the steps after the last row.

        Raises:
            InputError: a forecast is asked for before the target was seen, or a tag before any row.
        """
        model = self._model
        if model.task == "forecast":
            if self._time is None or np.isnan(self._steps.anchor[-1, 0]):
                raise InputError("The target has not been seen yet; a forecast needs at least one value to start from.")
            return model.forecast_of(self._decoded()[0], self._steps.anchor[-1], np.array([self._time]))
        if model.task == "regress":
            means = self._decoded()[0, :, 3]
            return float(means[0]) if len(means) == 1 else means
        probabilities = self.predict_proba()
        if model.task == "multilabel":
            return (probabilities > 0.5).astype(np.int64)
        return model.classes[int(probabilities.argmax())]

    def predict_quantiles(self) -> NDArray[np.float64]:
        """Quantiles 0.1, 0.5 and 0.9 of each target [K, 3], after the rows so far, of a model that regresses."""
        if self._model.task != "regress":
            raise InputError(f"This model's task is to {self._model.task}; it has no quantiles of a series.")
        return self._decoded()[0, :, :3]

    def _catch_up(self) -> None:
        """Run the rows that wait; of a series that is read as a whole, those up to the last one with a value. Rows of
        one step count together: where they share that of the last that were run, it is taken back and run anew.

        Raises:
            InputError: a forecast's rows are too far apart. The stream is then as it was before.
        """
        end = len(self._rows)
        while self._whole and end > self._run and not len(self._rows[end - 1].channel):
            end -= 1
        if end == self._run:
            return
        now, rows, later = self._now, self._rows[self._run : end], self._rows[end:]
        if now[0].shares_step(rows[0].time):
            now, rows = self._before, self._rows[:end]
        numbers = now[0].steps_of(np.array([row.time for row in rows]))
        last = int(np.searchsorted(numbers, numbers[-1]))
        before = self._after(now, rows[:last])[0] if last else now
        self._now, self._last, self._steps = self._after(before, rows[last:])
        self._before, self._rows, self._run = before, rows[last:] + later, len(rows) - last

    def _after(self, before: "_Reached", rows: "tuple[_Row, ...]") -> "tuple[_Reached, list[tuple[Any, Any]], Steps]":
        """Where some rows lead, of each member the inputs and outputs of their steps, and these."""
        config, members = self._model.config, self._model.members
        features = before[0].copy()
        steps = features.advance(self._series(rows), whole=False)
        passed = [run(config, weights, steps, self._engine, state)
                  for weights, state in zip(members, before[1], strict=True)]  # fmt: skip
        return (features, tuple(state for _, _, state in passed)), [(x, h) for x, h, _ in passed], steps

    def _decoded(self) -> NDArray[np.float64]:
        """What the head says now, [1, ...], averaged over the members."""
        self._catch_up()
        model = self._model
        head = model.config.head
        if head.whole:
            features, states = self._now
            steps = replace(self._steps, **features.whole())
            if self._whole and features.blank:  # rows of which nothing was seen are as none
                states = self._states()
            answers = [
                head.decode(answer_whole(model.config, weights, state, steps))
                for weights, state in zip(model.members, states, strict=True)
            ]
        elif not self._last:
            raise InputError("No row has been seen yet, so there is nothing to say of one.")
        else:
            answers = [
                head.decode(answer_rows(model.config, weights, x, h, self._steps, np.array([len(h) - 1])))
                for weights, (x, h) in zip(model.members, self._last, strict=True)
            ]
        return np.mean(answers, axis=0)

    def _states(self) -> tuple[State, ...]:
        """Of each member the state before the first row."""
        return tuple(State.begin(self._model.config, weights, self._steps.facts) for weights in self._model.members)

    def _series(self, rows: "tuple[_Row, ...]") -> Series:
        counts = [len(row.channel) for row in rows]
        channel, value = (list(chain.from_iterable(getattr(row, of) for row in rows)) for of in ("channel", "value"))
        seen = Observations.of(np.repeat(np.arange(len(rows)), counts), channel, value)
        return replace(self._nothing, observations=seen, times=np.array([row.time for row in rows]))
