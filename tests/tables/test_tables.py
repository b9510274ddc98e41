"""Tables into series: roles, order, labels, schemas at prediction; any source gives the same."""

import datetime
import random

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memcell.contract.errors import InputError
from memcell.data import TableSchema
from memcell.tables import read, read_table

ROWS = pl.DataFrame(
    {
        "stay": [7, 3, 7, 3, 3],
        "hour": [2.0, 0.0, 0.5, 9.0, 4.0],
        "pulse": [80.0, None, 75.0, 60.0, 61.0],
        "ph": [None, 7.4, None, None, 7.3],
        "died": ["no", None, "no", "yes", None],
    }
)
SCHEMA = TableSchema("stay", "hour", "died", ("pulse", "ph"), "number", date_only=False)


def plain(series):
    """Series as values that compare equal; NaN as None."""
    return [
        (
            one.id,
            one.label,
            one.channels,
            one.time_kind,
            one.times.tolist(),
            pl.DataFrame(one.values).fill_nan(None).rows(),
        )
        for one in series
    ]


EXPECTED = [
    (7, "no", ("pulse", "ph"), "number", [0.5, 2.0], [(75.0, None), (80.0, None)]),
    (3, "yes", ("pulse", "ph"), "number", [0.0, 4.0, 9.0], [(None, 7.4), (61.0, 7.3), (60.0, None)]),
]


def test_rows_are_grouped_and_sorted():
    contents = read_table(ROWS, id="stay", time="hour", label="died")
    assert plain(contents.series) == EXPECTED
    assert contents.schema == SCHEMA
    assert contents.warnings == []


def test_every_source_gives_the_same(tmp_path):
    ROWS.write_csv(tmp_path / "t.csv")
    ROWS.write_csv(tmp_path / "t.tsv", separator="\t")
    ROWS.write_csv(tmp_path / "q.csv", quote_style="always")
    ROWS.write_parquet(tmp_path / "t.parquet")
    frames = [ROWS, ROWS.lazy(), ROWS.to_arrow(), ROWS.to_pandas(), ROWS.to_pandas().convert_dtypes()]
    files = [tmp_path / name for name in ("t.csv", "t.tsv", "q.csv", "t.parquet")]
    for source in [*frames, *files]:
        assert plain(read(source, id="stay", time="hour", label="died")) == EXPECTED


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.randoms(use_true_random=False), st.integers(1, 60), st.sampled_from(["mean", "last", "error"]))
def test_the_order_of_rows_does_not_matter(rng: random.Random, height, duplicates):
    numbers = np.random.default_rng(rng.randrange(2**32))
    frame = pl.DataFrame(
        {
            "id": numbers.choice(["x", "y", "z"], height),
            "t": numbers.permutation(height),
            "a": np.where(numbers.random(height) < 0.3, np.nan, numbers.normal(size=height)),
            "b": numbers.normal(size=height),
        }
    )
    shuffled = frame[numbers.permutation(height).tolist()]
    options = {"id": "id", "time": "t", "channels": ["b", "a"], "duplicates": duplicates}
    one, other = (sorted(plain(read_table(table, **options).series)) for table in (frame, shuffled))
    assert [repr(series) for series in one] == [repr(series) for series in other]


def test_labels_of_the_main_table_beside_a_table_of_facts():
    static = pl.DataFrame({"stay": [7, 3, 5], "age": [60, 70, 80]})
    contents = read_table(ROWS, id="stay", time="hour", label="died", static=static)
    assert [(one.id, one.label, one.facts.value.tolist()) for one in contents.series] == [
        (7, "no", [60.0]),
        (3, "yes", [70.0]),
    ]
    again = read_table(ROWS, schema=contents.schema, static=static, with_labels=True)
    assert [one.label for one in again.series] == ["no", "yes"]
    assert [one.id for one in read_table(ROWS, schema=contents.schema, static=static).series] == [7, 3, 5]


def test_without_id_the_table_is_one_series():
    (series,) = read(ROWS, time="hour", channels=["ph"])
    assert series.id is None
    assert len(series) == 5


def test_ids_keep_their_type():
    frame = pl.DataFrame({"day": [datetime.date(2020, 1, 1)], "name": ["01"], "a": [1]})
    assert read(frame, id="day", channels=["a"])[0].id == datetime.date(2020, 1, 1)
    assert read(frame, id="name", channels=["a"])[0].id == "01"
    assert read(frame.with_columns(pl.col("name").cast(pl.Categorical)), id="name", channels=["a"])[0].id == "01"


def test_a_channel_that_is_missing_throughout_is_dropped_with_a_warning():
    frame = pl.DataFrame({"a": [1, 2], "b": [None, None], "c": ["", "NA"]})
    with pytest.warns(UserWarning, match="Dropped 'b', 'c': missing in every row"):
        (series,) = read(frame)
    assert series.channels == ("a",)


def test_pandas_frames_with_numbers_for_names_and_mixed_objects():
    assert read(pd.DataFrame(np.zeros((2, 2))))[0].channels == ("0", "1")
    mixed = pd.DataFrame({"a": np.array([1, "2.5", None, float("nan")], dtype=object)})
    np.testing.assert_array_equal(read(mixed)[0].values[:, 0], [1.0, 2.5, np.nan, np.nan])


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({"id": "stays", "time": "houre"}, ["'stays', 'houre'", "Did you mean 'stay'?", "Did you mean 'hour'?"]),
        ({"channels": ["Pulse"]}, ["No column 'Pulse'", "Did you mean 'pulse'?"]),
        ({"ignore": ["zzz"]}, ["No column 'zzz'", "'stay', 'hour'"]),
        ({"id": "stay", "time": "stay"}, ["'stay'", "as `id` and as `time`"]),
        ({"time": "hour", "channels": ["hour"]}, ["'hour'", "as `time` and as `channels`"]),
        ({"channels": ["ph", "ph"]}, ["'ph'", "twice in `channels`"]),
        ({"channels": "ph"}, ["list of columns", "['ph']"]),
        ({"id": ["stay"]}, ["`id` must be the name of one column"]),
        ({"channels": []}, ["to be a channel"]),
        ({"id": "stay", "kinds": {"died": "number"}}, ["'died'", "holds numbers", "'no'", "row 1"]),
        ({"id": "stay", "kinds": {"died": "words"}}, ["`kinds`", "'words'", "category"]),
        ({"id": "stay", "channel": "pulse"}, ["`channel` and `value` go together"]),
        ({"id": "stay", "time": "hour", "duplicates": "first"}, ["`duplicates`", "'first'"]),
    ],
)
def test_roles_that_are_refused(options, parts):
    with pytest.raises(InputError) as error:
        read(ROWS, **options)
    for part in parts:
        assert part in str(error.value)


@pytest.mark.parametrize(
    ("frame", "parts"),
    [
        (pl.DataFrame({"a": [[1.0], [1.0, 2.0]]}), ["'a'", "1 numbers in row 1", "others have 2"]),
        (pl.DataFrame({"a": [{"x": 1}]}), ["'a'", "Struct"]),
        (pl.DataFrame({"a": [datetime.date(2020, 1, 1)]}), ["'a'", "Date"]),
        (pl.DataFrame({"a": [1.0, float("inf")]}), ["'a'", "infinite", "row 2"]),
        (pd.DataFrame({"a": [1, "x"]}), ["'a'", "row 2", "'x'"]),
        (pd.DataFrame({"a": []}), ["No rows"]),
        (pd.DataFrame(np.zeros((1, 2)), columns=["a", "a"]), ["'a'", "one name"]),
        (pd.DataFrame(np.zeros((1, 1)), columns=pd.MultiIndex.from_tuples([("a", "b")])), ["several levels"]),
        (pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"]), ["'a'", "one name"]),
        ({"a": [1]}, ["dict", "as_series"]),
        (np.zeros((2, 2)), ["ndarray", "as_series"]),
        (None, ["NoneType"]),
    ],
)
def test_frames_that_are_refused(frame, parts):
    with pytest.raises(InputError) as error:
        read(frame)
    for part in parts:
        assert part in str(error.value)


def test_a_nested_column_may_be_ignored():
    assert read(pl.DataFrame({"a": [[1]], "b": [1]}), ignore=["a"])[0].channels == ("b",)


def test_a_pandas_index_is_no_column():
    frame = pd.DataFrame({"a": [1]}, index=pd.Index(["2020-01-01"], name="date"))
    with pytest.raises(InputError, match=r"No column 'date'.*reset_index"):
        read(frame, time="date")


@pytest.mark.parametrize("ids", [[1.0, None], [1.0, float("nan")], ["x", None], ["x", ""]])
def test_every_row_needs_an_id(ids):
    with pytest.raises(InputError, match=r"Id column 'i' is (empty|nan, .*), in row 2"):
        read(pl.DataFrame({"i": ids, "a": [1, 2]}), id="i")


def test_an_id_may_not_be_nested():
    with pytest.raises(InputError, match="'i' has the type List"):
        read(pl.DataFrame({"i": [[1]], "a": [1]}), id="i")


@pytest.mark.parametrize(
    ("labels", "parts"),
    [
        (["no", None, "yes"], ["Label column 'y'", "'no' and 'yes'", "series 'p'"]),
        ([None, None, None], ["No series has a target", "'y' of the table is blank"]),
        ([1.0, float("inf"), None], ["Label column 'y' is infinite in row 2"]),
        ([[1], [1], [1]], ["'y' has the type List"]),
        ([datetime.date(2020, 1, 1)] * 3, ["'y' has the type Date"]),
    ],
)
def test_labels_that_are_refused(labels, parts):
    frame = pl.DataFrame({"id": ["p", "q", "p"], "a": [1, 2, 3], "y": labels})
    with pytest.raises(InputError) as error:
        read(frame, id="id", label="y")
    for part in parts:
        assert part in str(error.value)


def test_series_without_a_label_are_left_out_wherever_labels_stand():
    rows = pl.DataFrame({"id": ["p", "q", "p", "r"], "a": [1, 2, 3, 4]})
    ids = pl.DataFrame({"id": ["p", "q", "r"]})
    for main, targets in (
        (rows.with_columns(y=pl.Series(["no", None, None, "yes"])), None),
        (rows, ids.with_columns(y=pl.Series(["no", None, "yes"]))),
    ):
        contents = read_table(main, id="id", label="y", targets=targets)
        assert [(one.id, one.label) for one in contents.series] == [("p", "no"), ("r", "yes")]
        assert contents.warnings == ["Series without any target, left out: 1 ('q')."]


def test_a_target_in_two_tables_must_be_one():
    targets = pl.DataFrame({"stay": [7, 3], "died": ["no", "yes"]})
    contents = read_table(ROWS, id="stay", time="hour", label="died", targets=targets)
    assert plain(contents.series) == EXPECTED
    assert contents.warnings == ["Target 'died' is in the table too; that of the table of targets is taken."]
    other = targets.with_columns(died=pl.Series(["no", "no"]))
    with pytest.raises(InputError, match="of series 3 is 'no' in the table of targets and 'yes' in the table"):
        read_table(ROWS, id="stay", time="hour", label="died", targets=other)
    ignored = read_table(ROWS, id="stay", time="hour", label="died", targets=other, ignore=["died"])
    assert ([one.label for one in ignored.series], ignored.warnings) == (["no", "no"], [])


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([1.0, None, 0.0], [1, 0]),
        ([0.5, None, 2.0], [0.5, 2.0]),
        ([True, None, False], [True, False]),
        (["1", None, "0"], ["1", "0"]),
        (["", "NA", "b"], ["NA", "b"]),
        ([3, 3, 4], [3, 4]),
    ],
)
def test_labels_may_be_blank_on_some_rows(labels, expected):
    frame = pl.DataFrame({"id": ["p", "p", "q"], "a": [1, 2, 3], "y": labels})
    found = [one.label for one in read(frame, id="id", label="y")]
    assert found == expected
    assert [type(one) for one in found] == [type(one) for one in expected]


def test_prediction_reads_only_the_columns_of_training():
    table = ROWS.drop("died").with_columns(note=pl.lit("text"), ph=pl.lit(None)).select(pl.all().reverse())
    contents = read_table(table, schema=SCHEMA)
    assert [one.channels for one in contents.series] == [("pulse", "ph")] * 2
    assert [one.label for one in contents.series] == [None, None]
    assert contents.schema == SCHEMA
    assert ["No value of 'ph'" in message for message in contents.warnings] == [True]


def test_prediction_ignores_labels_unless_asked():
    odd = ROWS.with_columns(died=pl.Series([1, 2, 3, 4, 5]))
    assert [one.label for one in read_table(odd, schema=SCHEMA).series] == [None, None]
    assert plain(read_table(ROWS, schema=SCHEMA, with_labels=True).series) == EXPECTED


def test_prediction_names_all_columns_that_lack():
    table = ROWS.rename({"pulse": "puls", "hour": "hours"})
    with pytest.raises(InputError) as error:
        read_table(table, schema=SCHEMA)
    for part in ["'hour', 'pulse'", "trained with", "Did you mean 'hours'?", "Did you mean 'puls'?"]:
        assert part in str(error.value)
    with pytest.raises(InputError, match="'died'"):
        read_table(ROWS.drop("died"), schema=SCHEMA, with_labels=True)


def test_a_schema_stands_alone():
    with pytest.raises(InputError, match="leave out"):
        read_table(ROWS, id="stay", schema=SCHEMA)
    schema = TableSchema("stay", "hour", None, ("ph",), "number", date_only=False)
    with pytest.raises(InputError, match="without a label"):
        read_table(ROWS, schema=schema, with_labels=True)
