"""The errors that a person, rather than a program, is meant to read."""

from __future__ import annotations

import difflib
import inspect
import warnings
from collections.abc import Iterable

_SHOWN = 20  # names that a message lists at most


class InputError(ValueError):
    """A user's mistake in data, options or files.

    The message names the column, row or value concerned, what is wanted there, and the remedy.
    """


class DataWarning(UserWarning):
    """What the user should know of data that is read all the same; the message says what becomes of it."""


def warn(message: str) -> None:
    """A ``DataWarning`` that points at the line outside memcell that led to it, however deep in here it is found."""
    level, frame = 1, inspect.currentframe()
    while frame is not None and str(frame.f_globals.get("__name__")).partition(".")[0] in ("memcell", "contextlib"):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, DataWarning, stacklevel=level)


class OutputError(Exception):
    """A result could not be written. The message names the path and the reason."""


def listed(names: Iterable[object]) -> str:
    """Names for a message: the first twenty, and how many more there are.

    Example:
        >>> listed(["pulse", "ph"]), listed(range(22)).endswith("18, 19 and 2 more")
        ("'pulse', 'ph'", True)
    """
    every = list(names)
    more = f" and {len(every) - _SHOWN} more" if len(every) > _SHOWN else ""
    return ", ".join(map(repr, every[:_SHOWN])) + more


def closest(name: str, candidates: Iterable[str]) -> str:
    """A phrase ``" Did you mean 'co2'?"`` to end a message with, or ``""`` where nothing comes close.

    Upper and lower case count as equal. The phrase begins with a space, so that it can be appended as it is.

    Example:
        >>> closest("CO", ["date", "co2"])
        " Did you mean 'co2'?"
    """
    spelled = {candidate.casefold(): candidate for candidate in candidates}
    found = difflib.get_close_matches(name.casefold(), list(spelled), n=1)
    return f" Did you mean {spelled[found[0]]!r}?" if found else ""
