"""One row as a caller writes it: what was observed, and when."""

import math
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memcell.contract import InputError
from memcell.data.dates import TimeKind, dates_of, seconds_of
from memcell.data.spelling import MISSING, MISSING_NUMBER
from memcell.features.channels import Channel, WordChannel

__all__ = ["observed", "time_of"]


def observed(argument: str, values: Any, channels: tuple[Channel, ...]) -> tuple[list[int], list[float]]:
    """What one row says of some channels, or what is said of some facts, as channel and value of each observation.

    Args:
        argument: for messages.
        values: a mapping or pandas Series from name to value, or values in order; a list is a set.
        channels: what there is.

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
    elif isinstance(values, list | tuple):
        given = list(values)
    else:
        array = np.asarray(values, object)
        if array.ndim > 1:
            raise InputError(f"`{argument}` has the shape {array.shape}; give one row of it.")
        given = list(array.reshape(-1))
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
    return channel, value


def _kind(argument: str) -> str:
    return "fact" if argument == "facts" else "channel"


def _codes(argument: str, channel: Channel, entry: Any) -> list[float]:
    """The values that stand for one entry; none where it is missing."""
    if _is_missing(entry):
        return []
    if isinstance(channel, WordChannel):
        return [float(code) for code in channel.codes_of(str(entry))]
    if str(entry).strip().lower() in MISSING_NUMBER:
        return []
    try:
        number = float(entry)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"`{argument}` must be numbers, NaN where missing; {_kind(argument)} {channel.name!r} has {entry!r}."
        ) from error
    if math.isinf(number):
        raise InputError(
            f"`{argument}` must be finite, or NaN where missing; it is {number} in {_kind(argument)} {channel.name!r}."
        )
    return [number]


def _is_missing(entry: Any) -> bool:
    """Whether an entry says nothing, as ``memcell.read`` has it: NaN, NaT, NA, None, or text that stands for these."""
    if isinstance(entry, float):
        return bool(np.isnan(entry))
    text = str(entry).strip().lower()
    return entry is None or text in MISSING or (text == "nat" and not isinstance(entry, str))


def time_of(time: Any, kind: TimeKind) -> float:
    """A time as series have it.

    Args:
        time: a number, or for a model of dates anything that is a date, in UTC where it has no time zone.
        kind: what times the model was trained with.

    Raises:
        InputError: it is none of that kind.
    """
    try:
        if np.ndim(time) or (kind != "date" and np.asarray(time).dtype.kind in "mM"):
            raise TypeError("several, or no number")
        now = float(seconds_of(_date(time))[0]) if kind == "date" else float(time)
    except (TypeError, ValueError, OverflowError) as error:
        trained, wanted = _TIMES[kind]
        raise InputError(f"`time` is {time!r}; the model was trained with {trained}. Give {wanted}.") from error
    if not np.isfinite(now):
        raise InputError(f"`time` is {time!r}; a row needs a finite time.")
    return now


def _date(time: Any) -> NDArray[np.datetime64]:
    """[1], in UTC.

    Raises:
        TypeError, ValueError, OverflowError: it is none.
    """
    if isinstance(time, np.ndarray):
        time = time[()]
    if isinstance(time, int | float | np.number):
        raise TypeError("a number is no date")
    date = datetime.fromisoformat(time) if isinstance(time, str) and _ZONED.search(time) else time
    return dates_of(np.array([date], object))


_ZONED = re.compile(r":.*([zZ]|[+-][0-9:]+)$")
"""Text of a time of day with a time zone."""
_TIMES = {
    "date": ("dates", "one date"), "number": ("numbers", "one number"),
    "order": ("the order of rows", "one number, or leave it out"),
}  # fmt: skip
"""By the kind of times what a model was trained with, and what a row needs."""
