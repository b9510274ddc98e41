"""Where predictions may be written, and that a failure leaves the old file whole."""

import errno
import os
import stat

import numpy as np
import polars as pl
import pytest

from memcell.contract.errors import InputError, OutputError
from memcell.data import check_output, replacing
from memcell.data.dates import times_in_table
from memcell.tables import write_table

COLUMNS = {"id": ["a", "b"], "prediction": np.array([0.5, np.nan]), "day": np.array(["2020-01-01"] * 2, "M8[D]")}


def test_a_file_is_replaced_as_a_whole(tmp_path):
    path = tmp_path / "model.bin"
    path.write_text("old")
    with replacing(path) as aside:
        aside.write_text("new")
        assert path.read_text() == "old"
        assert aside.parent == path.parent
    assert path.read_text() == "new"
    assert os.listdir(tmp_path) == ["model.bin"]


@pytest.mark.parametrize("failure", [RuntimeError("writer"), KeyboardInterrupt()])
def test_a_failing_writer_leaves_the_old_file(tmp_path, failure):
    path = tmp_path / "model.bin"
    path.write_text("old")
    with pytest.raises(type(failure)), replacing(path) as aside:  # noqa: PT012
        aside.write_text("half")
        raise failure
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["model.bin"]


def test_no_space_is_an_output_error(tmp_path):
    path = tmp_path / "model.bin"
    with pytest.raises(OutputError, match=r"model\.bin cannot be written: No space left"), replacing(path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert os.listdir(tmp_path) == []


def test_no_right_to_rename_is_an_output_error(tmp_path, monkeypatch):
    path = tmp_path / "model.bin"
    path.write_text("old")

    def refuse(*_paths):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OutputError, match="Permission denied"), replacing(path) as aside:
        aside.write_text("new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["model.bin"]


def test_no_folder_is_an_output_error(tmp_path):
    with pytest.raises(OutputError, match="No such file or directory"), replacing(tmp_path / "nowhere" / "x"):
        pytest.fail("the block must not run")


def test_permissions_and_links_stay(tmp_path):
    path, link = tmp_path / "real.bin", tmp_path / "link.bin"
    path.write_text("old")
    path.chmod(0o640)
    link.symlink_to(path)
    with replacing(link) as aside:
        aside.write_text("new")
    assert link.is_symlink()
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.parametrize("name", ["p.csv", "p.parquet", "P.CSV"])
def test_tables_are_written_by_suffix(tmp_path, name):
    path = tmp_path / name
    write_table(path, COLUMNS)
    frame = pl.read_parquet(path) if name.endswith("parquet") else pl.read_csv(path, try_parse_dates=True)
    assert frame.columns == ["id", "prediction", "day"]
    assert frame["id"].to_list() == ["a", "b"]
    assert frame["day"].dtype == pl.Date
    assert os.listdir(tmp_path) == [name]


@pytest.mark.parametrize(
    ("dates", "kept", "text"),
    [
        (times_in_table([86400.0], "date", True), pl.Date(), "1970-01-02"),
        (times_in_table([0.0], "date", False), pl.Datetime("us"), "1970-01-01 00:00:00"),
        (times_in_table([0.5], "date", False, "zoned"), pl.Datetime("us", "UTC"), "1970-01-01 00:00:00.500000Z"),
    ],
    ids=["day", "time", "zone"],
)
def test_dates_are_dates_in_parquet_and_text_in_csv(tmp_path, dates, kept, text):
    for name in ("p.csv", "p.parquet"):
        write_table(tmp_path / name, {"at": dates})
    assert pl.read_parquet(tmp_path / "p.parquet")["at"].dtype == kept
    assert (tmp_path / "p.csv").read_text() == f"at\n{text}\n"


def test_an_existing_file_is_replaced_only_if_asked(tmp_path):
    path = tmp_path / "p.csv"
    write_table(path, {"a": [1]})
    with pytest.raises(InputError, match=r"p\.csv exists.*`overwrite=True`.*`--overwrite`"):
        write_table(path, {"a": [2]})
    assert path.read_text() == "a\n1\n"
    write_table(path, {"a": [2]}, overwrite=True)
    assert path.read_text() == "a\n2\n"


def test_a_writer_without_space_leaves_the_old_table(tmp_path, monkeypatch):
    path = tmp_path / "p.csv"
    write_table(path, {"a": [1]})

    def fill(_frame, file):
        file.write_text("a\n")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(pl.DataFrame, "write_csv", fill)
    with pytest.raises(OutputError, match="No space left"):
        write_table(path, {"a": [2]}, overwrite=True)
    assert path.read_text() == "a\n1\n"
    assert os.listdir(tmp_path) == ["p.csv"]


def test_columns_of_different_lengths_are_refused(tmp_path):
    with pytest.raises(InputError, match="one length"):
        write_table(tmp_path / "p.csv", {"a": [1], "b": [1, 2]})
    assert os.listdir(tmp_path) == []


def test_check_output_refuses_before_any_work(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.csv").mkdir()
    check_output(tmp_path / "p.csv")
    check_output(tmp_path / "anything", suffixes=None)
    check_output(tmp_path / "m.memcell", suffixes=(".memcell",))
    for name, part in [
        ("p.txt", r"must end in \.csv or \.parquet; its suffix is '\.txt'"),
        ("nowhere/p.csv", "there is no folder"),
        ("file/p.csv", "there is no folder"),
        ("folder.csv", "is a folder"),
        ("x" * 300 + ".csv", "File name too long"),
    ]:
        with pytest.raises(InputError, match=part):
            check_output(tmp_path / name, overwrite=True)
    with pytest.raises(InputError, match=r"must end in \.memcell"):
        check_output(tmp_path / "m.csv", suffixes=(".memcell",))
    monkeypatch.setattr(os, "access", lambda *_arguments: False)
    with pytest.raises(OutputError, match="no right to write"):
        check_output(tmp_path / "p.csv")
