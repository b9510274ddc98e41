"""One messy sequence as the library holds it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memcell.contract.errors import InputError
from memcell.data.dates import TIME_KINDS, TimeKind, seconds_of
from memcell.data.observations import Observations
from memcell.data.schema import TableSchema

_HEAVIEST = 1e30
_NO_FACTS = Observations.of([], [], [])


@dataclass(frozen=True, eq=False)
class Series:
    """One sequence as it came: a set of observations, when they were made, facts that do not change, and a target.

    Two series are equal only if they are the same object, so that a list of them can be searched and split.

    Attributes:
        observations: what was seen, in the channels' own units; an array [T, C], NaN where missing, is taken too.
            Infinities are refused. T may be 0.
        times: [T], float64, strictly increasing: seconds since 1970 UTC for dates, the user's own unit for
            numbers, 0, 1, 2, ... for the order of rows.
        channels: the C names of what is measured.
        id: what the caller's table calls this series, or None.
        label: what is to be learnt of the whole series: a class, a number, or a tuple of several; or None.
        time_kind: what `times` are: ``"order"``, ``"number"`` or ``"date"``.
        schema: the columns of the table that this series was read from, or None.
        facts: what is known of the series as a whole, as observations of row 0; an array [S] is taken too.
        fact_names: the S names of the facts.
        levels: of each channel that holds words instead of numbers, the words that its values number from 0.
        fact_levels: the same of facts; a fact may have the name of a channel.
        tags: what is to be learnt of each row, [T] objects, None where unknown; or None.
        group: what the series that belong to one subject share, or None.
        weight: how much the series counts in training.
        silent: what else the table it was read from has as channels, of which no series has a value.

    Raises:
        InputError: a shape that does not fit, an infinity, or times that are missing or do not increase.

    Example:
        >>> import numpy as np
        >>> stay = Series(np.array([[80.0], [np.nan]]), np.array([0.0, 1.5]), ("pulse",), time_kind="number")
        >>> len(stay), len(stay.observations)
        (2, 1)
    """

    observations: Observations
    times: NDArray[np.float64]
    channels: tuple[str, ...]
    id: object | None = None
    label: object | None = None
    time_kind: TimeKind = "order"
    schema: TableSchema | None = None
    facts: Observations = _NO_FACTS
    fact_names: tuple[str, ...] = ()
    levels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    fact_levels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    tags: NDArray[Any] | None = None
    group: object | None = None
    weight: float = 1.0
    silent: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Bring arrays to observations and float64, and refuse what no later room could use."""
        name = "the series" if self.id is None else f"series {self.id!r}"
        for field_name in ("channels", "fact_names"):
            object.__setattr__(self, field_name, tuple(getattr(self, field_name)))
        self._check_names(name)
        object.__setattr__(self, "times", self._own_times(name))
        if not isinstance(self.observations, Observations):
            object.__setattr__(self, "observations", self._from_array(name, self.observations))
        if not isinstance(self.facts, Observations):
            object.__setattr__(self, "facts", self._facts_from_array(name, self.facts))
        self.observations.check(len(self.times), self.channels, name)
        self.facts.check(1, self.fact_names, name)
        _check_codes(self.observations, self.channels, self.levels, f"channel of {name}")
        _check_codes(self.facts, self.fact_names, self.fact_levels, f"fact of {name}")
        if self.tags is not None and not isinstance(self.tags, np.ndarray):
            tags = np.empty(len(self.tags), object)
            tags[:] = list(self.tags)
            object.__setattr__(self, "tags", tags)
        if self.tags is not None and len(self.tags) != len(self.times):
            raise InputError(f"`tags` of {name} must have one entry a row; got {len(self.tags)} for {len(self)} rows.")
        check_weight(self.weight, f"`weight` of {name}")
        self._check_times(name)

    def __len__(self) -> int:
        """The number of rows, T."""
        return len(self.times)

    @property
    def values(self) -> NDArray[np.float64]:
        """[T, C], made anew: NaN where missing, the mean where a channel has several values in a row."""
        return self.observations.dense(len(self), len(self.channels))

    def between(self, start: int, stop: int | None = None) -> Series:
        """The rows from ``start`` up to ``stop``, or to the end, as a series; negative ones count from the end."""
        start, stop, _ = slice(start, stop).indices(len(self))
        stop = max(start, stop)
        tags = None if self.tags is None else self.tags[start:stop]
        return replace(
            self, observations=self.observations.between(start, stop), times=self.times[start:stop], tags=tags
        )

    def up_to_last_value(self) -> Series:
        """Without the rows after the last one that has a value, which may be padding."""
        rows = int(self.observations.row[-1]) + 1 if len(self.observations) else 0
        return self if rows == len(self) else self.between(0, rows)

    def _check_names(self, name: str) -> None:
        if self.time_kind not in TIME_KINDS:
            raise InputError(f"`time_kind` of {name} is {self.time_kind!r}; it must be one of {TIME_KINDS}.")
        for what in ("channels", "fact_names"):
            names = getattr(self, what)
            if len(set(names)) != len(names):
                raise InputError(f"`{what}` of {name} must differ from each other; got {names}.")

    def _own_times(self, name: str) -> NDArray[np.float64]:
        given: NDArray[Any] = np.asarray(self.times)
        if given.dtype.kind not in "mM":
            return np.asarray(given, np.float64)
        if given.dtype.kind == "m" or self.time_kind != "date":
            raise InputError(
                f"`times` of {name} are {given.dtype}, its `time_kind` is {self.time_kind!r}. Dates are datetime64, "
                "with time_kind='date'; other times are numbers."
            )
        return seconds_of(given)

    def _from_array(self, name: str, given: object) -> Observations:
        values = np.asarray(given, dtype=np.float64)
        if self.times.ndim != 1 or values.shape != (len(self.times), len(self.channels)):
            raise InputError(
                f"`values` of {name} must have one row a time and one column a channel; got values of shape "
                f"{values.shape}, times of shape {self.times.shape} and {len(self.channels)} channels."
            )
        return Observations.of_dense(values)

    def _facts_from_array(self, name: str, given: object) -> Observations:
        try:
            facts = np.asarray(given, np.float64)
        except (TypeError, ValueError) as error:
            raise InputError(f"`facts` of {name} must be numbers, NaN where unknown; got {given!r}.") from error
        if facts.shape != (len(self.fact_names),):
            raise InputError(
                f"`facts` of {name} must be one number for each of {len(self.fact_names)} `fact_names`; got shape "
                f"{facts.shape}."
            )
        return Observations.of_dense(facts[None, :])

    def _check_times(self, name: str) -> None:
        unknown = ~np.isfinite(self.times)
        if unknown.any():
            row = int(unknown.argmax())
            raise InputError(f"Row {row + 1} of {name} has time {self.times[row]}; every row needs a finite time.")
        backwards = np.diff(self.times) <= 0
        if backwards.any():
            row = int(backwards.argmax()) + 1
            raise InputError(
                f"Times of {name} must increase; row {row + 1} has time {self.times[row]} after "
                f"{self.times[row - 1]}. Sort the rows and join those of one time, or read them as a table "
                "with `memcell.read`, which does both."
            )


def _check_codes(seen: Observations, names: tuple[str, ...], levels: Mapping[str, tuple[str, ...]], what: str) -> None:
    """Nothing, if every observation of a channel of words is the number of one of them."""
    if not levels or not len(seen.value):
        return
    count = np.array([len(levels[name]) if name in levels else -1 for name in names])[seen.channel]
    wrong = (count >= 0) & ((seen.value < 0) | (seen.value >= count) | (seen.value % 1 != 0))
    if wrong.any():
        at = int(wrong.argmax())
        raise InputError(
            f"{names[seen.channel[at]]!r}, a {what}, has {seen.value[at]:g}, which is the number of none of its "
            f"{count[at]} words."
        )


def is_unknown(label: Any) -> bool:
    """Whether a label or tag says nothing: None, NaN, or what pandas has for these."""
    if label is None or type(label).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(label, float | np.floating) and bool(np.isnan(label))


def check_weight(weight: object, what: str) -> None:
    """Nothing, if training can count with a weight, in float32 and sums of many.

    Raises:
        InputError: it cannot; ``what`` names the weight.
    """
    number = isinstance(weight, int | float | np.integer | np.floating)
    if not number or not (weight == 0 or 1 / _HEAVIEST <= weight <= _HEAVIEST):
        raise InputError(
            f"{what} is {weight!r}; it must be 0, which leaves a series out of training, or a number from "
            f"{1 / _HEAVIEST:g} to {_HEAVIEST:g}. Only how weights compare counts: divide all by one number."
        )
