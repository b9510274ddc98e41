"""What columns hold: numbers, categories, text, vectors; wide and long."""

from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

from memcell import DataWarning, InputError
from memcell.data.observations import Observations
from memcell.features.channels import WordChannel
from memcell.tables import read, read_table


def words_at(one, channel: str, row: int) -> list[str]:
    """The words that a series has in a channel at a row."""
    seen = one.observations
    here = (seen.row == row) & (seen.channel == one.channels.index(channel))
    return [one.levels[channel][int(code)] for code in seen.value[here]]


def test_words_are_categories_and_several_words_are_text():
    frame = pl.DataFrame(
        {
            "x": [1.0, None, 3.0],
            "ward": [" icu", "er", None],
            "note": ["Patient stable, stable today", "", "severe PAIN and fever"],
        }
    )
    contents = read_table(frame)
    (one,) = contents.series
    assert contents.schema.kinds == {"ward": "category", "note": "text"}
    assert [words_at(one, "ward", t) for t in range(3)] == [["icu"], ["er"], []]
    assert words_at(one, "note", 0) == ["patient", "stable", "today"]
    assert words_at(one, "note", 2) == ["and", "fever", "pain", "severe"]
    again = read_table(frame, schema=contents.schema).series[0]
    assert words_at(again, "note", 2) == words_at(one, "note", 2)


@pytest.mark.parametrize(
    ("cells", "kinds"),
    [
        (["nan", "nan", "NaN", "icu"], {"x": "category"}),
        ([None, None, None, "icu"], {"x": "category"}),
        (["1", "2", None, " 3 "], {}),
        (["true", "FALSE", "0", "1"], {}),
        (["1", "icu", "er", "er"], {"x": "category"}),
    ],
)
def test_most_of_the_values_say_what_a_column_holds(cells, kinds):
    assert read_table(pl.DataFrame({"x": cells})).schema.kinds == kinds


def test_observations_have_one_order_whatever_order_they_came_in():
    row, channel, value = [0, 0, 0, 1, 1], [0, 1, 1, 0, 2], [5.0, 1.0, 2.0, 9.0, 0.0]
    for order in permutations(range(5)):
        seen = Observations.of(*(np.array(one)[list(order)] for one in (row, channel, value)))
        assert (seen.row.tolist(), seen.channel.tolist(), seen.value.tolist()) == (row, channel, value)


def test_signs_of_scripts_without_spaces_are_words():
    (one,) = read(pl.DataFrame({"note": ["长短期记忆 LSTM"]}), kinds={"note": "text"})
    assert words_at(one, "note", 0) == ["lstm", "忆", "期", "短", "记", "长"]


def test_categories_of_pandas_and_numbers_that_are_categories():
    frame = pd.DataFrame({"ward": pd.Categorical(["a", "b", "a"]), "code": [7, 8, 7]})
    (one,) = read(frame, kinds={"code": "category"})
    assert one.levels == {"ward": ("a", "b"), "code": ("7", "8")}


def test_vectors_become_a_channel_for_each_place():
    frame = pl.DataFrame({"v": [[1.0, 2.0], None, [3.0, None]], "x": [1.0, 2.0, 3.0]})
    contents = read_table(frame)
    assert contents.schema.channels == ("v[0]", "v[1]", "x")
    np.testing.assert_array_equal(contents.series[0].values[:, :2], [[1, 2], [np.nan, np.nan], [3, np.nan]])
    narrow = frame.with_columns(pl.Series("v", [[1.0]] * 3))
    with pytest.raises(InputError, match="vector of 1 numbers in row 1; others have 2"):
        read_table(narrow, schema=contents.schema)


def test_a_long_table_has_sets_and_its_own_kinds():
    frame = pl.DataFrame(
        {
            "unit": ["a", "a", "a", "b", "a"],
            "t": [1.0, 1.0, 0.0, 2.0, 1.0],
            "what": ["Na", "Na", "drug", "Na", "drug"],
            "how": ["140", "138", "aspirin", "150", "ibuprofen"],
        }
    )
    contents = read_table(frame, id="unit", time="t", channel="what", value="how")
    first, second = contents.series
    assert first.channels == ("Na", "drug")
    assert first.observations.value[first.observations.channel == 0].tolist() == [138.0, 140.0]
    assert words_at(first, "drug", 0) == ["aspirin"]
    assert second.times.tolist() == [2.0]
    assert "read as a set: 1" in contents.warnings[0]
    only = read_table(frame, id="unit", time="t", channel="what", value="how", channels=["drug"])
    assert only.schema.channels == ("drug",)
    with pytest.raises(InputError, match="No channel 'K' in column 'what'"):
        read_table(frame, id="unit", time="t", channel="what", value="how", channels=["K"])


def test_what_is_not_read_of_a_long_table_makes_no_row():
    table = pl.DataFrame({"id": [1, 1, 1], "t": [0, 1, 2], "what": ["hr", "strange", "hr"], "v": [80.0, 5.0, 81.0]})
    roles = {"id": "id", "time": "t", "channel": "what", "value": "v"}
    (one,) = read(table, **roles, channels=["hr"])
    assert one.times.tolist() == [0.0, 2.0]
    assert one.values[:, 0].tolist() == [80.0, 81.0]
    (again,) = read_table(table, schema=one.schema).series
    assert again.times.tolist() == [0.0, 2.0]


def test_columns_of_nixtla_are_understood():
    frame = pl.DataFrame(
        {"unique_id": ["a", "a", "b"], "ds": ["2020-01-02", "2020-01-01", "2020-01-01"], "y": [2, 1, 5]}
    )
    first, second = read(frame)
    assert (first.id, first.values[:, 0].tolist()) == ("a", [1.0, 2.0])
    assert second.time_kind == "date"


def test_facts_are_constant_columns_of_the_main_table():
    frame = pl.DataFrame({"id": [1, 1, 2], "x": [1.0, 2.0, 3.0], "age": [60.0, None, 70.0], "sex": ["f", "f", "m"]})
    first, second = read(frame, id="id", facts=["age", "sex"])
    assert first.facts.value.tolist() == [60.0, 0.0]
    assert second.fact_levels == {"sex": ("f", "m")}
    changing = frame.with_columns(age=pl.Series([60.0, 61.0, 70.0]))
    with pytest.raises(InputError, match=r"Fact column 'age' is 60.0 and 61.0 on two rows of series 1"):
        read(changing, id="id", facts=["age"], ignore=["sex"])


def test_a_fact_may_have_the_name_of_a_channel():
    events = pl.DataFrame({"id": [1, 1], "t": [0.0, 1.0], "weight": [80.0, 81.0]})
    static = pl.DataFrame({"id": [1], "weight": [79.0]})
    (one,) = read(events, id="id", time="t", static=static)
    assert one.values[:, 0].tolist() == [80.0, 81.0]
    assert one.facts.value.tolist() == [79.0]


def test_tags_follow_their_rows():
    frame = pl.DataFrame({"t": [2.0, 0.0, 1.0], "x": [1.0, 2.0, 3.0], "tag": ["c", "a", None]})
    (one,) = read(frame, time="t", tag="tag")
    assert one.tags is not None
    assert one.tags.tolist() == ["a", None, "c"]


def test_a_vector_keeps_its_length_where_a_place_of_it_is_always_missing():
    frame = pl.DataFrame({"x": [1.0, 2.0], "v": [[1.0, None, 3.0], [4.0, None, 6.0]]})
    contents = read_table(frame)
    assert contents.schema.channels == ("x", "v[0]", "v[1]", "v[2]")
    assert len(read_table(frame, schema=contents.schema).series) == 1
    empty = frame.with_columns(v=pl.Series([[], []], dtype=pl.List(pl.Float64)))
    with pytest.warns(UserWarning, match="Dropped 'v'"):
        assert read(empty)[0].channels == ("x",)


def test_lists_of_words_are_no_vectors():
    with pytest.raises(InputError, match="list of numbers"):
        read(pl.DataFrame({"v": [["a", "b"], ["c"]]}))


def test_a_wrong_value_of_a_long_table_is_told_by_its_channel():
    frame = pl.DataFrame({"id": [1, 1, 1], "what": ["a", "a", "b"], "how": ["1", "<5", "2"], "t": [0.0, 1.0, 2.0]})
    with pytest.raises(InputError, match="Channel 'a' holds numbers; row 2 has the text '<5'"):
        read(frame, id="id", time="t", channel="what", value="how")


def test_ids_that_a_table_of_facts_lacks_are_counted():
    events = pl.DataFrame({"id": [1, 2, 3], "t": [0.0, 0.0, 0.0], "x": [1.0, 2.0, 3.0]})
    contents = read_table(events, id="id", time="t", static=pl.DataFrame({"id": [2], "age": [5.0]}))
    assert any("knows no facts of: 2 (1, 3)" in note for note in contents.warnings)


def test_kinds_of_what_is_not_there_are_refused() -> None:
    wide = pl.DataFrame({"t": [0.0, 1.0], "colour": ["a", "b"]})
    with pytest.raises(InputError, match=r"`kinds` names 'colr', which is no column.*Did you mean 'colour'"):
        read_table(wide, time="t", kinds={"colr": "category"})
    long = pl.DataFrame({"t": [0.0, 1.0], "what": ["hr", "hr"], "v": [1.0, 2.0]})
    with pytest.raises(InputError, match=r"`kinds` names 'hrr', which is no channel.*Did you mean 'hr'"):
        read_table(long, time="t", channel="what", value="v", kinds={"hrr": "category"})


def test_lists_of_words_and_a_vector_with_a_columns_name_are_refused() -> None:
    lists = pl.DataFrame({"t": [0.0, 1.0], "x": [["a"], ["b", "c"]]})
    with pytest.raises(InputError, match=r"'x'.*List"):
        read_table(lists, time="t", kinds={"x": "category"})
    both = pl.DataFrame({"t": [0.0, 1.0], "x": [[1.0, 2.0], [3.0, 4.0]], "x[0]": [50.0, 60.0]})
    with pytest.raises(InputError, match=r"a column 'x\[0\]' and a vector 'x'"):
        read_table(both, time="t")


def test_values_of_a_long_table_may_be_categories() -> None:
    values = pl.Series(["80", "fine", "90"], dtype=pl.Categorical)
    table = pl.DataFrame({"stay": [1, 1, 2], "h": [0.0, 1.0, 0.0], "what": ["hr", "note", "hr"], "v": values})
    first, second = read_table(table, id="stay", time="h", channel="what", value="v").series
    assert first.observations.value.tolist() == [80.0, 0.0]
    assert second.observations.value.tolist() == [90.0]


def test_a_model_reads_long_tables_that_lack_some_of_its_channels() -> None:
    table = pl.DataFrame({"stay": [1, 1, 2], "h": [0.0, 1.0, 0.0], "what": ["hr", "ph", "k"], "v": [80.0, 7.4, 4.0]})
    schema = read_table(table, id="stay", time="h", channel="what", value="v").schema
    contents = read_table(table.filter(pl.col.what == "hr"), schema=schema)
    assert contents.series[0].channels == ("hr", "k", "ph")
    assert contents.series[0].observations.channel.tolist() == [0]
    assert contents.warnings == ["No value of 'k', 'ph' in the table, though the model was trained with it."]
    with pytest.raises(InputError, match="none of the model's channels"):
        read_table(table.with_columns(what=pl.lit("other")), schema=schema)


def test_words_that_are_met_once_each_are_told():
    with pytest.warns(DataWarning, match="No word of 'born', such as '1950-01-02', is met in two series"):
        channel = WordChannel.learn("born", "category", [["1950-01-02"], ["1961-03-04"], ["1972-05-06"]])
    assert channel.words == ()


@pytest.mark.parametrize("sign", ["?", ".", "-", "Missing", "NA", " ? "])
def test_signs_for_what_is_missing_among_numbers(sign: str, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f"time,x,what\n1,{sign},{sign}\n2,{sign},low\n3,{sign},high\n4,2.5,high\n")
    (one,) = read(path, time="time")
    np.testing.assert_array_equal(one.values[:, 0], [np.nan, np.nan, np.nan, 2.5])
    kept = () if sign == "NA" else (sign.strip(),)
    assert set(one.levels) == {"what"}
    assert set(one.levels["what"]) == {"low", "high", *kept}, "words are what they are"
    path.write_text(f"id,time,x,y,w\n1,1,2,{sign},{sign}\n2,1,3,1,a\n3,1,3,0,b\n4,1,3,1,b\n")
    assert [one.label for one in read(path, id="id", time="time", ignore=["w"], label="y")] == [1, 0, 1]
    labels = [one.label for one in read(path, id="id", time="time", ignore=["y"], label="w")]
    assert labels == [*kept, "a", "b", "b"]
