"""Writing predictions: whether a path can be written, asked before any work, and the table itself."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memcell.contract.errors import InputError, OutputError
from memcell.data.atomic import replacing
from memcell.data.dates import Dates

TABLE_SUFFIXES = (".csv", ".parquet")
"""The formats that `write_table` can write."""


def check_output(path: str | Path, overwrite: bool = False, suffixes: Sequence[str] | None = TABLE_SUFFIXES) -> None:
    """Nothing, if a file can be written at `path`; meant to be called before any work is done.

    Args:
        path: the file to be written.
        overwrite: whether a file that is there may be replaced.
        suffixes: the suffixes allowed, in lower case and with the dot; None allows any.

    Raises:
        InputError: another suffix, no such folder, a folder in the file's place, or a file that is there and may
            not be replaced.
        OutputError: no right to write there.

    Example:
        >>> check_output("forecast.txt")
        Traceback (most recent call last):
        memcell.contract.errors.InputError: forecast.txt must end in .csv or .parquet; its suffix is '.txt'.
    """
    path = Path(path)
    if suffixes is not None and path.suffix.lower() not in suffixes:
        raise InputError(f"{path} must end in {' or '.join(suffixes)}; its suffix is {path.suffix!r}.")
    try:
        if not path.parent.is_dir():
            raise InputError(f"{path} cannot be written: there is no folder {path.parent}. Make it first.")
        if path.is_dir():
            raise InputError(f"{path} is a folder; give the path of a file.")
        if path.exists() and not path.is_file():
            raise InputError(f"{path} is no regular file; give another path.")
        if path.exists() and not overwrite:
            raise InputError(
                f"{path} exists. Give another path, or allow it to be replaced: `overwrite=True`, on the command line "
                "`--overwrite`."
            )
        target_folder = Path(os.path.realpath(path)).parent
        if not os.access(target_folder, os.W_OK | os.X_OK):
            raise OutputError(f"{path} cannot be written: no right to write in {target_folder}.")
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}.") from error


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
    from memcell.data.table_libraries import pl

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
    from memcell.data.table_libraries import pl

    if isinstance(column, Dates):
        if not parquet:
            return column.text()
        stamps = pl.Series(column.stamps)
        return stamps.dt.replace_time_zone("UTC") if column.zoned else stamps
    return column.tolist() if isinstance(column, np.ndarray) and column.dtype == object else column
