"""A large Parquet file, read in parts whose arrays lie in a file, gives the series of the whole."""

import errno
import io
import mmap
import tempfile
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import polars as pl
import pytest

from memcell import InputError
from memcell.data import Series
from memcell.tables import TableContents, parts, read_table

LENGTHS = [5, 1, 9, 3, 12, 2, 7]
IDS = np.repeat(np.array(list("gabfced")), LENGTHS)


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "LARGE", 1)
    monkeypatch.setattr(parts, "CELLS", 60)


def wide() -> pl.DataFrame:
    rng = np.random.default_rng(0)
    count = len(IDS)
    holes = rng.random(count) < 0.4
    return pl.DataFrame(
        {
            "stay": IDS,
            "hour": rng.permutation(count),
            "early": np.where(np.arange(count) < 9, 1.5, np.nan),  # in the first part alone
            "x": np.where(holes, np.nan, rng.normal(size=count)),
            "word": [None if hole else f"w{k % 5}" for k, hole in enumerate(holes)],
            "says": [f"one two three {k % 3}" for k in range(count)],
            "flat": [[1.0, float(k)] * 6 for k in range(count)],
            "none": pl.Series([None] * count, dtype=pl.Float64),
            "died": [ord(id) % 2 for id in IDS],
            "who": [f"p{ord(id) % 3}" for id in IDS],
            "tag": [None if hole else k % 2 for k, hole in enumerate(holes)],
        }
    )


def long() -> pl.DataFrame:
    rng = np.random.default_rng(1)
    names = rng.choice(["b", "a", "c"], len(IDS))
    names[:9] = np.where(names[:9] == "a", "c", names[:9])  # not in the first part
    return pl.DataFrame(
        {"stay": IDS, "hour": rng.integers(0, 4, len(IDS)), "what": names, "v": rng.normal(size=len(IDS))}
    )


ROLES: dict[str, tuple[Any, dict[str, Any]]] = {
    "wide": (wide, {"label": "died", "group": "who", "ignore": ["tag"]}),
    "tagged": (wide, {"tag": "tag", "ignore": ["died", "who"], "facts": ["who"]} | {"ignore": ["died"]}),
    "long": (long, {"channel": "what", "value": "v"}),
    "two of long": (long, {"channel": "what", "value": "v", "channels": ["c", "a"]}),
}


def both(table: pl.DataFrame, path: Path, **roles: Any) -> tuple[TableContents, TableContents]:
    """The contents of a frame, which is never read in parts, and of the file."""
    table.write_parquet(path)
    return read_table(table, **roles), read_table(path, **roles)


def words(one: Series) -> list[Any]:
    """Values as they were in the table, whatever numbers words have."""
    names = [one.channels[c] for c in one.observations.channel]
    return [one.levels[name][int(value)] if name in one.levels else value
            for name, value in zip(names, one.observations.value, strict=True)]  # fmt: skip


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("case", ROLES)
def test_parts_are_the_whole(case: str, tmp_path: Path) -> None:
    make, roles = ROLES[case]
    static = pl.DataFrame({"stay": list("abcdefgz"), "age": np.arange(8.0), "sex": ["m", "f"] * 4})
    whole, found = both(make(), tmp_path / "t.parquet", id="stay", time="hour", static=static, **roles)
    assert found.schema == whole.schema
    assert [note.replace(str(tmp_path / "t.parquet"), "the table") for note in found.warnings] == whole.warnings
    assert [one.id for one in found.series] == [one.id for one in whole.series]
    for one, other in zip(found.series, whole.series, strict=True):
        np.testing.assert_array_equal(one.times, other.times)
        np.testing.assert_array_equal(one.observations.row, other.observations.row)
        np.testing.assert_array_equal(one.observations.channel, other.observations.channel)
        np.testing.assert_array_equal(one.facts.value, other.facts.value)
        assert sorted(map(str, words(one))) == sorted(map(str, words(other)))
        assert (one.label, one.group, one.channels) == (other.label, other.group, other.channels)
        assert (one.tags is None) == (other.tags is None)
        assert one.tags is None or one.tags.tolist() == other.tags.tolist()  # type: ignore[union-attr]
    again = read_table(tmp_path / "t.parquet", schema=found.schema, static=static)
    channels = {one.id: one.observations.channel.tolist() for one in again.series}
    assert [channels[one.id] for one in found.series] == [one.observations.channel.tolist() for one in found.series]


@pytest.mark.usefixtures("small_parts")
def test_the_arrays_lie_in_a_file(tmp_path: Path) -> None:
    whole, found = both(long(), tmp_path / "t.parquet", id="stay", time="hour", channel="what", value="v")

    def in_a_file(array: Any) -> bool:
        while isinstance(array, np.ndarray):
            array = array.base
        return isinstance(array, memoryview | mmap.mmap)

    for one, expected in ((found.series[2], True), (whole.series[2], False)):
        seen = one.observations
        assert [in_a_file(array) for array in (seen.row, seen.channel, seen.value, one.times)] == [expected] * 4


@pytest.mark.usefixtures("small_parts")
def test_series_whose_rows_are_not_together_are_read_at_once(tmp_path: Path) -> None:
    table = long().sample(fraction=1, shuffle=True, seed=0)
    whole, found = both(table, tmp_path / "t.parquet", id="stay", time="hour", channel="what", value="v")
    for one, other in zip(found.series, whole.series, strict=True):
        np.testing.assert_array_equal(one.values, other.values)


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize(
    ("column", "place", "value", "message"),
    [
        ("stay", 30, None, "Id column 'stay' is empty, in row 31"),
        ("hour", 33, None, "row 34"),
        ("x", 35, np.inf, "'x' is infinite in row 36"),
        ("died", 34, 7, "Label column 'died' is"),
        ("weight", 33, np.inf, "'weight' is infinite in row 34"),
    ],
)
def test_a_mistake_is_named_with_its_row_in_the_file(
    column: str, place: int, value: Any, message: str, tmp_path: Path
) -> None:
    table = wide().with_columns(weight=pl.lit(1.0))
    values = table[column].to_list()
    values[place] = value
    table.with_columns(pl.Series(column, values)).write_parquet(tmp_path / "t.parquet")
    with pytest.raises(InputError, match=message):
        read_table(
            tmp_path / "t.parquet", id="stay", time="hour", label="died", group="who", weight="weight", ignore=["tag"]
        )  # fmt: skip


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("long", [False, True])
def test_what_a_column_of_text_holds_is_settled_by_all_parts(long: bool, tmp_path: Path) -> None:
    columns = {"code": ["1"] * 18 + ["low"] * 21, "says": ["yes"] * 5 + ["one two three four"] * 34, "n": ["7"] * 39}
    roles: dict[str, Any] = {"id": "stay", "time": "hour"}
    table = pl.DataFrame({"stay": IDS, "hour": np.arange(len(IDS)), **columns})
    if long:
        table = table.unpivot(index=["stay", "hour"]).sort("stay", maintain_order=True)
        roles |= {"channel": "variable", "value": "value"}
    whole, found = both(table, tmp_path / "t.parquet", **roles)
    assert found.schema == whole.schema
    assert whole.schema.kinds == {"code": "category", "says": "text"}


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("name", ["t[1].parquet", "t*.parquet"])
def test_a_name_is_no_pattern(name: str, tmp_path: Path) -> None:
    for file, value in (("t1.parquet", 1.0), (name, 2.0)):
        wide().with_columns(early=pl.lit(value)).write_parquet(tmp_path / file)
    series = read_table(tmp_path / name, id="stay", time="hour").series
    assert {float(one.values[0, 0]) for one in series} == {2.0}


@pytest.mark.usefixtures("small_parts")
def test_vectors_of_two_lengths_and_zones_in_some_parts_are_refused(tmp_path: Path) -> None:
    table = pl.DataFrame({"stay": IDS, "hour": np.arange(39), "v": [[1.0]] * 18 + [[1.0, 2.0]] * 21})
    table.write_parquet(tmp_path / "t.parquet")
    with pytest.raises(InputError, match="vectors of 1 and of 2 numbers"):
        read_table(tmp_path / "t.parquet", id="stay", time="hour")
    stamps = [f"2020-01-01 {k // 60:02}:{k % 60:02}" + ("" if k < 18 else "+02:00") for k in range(39)]
    pl.DataFrame({"stay": IDS, "hour": stamps, "x": np.arange(39.0)}).write_parquet(tmp_path / "t.parquet")
    with pytest.raises(InputError, match="a time zone in some rows and none in others"):
        read_table(tmp_path / "t.parquet", id="stay", time="hour")


@pytest.mark.usefixtures("small_parts")
def test_ids_that_are_lists_and_damaged_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    wide().with_columns(stay=pl.concat_list("stay")).write_parquet(path)
    with pytest.raises(InputError, match=r"Column 'stay' has the type List.*an id must be"):
        read_table(path, id="stay", time="hour")
    wide().write_parquet(path)
    content = bytearray(path.read_bytes())
    content[10:300] = bytes(255 - byte for byte in content[10:300])
    path.write_bytes(content)
    with pytest.raises(InputError, match="cannot be read as Parquet"):
        read_table(path, id="stay", time="hour")


@pytest.mark.usefixtures("small_parts")
def test_no_room_for_the_files_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wide().write_parquet(tmp_path / "t.parquet")

    class Full(io.BytesIO):
        def write(self, *_: Any) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", Full)
    with pytest.raises(InputError, match=r"No space left.*name another folder by TMPDIR"):
        read_table(tmp_path / "t.parquet", id="stay", time="hour")


@pytest.mark.usefixtures("small_parts")
def test_series_go_to_other_processes(tmp_path: Path) -> None:
    long().write_parquet(tmp_path / "t.parquet")
    series = read_table(tmp_path / "t.parquet", id="stay", time="hour", channel="what", value="v").series
    sums = joblib.Parallel(n_jobs=2)(joblib.delayed(_sum)(series) for _ in range(2))
    assert sums == [_sum(series)] * 2


def _sum(series: list[Series]) -> float:
    return float(sum(one.observations.value.sum() for one in series))


@pytest.mark.usefixtures("small_parts")
def test_times_that_read_differently_are_refused(tmp_path: Path) -> None:
    days = [20200101 + k for k in range(18)] + list(range(21))  # dates as numbers in the first part
    pl.DataFrame({"stay": IDS, "day": days, "x": np.arange(39.0)}).write_parquet(tmp_path / "t.parquet")
    with pytest.raises(InputError, match="are dates in some rows and numbers in others"):
        read_table(tmp_path / "t.parquet", id="stay", time="day")
