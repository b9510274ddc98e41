"""Columns of words: what a column holds, and categories as numbered levels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from memcell.contract.errors import InputError
from memcell.data.schema import Kind
from memcell.data.spelling import MISSING_NUMBER, category
from memcell.tables.columns import WRITTEN_NUMBER, cleaned, is_text
from memcell.tables.source import Table
from memcell.tables.table_libraries import pl

__all__ = ["Levels", "counts_of", "kind_by", "kind_of", "kind_of_texts", "levels_of"]

_LONG = 3.0
"""Words a cell has on average, from which on a column is running text."""


_BOUND = r"^[<>≤≥]"


class Levels(NamedTuple):
    """A column of words: float64 codes [N], NaN where missing, and the words they number from 0, in order."""

    codes: NDArray[np.float64]
    words: tuple[str, ...]


def kind_of(table: Table, name: str) -> Kind:
    """What a column holds, judged by most of its values."""
    column = table.frame[name]
    if isinstance(column.dtype, (pl.List, pl.Array)):
        return "vector"
    if isinstance(column.dtype, (pl.Categorical, pl.Enum)):
        return "category"
    return kind_of_texts(column) if is_text(column) else "number"


def kind_of_texts(column: pl.Series) -> Kind:
    """What a column of text holds: numbers if half of its values are, running text if they have several words."""
    text = column.drop_nulls().cast(pl.String)
    plain = text.cast(pl.Float64, strict=False).to_numpy()
    if 2 * np.count_nonzero(~np.isnan(plain)) >= len(plain):  # true of most columns, and sooner known than the rest
        return "number"
    return kind_by(counts_of(column))


def counts_of(column: pl.Series) -> NDArray[np.int64]:
    """Of a column of text how many values are numbers, how many there are, and how many words they have; without what
    may stand for a missing number."""
    values = cleaned(column).drop_nulls()
    values = values.filter(~values.str.to_lowercase().is_in(MISSING_NUMBER))
    lower = values.str.to_lowercase()
    plain = values.cast(pl.Float64, strict=False).is_not_null()
    written = values.str.contains(WRITTEN_NUMBER)  # a number too, and refused as such
    if not plain.any():
        written &= ~values.str.contains(_BOUND)  # bounds alone are bands: categories
    numbers = plain | lower.is_in(["true", "false"]) | written
    return np.array([numbers.sum(), len(values), values.str.count_matches(r"\S+").sum()], np.int64)


def kind_by(counts: NDArray[np.int64]) -> Kind:
    """What a column of text holds by its ``counts_of``."""
    numbers, values, words = counts.tolist()
    if 2 * numbers >= values:
        return "number"
    return "text" if words >= _LONG * values else "category"


def levels_of(column: pl.Series) -> Levels:
    """The words of a column [N] of anything that can be written as text, spaces around them removed.

    Raises:
        InputError: lists, or other things that are no text.
    """
    if column.dtype.is_nested() or isinstance(column.dtype, (pl.Object, pl.Binary)):
        raise InputError(f"Column {column.name!r} has the type {column.dtype}; words stand one text a cell. Join them.")
    text = cleaned(column.cast(pl.String))
    found = text.drop_nulls().unique().to_list()
    words = sorted(set(map(category, found)))
    codes = {word: float(code) for code, word in enumerate(words)}
    place = pl.DataFrame({"word": pl.Series(found, dtype=pl.String), "code": [codes[category(one)] for one in found]},
                         schema_overrides={"code": pl.Float64})  # fmt: skip
    numbers = text.to_frame("word").join(place, on="word", how="left", maintain_order="left")["code"]
    return Levels(numbers.fill_null(float("nan")).to_numpy(), tuple(words))
