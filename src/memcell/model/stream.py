"""One series as it arrives: a row at a time, in constant memory."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from memcell.contract import InputError
from memcell.data import Series
from memcell.data.dates import seconds_of
from memcell.model.stack import NativeLayer, State, run

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
        self._layer = NativeLayer()
        self._state = State.zeros(model.config, 1, np.zeros((1, 1), np.float32))
        self._before = self._features, self._state  # the step of the last rows
        self._rows: list[Series] = []  # of that step
        self._last: tuple[Any, Any, NDArray[np.float64]] | None = None  # inputs and outputs of the last row, its anchor
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
            InputError: an unknown channel, a time that is absent or not later, a value that is infinite. The stream is
                then as it was before.
        """
        model = self._model
        row = self._series(values, time)
        now = float(row.times[0])
        if self._time is not None and now <= self._time:
            raise InputError(f"`time` {time} does not come after that of the row before.")
        if self._features.shares_step(now):  # rows of one step count together: take the step back and run it anew
            rows = [*self._rows, row]
        else:
            rows, self._before = [row], (self._features, self._state)
        features, state = self._before[0].copy(), self._before[1]
        steps = features.advance(_joined(rows))
        x, h, state = run(model.config, model.weights, steps, self._layer, state)
        self._features, self._state, self._rows = features, state, rows
        self._last = x[-1:], h[-1:], steps.anchor[-1]
        self._time = now
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
        if self._last is None or self._time is None or np.isnan(self._last[2][0]):
            raise InputError("The target has not been seen yet; a forecast needs at least one value to start from.")
        x, h, anchor = self._last
        head = model.config.head
        return model.forecast_of(head.decode(head.readout(model.weights, h, x))[0], anchor, self._time)

    def _series(self, values: Any, time: Any) -> Series:
        """One row as a series."""
        schema = self._model.recipe.schema
        if time is None and schema.time_kind != "order":
            raise InputError(f"`time` is missing; the model was trained with the times of column {schema.time!r}.")
        row = _row(values, schema.channels)
        return Series(row[None, :], self._time_of(time, schema.time_kind), schema.channels, time_kind=schema.time_kind)

    def _time_of(self, time: Any, kind: str) -> NDArray[np.float64]:
        """[1], as a series has it."""
        if time is None:
            return np.array([float(self._count)])
        try:
            if kind == "date":
                if isinstance(time, int | float):
                    raise TypeError("a number is no date")
                if getattr(time, "tzinfo", None) is not None:
                    time = time.astimezone(UTC).replace(tzinfo=None)
                return seconds_of(np.array([time], "datetime64[us]"))
            return np.array([time], np.float64)
        except (TypeError, ValueError) as error:
            raise InputError(f"`time` is {time!r}; the model was trained with {kind}s.") from error


def _row(values: Any, channels: tuple[str, ...]) -> NDArray[np.float64]:
    if isinstance(values, Mapping):
        unknown = [name for name in values if name not in channels]
        if unknown:
            raise InputError(f"There is no channel {unknown[0]!r}; the model reads {', '.join(map(repr, channels))}.")
        values = [values.get(name, np.nan) for name in channels]
    try:
        row = np.asarray(values, np.float64).reshape(-1)
    except (TypeError, ValueError) as error:
        raise InputError(f"`values` must be numbers, NaN where missing; got {values!r}.") from error
    if row.shape != (len(channels),):
        raise InputError(f"`values` has {len(row)} entries; the model reads the {len(channels)} channels {channels}.")
    return row


def _joined(rows: list[Series]) -> Series:
    """Rows one after another."""
    values, times = (np.concatenate([getattr(row, name) for row in rows]) for name in ("values", "times"))
    return replace(rows[0], values=values, times=times)
