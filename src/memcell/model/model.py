"""A trained model: recipe, configuration, weights and the record of its training. NumPy and the native core only."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memcell.contract import InputError
from memcell.data import Series, as_series
from memcell.data.recipe import Recipe
from memcell.data.steps import Steps
from memcell.heads import Classification, QuantileForecast
from memcell.model.config import ModelConfig
from memcell.model.stack import NativeLayer, run
from memcell.model.stream import Stream

__all__ = ["Forecast", "Model"]

_BATCH_ROWS = 200_000  # rows run at once; bounds memory, changes no number


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
        weights: float32 arrays by name.
        record: how it was trained: data, epochs, scores, versions.

    Example:
        >>> model = memcell.load("icu.memcell")                                            # doctest: +SKIP
        >>> values, hours = np.array([[36.6, np.nan], [np.nan, 80.0]]), [0.0, 1.5]         # doctest: +SKIP
        >>> model.predict_proba(memcell.as_series([values], [hours], ["temp", "pulse"]))   # doctest: +SKIP
        array([[0.93, 0.07]])
    """

    recipe: Recipe
    config: ModelConfig
    weights: dict[str, NDArray[np.float32]]
    record: dict[str, Any] = field(default_factory=dict)

    @property
    def task(self) -> str:
        """``"classify"`` or ``"forecast"``."""
        return self.config.head.task

    @property
    def classes(self) -> tuple[Any, ...]:
        """The labels, in the order of ``predict_proba``'s columns.

        Raises:
            InputError: the model forecasts.
        """
        head = self.config.head
        if not isinstance(head, Classification):
            raise InputError("This model forecasts; it has no classes.")
        return head.classes

    def predict_proba(self, x: Any) -> NDArray[np.float64]:
        """Probabilities [n, classes] of each series.

        Args:
            x: what ``memcell.as_series`` takes: ``Series``, or arrays [T_i, C] with NaN where missing.

        Raises:
            InputError: the series lack channels, or the model forecasts.
        """
        classes = self.classes
        series = self.series_of(x)
        parts = [np.empty((0, len(classes)))]
        for steps in self._batches(series):
            x_in, _, state = run(self.config, self.weights, steps, NativeLayer())
            parts.append(self.config.head.decode(self.config.head.readout(self.weights, state.h[-1], x_in)))
        return np.concatenate(parts)

    def predict(self, x: Any) -> Any:
        """Labels [n] of a classifier; a list of n ``Forecast`` of a forecaster."""
        if self.task == "classify":
            best = self.predict_proba(x).argmax(axis=1)
            return np.array([self.classes[k] for k in best])
        series = self.series_of(x)
        for one in series:
            self._check_history(one)
        results: list[Forecast] = []
        for start, steps in zip(range(len(series)), self._batches(series, one_by_one=True), strict=True):
            quantiles, anchor = self.quantiles_at(steps, np.array([len(steps.values) - 1]))
            results.append(self.forecast_of(quantiles[0], anchor[0], float(series[start].times[-1])))
        return results

    def quantiles_at(self, steps: Steps, rows: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """A forecaster's raw quantiles [R, K, 3] and anchors [R, 2] at some rows of prepared steps."""
        x_in, h, _ = run(self.config, self.weights, steps, NativeLayer())
        head = self.config.head
        return head.decode(head.readout(self.weights, h[rows], x_in[rows])), steps.anchor[rows]

    def forecast_of(self, quantiles: NDArray[np.float64], anchor: NDArray[np.float64], last_time: float) -> Forecast:
        """The forecast after ``last_time`` from raw quantiles [K, 3]."""
        target, head = self.recipe.target, self.config.head
        assert target is not None
        assert isinstance(head, QuantileForecast)
        times = self.recipe.cadence.after(last_time, np.arange(1, head.horizon + 1))
        return Forecast(times, target.forecast(quantiles, anchor))

    def stream(self) -> Stream:
        """A series still to come: takes one observation at a time, predicts after any of them."""
        return Stream(self)

    def series_of(self, x: Any) -> list[Series]:
        """The caller's data as series with this model's channels, in its order.

        Raises:
            InputError: a channel lacks, or times are of another kind than those the model was trained with.
        """
        channels, kind = self.recipe.schema.channels, self.recipe.schema.time_kind
        if isinstance(x, np.ndarray) and x.dtype == object:
            x = list(x)
        given = isinstance(x, Sequence) and len(x) > 0 and isinstance(x[0], Series)
        series = as_series(x) if given else as_series(x, channels=channels)
        if series and series[0].time_kind != kind:
            words = {"order": "the order of rows", "number": "numbers", "date": "dates"}
            raise InputError(
                f"The times of the series are {words[series[0].time_kind]}; the model was trained with {words[kind]}. "
                "Read them with `memcell.read`, or build them with `memcell.as_series(x, times, channels)`."
            )
        if series and series[0].channels != channels:
            missing = [name for name in channels if name not in series[0].channels]
            if missing:
                raise InputError(
                    f"The series lack the channel {', '.join(map(repr, missing))}; the model reads "
                    f"{', '.join(map(repr, channels))}."
                )
            place = [series[0].channels.index(name) for name in channels]
            series = [
                Series(one.values[:, place], one.times, channels, one.id, one.label, one.time_kind) for one in series
            ]
        return series

    def _check_history(self, one: Series) -> None:
        target = self.recipe.target
        assert target is not None
        name = "The series" if one.id is None else f"Series {one.id!r}"
        if not len(one) or np.isnan(one.values[:, target.channel]).all():
            column = self.recipe.schema.channels[target.channel]
            raise InputError(f"{name} has no value of {column!r}; a forecast needs at least one to start from.")

    def _batches(self, series: list[Series], one_by_one: bool = False) -> Any:
        """Steps of some series at a time, in order."""
        batch: list[Steps] = []
        rows = 0
        for one in series:
            batch.append(self.recipe.begin().advance(one))
            rows += len(batch[-1].values)
            if one_by_one or rows >= _BATCH_ROWS:
                yield Steps.concatenate(batch)
                batch, rows = [], 0
        if batch:
            yield Steps.concatenate(batch)
