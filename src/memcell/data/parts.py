"""A Parquet file too large for memory, some whole series at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from memcell.data.source import Table
from memcell.data.table_libraries import pl

__all__ = ["parts_of"]

LARGE = 50_000_000
"""Cells from which on a file is read in parts."""

CELLS = 8_000_000
"""Cells of a part, about."""


def parts_of(source: object, id: str | None, known: bool) -> Iterator[Table] | None:
    """Tables with the rows of whole series, which together are that of ``source``; None where it is read at once.

    That is, where it is no large Parquet file, or where the rows of a series do not follow each other.
    """
    if not isinstance(source, str | Path) or Path(source).suffix.lower() != ".parquet" or id is None:
        return None
    try:
        scanned = pl.scan_parquet(Path(source).expanduser())
        names, height = scanned.collect_schema().names(), int(scanned.select(pl.len()).collect().item())
    except (pl.exceptions.PolarsError, OSError):
        return None  # what is wrong with the file is said by the reading of it
    rows = max(1, CELLS // max(1, len(names)))
    if height * len(names) < LARGE or id not in names or not _grouped(scanned, id, height, rows):
        return None
    return _parts(scanned, str(source), known, id, height, rows)


def _grouped(scanned: pl.LazyFrame, id: str, height: int, rows: int) -> bool:
    """Whether the rows of each series follow each other."""
    done: set[Any] = set()
    last: Any = None
    for begin in range(0, height, rows):
        ids = scanned.select(id).slice(begin, rows).collect().to_series()
        for one in ids.filter(ids.rle_id().diff().fill_null(1) != 0).to_list():  # the first of each run
            if one != last and one in done:
                return False
            done.add(one)
            last = one
    return True


def _parts(scanned: pl.LazyFrame, name: str, known: bool, id: str, height: int, rows: int) -> Iterator[Table]:
    rest, done = pl.DataFrame(), 0
    for begin in range(0, height, rows):
        part = scanned.slice(begin, rows).collect()
        part = part if rest.is_empty() else pl.concat([rest, part])
        if begin + rows < height:  # the last series may go on
            complete = part[id].ne_missing(part[id][-1])
            rest, part = part.filter(~complete), part.filter(complete)
        if part.height:
            yield Table(part, name, known=known, begin=done)
            done += part.height
