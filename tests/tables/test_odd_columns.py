"""Columns as people have them: tags of rows that become one, ids and numbers written in several ways."""

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from memcell import InputError
from memcell.tables import read, read_table

TAGGED: dict[str, list[Any]] = {"i": ["a"] * 3, "t": [0, 1, 1], "x": [1.0, 2.0, 3.0], "tag": ["p", "q", "r"]}
ROLES: dict[str, Any] = {"id": "i", "time": "t", "tag": "tag"}


def test_the_tag_of_rows_that_are_joined_is_the_last_one() -> None:
    (one,) = read(pl.DataFrame(TAGGED), **ROLES, duplicates="last")
    assert (one.values[:, 0].tolist(), one.tags.tolist()) == ([1.0, 3.0], ["p", "r"])  # type: ignore[union-attr]
    (one,) = read(pl.DataFrame(TAGGED | {"tag": ["p", "q", None]}), **ROLES, duplicates="last")
    assert one.tags.tolist() == ["p", "q"]  # type: ignore[union-attr]


def test_two_tags_of_one_row_are_refused() -> None:
    with pytest.raises(InputError, match=r"'tag' is 'q' in row 2 and 'r' in row 3, .*'a'.*--duplicates last"):
        read(pl.DataFrame(TAGGED | {"x": [1.0, 2.0, 2.0]}), **ROLES)


def test_any_row_of_a_time_may_have_its_tag_in_a_long_table() -> None:
    table = {"i": ["a"] * 4, "t": [0, 0, 1, 1], "c": ["x", "y"] * 2, "v": [1.0, 2, 3, 4], "tag": [None, "p", "q", None]}
    (one,) = read(pl.DataFrame(table), **ROLES, channel="c", value="v")
    assert one.tags.tolist() == ["p", "q"]  # type: ignore[union-attr]
    with pytest.raises(InputError, match="'tag' is 'o' in row 1 and 'p' in row 2"):
        read(pl.DataFrame(table | {"tag": ["o", "p", "q", "q"]}), **ROLES, channel="c", value="v")


def test_a_tagger_has_a_row_for_each_time_also_of_what_it_does_not_read() -> None:
    table = pl.DataFrame(
        {"i": ["a"] * 3, "t": [0, 1, 2], "c": ["x", "y", "x"], "v": [1.0, 2, 3], "tag": ["p", "q", "p"]}
    )
    fitted = read_table(table, **ROLES, channel="c", value="v", channels=["x"])
    (one,) = read_table(table.drop("tag"), schema=fitted.schema, with_labels=False).series
    assert len(one) == len(fitted.series[0]) == 3


@pytest.mark.parametrize("name", ["__index_level_0__", "Unnamed: 0"])
def test_numbers_of_rows_are_no_channel_unless_they_are_asked_for(name: str) -> None:
    table = pl.DataFrame({name: [5, 6], "x": [1.0, 2.0]})
    with pytest.warns(UserWarning, match=f"{name}.* looks like row numbers and is not used"):
        assert read(table)[0].channels == ("x",)
    assert read(table, time=name)[0].times.tolist() == [5.0, 6.0]


@pytest.mark.parametrize("written", ["11.2%", "1,120.00", "1,120,000", "$112", "€ 3.5", "1,5", "12 %"])
def test_numbers_with_signs_are_no_words(written: str) -> None:
    with pytest.raises(InputError, match=r"'x' holds numbers; row 1 has the text .*Write numbers plainly"):
        read(pl.DataFrame({"x": [written] * 3, "y": [1.0] * 3}))


@pytest.mark.parametrize("words", [["2A", "2B"], ["10mg", "20mg"], ["1st", "2nd"]])
def test_words_with_digits_are_words(words: list[str]) -> None:
    (one,) = read(pl.DataFrame({"x": words}))
    assert one.levels["x"] == tuple(words)


def test_days_may_come_as_decimals() -> None:
    (one,) = read(pl.DataFrame({"t": [19940507.0, 19940508.0], "x": [1.0, 2.0]}), time="t")
    assert one.time_kind == "date"
    (other,) = read(pl.DataFrame({"t": [19940507.5, 19940508.0], "x": [1.0, 2.0]}), time="t")
    assert other.time_kind == "number"


def test_categories_that_are_whole_numbers_are_called_so() -> None:
    (one,) = read(pd.DataFrame({"w": [1.0, None, 2.0, 2.5]}), kinds={"w": "category"})
    assert one.levels["w"] == ("1", "2", "2.5")


@pytest.mark.parametrize("ids", [["0", "1", "T9"], [0.0, 1.0], ["0", "1"]])
def test_ids_are_the_same_where_they_are_written_alike(ids: list[Any]) -> None:
    table, targets = pl.DataFrame({"i": [0, 0, 1, 1], "x": [1.0] * 4}), pl.DataFrame({"i": ids, "y": [5] * len(ids)})
    found = read(table, id="i", targets=targets, label="y")
    assert [(one.id, one.label) for one in found] == [(0, 5), (1, 5)]
    with pytest.raises(InputError, match="such as 'a', is an id"):
        read(table, id="i", targets=pl.DataFrame({"i": ["a"], "y": [1]}), label="y")


def test_vectors_may_be_missing_throughout() -> None:
    table = pl.DataFrame({"x": [1.0, 2.0], "v": [[1.0, 2.0], [3.0, 4.0]]})
    fitted = read_table(table)
    (one,) = read_table(table.with_columns(v=pl.lit(None)), schema=fitted.schema).series
    np.testing.assert_array_equal(one.values[:, 1:], np.full((2, 2), np.nan))


@pytest.mark.parametrize("written", ["<0.50", "> 5", ">=5", "≤0,5"])
def test_bounds_are_no_words(written: str) -> None:
    table = pl.DataFrame({"t": list(range(10)), "trop": ["0.7"] * 2 + [written] * 8})
    with pytest.raises(InputError, match=r"the text '.*'.* what lies beyond a bound as the bound or as half of it"):
        read(table, time="t")


@pytest.mark.parametrize(
    ("one", "other", "words"),
    [
        (["1.0", "2.0", None], ["1", "2", "1"], ("1", "2")),
        (["True", "False", "True"], [True, False, True], ("false", "true")),
        (["TRUE", "false", ""], ["true", "False", "true"], ("false", "true")),
        ([1.0, None, 2.5], ["1", "2.5", "1.00"], ("1", "2.5")),
    ],
)
def test_categories_are_the_same_whatever_wrote_them(one: list[Any], other: list[Any], words: tuple[str, ...]) -> None:
    for values in (one, other):
        table = pl.DataFrame({"t": [0, 1, 2], "x": [1.0, 2.0, 3.0], "flag": values})
        (series,) = read(table, time="t", kinds={"flag": "category"})
        assert series.levels["flag"] == words


def test_numbers_that_are_complex_are_refused() -> None:
    with pytest.raises(InputError, match="Column 'v' of the table holds complex numbers"):
        read(pd.DataFrame({"t": [0, 1, 2], "v": [1j, 2, 3]}), time="t")


def test_a_weight_that_is_a_word_is_called_a_weight() -> None:
    table = pl.DataFrame({"id": [1, 1, 2], "x": [1.0, 2.0, 3.0], "w": ["much", "much", "1"]})
    with pytest.raises(InputError, match=r"Weight column 'w' holds numbers; .* has the text 'much'. Mend the value"):
        read(table, id="id", weight="w")


def test_a_target_among_the_facts_is_found() -> None:
    table, facts = pl.DataFrame({"id": [1, 2], "x": [1.0, 2.0]}), pl.DataFrame({"id": [1, 2], "died": [0, 1]})
    with pytest.raises(
        InputError, match=r"'died' stands in the table, the table of facts. Give that table .*--targets"
    ):
        read(table, id="id", static=facts, label="died")
    series = read(table, id="id", static=facts, targets=facts, label="died")
    assert [one.label for one in series] == [0, 1]


def test_ids_are_no_durations() -> None:
    table = pd.DataFrame({"id": pd.to_timedelta([1, 2], unit="h"), "x": [1.0, 2.0]})
    with pytest.raises(InputError, match=r"'id' has the type Duration.*; an id must be text, a number or a date"):
        read(table, id="id")
