"""Opening a table: a file or a data frame in, one Polars frame and the names of its rows out."""

from __future__ import annotations

import gzip
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from memcell.contract.errors import InputError, closest
from memcell.tables.csv_layout import clean_text, layout_of, without_declaration
from memcell.tables.table_libraries import nw, pl

_SEPARATORS = {".csv": None, ".tsv": "\t"}
_QUOTES = 'Is there a quote (") within a text? The text must stand in quotes then, and the quote be doubled.'
_LIST = r"^\[\s*[+-]?(?:[0-9.]+(?:[eE][+-]?[0-9]+)?|nan)(?:[,\s]+[+-]?(?:[0-9.]+(?:[eE][+-]?[0-9]+)?|nan))*\s*\]$"
_SUFFIXES = (".csv", ".tsv", ".csv.gz", ".tsv.gz", ".parquet")


@dataclass(frozen=True)
class Table:
    """A table as it was found, before its columns are given a meaning.

    Attributes:
        frame: the columns; those of a CSV file are all text.
        name: what messages call the table.
        lines: [N], int64, the line of the file on which each row begins; None where there are no lines.
        unnamed: the positions, from 1, of columns without a name, which `frame` leaves out.
        index: what the levels of a pandas index are called, which are no columns.
        known: whether a model says what the columns mean, so that messages advise no other meaning.
        places: int64 [N], where the file has the rows, from 0; None: all of them are here.
    """

    frame: pl.DataFrame
    name: str
    lines: NDArray[np.int64] | None = None
    unnamed: tuple[int, ...] = ()
    index: tuple[str, ...] = ()
    known: bool = False
    places: NDArray[np.int64] | None = None

    @property
    def from_text(self) -> bool:
        """Whether all columns are text because the file has nothing else."""
        return self.lines is not None

    def row(self, index: int) -> str:
        """What messages call the row at `index` (from 0)."""
        line = "" if self.lines is None else f" (line {self.lines[index]} of the file)"
        return f"row {(index if self.places is None else self.places[index]) + 1}{line}"


def open_table(source: object, known: bool = False) -> Table:
    """The table in a file or data frame; ``known`` as in ``Table``.

    Raises:
        InputError: no such file, not a table, unreadable or without rows; two columns of one name.
    """
    table = _open_file(Path(source).expanduser()) if isinstance(source, (str, Path)) else _open_frame(source)
    if not table.frame.height and not known:
        raise InputError(f"No rows in {table.name}. Give a table that has some.")
    return replace(table, known=known)


def _open_file(path: Path) -> Table:
    suffix = next((known for known in _SUFFIXES if path.name.lower().endswith(known)), None)
    try:
        if path.is_dir():
            raise InputError(f"{path} is a folder; give the path of a table ({', '.join(_SUFFIXES)}).")
        if not path.exists():
            raise InputError(f"{path} does not exist.{_closest_file(path)}")
        if suffix is None:
            raise InputError(f"{path} must be a table: {', '.join(_SUFFIXES)}; its suffix is {path.suffix!r}.")
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
    if not data:
        raise InputError(f"{path} is empty (0 bytes).")
    if suffix == ".parquet":
        return _read_parquet(data, path)
    if suffix.endswith(".gz"):
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            raise InputError(f"{path} cannot be unpacked: {error}.") from error
    return _read_csv(data, str(path), _SEPARATORS[suffix.removesuffix(".gz")])


def _closest_file(path: Path) -> str:
    if not path.parent.is_dir():
        return f" There is no folder {path.parent} either."
    return closest(path.name, [other.name for other in path.parent.iterdir()])


def _read_parquet(data: bytes, path: Path) -> Table:
    try:
        frame = pl.read_parquet(data)
        return Table(frame.rename(trimmed(frame.columns)), str(path))
    except (pl.exceptions.PolarsError, OSError) as error:
        raise unreadable(path, error) from error


def trimmed(names: Sequence[str]) -> dict[str, str]:
    """Names without spaces around them, as those of a CSV file, where that leaves them different."""
    new = {name: name.strip() for name in names}
    return new if len(set(new.values())) == len(new) else {}


def unreadable(path: Path, error: Exception) -> InputError:
    """What to say of a file that is no Parquet, or is damaged."""
    return InputError(f"{path} cannot be read as Parquet: {error}. Is the file complete?")


def _read_csv(data: bytes, name: str, separator: str | None) -> Table:
    data = clean_text(data, name)
    if not data.strip():
        raise InputError(f"{name} is empty: it has no header.")
    data, declared = without_declaration(data)
    layout = layout_of(data, name, declared or separator)
    _check_names(layout.header, name)
    try:
        # An all-text frame keeps what was written: leading zeros of an id, and the value for a message.
        frame = pl.read_csv(data.lstrip(b"\r\n"), separator=layout.separator, infer_schema=False)
    except pl.exceptions.PolarsError as error:
        raise InputError(f"{name} cannot be read as CSV: {error}. {_QUOTES}") from error
    if frame.shape != (len(layout.blank), len(layout.header)):
        raise InputError(f"{name} cannot be read as CSV. {_QUOTES}")
    blank, lines = layout.blank, layout.lines
    if blank.any():
        frame = frame.filter(pl.Series(~blank))
    filled = frame.select(pl.any_horizontal(pl.all().is_not_null())).to_series().arg_true()
    if len(layout.header) > 1 and len(filled):  # rows of bare separators, as spreadsheets leave them at the end
        frame, lines = frame.head(filled[-1] + 1), lines[: filled[-1] + 1]
    named = [position for position, column in enumerate(layout.header) if column]
    columns = frame.get_columns()
    frame = pl.DataFrame([columns[position].rename(layout.header[position]) for position in named])
    unnamed = tuple(position + 1 for position, column in enumerate(layout.header) if not column)
    return Table(frame.with_columns(map(_lists_in, frame.get_columns())), name, lines, unnamed)


def _lists_in(text: pl.Series) -> pl.Series:
    """A column whose cells are all lists of numbers, written [0.1, -2] or [0.1 -2], as lists; others as they are."""
    known = text.drop_nulls()
    if not len(known) or not known[0].startswith("[") or not known.str.contains(_LIST).all():
        return text
    entries = text.str.strip_chars("[] \n").str.replace_all(r"[,\s]+", " ").str.split(" ")
    return entries.cast(pl.List(pl.Float64))


def _check_names(names: list[str], table: str) -> None:
    twice = sorted(column for column, count in Counter(names).items() if column and count > 1)
    if twice:
        raise InputError(f"More than one column of {table} is called {twice[0]!r}. Rename all but one.")


def _open_frame(source: object) -> Table:
    table = "the table"
    if type(source).__name__ == "RecordBatch" and hasattr(source, "__arrow_c_array__"):
        source = pl.from_arrow(source)
    try:
        native = cast("Any", nw.from_native(source))  # pyright: ignore[reportArgumentType, reportCallIssue, reportUnknownMemberType]
        if isinstance(native, nw.LazyFrame):
            native = cast("Any", native.collect())
        labels: list[Any] = native.columns
    except nw.exceptions.DuplicateError as error:
        found = " ".join(str(error).split())
        raise InputError(f"Two columns of {table} have one name ({found}). Rename one.") from error
    except TypeError as error:
        raise InputError(
            f"A table must be a path or a data frame (pandas, Polars, PyArrow, ...); got {type(source).__name__}. "
            "For arrays see `memcell.as_series`."
        ) from error
    if any(isinstance(label, tuple) for label in labels):
        raise InputError(f"The columns of {table} have names of several levels, such as {labels[0]}. Join them.")
    names = [str(label) for label in labels]
    _check_names(names, table)
    columns = [_polars_column(native, label, name) for label, name in zip(labels, names, strict=True)]
    return Table(pl.DataFrame(columns), table, index=_index_names(nw.maybe_get_index(native)))


def _index_names(index: Any) -> tuple[str, ...]:
    """What levels of a pandas index are called; of those without a name only one of dates counts, others are numbers of
    rows."""
    levels = list(getattr(index, "names", ()))
    named = tuple(str(level) for level in levels if level is not None)
    dated = str(getattr(index, "dtype", "")).startswith(("datetime64", "period", "timedelta64"))
    return named or (("of times",) if dated else ())


def _polars_column(frame: Any, label: Any, name: str) -> pl.Series:
    """One column of a narwhals frame; what Polars cannot hold becomes text, so that it is named when used."""
    column = frame.select(nw.col(label))
    try:
        return column.to_polars().to_series().rename(name)
    except Exception:  # the error is the other library's own, of any class
        values, missing = column[label].to_list(), column[label].is_null().to_list()
        if any(isinstance(value, complex) for value in values):
            raise InputError(
                f"Column {name!r} of the table holds complex numbers. Give real and imaginary part, or size and "
                "angle, as columns of their own."
            ) from None
        return pl.Series(name, [None if gone else str(value) for value, gone in zip(values, missing, strict=True)])
