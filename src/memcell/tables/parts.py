"""A Parquet file too large for memory, some whole series at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from memcell.tables.source import Table, trimmed, unreadable
from memcell.tables.table_libraries import pl

__all__ = ["Parts", "parts_of"]

LARGE = 50_000_000
"""Cells from which on a file is read in parts."""

CELLS = 8_000_000
"""Cells of a part, about."""


class Parts:
    """Tables with the rows of whole series, which together are that of a file. They can be read again."""

    def __init__(self, path: Path, known: bool, id: str) -> None:
        self._path, self._id = path, id
        scanned = pl.scan_parquet(path, glob=False)
        self._scanned = scanned.rename(trimmed(scanned.collect_schema().names()))
        columns = pl.DataFrame(schema=self._scanned.collect_schema())
        self.header = Table(columns, str(path), known=known)
        """The columns, without a row."""
        self._height = int(self._scanned.select(pl.len()).collect().item())
        self._rows = max(1, CELLS // max(1, columns.width))
        self.cells = self._height * columns.width
        """Of the whole file."""

    def __iter__(self) -> Iterator[Table]:
        rest, done = pl.DataFrame(), 0
        for begin, part in self._slices():
            part = part if rest.is_empty() else pl.concat([rest, part])
            if begin + self._rows < self._height:  # the last series may go on
                complete = part[self._id].ne_missing(part[self._id][-1])
                rest, part = part.filter(~complete), part.filter(complete)
            if part.height:
                yield replace(self.header, frame=part, places=np.arange(done, done + part.height))
                done += part.height

    def grouped(self) -> bool:
        """Whether the rows of each series follow each other."""
        done: set[Any] = set()
        last: Any = None
        for _, part in self._slices(self._id):
            ids = part.to_series()
            for one in ids.filter(ids.rle_id().diff().fill_null(1) != 0).to_list():  # the first of each run
                if one != last and one in done:
                    return False
                done.add(one)
                last = one
        return True

    def _slices(self, *columns: str) -> Iterator[tuple[int, pl.DataFrame]]:
        chosen = self._scanned.select(columns) if columns else self._scanned
        for begin in range(0, self._height, self._rows):
            try:
                part = chosen.slice(begin, self._rows).collect()
            except (pl.exceptions.PolarsError, OSError) as error:
                raise unreadable(self._path, error) from error
            yield begin, part


def parts_of(source: object, id: str | None, known: bool) -> Parts | None:
    """The table of ``source`` in parts; None where it is to be read at once.

    That is, where it is no large Parquet file, or where the rows of a series do not follow each other.
    """
    if not isinstance(source, str | Path) or id is None:
        return None
    path = Path(source).expanduser()
    if path.suffix.lower() != ".parquet" or not path.is_file():
        return None
    try:
        parts = Parts(path, known, id)
    except (pl.exceptions.PolarsError, OSError):
        return None  # what is wrong with the file is said by the reading of it
    columns = parts.header.frame
    if parts.cells < LARGE or id not in columns.columns or columns[id].dtype.is_nested():
        return None
    return parts if parts.grouped() else None
