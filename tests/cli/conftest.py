"""The command line in this process, in a folder with two tables and the models that were fitted to them."""

import shutil
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from cli.tables import CLASSIFY, FORECAST, QUICK, co2, stays, write

from memcell.cli import main


@dataclass(frozen=True)
class Ended:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str


Run = Callable[..., Ended]


def _exit_code(*arguments: object) -> int:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["memcell", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
    return int(ended.value.code or 0)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """``run("fit", "t.csv", ...)``; no command may end in a traceback, a fault or a warning from a library."""

    def command(*arguments: object) -> Ended:
        capsys.readouterr()
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)  # NumPy's, which no user can make sense of
            code = _exit_code(*arguments)
        out, err = capsys.readouterr()
        for word in ("Traceback", "A fault of memcell"):
            assert word not in err
        return Ended(code, out, err)

    return command


@pytest.fixture(scope="session")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that ``folder`` is a copy of."""
    folder = tmp_path_factory.mktemp("fitted")
    for name, text, options in (("stays", stays(), CLASSIFY), ("co2", co2(), FORECAST)):
        write(folder / f"{name}.csv", text)
        assert _exit_code("fit", folder / f"{name}.csv", *options, *QUICK, "--out", folder / f"{name}.memcell") == 0
    return folder


@pytest.fixture
def folder(fitted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder: stays.csv, co2.csv, stays.memcell and co2.memcell."""
    shutil.copytree(fitted, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def untouched(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Forbids training; called at the end, makes sure that no file was written, changed or left behind."""

    def forbidden(*_: object, **__: object) -> None:
        raise AssertionError("training began")

    for name in ("networks", "forecaster"):
        monkeypatch.setattr(f"memcell.training.{name}.train", forbidden)
    before: dict[str, bytes] = {}

    def contents() -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}

    def check() -> None:
        assert {name: content for name, content in contents().items() if not name.startswith("bad")} == before

    before |= contents()
    return check
