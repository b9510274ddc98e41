"""A large Parquet file in parts gives the series of the whole."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from memcell import InputError
from memcell.data import read_table
from memcell.data.parts import read_parts


@pytest.fixture
def table() -> pl.DataFrame:
    rng = np.random.default_rng(0)
    lengths = [5, 1, 9, 3, 12, 2, 7]
    ids = np.repeat(np.array(list("gabfced")), lengths)
    return pl.DataFrame({"stay": ids, "hour": rng.permutation(len(ids)), "x": rng.normal(size=len(ids))})


@pytest.mark.parametrize("rows", [1, 4, 10, 13, 1000])
def test_parts_are_the_whole(table: pl.DataFrame, rows: int, tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    table.write_parquet(path)
    static = pl.DataFrame({"stay": list("abcdefgz"), "age": np.arange(8.0)})
    whole = read_table(path, id="stay", time="hour", static=static)
    contents = list(read_parts(path, whole.schema, static=static, rows=rows))
    assert (len(contents) > 1) == (rows < 39)
    found = [one for part in contents for one in part.series]
    expected = [one for one in whole.series if len(one) or rows == 1000]
    assert [one.id for one in found] == [one.id for one in expected]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one.times, other.times)
        np.testing.assert_array_equal(one.values, other.values)
        np.testing.assert_array_equal(one.facts.value, other.facts.value)


def test_rows_that_are_not_together_are_refused(table: pl.DataFrame, tmp_path: Path) -> None:
    schema = read_table(table, id="stay", time="hour").schema
    table.sample(fraction=1, shuffle=True, seed=0).write_parquet(tmp_path / "t.parquet")
    with pytest.raises(InputError, match=r"do not follow each other.*Sort it by 'stay' first"):
        list(read_parts(tmp_path / "t.parquet", schema, rows=10))
