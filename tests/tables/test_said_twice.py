"""What tables say in two ways: ids, names, tags; and what stands for nothing."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from memcell import DataWarning, InputError, read

ROLES = {"id": "id", "time": "t"}


def test_an_id_written_as_a_whole_number_and_as_a_decimal_is_one(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("id,t,v\n1,0,80\n1,1,81\n2,0,90\n2.0,1,91\n3.0,0,70\n")
    series = read(path, **ROLES)
    assert [(one.id, len(one)) for one in series] == [(1, 2), (2, 2), (3, 1)]


def test_spaces_around_ids_labels_and_names_of_a_parquet_file_do_not_matter(tmp_path: Path) -> None:
    table = pl.DataFrame({"id": ["a", "a ", "b"], "t": [0, 1, 0], " v ": [1.0, 2.0, 3.0], "y": ["no", "no ", "yes"]})
    table.write_parquet(tmp_path / "x.parquet")
    first, second = read(tmp_path / "x.parquet", **ROLES, label="y")
    assert (first.id, len(first), first.label, first.channels) == ("a", 2, "no", ("v",))
    assert (second.id, second.label) == ("b", "yes")


def test_who_has_facts_alone_is_a_series_also_where_nothing_is_to_be_learnt() -> None:
    rows = pl.DataFrame({"id": [1, 1], "t": [0, 1], "v": [1.0, 2.0]})
    facts = pl.DataFrame({"id": [1, 2], "age": [3, 4]})
    with pytest.warns(DataWarning, match=r"known by their facts alone: 1 \(2\)"):
        assert [one.id for one in read(rows, **ROLES, static=facts)] == [1, 2]
    tagged = rows.with_columns(tag=pl.Series(["a", "b"]))
    assert [one.id for one in read(tagged, **ROLES, static=facts, tag="tag")] == [1]


@pytest.mark.parametrize("how", ["error", "mean"])
def test_tags_of_one_time_that_differ_have_no_mean(how: Any) -> None:
    rows = pl.DataFrame({"id": [1, 1, 1], "t": [0, 0, 1], "v": [1.0, 1.0, 2.0], "tag": ["a", "b", "a"]})
    with pytest.raises(InputError, match=r"Tag column 'tag' is 'a' in row 1 and 'b' in row 2"):
        read(rows, **ROLES, tag="tag", duplicates=how)
    with pytest.warns(DataWarning, match=r"another tag than a later one.*: 1\."):
        (one,) = read(rows, **ROLES, tag="tag", duplicates="last")
    assert one.tags is not None
    assert one.tags.tolist() == ["b", "a"]


def test_of_words_of_one_time_the_last_counts_and_that_is_told() -> None:
    rows = pl.DataFrame({"id": [1, 1], "t": [0, 0], "v": [1.0, 3.0], "code": ["E11", "N18"]})
    with pytest.raises(InputError, match=r"channel='code', value='v'.*--channel code --value v"):
        read(rows, **ROLES)
    with pytest.warns(DataWarning, match=r"\(mean; of words the last\): 1"):
        (one,) = read(rows, **ROLES, duplicates="mean")
    assert one.values[0, 0] == 2.0


def test_a_fill_value_among_targets_is_told() -> None:
    rng = np.random.default_rng(0)
    rows = pl.DataFrame({"id": np.arange(60), "t": np.zeros(60), "v": rng.normal(size=60)})
    targets = pl.DataFrame({"id": np.arange(60), "sofa": np.where(np.arange(60) < 4, -999.0, rng.integers(0, 20, 60))})
    with pytest.warns(DataWarning, match=r"'sofa' is -999 in 4 of 60 values"):
        read(rows, **ROLES, targets=targets, label="sofa")


def test_decimal_commas_of_times_are_told(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("id;t;v\n1;0,116;80\n1;1,5;81\n")
    with pytest.raises(InputError, match="decimals with a point"):
        read(path, **ROLES)


def test_durations_are_no_words() -> None:
    rows = pl.DataFrame({"id": [1, 1], "t": [0, 1], "d": pl.Series([1, 2]).cast(pl.Duration("us"))})
    with pytest.raises(InputError, match="in hours for instance") as found:
        read(rows, **ROLES)
    assert "--category" not in str(found.value)
