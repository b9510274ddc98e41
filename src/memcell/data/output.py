"""Files that are written: whether a path can be, asked first; the old one stays whole until the new one is."""

from __future__ import annotations

import os
import secrets
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from memcell.contract.errors import InputError, OutputError

__all__ = ["TABLE_SUFFIXES", "check_output", "replacing"]

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


@contextmanager
def replacing(path: str | Path) -> Generator[Path]:
    """A temporary path in the folder of `path`, whose file takes the place of `path` at the end of the block.

    Whatever ends the block early, Ctrl-C included, removes the temporary file and leaves `path` as it was.
    The new file has the permissions of the old one, or those of any new file.

    Args:
        path: the file to write; where it is a link, the file it points to.

    Raises:
        OutputError: the file cannot be written: no space, no right, no such folder.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     target = Path(folder) / "answer.txt"
        ...     with replacing(target) as aside:
        ...         _ = aside.write_text("42")
        ...     target.read_text()
        '42'
    """
    target = Path(os.path.realpath(path))
    aside = target.with_name(f".memcell-{secrets.token_hex(8)}.tmp")
    try:
        os.close(os.open(aside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        try:
            yield aside
            if target.exists():
                aside.chmod(target.stat().st_mode & 0o777)
            _flush(aside)
            os.replace(aside, target)
        except BaseException:
            with suppress(OSError):
                aside.unlink()
            raise
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror or error}.") from error
    with suppress(OSError):  # the file is in place; not every system can flush a folder
        _flush(target.parent)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
