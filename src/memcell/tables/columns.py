"""Columns of a table as what their role needs: channels as float64, ids and labels as Python values."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from memcell.contract.errors import InputError
from memcell.data.spelling import MISSING, MISSING_NUMBER
from memcell.tables.source import Table
from memcell.tables.table_libraries import pl

_WHOLE = r"^(0|-?[1-9][0-9]{0,17})$"
_WHOLE_AS_DECIMAL = r"^(0|-?[1-9][0-9]{0,17})(\.0+)?$"
_DECIMAL = r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$"
WRITTEN_NUMBER = (
    r"^[+-]?[0-9]+,[0-9]+$|^[+-]?[$€£¥]?\s?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?\s?[%€]?$"
    r"|^[+-]?[$€£¥]\s?[0-9]+(?:\.[0-9]+)?$|^[+-]?[0-9]+(?:[.,][0-9]+)?\s?[%€]$|^[<>≤≥]=?\s?[0-9]+(?:[.,][0-9]+)?$"
)
"""A number with more than digits and a point: decimal commas, thousands apart, percent, money, bounds."""


def is_text(column: pl.Series) -> bool:
    """Whether a column holds text, as categories or not."""
    return isinstance(column.dtype, (pl.String, pl.Categorical, pl.Enum))


def cleaned(column: pl.Series) -> pl.Series:
    """A column of text without spaces around its values, null where the value is missing."""
    text = column.cast(pl.String).str.strip_chars()
    return (
        text.to_frame()
        .select(pl.when(~pl.first().str.to_lowercase().is_in(MISSING)).then(pl.first()).alias(column.name))
        .to_series()
    )


def channel_values(table: Table, name: str, what: str = "Channel") -> NDArray[np.float64]:
    """A column as float64 [N], NaN where missing, or where such signs as ``?`` stand for that; true is 1 and false 0.
    Messages call it ``what``.

    Raises:
        InputError: text, dates, nested values or infinities, naming column and row.
    """
    column = table.frame[name]
    if is_text(column):
        numbers = _numbers_in_text(table, column, what)
    elif column.dtype.is_numeric() or isinstance(column.dtype, (pl.Boolean, pl.Null)):
        numbers = column.cast(pl.Float64)
    else:
        wanted = "a channel must hold numbers"
        if isinstance(column.dtype, pl.Duration):
            wanted += ". Write durations as such, in hours for instance"
        raise InputError(_wrong_type(column, wanted) + _leave_out(table, name))
    return _finite(table, name, numbers.to_numpy())


def vector_values(table: Table, name: str, width: int | None = None) -> NDArray[np.float64]:
    """A column of lists of numbers as float64 [N, width], NaN where missing.

    Raises:
        InputError: another kind of column, lists of several lengths, or infinities.
    """
    column = table.frame[name]
    if isinstance(column.dtype, pl.Null):
        column = column.cast(pl.List(pl.Float64))
    if not isinstance(column.dtype, (pl.List, pl.Array)):
        raise InputError(_wrong_type(column, "it must hold lists of numbers, as when the model was trained"))
    inner = column.dtype.inner
    if inner is not None and not (inner.is_numeric() or isinstance(inner, (pl.Boolean, pl.Null))):
        raise InputError(
            _wrong_type(column, "a vector is a list of numbers")
            + ("" if table.known else " Write words as text with spaces between them.")
            + _leave_out(table, name)
        )
    lists = column.cast(pl.List(pl.Float64), strict=False)
    lengths = lists.list.len()
    width = int(lengths.max() or 0) if width is None else width  # type: ignore[arg-type]
    odd = lengths.is_not_null() & (lengths != width)
    if odd.any():
        row = int(odd.arg_max() or 0)
        raise InputError(
            f"Channel {name!r} has a vector of {lengths[row]} numbers in {table.row(row)}; others have {width}. All "
            "must have one length: mend it, or leave the cell empty."
        )
    values = np.full((len(column), width), np.nan)
    if not width:
        return values
    flat = lists.drop_nulls().explode().to_numpy().astype(np.float64)
    values[column.is_not_null().to_numpy()] = flat.reshape(-1, width)
    return _finite(table, name, values)


def _finite(table: Table, name: str, values: NDArray[np.float64]) -> NDArray[np.float64]:
    infinite = np.isinf(values) if values.ndim == 1 else np.isinf(values).any(axis=1)
    if infinite.any():
        row = int(infinite.argmax())
        raise InputError(
            f"Channel {name!r} is infinite in {table.row(row)}: {table.frame[name][row]}. "
            "Leave the cell empty if the value is unknown, or put a finite number."
        )
    return values


def id_values(table: Table, name: str) -> pl.Series:
    """A column of ids, none of them null; whole numbers of a CSV file become int if all are, also where one is
    written both as 7 and as 7.0.

    Raises:
        InputError: a row without an id, or nested values.
    """
    column = table.frame[name]
    if column.dtype.is_nested() or isinstance(column.dtype, (pl.Object, pl.Binary, pl.Duration)):
        raise InputError(_wrong_type(column, "an id must be text, a number or a date"))
    ids = _text_of(table, column) if is_text(column) else column
    if ids.dtype.is_float():
        ids = ids.fill_nan(None)
    if ids.null_count():
        row = int(ids.is_null().arg_max() or 0)
        found = f"{column[row]!r}, which means missing" if column[row] else "empty"
        raise InputError(f"Id column {name!r} is {found}, in {table.row(row)}. Every row needs an id.")
    if table.from_text and ids.str.contains(_WHOLE).all():
        return ids.cast(pl.Int64)
    if table.from_text and ids.str.contains(_WHOLE_AS_DECIMAL).all():
        whole = ids.str.replace(r"\..*", "")
        return whole.cast(pl.Int64) if whole.n_unique() < ids.n_unique() else ids
    return ids


def label_values(table: Table, name: str) -> pl.Series:
    """A column of labels, null where blank: text, bool, or numbers (int if all are whole).

    Raises:
        InputError: dates, nested values or infinities.
    """
    column = table.frame[name]
    if is_text(column):
        text = _text_of(table, column)
        return _typed_labels(table, text) if table.from_text else text
    if isinstance(column.dtype, (pl.Boolean, pl.Null)):
        return column
    if not column.dtype.is_numeric():
        raise InputError(_wrong_type(column, "a label must be text, a number or true/false"))
    return column if column.dtype.is_integer() else _whole_if_possible(table, column.cast(pl.Float64))


def _text_of(table: Table, column: pl.Series) -> pl.Series:
    """Text of an id or label, without spaces around it: in a data frame only an empty one is missing, since null has
    its own sign there."""
    return cleaned(column) if table.from_text else column.cast(pl.String).str.strip_chars().replace({"": None})


def _typed_labels(table: Table, text: pl.Series) -> pl.Series:
    lower = text.str.to_lowercase()
    signs = lower.is_in(MISSING_NUMBER).fill_null(value=False)
    if signs.any() and not (signs | text.is_null()).all():
        rest = _typed_labels(table, text.set(signs, None))
        return text if rest.dtype == text.dtype else rest  # signs among words are words
    known = text.drop_nulls()
    if lower.drop_nulls().is_in(["true", "false"]).all():
        return lower == "true"
    if known.str.contains(_WHOLE).all():
        return text.cast(pl.Int64)
    if known.str.contains(_DECIMAL).all():
        return _whole_if_possible(table, text.cast(pl.Float64))
    return text


def _whole_if_possible(table: Table, numbers: pl.Series) -> pl.Series:
    numbers = numbers.fill_nan(None)
    infinite = numbers.is_infinite()
    if infinite.any():
        row = int(infinite.arg_max() or 0)
        raise InputError(f"Label column {numbers.name!r} is infinite in {table.row(row)}. Put a finite number.")
    exact = (numbers.round() == numbers).all() and (numbers.abs() < 2**53).all()
    return numbers.cast(pl.Int64) if exact else numbers


def _numbers_in_text(table: Table, column: pl.Series, what: str = "Channel") -> pl.Series:
    numbers = column.cast(pl.String).cast(pl.Float64, strict=False)
    if numbers.null_count() == column.null_count():
        return numbers
    unread = numbers.is_null() & column.is_not_null()
    rest = cleaned(column.filter(unread))
    parsed = rest.cast(pl.Float64, strict=False)
    lower = rest.str.to_lowercase()
    truth = (
        lower.to_frame()
        .select(pl.when(pl.first() == "true").then(1.0).when(pl.first() == "false").then(0.0))
        .to_series()
    )
    if numbers.drop_nulls().is_in([0.0, 1.0]).all():  # true among other numbers is a mistake
        parsed = parsed.zip_with(parsed.is_not_null(), truth)
    text = parsed.is_null() & rest.is_not_null() & ~lower.is_in(MISSING_NUMBER)
    if text.any():
        first = int(text.arg_max() or 0)
        row = int(unread.arg_true()[first])
        remedy = (
            " Write numbers plainly: decimals with a point, thousands without a comma, no percent or money signs, "
            "what lies beyond a bound as the bound or as half of it."
            if rest.str.contains(WRITTEN_NUMBER)[first]
            else f" Mend the value, or leave it empty if it is unknown.{_leave_out(table, column.name)}"
            if what == "Channel"
            else " Mend the value."
        )
        raise InputError(
            f"{what} {column.name!r} holds numbers; {table.row(row)} has the text {rest[first]!r}.{remedy}"
        )
    return numbers.scatter(unread.arg_true(), parsed)


def _leave_out(table: Table, name: str) -> str:
    """What may be done about a column that holds no numbers, beside mending it."""
    if table.known:
        return " The model was trained with numbers there."
    words = f" If it holds words, say so (`kinds={{{name!r}: 'category'}}`, on the command line `--category {name}`)."
    return (
        f"{words if is_text(table.frame[name]) else ''} If it is no channel, give the column its role (id, "
        f"time or label), or leave it out (`ignore=[{name!r}]`, on the command line `--ignore {name}`)."
    )


def _wrong_type(column: pl.Series, wanted: str) -> str:
    return f"Column {column.name!r} has the type {column.dtype}; {wanted}."
