"""One series as it arrives: a row at a time, in constant memory."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from memcell.contract import InputError
from memcell.data import Series
from memcell.model.stack import State, native_layer, run

if TYPE_CHECKING:
    from memcell.model.model import Forecast, Model

__all__ = ["Stream"]


class Stream:
    """The state of one series: what its features remember and h and c of every layer.

    Ends at the same prediction as the whole series at once.

    Example:
        >>> stream = memcell.load("icu.memcell").stream()                                   # doctest: +SKIP
        >>> stream.observe({"pulse": 80.0}, time=0.5)                                       # doctest: +SKIP
        >>> stream.predict_proba()                                                          # doctest: +SKIP
        array([0.93, 0.07])
    """

    def __init__(self, model: "Model") -> None:
        self._model = model
        self._features = model.recipe.begin()
        self._state = State.zeros(model.config, 1, np.zeros((1, 1), np.float32))
        self._last: tuple[Any, Any, float] | None = None  # inputs and outputs of the last row, its anchor
        self._time: float | None = None
        self._count = 0

    def observe(self, values: Any, time: Any = None) -> None:
        """Take the next row.

        Args:
            values: [C] in the order of the model's channels, or a mapping from channel to value; NaN or absent is
                missing.
            time: later than the row before: a number, or a date where the model was trained on dates. May be left out
                where rows have no times.

        Raises:
            InputError: an unknown channel, a time that is absent or not later, a value that is infinite.
        """
        model = self._model
        schema = model.recipe.schema
        row = self._row(values, schema.channels)
        if time is None and schema.time_kind != "order":
            raise InputError(f"`time` is missing; the model was trained with the times of column {schema.time!r}.")
        times: Any = [float(self._count) if time is None else time]
        if schema.time_kind == "date":
            times = np.array(times, "datetime64[us]").astype(np.int64) / 1e6
        series = Series(row[None, :], np.asarray(times, np.float64), schema.channels, time_kind=schema.time_kind)
        steps = self._features.advance(series)
        x, h, self._state = run(model.config, model.weights, steps, native_layer, self._state)
        self._last = (x[-1:], h[-1:], float(steps.anchor[-1])) if len(x) else self._last
        self._time = float(series.times[0])
        self._count += 1

    def predict_proba(self) -> NDArray[np.float64]:
        """Probabilities [classes] after the rows so far."""
        self._model.classes  # noqa: B018  (refuses a forecaster)
        head = self._model.config.head
        return head.decode(head.readout(self._model.weights, self._state.h[-1], None))[0]

    def predict(self) -> "Any | Forecast":
        """The label, or the forecast of the steps after the last row.

        Raises:
            InputError: a forecast is asked for before the target was seen.
        """
        model = self._model
        if model.task == "classify":
            return model.classes[int(self.predict_proba().argmax())]
        if self._last is None or self._time is None or np.isnan(self._last[2]):
            raise InputError("The target has not been seen yet; a forecast needs at least one value to start from.")
        x, h, anchor = self._last
        head = model.config.head
        return model.forecast_of(head.decode(head.readout(model.weights, h, x))[0], anchor, self._time)

    @staticmethod
    def _row(values: Any, channels: tuple[str, ...]) -> NDArray[np.float64]:
        if isinstance(values, dict):
            unknown = [name for name in values if name not in channels]
            if unknown:
                raise InputError(
                    f"There is no channel {unknown[0]!r}; the model reads {', '.join(map(repr, channels))}."
                )
            values = [values.get(name, np.nan) for name in channels]
        row = np.asarray(values, np.float64).reshape(-1)
        if row.shape != (len(channels),):
            raise InputError(
                f"`values` has {len(row)} entries; the model reads the {len(channels)} channels {channels}."
            )
        return row
