"""The lines of a CSV file: its header, its separator, and whether every line has as many fields.

Polars fills a line that is too short and forgets which line a row came from; this finds both out first, so
that a file cut short is not read as one with missing values, and errors can name lines.
"""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memcell.contract.errors import InputError

_SEPARATORS = ",;\t|"
_LOOKED_AT, _FIRST_LINES = 1 << 16, 5  # bytes and lines from which the separator is guessed
_DECLARED = re.compile(rb"sep=([,;\t|])(?=\r?\n)")
_BYTE_ORDER_MARKS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}


@dataclass(frozen=True)
class CsvLayout:
    """Where the rows of a CSV text are.

    Attributes:
        separator: the character between fields.
        header: the names in the first line, without spaces around them.
        lines: [N], int64, the line of the file, from 1, on which each row begins; blank lines are no rows.
        blank: [N + blank lines], bool, which records after the header are blank lines.
    """

    separator: str
    header: list[str]
    lines: NDArray[np.int64]
    blank: NDArray[np.bool_]


def clean_text(data: bytes, name: str) -> bytes:
    r"""`data` as UTF-8 without a byte order mark, its lines ended by ``\n``.

    Raises:
        InputError: another encoding or a binary file.
    """
    encoding = _BYTE_ORDER_MARKS.get(data[:2])
    if encoding is not None:
        raise InputError(f"{name} is {encoding}; save it as UTF-8.")
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{name} is not UTF-8: line {line} has the byte 0x{data[error.start]:02x}. Save it as UTF-8."
        ) from error
    if b"\0" in data:
        line = data.count(b"\n", 0, data.index(b"\0")) + 1
        raise InputError(f"{name} is not text: line {line} has a zero byte. Is it really a CSV file?")
    if b"\r" in data and b"\n" not in data:
        data = data.replace(b"\r", b"\n")
    return data


def layout_of(data: bytes, name: str, separator: str | None) -> CsvLayout:
    """The layout of a clean CSV text.

    Args:
        data: UTF-8 text, not empty.
        name: what messages call the file.
        separator: the character between fields; None takes that of comma, semicolon, tab and bar which splits the first
            lines alike.

    Raises:
        InputError: a line with more or fewer fields than the header, or quotes that do not match.
    """
    separator = separator or _separator_of(data)
    if b'"' in data:
        header, starts, widths = _scan_quoted(data, name, separator)
    else:
        header, starts, widths = _scan_plain(data, separator)
    blank = widths == 0
    if len(header) == 1:  # a missing value of the only column is a blank line
        blank = np.arange(len(widths)) > np.flatnonzero(widths).max(initial=-1)
    wrong = (widths > 0) & (widths != len(header))
    if wrong.any():
        first = int(wrong.argmax())
        raise InputError(
            f"{name}: line {starts[first]} has {widths[first]} fields where the header has {len(header)}. "
            "Mend the line; is the file complete, and is a text with the separator in it quoted?"
        )
    return CsvLayout(separator, header, starts[~blank], blank)


def _separator_of(data: bytes) -> str:
    """The separator that gives the first lines as many fields as the header, and the most of these."""
    text = data[:_LOOKED_AT].decode(errors="replace")
    lines = [line for line in text.split("\n") if line.strip()][:_FIRST_LINES]

    def fields(separator: str) -> int:
        widths = {len(record) for record in csv.reader(lines, delimiter=separator)}
        return widths.pop() if len(widths) == 1 else 0

    best = max(_SEPARATORS, key=fields)
    if fields(best) > 1:
        return best
    return next((separator for separator in _SEPARATORS if separator in lines[0]), ",")


def without_declaration(data: bytes) -> tuple[bytes, str | None]:
    """The text with Excel's first line ``sep=;`` made blank, and the separator that it names."""
    found = _DECLARED.match(data)
    return (data, None) if found is None else (data[found.end() :], found[1].decode())


def _scan_plain(data: bytes, separator: str) -> tuple[list[str], NDArray[np.int64], NDArray[np.int64]]:
    """Header, and line number and number of fields of every record after it (0 for a blank line)."""
    characters = np.frombuffer(data, dtype=np.uint8)
    ends = np.flatnonzero(characters == ord("\n"))
    if not ends.size or ends[-1] != characters.size - 1:
        ends = np.append(ends, characters.size)
    begins = np.append(0, ends[:-1] + 1)
    places = np.flatnonzero(characters == ord(separator))
    separators = np.searchsorted(places, ends) - np.searchsorted(places, begins)
    returns = characters[np.maximum(ends - 1, 0)] == ord("\r")
    widths = np.where(ends - returns <= begins, 0, separators + 1)
    first = int((widths > 0).argmax())
    text = data[begins[first] : ends[first]].decode()
    header = [name.strip() for name in text.split(separator)]
    return header, np.arange(first + 2, len(ends) + 1), widths[first + 1 :]


def _scan_quoted(data: bytes, name: str, separator: str) -> tuple[list[str], NDArray[np.int64], NDArray[np.int64]]:
    """As `_scan_plain`, for text in which a quoted field may hold separators and line ends."""
    reader = csv.reader(
        io.TextIOWrapper(io.BytesIO(data), encoding="utf-8", newline=""), delimiter=separator, strict=True
    )
    header: list[str] = []
    starts: list[int] = []
    widths: list[int] = []
    start = 1
    try:
        for record in reader:
            if header:
                starts.append(start)
                widths.append(len(record))
            else:
                header = [field.strip() for field in record]
            start = reader.line_num + 1
    except csv.Error as error:
        raise InputError(
            f"{name}: the record from line {start} on cannot be read ({error}). "
            'Is a quote (") missing or one too many there?'
        ) from error
    return header, np.array(starts, dtype=np.int64), np.array(widths, dtype=np.int64)
