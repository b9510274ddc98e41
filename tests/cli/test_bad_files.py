"""Models that are not what they should be, and places that cannot be written to."""

import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli.conftest import Run
from cli.tables import CLASSIFY, FORECAST, QUICK, co2, write

import memcell
from memcell.model.artifact import FORMAT

USES = {
    "predict": ("predict", "bad.memcell", "stays.csv", "--out", "p.csv"),
    "evaluate": ("evaluate", "bad.memcell", "stays.csv"),
    "show": ("show", "bad.memcell"),
}


def cut(whole: bytes) -> bytes:
    return whole[: len(whole) // 2]


def altered(whole: bytes) -> bytes:
    """The weights' last byte changed."""
    return whole[:-1] + bytes([whole[-1] ^ 1])


def renamed(whole: bytes) -> bytes:
    """A class called otherwise, as an editor could."""
    return whole.replace(b'\\"yes\\"', b'\\"yet\\"')


def newer(whole: bytes) -> bytes:
    """Of a later format, the checksum right."""
    size = int.from_bytes(whole[:8], "little")
    header = json.loads(whole[8 : 8 + size])
    header["__metadata__"]["memcell_format"] = str(FORMAT + 1)
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + whole[8 + size :]


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (cut, "cut short or damaged"),
        (altered, "was altered"),
        (renamed, "was altered"),
        (newer, f"has format {FORMAT + 1}, from a newer memcell; this one reads {FORMAT}"),
        (lambda _: b"stay,hour\n1,2\n", "no memcell model"),
        (lambda _: b"", "no memcell model"),
    ],
    ids=["cut", "altered", "renamed", "newer", "text", "empty"],
)
def test_a_model_that_is_none(
    run: Run, untouched: Callable[[], None], use: str, damage: Callable[[bytes], bytes], message: str
) -> None:
    whole = Path("stays.memcell").read_bytes()
    bad = damage(whole)
    assert bad != whole
    Path("bad.memcell").write_bytes(bad)
    ended = run(*USES[use])
    assert ended.code == 2
    assert "bad.memcell" in ended.err
    assert message in ended.err
    untouched()


@pytest.mark.parametrize(
    ("command", "out"),
    [
        (("fit", "stays.csv", *CLASSIFY, *QUICK), "stays.memcell"),
        (("predict", "stays.memcell", "stays.csv"), "old.csv"),
        (("predict", "stays.memcell", "stays.csv"), "old.parquet"),
    ],
    ids=["fit", "csv", "parquet"],
)
@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.usefixtures("folder")
def test_no_space_leaves_the_old_file_whole(
    run: Run, command: tuple[str, ...], out: str, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if out.startswith("old"):
        write(out, "precious")
    before, names = Path(out).read_bytes(), sorted(os.listdir())

    def fail(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, step, fail)
        ended = run(*command, "--out", out, "--overwrite")
    assert ended.code == 1
    assert re.search(rf"{re.escape(out)}(\.partial)? cannot be written: No space left on device", ended.err)
    assert (Path(out).read_bytes(), sorted(os.listdir())) == (before, names)


@pytest.mark.usefixtures("folder")
@pytest.mark.skipif(os.geteuid() == 0 or shutil.which("chmod") is None, reason="root may write anywhere")
def test_no_right_to_write(run: Run) -> None:
    Path("locked").mkdir(mode=0o500)
    ended = run("predict", "stays.memcell", "stays.csv", "--out", "locked/p.csv")
    assert ended.code == 1
    assert "no right to write in" in ended.err


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    "error",
    [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried")],
    ids=["numpy", "torch"],
)
def test_too_little_memory_is_no_fault(run: Run, error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr("memcell.training.networks.train", fail)
    ended = run("fit", "stays.csv", *CLASSIFY, *QUICK, "--out", "m")
    assert ended.code == 1
    assert "Out of memory. Give fewer rows, or a smaller --batch-size" in ended.err
    monkeypatch.setattr("memcell.model.Model.predict_proba", fail)
    ended = run("predict", "stays.memcell", "stays.csv", "--out", "p.csv")
    assert ended.code == 1
    assert "Out of memory. Give fewer rows." in ended.err


@pytest.mark.usefixtures("folder")
def test_a_fault_of_memcell_is_owned_up_to(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr("memcell.cli.show.load", fail)
    monkeypatch.setattr(sys, "argv", ["memcell", "show", "stays.memcell"])
    with pytest.raises(SystemExit, match="1"):
        memcell.cli.main()
    assert "A fault of memcell, not yours: ZeroDivisionError: by zero" in capsys.readouterr().err
    monkeypatch.setenv("MEMCELL_TRACEBACK", "1")
    with pytest.raises(ZeroDivisionError):
        memcell.cli.main()


def interrupted(folder: Path, at: bytes) -> tuple[int, str]:
    """Exit code and output of a long fit in a process of its own that gets SIGINT as soon as it shows ``at``."""
    write(folder / "long.csv", co2(weeks=300))
    arguments = ("fit", "long.csv", *FORECAST, "--hidden-size", "4", "--out", "m", "--epochs", "1000")
    program = "import sys, memcell.cli; sys.exit(memcell.cli.main())"
    # Rich draws its bar into what it takes for a terminal.
    environment = os.environ | {"TTY_COMPATIBLE": "1", "TTY_INTERACTIVE": "1", "COLUMNS": "120"}
    process = subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert process.stdout is not None
    shown, sent = b"", False
    while block := os.read(process.stdout.fileno(), 4096):
        shown += block
        if not sent and at in shown:
            process.send_signal(signal.SIGINT)
            sent = True
    return process.wait(60), shown.decode()


def test_control_c_during_training_writes_the_best_model_so_far(folder: Path) -> None:
    code, shown = interrupted(folder, b"validation")
    assert code == 0
    assert "interrupted: the best so far is kept" in shown
    assert "Traceback" not in shown
    model = memcell.load(folder / "m")
    assert model.record["interrupted"] is True
    assert len(model.predict(memcell.read(folder / "co2.csv", time="date"))[0].quantiles) == 4


def test_control_c_before_there_is_a_model_writes_none(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: Any, **__: Any) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(1)

    monkeypatch.setattr("memcell.cli.fit.read_table", interrupt)
    ended = run("fit", "stays.csv", *CLASSIFY, *QUICK, "--out", "m")
    assert ended.code == 1
    assert "Interrupted" in ended.err
    assert not (folder / "m").exists()
