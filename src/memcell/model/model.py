"""A trained model: recipe, configuration, weights and the record of its training. NumPy and the native core only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memcell.contract import InputError, warn
from memcell.data import Series
from memcell.data.arrays import as_series_for
from memcell.data.cadence import other_steps, other_unit
from memcell.features.conform import conformed
from memcell.features.recipe import Recipe
from memcell.features.steps import Steps
from memcell.heads import Classification, MultiLabel, QuantileForecast, Regression
from memcell.model.config import ModelConfig
from memcell.model.stack import NativeEngine, answer_rows, answer_whole, run
from memcell.model.stream import Stream

__all__ = ["Forecast", "Model"]

_BATCH_ROWS, _BATCH_NUMBERS = 200_000, 10_000_000  # that are run at once; bounds memory, changes no answer
_ANSWERED_ROWS = 10_000  # of these, about, whose answers are worked out at once, in float64


@dataclass(frozen=True)
class Forecast:
    """Quantiles of the K steps after the last row of a series.

    Attributes:
        times: float64 [K], in the series' own time.
        quantiles: float64 [K, 3], of 0.1, 0.5 and 0.9, in the target's own unit.
    """

    times: NDArray[np.float64]
    quantiles: NDArray[np.float64]


@dataclass(frozen=True)
class Model:
    """What ``memcell.load`` gives: predicts series, all at once or row by row.

    Attributes:
        recipe: what the columns mean and how they are scaled.
        config: the model's shape.
        members: float32 arrays by name, of each network whose predictions are averaged.
        record: what it was trained on, how, and how that went; ``memcell show`` says it in words.

    Example:
        >>> model = memcell.load("icu.memcell")                                            # doctest: +SKIP
        >>> values, hours = np.array([[36.6, np.nan], [np.nan, 80.0]]), [0.0, 1.5]         # doctest: +SKIP
        >>> model.predict_proba(memcell.as_series([values], [hours], ["temp", "pulse"]))   # doctest: +SKIP
        array([[0.93, 0.07]])
    """

    recipe: Recipe
    config: ModelConfig
    members: tuple[dict[str, NDArray[np.float32]], ...]
    record: dict[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        schema, config = self.recipe.schema, self.config
        return (
            f"<memcell.Model: {self.task}, {len(schema.channels)} channels, {len(schema.facts)} facts, "
            f"{config.members} networks of {config.hidden_size} units>"
        )

    @property
    def task(self) -> str:
        """``"classify"``, ``"multilabel"``, ``"regress"``, ``"tag"`` or ``"forecast"``."""
        return self.config.head.task

    @property
    def classes(self) -> tuple[Any, ...]:
        """The labels, in the order of ``predict_proba``'s columns.

        Raises:
            InputError: the model predicts numbers.
        """
        head = self.config.head
        if isinstance(head, Classification):
            return head.classes
        if isinstance(head, MultiLabel):
            return head.labels
        raise InputError(f"This model's task is to {self.task}; it has no classes.")

    def predict_proba(self, x: Any) -> Any:
        """Probabilities [n, classes] of each series; of a tagger a list of n arrays [T_i, classes].

        Args:
            x: what ``memcell.as_series`` takes: ``Series``, or arrays [T_i, C] with NaN where missing.

        Raises:
            InputError: the series lack channels, or the model predicts numbers.
        """
        classes = self.classes
        series = self.series_of(x)
        if self.task != "tag":
            return np.concatenate(
                [np.empty((0, len(classes))), *(self._decoded(part) for part in self._batches(series))]
            )
        parts = [np.split(self._decoded(steps), steps.offsets[1:-1]) for steps in self._batches(series)]
        return [rows for part in parts for rows in part]

    def predict(self, x: Any) -> Any:
        """The most likely answer.

        Returns:
            Labels [n] of a classifier; 0 or 1 [n, labels] of a multi-label one; a list of n arrays of labels [T_i] of a
            tagger; means [n] or, of several targets, [n, K]; a list of n ``Forecast`` of a forecaster.
        """
        if self.task == "regress":
            means = self.numbers(x)[:, :, 3]
            return means[:, 0] if means.shape[1] == 1 else means
        if self.task == "forecast":
            return self._forecasts(self.series_of(x))
        probabilities = self.predict_proba(x)
        if self.task == "multilabel":
            return (probabilities > 0.5).astype(np.int64)
        if self.task == "tag":
            return [self._best(rows) for rows in probabilities]
        return self._best(probabilities)

    def predict_quantiles(self, x: Any) -> NDArray[np.float64]:
        """Quantiles 0.1, 0.5 and 0.9 of each target, [n, K, 3], in its own unit.

        Raises:
            InputError: the model's task is not to regress.
        """
        return self.numbers(x)[:, :, :3]

    def numbers(self, x: Any) -> NDArray[np.float64]:
        """Quantiles 0.1, 0.5 and 0.9 and the mean of each target, [n, K, 4], in its own unit.

        Raises:
            InputError: the model's task is not to regress.
        """
        if not isinstance(self.config.head, Regression):
            raise InputError(f"This model's task is to {self.task}; quantiles of a series are for regression.")
        return self.numbers_of(self.series_of(x))

    def numbers_of(self, series: list[Series]) -> NDArray[np.float64]:
        """The same of series that have the model's channels in its order, of which nothing is told."""
        head = self.config.head
        assert isinstance(head, Regression)
        parts = [self._decoded(steps) for steps in self._batches(series)]
        return np.concatenate([np.empty((0, len(head.names), 4)), *parts])

    def _best(self, probabilities: NDArray[np.float64]) -> NDArray[Any]:
        return np.array(self.classes)[probabilities.argmax(axis=1)]

    def _decoded(self, steps: Steps) -> NDArray[np.float64]:
        """What the head says of prepared steps, of each series or each row, averaged over the members."""
        head = self.config.head
        answers: list[NDArray[np.float64]] = []
        for weights in self.members:
            x, h, state = run(self.config, weights, steps, NativeEngine())
            if head.whole:
                answers.append(head.decode(answer_whole(self.config, weights, state, steps)))
            else:
                parts = np.array_split(np.arange(len(h)), len(h) // _ANSWERED_ROWS + 1)
                raw = [answer_rows(self.config, weights, x, h, steps, rows) for rows in parts]
                answers.append(head.decode(np.concatenate(raw)))
        return answers[0] if len(answers) == 1 else np.mean(answers, axis=0)

    def _forecasts(self, series: list[Series]) -> "list[Forecast]":
        for one in series:
            self._check_history(one)
        if (told := other_steps(series, self.recipe.cadence)) is not None:
            warn(told)
        results: list[Forecast] = []
        for start, steps in zip(range(len(series)), self._batches(series, one_by_one=True), strict=True):
            quantiles, anchor = self.quantiles_at(steps, np.array([len(steps.values) - 1]))
            results.append(self.forecast_of(quantiles[0], anchor[0], series[start].times))
        return results

    def quantiles_at(self, steps: Steps, rows: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """A forecaster's raw quantiles [R, K, 3] and anchors [R, 2] at some rows of prepared steps."""
        head = self.config.head
        answers: list[NDArray[np.float64]] = []
        for weights in self.members:
            x, h, _ = run(self.config, weights, steps, NativeEngine())
            answers.append(head.decode(answer_rows(self.config, weights, x, h, steps, rows)))
        return np.mean(answers, axis=0), steps.anchor[rows]

    def forecast_of(
        self, quantiles: NDArray[np.float64], anchor: NDArray[np.float64], times: NDArray[np.float64]
    ) -> Forecast:
        """The forecast after the rows at ``times`` [T], or the last few of them, from raw quantiles [K, 3]."""
        target, head = self.recipe.target, self.config.head
        assert target is not None
        assert isinstance(head, QuantileForecast)
        cadence = self.recipe.cadence.in_days_of(times)
        return Forecast(cadence.after(times[-1], np.arange(1, head.horizon + 1)), target.forecast(quantiles, anchor))

    def stream(self, facts: Mapping[str, Any] | None = None) -> Stream:
        """A series still to come: takes one row at a time, predicts after any of them.

        Args:
            facts: what is known of the series as a whole, by name.

        Raises:
            InputError: an unknown fact, or a model that reads series from both ends.
        """
        return Stream(self, facts)

    def series_of(self, x: Any) -> list[Series]:
        """The caller's data as series with this model's channels, in its order.

        A ``DataWarning`` says what lacks and counts as missing, and which words training did not know.

        Raises:
            InputError: a channel lacks or holds something else than in training, or times are of another kind.
        """
        kind = self.recipe.schema.time_kind
        if isinstance(x, np.ndarray) and x.dtype == object:
            x = list(x)
        given = isinstance(x, Sequence) and len(x) > 0 and all(isinstance(one, Series) for one in x)
        series: list[Series] = list(x) if given else as_series_for(self.recipe.schema.channels, x)
        other = next((one.time_kind for one in series if one.time_kind != kind), None)
        if other is not None:
            words = {"order": "the order of rows", "number": "numbers", "date": "dates"}
            raise InputError(
                f"The times of the series are {words[other]}; the model was trained with {words[kind]}. "
                "Read them with `memcell.read`, or build them with `memcell.as_series(x, times, channels)`."
            )
        target = self.recipe.target
        series, notes = conformed(series, self.recipe.row_encoding, None if target is None else target.channel)
        if kind != "order" and self.task != "forecast" and (told := other_unit(series, self.recipe.cadence)):
            notes.append(told)
        notes += self._notes_of_unseen(series) if target is None else self._notes_of_ends(series, target.channel)
        for note in notes:
            warn(note)
        return series

    def _notes_of_unseen(self, series: list[Series]) -> list[str]:
        """How many of the series, not told of by a table, nothing is seen of."""
        unseen = sum(not len(one.observations) and one.schema is None for one in series)
        if not unseen or not self.config.head.whole:
            return []
        by = "what their facts say" if self.config.facts else "what is usual in training"
        return [f"{unseen:,} of {len(series):,} series have no observation; their answer is {by}."]

    def _notes_of_ends(self, series: list[Series], channel: int) -> list[str]:
        """How many of the series end without what is forecast."""
        own = [one.observations.row[one.observations.channel == channel] for one in series]
        ends = [(one, len(one) - 1 - rows[-1]) for one, rows in zip(series, own, strict=True) if len(rows)]
        blank = [(one, rows) for one, rows in ends if rows > 0]
        if not blank:
            return []
        one, rows = max(blank, key=lambda found: found[1])
        column, which = self.recipe.schema.channels[channel], "" if one.id is None else f" of {one.id!r}"
        return [
            f"{len(blank):,} of {len(series):,} series end without {column!r}: it is blank in the last {rows} rows"
            f"{which}. The forecast starts after them; leave them out for one that starts after the last value. What "
            "is known of the future beside it is not used."
        ]

    def can_start(self, one: Series) -> bool:
        """Whether a series has a value of what is forecast, to start from."""
        target = self.recipe.target
        return target is not None and bool((one.observations.channel == target.channel).any())

    def _check_history(self, one: Series) -> None:
        target = self.recipe.target
        assert target is not None
        name = "The series" if one.id is None else f"Series {one.id!r}"
        if not self.can_start(one):
            column = self.recipe.schema.channels[target.channel]
            raise InputError(f"{name} has no value of {column!r}; a forecast needs at least one to start from.")

    def _batches(self, series: list[Series], one_by_one: bool = False) -> Any:
        """Steps of some series at a time, in order."""
        batch: list[Steps] = []
        rows = numbers = 0
        for one in series:
            steps = self.recipe.steps_of(one)
            batch.append(steps)
            rows += len(steps.values)
            numbers += steps.values.size + steps.so_far.size + steps.summary.size + steps.wide.size
            if one_by_one or rows >= _BATCH_ROWS or numbers >= _BATCH_NUMBERS:
                yield Steps.concatenate(batch)
                batch, rows, numbers = [], 0, 0
        if batch:
            yield Steps.concatenate(batch)
