"""One messy sequence as the library holds it, and how arrays become a list of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from memcell.contract.errors import InputError
from memcell.data.dates import TIME_KINDS, TimeKind, check_whole, seconds_of
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
        object.__setattr__(self, "times", np.asarray(self.times, dtype=np.float64))
        self._check_names(name)
        if not isinstance(self.observations, Observations):
            object.__setattr__(self, "observations", self._from_array(name, self.observations))
        if not isinstance(self.facts, Observations):
            object.__setattr__(self, "facts", Observations.of_dense(np.asarray(self.facts, np.float64)[None, :]))
        self.observations.check(len(self.times), self.channels, name)
        self.facts.check(1, self.fact_names, name)
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
        """The rows from ``start`` up to ``stop``, or to the end, as a series."""
        stop = len(self) if stop is None else stop
        tags = None if self.tags is None else self.tags[start:stop]
        return replace(
            self, observations=self.observations.between(start, stop), times=self.times[start:stop], tags=tags
        )

    def _check_names(self, name: str) -> None:
        if self.time_kind not in TIME_KINDS:
            raise InputError(f"`time_kind` of {name} is {self.time_kind!r}; it must be one of {TIME_KINDS}.")
        for what in ("channels", "fact_names"):
            names = getattr(self, what)
            if len(set(names)) != len(names):
                raise InputError(f"`{what}` of {name} must differ from each other; got {names}.")

    def _from_array(self, name: str, given: object) -> Observations:
        values = np.asarray(given, dtype=np.float64)
        if self.times.ndim != 1 or values.shape != (len(self.times), len(self.channels)):
            raise InputError(
                f"`values` of {name} must have one row a time and one column a channel; got values of shape "
                f"{values.shape}, times of shape {self.times.shape} and {len(self.channels)} channels."
            )
        return Observations.of_dense(values)

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


def as_series(
    x: object,
    times: Sequence[Any] | NDArray[Any] | None = None,
    channels: Sequence[str] | None = None,
    facts: Any = None,
    fact_names: Sequence[str] | None = None,
) -> list[Series]:
    """A list with one `Series` for each sequence of `x`.

    Args:
        x: a list of `Series`, returned as it is; a list of arrays, each [T_i, C] or, for one channel, [T_i];
            one array [n, T, C]; or one array [n, T] of n series of one channel. NaN is missing. Rows of NaN
            at the end of a series are missing rows, not padding: for series of unequal length, give a list.
        times: one array [T_i] for each sequence, strictly increasing: numbers in the user's own unit, or
            datetime64 (UTC). Without it the order of the rows is the time.
        channels: the C names; ``x0``, ``x1``, ... if not given.
        facts: [n, S] numbers that are known of each series as a whole, NaN where unknown; or n mappings from names to
            numbers, such as ``{"age": 63}``, where a name that lacks is unknown.
        fact_names: the S names; those of the mappings in alphabetical order, or ``fact0``, ``fact1``, ... if not given.

    Raises:
        InputError: shapes that do not fit each other, different channels, text, infinities, times that are
            missing or do not increase.

    Example:
        >>> import numpy as np
        >>> first, second = as_series([np.zeros((3, 2)), np.ones((5, 2))], channels=["pulse", "pressure"])
        >>> len(second), second.channels
        (5, ('pulse', 'pressure'))
    """
    given = _items(x)
    already = [item for item in given if isinstance(item, Series)]
    if already:
        if len(already) != len(given):
            raise InputError("`x` mixes `Series` with arrays; give one or the other.")
        if any(one is not None for one in (times, channels, facts, fact_names)):
            raise InputError(
                "`x` holds `Series`, which carry their times, channels and facts: leave out the other arguments."
            )
        _check_alike(already)
        return already
    if times is not None and len(times) != len(given):
        raise InputError(f"`times` must have one array a series; got {len(times)} for {len(given)} series.")
    series = [
        _one_series(number, item, None if times is None else times[number], channels)
        for number, item in enumerate(given)
    ]
    if facts is not None:
        series = _with_facts(series, facts, fact_names)
    _check_alike(series)
    return series


def _with_facts(series: list[Series], facts: Any, names: Sequence[str] | None) -> list[Series]:
    if isinstance(facts, list | tuple) and any(isinstance(one, Mapping) for one in cast("list[object]", facts)):
        facts, names = _facts_by_name(cast("list[object]", facts), names)
    try:
        table = np.asarray(facts, np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"`facts` must be numbers, [n, S] with NaN where unknown, or one mapping a series from names to them: "
            f"{error}. Facts that are words come with a table: read it with `memcell.read`."
        ) from error
    if table.ndim != 2 or len(table) != len(series):
        raise InputError(f"`facts` must have the shape [n, S], one row a series; got {table.shape} for {len(series)}.")
    names = tuple(f"fact{k}" for k in range(table.shape[1])) if names is None else tuple(names)
    if len(names) != table.shape[1]:
        raise InputError(f"`facts` has {table.shape[1]} columns; `fact_names` names {len(names)}: {names}.")
    return [
        replace(one, facts=Observations.of_dense(row[None, :]), fact_names=names)
        for one, row in zip(series, table, strict=True)
    ]


def _facts_by_name(facts: list[object], names: Sequence[str] | None) -> tuple[list[list[Any]], Sequence[str]]:
    """The table of facts given by name, NaN where a series lacks one, and its columns: in order of the names."""
    if not all(isinstance(one, Mapping) for one in facts):
        raise InputError("`facts` mixes mappings with other things; give one mapping, or one row of numbers, a series.")
    given = cast("list[Mapping[str, Any]]", facts)
    found = sorted({name for one in given for name in one}, key=str)
    names = found if names is None else tuple(names)
    strange = [name for name in found if name not in names]
    if strange:
        raise InputError(f"`facts` has {strange[0]!r}, which `fact_names` does not name: {names}.")
    return [[np.nan if one.get(name) is None else one[name] for name in names] for one in given], names


def unmasked(x: Any) -> Any:
    """Numbers of a masked array with NaN where it is masked; anything else as it is."""
    return np.ma.filled(x.astype(np.float64), np.nan) if isinstance(x, np.ma.MaskedArray) else x


def _items(x: Any) -> list[Any]:
    x = unmasked(x)
    if isinstance(x, (list, tuple)):
        return list(cast("Sequence[Any]", x))
    if not isinstance(x, np.ndarray):
        raise InputError(
            f"`x` must be a list of arrays, an array [n, T, C] or a list of `Series`; got {type(x).__name__}. "
            "Read a file or a data frame with `memcell.read`; put a single series into a list."
        )
    array = cast("NDArray[Any]", x)
    if array.dtype != object and array.ndim not in (2, 3):
        raise InputError(
            f"`x` must have the shape [n, T, C] or [n, T]; got {array.shape}. Reshape your data, or put a single "
            "series into a list."
        )
    return list(array)


def _one_series(number: int, item: object, times: object, channels: Sequence[str] | None) -> Series:
    name = f"series {number}"
    try:
        values = np.asarray(unmasked(item), dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name.capitalize()} of `x` must be an array of numbers: {error}.") from error
    if values.ndim == 1:
        values = values[:, np.newaxis]
    if values.ndim != 2:
        raise InputError(f"{name.capitalize()} of `x` must have the shape [T, C] or [T]; got {values.shape}.")
    width = values.shape[1]
    names = tuple(f"x{column}" for column in range(width)) if channels is None else tuple(channels)
    if len(names) != width:
        raise InputError(f"{name.capitalize()} of `x` has {width} channels; `channels` names {len(names)}: {names}.")
    stamps, kind = _times_of(name, times, len(values))
    return Series(cast("Observations", values), stamps, names, id=number, time_kind=kind)


def _times_of(name: str, times: object, length: int) -> tuple[NDArray[np.float64], TimeKind]:
    if times is None:
        return np.arange(length, dtype=np.float64), "order"
    given = np.asarray(times)
    try:
        if given.dtype == object:
            given = given.astype("datetime64[us]")
        if np.issubdtype(given.dtype, np.datetime64):
            return seconds_of(given), "date"
        if np.issubdtype(given.dtype, np.integer):
            check_whole(f"`times` of {name}", given)
        return given.astype(np.float64), "number"
    except (TypeError, ValueError) as error:
        raise InputError(f"`times` of {name} must be numbers or datetime64: {error}.") from error


def _check_alike(series: list[Series]) -> None:
    if not series:
        return
    first = series[0]
    for number, one in enumerate(series):
        for field_name, what in _ALIKE.items():
            own, others = getattr(one, field_name), getattr(first, field_name)
            if own != others:
                raise InputError(
                    f"All series must have the same {what}; series {number} has {own}, series 0 has {others}."
                )
        for field_name, what in (("levels", "channels"), ("fact_levels", "facts")):
            own, others = getattr(one, field_name), getattr(first, field_name)
            if own is not others and own.keys() != others.keys():
                name = min(own.keys() ^ others.keys())
                raise InputError(
                    f"All series must have the same kinds of {what}; {name!r} holds words in series "
                    f"{number if name in own else 0} and numbers in series {0 if name in own else number}. Read all "
                    "with the same `kinds`."
                )


_ALIKE = {"channels": "channels", "fact_names": "facts", "time_kind": "kind of time"}
