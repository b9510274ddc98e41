"""A Parquet file too large for memory, read some series at a time by the schema of a model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from memcell.contract.errors import InputError
from memcell.data.duplicates import Duplicates
from memcell.data.schema import TableSchema
from memcell.data.table_libraries import pl
from memcell.data.tables import TableContents, read_table

__all__ = ["read_parts"]

_ROWS = 2_000_000  # read at once


def read_parts(
    path: str | Path,
    schema: TableSchema,
    *,
    static: str | Path | Any = None,
    duplicates: Duplicates = "error",
    rows: int = _ROWS,
) -> Iterator[TableContents]:
    """The series of a Parquet file, part by part; memory is that of one part.

    A file of no more than ``rows`` rows comes as one part, and so does one without ids. In a larger one the rows of a
    series must follow each other. Facts of ids that the file has no rows of are then left out.

    Args:
        path: the file.
        schema: what the columns mean.
        static, duplicates: as for ``memcell.read``.
        rows: of a part, about.

    Raises:
        InputError: as ``memcell.read`` does; an id whose rows are not together.
    """
    whole = Path(path).suffix.lower() != ".parquet" or schema.id is None
    try:
        height = 0 if whole else int(pl.scan_parquet(path).select(pl.len()).collect().item())
    except (pl.exceptions.PolarsError, OSError):
        height = 0  # what is wrong with the file is said by the reading of it
    if whole or height <= rows or schema.id not in pl.scan_parquet(path).collect_schema().names():
        yield read_table(path, schema=schema, static=static, duplicates=duplicates)
        return
    facts = None if static is None else _facts(static, schema.id)
    done: set[Any] = set()
    rest = pl.DataFrame()
    for begin in range(0, height, rows):
        part = pl.scan_parquet(path).slice(begin, rows).collect()
        part = part if rest.is_empty() else pl.concat([rest, part])
        last = part[schema.id][-1]
        open_still = (part[schema.id] == last) if begin + rows < height else pl.repeat(False, part.height, eager=True)
        rest, part = part.filter(open_still), part.filter(~open_still)
        if part.is_empty():
            continue
        ids = part[schema.id].unique().to_list()
        again = next((id for id in ids if id in done), None)
        if again is not None:
            raise InputError(
                f"The rows of {schema.id} {again!r} in {path} do not follow each other, and the file is too large to "
                f"be read at once. Sort it by {schema.id!r} first."
            )
        done |= set(ids)
        known = None if facts is None else facts.filter(pl.col(schema.id).is_in(ids))
        yield read_table(part, schema=schema, static=known, duplicates=duplicates)


def _facts(static: str | Path | Any, id: str) -> pl.DataFrame:
    from memcell.data.columns import id_values
    from memcell.data.source import open_table

    table = open_table(static)
    return table.frame.with_columns(id_values(table, id).alias(id)) if id in table.frame.columns else table.frame
