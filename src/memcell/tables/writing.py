"""Writing predictions: a table as CSV or Parquet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memcell.contract.errors import InputError, OutputError
from memcell.data.dates import Dates
from memcell.data.output import check_output, replacing
from memcell.tables.table_libraries import pl

__all__ = ["write_table"]


def write_table(
    path: str | Path, columns: Mapping[str, Sequence[Any] | NDArray[Any] | Dates], overwrite: bool = False
) -> None:
    """Nothing; afterwards `path` holds a table of `columns`, as CSV or Parquet by its suffix.

    An old file stays whole until the new one is complete.

    Args:
        path: a file that ends in .csv or .parquet.
        columns: by name, all of one length; numbers, text, bool or datetime64; or ``Dates``, which are text in CSV
            and dates in Parquet.
        overwrite: whether a file that is there may be replaced.

    Raises:
        InputError: as for `check_output`, or columns of different lengths.
        OutputError: the file cannot be written, for lack of space for instance.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     target = Path(folder) / "predictions.csv"
        ...     write_table(target, {"stay": ["a", "b"], "prediction": [0, 1]})
        ...     print(target.read_text().split())
        ['stay,prediction', 'a,0', 'b,1']
    """
    check_output(path, overwrite)
    parquet = Path(path).suffix.lower() == ".parquet"
    plain = {name: _plain(column, parquet) for name, column in columns.items()}
    lengths = {name: len(column) for name, column in plain.items()}
    if len(set(lengths.values())) > 1:
        raise InputError(f"`columns` must all have one length; got {lengths}.")
    frame = pl.DataFrame(plain)
    with replacing(path) as aside:
        try:
            if parquet:
                frame.write_parquet(aside)
            else:
                frame.write_csv(aside)
        except pl.exceptions.PolarsError as error:
            raise OutputError(f"{path} cannot be written: {error}.") from error


def _plain(column: Sequence[Any] | NDArray[Any] | Dates, parquet: bool) -> Any:
    if isinstance(column, Dates):
        if not parquet:
            return column.text()
        stamps = pl.Series(column.stamps)
        return stamps.dt.replace_time_zone("UTC") if column.zoned else stamps
    return column.tolist() if isinstance(column, np.ndarray) and column.dtype == object else column
