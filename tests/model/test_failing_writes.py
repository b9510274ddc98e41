"""Whatever stops a model from being written, the old one stays whole and nothing else is left behind."""

import errno
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from model.random_models import classifier

import memcell
from memcell import InputError, OutputError
from memcell.model import save


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Path]:
    """A model in a folder of its own, which must be there unchanged afterwards."""
    path = tmp_path / "old.memcell"
    save(classifier(seed=1), path)
    before = path.read_bytes()
    yield path
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == [path.name]
    memcell.load(path)


def no_space(*_: Any, **__: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """The system itself refuses to write more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("step", ["os.replace", "os.fsync", "pathlib.Path.write_bytes"])
def test_no_space_at_any_step(old: Path, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(step, no_space)
        with pytest.raises(OutputError, match=f"{old.name} cannot be written: No space left on device"):
            save(classifier(seed=2), old, overwrite=True)


def test_no_space_in_the_middle_of_the_file(old: Path) -> None:
    with files_of_at_most(1000), pytest.raises(OutputError, match="cannot be written: File too large"):
        save(classifier(seed=2), old, overwrite=True)


def test_an_interrupt_while_writing(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", interrupted)
        with pytest.raises(KeyboardInterrupt):
            save(classifier(seed=2), old, overwrite=True)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_no_right_to_write(old: Path) -> None:
    old.parent.chmod(0o500)
    try:
        with pytest.raises(OutputError, match="no right to write"):
            save(classifier(seed=2), old, overwrite=True)
    finally:
        old.parent.chmod(0o700)


def test_a_folder_that_is_not_there(old: Path) -> None:
    with pytest.raises(InputError, match="there is no folder"):
        save(classifier(seed=2), old.parent / "nowhere" / "m")
