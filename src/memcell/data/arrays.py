"""How arrays become a list of series."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from numbers import Number
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from memcell.contract.errors import InputError, warn
from memcell.data.dates import TimeKind, check_whole, dates_of, seconds_of
from memcell.data.observations import Observations
from memcell.data.series import Series

__all__ = ["as_series", "as_series_for", "plain_array"]


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
            at the end of a series are read as padding where whole series are classified or regressed.
        times: one array [T_i] for each sequence, strictly increasing: numbers in the user's own unit, timedelta64
            (read as hours), dates (UTC, if they have no zone) or pandas periods (of which the start counts). Without it
            the order of the rows is the time, or the dates, durations or periods that index a data frame.
        channels: the C names; ``x0``, ``x1``, ... if not given. Of a data frame the columns to take, or new names for
            all of them where none has one of these.
        facts: [n, S] numbers that are known of each series as a whole, NaN where unknown; or n mappings from names to
            numbers, such as ``{"age": 63}``, where a name that lacks is unknown.
        fact_names: the S names; those of a data frame's columns, of the mappings in alphabetical order, or ``fact0``,
            ``fact1``, ... if not given.

    Raises:
        InputError: shapes that do not fit each other, different channels, text, infinities, times that are
            missing or do not increase.

    Example:
        >>> import numpy as np
        >>> first, second = as_series([np.zeros((3, 2)), np.ones((5, 2))], channels=["pulse", "pressure"])
        >>> len(second), second.channels
        (5, ('pulse', 'pressure'))
    """
    given = [_chosen(number, item, channels) for number, item in enumerate(_items(x))]
    return _all_series(given, times, channels, facts, fact_names)


def as_series_for(channels: Sequence[str], x: object) -> list[Series]:
    """What ``as_series`` makes of arrays with these channels; of data frames all columns, by names of their own."""
    items = _items(x)
    if isinstance(x, np.ndarray) and x.ndim == 2 and len(channels) > 1:
        raise InputError(
            f"`x` has the shape {x.shape}, which is {len(x)} series of one channel; the model reads {len(channels)}. "
            "Put a single series [T, C] into a list."
        )
    named = any(isinstance(label, str) for item in items for label in getattr(item, "columns", ()))
    return _all_series(items, None, None if named else channels, None, None)


def _chosen(number: int, item: Any, channels: Sequence[str] | None) -> Any:
    """Of a data frame that has some of the channels, these."""
    columns = {str(label): label for label in getattr(item, "columns", ())}
    if channels is None or not set(columns) & set(channels):
        return item
    lacking = [name for name in channels if name not in columns]
    if lacking:
        raise InputError(
            f"`channels` names {lacking[0]!r}, which is no column of series {number}; it has "
            f"{', '.join(map(repr, columns))}."
        )
    return item[[columns[name] for name in channels]]


def _all_series(
    given: list[Any],
    times: Sequence[Any] | NDArray[Any] | None,
    channels: Sequence[str] | None,
    facts: Any,
    fact_names: Sequence[str] | None,
) -> list[Series]:
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
    given = _in_one_order(given)
    series = [
        _one_series(number, item, None if times is None else times[number], channels)
        for number, item in enumerate(given)
    ]
    if facts is not None:
        series = _with_facts(series, facts, fact_names)
    _check_alike(series)
    return series


def _in_one_order(given: list[Any]) -> list[Any]:
    """Data frames with the columns of the first one in its order."""
    first = list(getattr(given[0], "columns", ())) if given else []

    def ordered(item: Any) -> Any:
        own = list(getattr(item, "columns", ()))
        return item[first] if own != first and len(set(own)) == len(own) and set(own) == set(first) else item

    return [ordered(item) for item in given] if first else given


def _with_facts(series: list[Series], facts: Any, names: Sequence[str] | None) -> list[Series]:
    columns = getattr(facts, "columns", None)
    if columns is not None and names is None:
        names = tuple(map(str, columns))
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


def plain_array(x: Any) -> Any:
    """Numbers of a masked array, with NaN where it is masked, or of a PyTorch tensor; anything else as it is."""
    if hasattr(x, "detach") and hasattr(x, "cpu"):
        x = x.detach().cpu()
        return (x.float() if str(x.dtype) == "torch.bfloat16" else x).numpy()
    return np.ma.filled(x.astype(np.float64), np.nan) if isinstance(x, np.ma.MaskedArray) else x


def _items(x: Any) -> list[Any]:
    x = plain_array(x)
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
    name, given = f"series {number}", cast("Any", item)
    if hasattr(given, "column_names"):
        raise InputError(
            f"{name.capitalize()} of `x` is a table of Arrow. Read one table of all series with `memcell.read`, or "
            "give `table.to_pandas()`."
        )
    columns = tuple(map(str, getattr(given, "columns", ())))
    if channels is None or set(columns) & set(channels):
        channels = columns or channels
    times = _index_of(given, number == 0) if times is None else times
    try:
        array = np.asarray(plain_array(item))
        if array.dtype == object:
            array = _without_na(array)
        if array.dtype.kind in "USMmc" or (array.dtype == object and any(isinstance(one, str) for one in array.flat)):
            raise TypeError(f"it has {'text' if array.dtype.kind in 'USO' else array.dtype}")
        values = array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{name.capitalize()} of `x` must be an array of numbers: {str(error).rstrip('.')}."
        ) from error
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


def _without_na(array: NDArray[Any]) -> NDArray[Any]:
    """NaN in place of the missing values of pandas."""
    result = array.copy()
    result[np.array([type(one).__name__ == "NAType" for one in array.flat], bool).reshape(array.shape)] = np.nan
    return result


def _index_of(frame: Any, first: bool) -> object:
    """The times that index a data frame: dates, durations or periods, of several levels the one that holds some. Of the
    ``first`` one a ``DataWarning`` tells where its index may hold times too."""
    index: Any = getattr(frame, "index", None)
    levels = [index.get_level_values(k) for k in range(index.nlevels)] if getattr(index, "nlevels", 1) > 1 else [index]
    kinds = [str(getattr(level, "dtype", "")) for level in levels]
    timed = [level for level, kind in zip(levels, kinds, strict=True) if kind.startswith(_TIMES)]
    if len(timed) == 1:
        return timed[0]
    if first and not timed and len(levels) == 1 and kinds[0].startswith("float"):
        warn(
            "The index of the series holds numbers, which are not read as times: the order of rows is. If they are "
            "times, give them as `times`."
        )
    return None


def _times_of(name: str, times: object, length: int) -> tuple[NDArray[np.float64], TimeKind]:
    if times is None:
        return np.arange(length, dtype=np.float64), "order"
    given = np.asarray(times)
    try:
        if given.dtype == object and not all(isinstance(one, Number) for one in given):
            if all(isinstance(one, timedelta) for one in given):
                given = given.astype("timedelta64[us]")
            else:
                given = dates_of(np.array([getattr(one, "start_time", one) for one in given], object))
        if np.issubdtype(given.dtype, np.datetime64):
            return seconds_of(given), "date"
        if np.issubdtype(given.dtype, np.timedelta64):
            return np.asarray(given / np.timedelta64(1, "h"), np.float64), "number"  # pyright: ignore[reportOperatorIssue]
        entries = given.reshape(-1).tolist() if given.dtype.kind in "bcUSO" else []
        odd = [one for one in entries if isinstance(one, _NO_TIMES)]
        if odd:
            raise TypeError(f"got {odd[0]!r}")
        if given.dtype == object:
            whole = [one for one in entries if isinstance(one, int | np.integer)]
            check_whole(f"`times` of {name}", np.array(whole, object))
        elif given.dtype.kind in "iu":
            check_whole(f"`times` of {name}", given)
        return given.astype(np.float64), "number"
    except (TypeError, ValueError) as error:
        raise InputError(f"`times` of {name} must be numbers, dates or durations, all of one kind: {error}.") from error


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


_NO_TIMES = (bool, complex, str, bytes)
_TIMES = ("datetime64", "timedelta64", "period")  # kinds of an index that holds times
_ALIKE = {"channels": "channels", "fact_names": "facts", "time_kind": "kind of time"}
