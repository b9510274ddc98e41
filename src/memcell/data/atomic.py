"""Writing aside, then renaming: a file is either wholly the old one or wholly the new one."""

from __future__ import annotations

import os
import secrets
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from memcell.contract.errors import OutputError


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
