"""One series as it arrives: a row at a time, in constant memory."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from memcell.contract import InputError
from memcell.data import Series
from memcell.data.channels import MISSING, Channel, WordChannel
from memcell.data.dates import seconds_of
from memcell.data.observations import Observations
from memcell.model.stack import NativeEngine, State, answer_rows, answer_whole, run

if TYPE_CHECKING:
    from memcell.model.model import Forecast, Model

__all__ = ["Stream"]


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
        known = observed("facts", {} if facts is None else facts, encoding.facts)
        nothing = Observations.of([], [], [])
        self._nothing = Series(
            nothing, np.empty(0), schema.channels, time_kind=schema.time_kind, facts=known, fact_names=schema.facts,
            levels=levels, fact_levels=fact_levels,
        )  # fmt: skip
        self._features = model.recipe.begin()
        self._engine = NativeEngine()
        self._steps = self._features.advance(self._nothing, whole=False)  # the last ones
        self._states = tuple(State.begin(model.config, weights, self._steps.facts) for weights in model.members)
        self._before = self._features, self._states  # the step of the last rows
        self._rows: list[Series] = []  # of that step
        self._last: list[tuple[Any, Any]] = []  # of each member the inputs and outputs of the last rows
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
        model = self._model
        row = self._series(values, time)
        now = float(row.times[0])
        if self._time is not None and now <= self._time:
            if time is None:
                raise InputError(
                    f"`time` was left out, which stands for {now:g}, the number of rows so far, and the row before had "
                    f"{self._time:g}. Give a number above it, or leave `time` out for every row."
                )
            raise InputError(f"`time` {time} does not come after that of the row before. Give a later one.")
        if self._features.shares_step(now):  # rows of one step count together: take the step back and run it anew
            rows = [*self._rows, row]
        else:
            rows, self._before = [row], (self._features, self._states)
        features, before = self._before[0].copy(), self._before[1]
        steps = features.advance(_joined(rows), whole=False)
        passed = [
            run(model.config, weights, steps, self._engine, state)
            for weights, state in zip(model.members, before, strict=True)
        ]
        self._features, self._states, self._rows = features, tuple(state for _, _, state in passed), rows
        self._last, self._steps = [(x, h) for x, h, _ in passed], steps
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
            return model.forecast_of(self._decoded()[0], self._steps.anchor[-1], self._time)
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

    def _decoded(self) -> NDArray[np.float64]:
        """What the head says now, [1, ...], averaged over the members."""
        model = self._model
        head = model.config.head
        if head.whole:
            steps = replace(self._steps, **self._features.whole())
            answers = [
                head.decode(answer_whole(model.config, weights, state, steps))
                for weights, state in zip(model.members, self._states, strict=True)
            ]
        elif not self._last:
            raise InputError("No row has been seen yet, so there is nothing to say of one.")
        else:
            answers = [
                head.decode(answer_rows(model.config, weights, x, h, self._steps, np.array([len(h) - 1])))
                for weights, (x, h) in zip(model.members, self._last, strict=True)
            ]
        return np.mean(answers, axis=0)

    def _series(self, values: Any, time: Any) -> Series:
        """One row as a series."""
        schema = self._model.recipe.schema
        if time is None and schema.time_kind != "order":
            raise InputError(f"`time` is missing; the model was trained with the times of column {schema.time!r}.")
        seen = observed("values", values, self._model.recipe.channels)
        return replace(self._nothing, observations=seen, times=self._time_of(time, schema.time_kind))

    def _time_of(self, time: Any, kind: str) -> NDArray[np.float64]:
        """[1], as a series has it."""
        if time is None:
            return np.array([float(self._count)])
        try:
            if np.ndim(time) or (kind != "date" and np.asarray(time).dtype.kind in "mM"):
                raise TypeError("several, or no number")
            return seconds_of(np.array([_date(time)])) if kind == "date" else np.array([time], np.float64)
        except (TypeError, ValueError, OverflowError) as error:
            trained, wanted = _TIMES[kind]
            raise InputError(f"`time` is {time!r}; the model was trained with {trained}. Give {wanted}.") from error


def _date(time: Any) -> np.datetime64:
    """In UTC.

    Raises:
        TypeError, ValueError, OverflowError: it is none.
    """
    if isinstance(time, np.ndarray):
        time = time[()]
    if isinstance(time, int | float | np.number):
        raise TypeError("a number is no date")
    date: Any = datetime.fromisoformat(time) if isinstance(time, str) and _ZONED.search(time) else time
    if getattr(date, "tzinfo", None) is not None:
        date = date.astimezone(UTC).replace(tzinfo=None)
    return np.datetime64(date, "us")


_ZONED = re.compile(r":.*([zZ]|[+-][0-9:]+)$")
"""Text of a time of day with a time zone."""
_TIMES = {
    "date": ("dates", "one date"), "number": ("numbers", "one number"),
    "order": ("the order of rows", "one number, or leave it out"),
}  # fmt: skip
"""By the kind of times what a model was trained with, and what a row needs."""


def observed(argument: str, values: Any, channels: tuple[Channel, ...]) -> Observations:
    """What one row says of some channels, or what is said of some facts: a mapping or pandas Series from name to value,
    or values in order; a list is a set.

    Raises:
        InputError: an unknown channel, or a value that the channel cannot hold.
    """
    what = _kind(argument)
    names = [one.name for one in channels]
    if hasattr(values, "index") and hasattr(values, "to_dict"):
        if np.ndim(values) != 1:
            raise InputError(f"`{argument}` is a {type(values).__name__}; give one row of it, such as `.iloc[0]`.")
        values = values.to_dict()
    if isinstance(values, Mapping):
        unknown = [name for name in values if name not in names]
        if unknown:
            known = f"reads {', '.join(map(repr, names))}" if names else "reads none"
            raise InputError(f"There is no {what} {unknown[0]!r}; the model {known}.")
        given: list[Any] = [values.get(name, np.nan) for name in names]
    else:
        given = list(np.asarray(values, object).reshape(-1))
    if len(given) != len(names):
        raise InputError(
            f"`{argument}` has {len(given)} entries; the model reads the {len(names)} {what}s {tuple(names)}."
        )
    channel: list[int] = []
    value: list[float] = []
    for c, one in enumerate(channels):
        several = given[c] if isinstance(given[c], list | tuple) else [given[c]]
        for entry in several:
            codes = _codes(argument, one, entry)
            channel += [c] * len(codes)
            value += codes
    return Observations.of(np.zeros(len(value)), channel, value)


def _kind(argument: str) -> str:
    return "fact" if argument == "facts" else "channel"


def _codes(argument: str, channel: Channel, entry: Any) -> list[float]:
    """The values that stand for one entry; none where it is missing."""
    if _is_missing(entry):
        return []
    if isinstance(channel, WordChannel):
        whole = isinstance(entry, float | np.floating) and float(entry).is_integer()  # as pandas has whole numbers
        return [float(code) for code in channel.codes_of(str(int(entry) if whole else entry))]
    try:
        return [float(entry)]
    except (TypeError, ValueError) as error:
        raise InputError(
            f"`{argument}` must be numbers, NaN where missing; {_kind(argument)} {channel.name!r} has {entry!r}."
        ) from error


def _is_missing(entry: Any) -> bool:
    """Whether an entry says nothing, as ``memcell.read`` has it: NaN, NaT, NA, None, or text that stands for these."""
    if isinstance(entry, float):
        return bool(np.isnan(entry))
    text = str(entry).strip().lower()
    return entry is None or text in MISSING or (text == "nat" and not isinstance(entry, str))


def _joined(rows: list[Series]) -> Series:
    """Rows one after another."""
    if len(rows) == 1:
        return rows[0]
    seen = rows[0].observations
    for before, row in enumerate(rows[1:], start=1):
        seen = row.observations.after(seen, before)
    return replace(rows[0], observations=seen, times=np.concatenate([row.times for row in rows]))
