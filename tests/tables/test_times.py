"""The forms of times that a table may have, and those it may not."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from memcell.contract.errors import InputError
from memcell.data import TableSchema, as_series, format_times
from memcell.tables import read, read_table

HOUR = 3600.0
DAY = 86400.0


def times_of(column):
    contents = read_table(pl.DataFrame({"t": column, "a": list(range(len(column)))}), time="t")
    return contents.series[0].times, contents.schema


@pytest.mark.parametrize(
    ("column", "seconds", "date_only"),
    [
        (["1970-01-02", "1970-01-03"], [DAY, 2 * DAY], True),
        (["1970-01-02", "1970-01-03 12:00"], [DAY, 2.5 * DAY], False),
        (["1970-01-02T03:00", "1970-01-02T03:00:01.25"], [DAY + 3 * HOUR, DAY + 3 * HOUR + 1.25], False),
        (["1970-01-02T03:00:00Z", "1970-01-02 04:00 UTC"], [DAY + 3 * HOUR, DAY + 4 * HOUR], False),
        (["1970-01-02T03:00+02:00", "1970-01-02T03:00-0130"], [DAY + HOUR, DAY + 4.5 * HOUR], False),
        (["1970-01", "1970-02"], [0.0, 31 * DAY], True),
        (["1970/01/02", "1970/1/3"], [DAY, 2 * DAY], True),
        (["19700102", "19700103"], [DAY, 2 * DAY], True),
        (["02.01.1970", "3.1.1970"], [DAY, 2 * DAY], True),
        (["02/01/1970", "14/01/1970"], [DAY, 13 * DAY], True),
        (["01/02/1970", "01/14/1970 06:00"], [DAY, 13.25 * DAY], False),
        ([19700102, 19700103], [DAY, 2 * DAY], True),
        ([197001, 197003], [0.0, 59 * DAY], True),
        (["197001", "197012"], [0.0, 334 * DAY], True),
        ([" 1969-12-31 ", "1970-01-01"], [-DAY, 0.0], True),
        ([date(1970, 1, 2)], [DAY], True),
        ([datetime(1970, 1, 2, 6)], [DAY + 6 * HOUR], False),
        ([datetime(1970, 1, 2, 6, tzinfo=UTC)], [DAY + 6 * HOUR], False),
        (pl.Series([datetime(1970, 1, 2)]).dt.replace_time_zone("Europe/Helsinki"), [DAY - 2 * HOUR], False),
        (pl.Series([datetime(1970, 1, 2)], dtype=pl.Datetime("ns")), [DAY], True),
    ],
)
def test_dates(column, seconds, date_only):
    times, schema = times_of(column)
    np.testing.assert_allclose(times, seconds, rtol=0, atol=1e-6)
    assert (schema.time_kind, schema.date_only) == ("date", date_only)


@pytest.mark.parametrize(
    ("column", "numbers"),
    [
        ([1, 2], [1.0, 2.0]),
        ([0.5, 2.25], [0.5, 2.25]),
        (["1990", " 1990.5"], [1990.0, 1990.5]),
        (["-1e-1", "3"], [-0.1, 3.0]),
        (["00:00", "35:30"], [0.0, 35.5]),
        (["0:30:36", "100:00:00"], [0.51, 100.0]),
        ([19700102, 29709999, 39709999], [19700102.0, 29709999.0, 39709999.0]),
        ([196001, 196013, 196025], [196001.0, 196013.0, 196025.0]),
        ([100101, 100102], [100101.0, 100102.0]),
        ([timedelta(minutes=30), timedelta(hours=30)], [0.5, 30.0]),
    ],
)
def test_numbers(column, numbers):
    times, schema = times_of(column)
    np.testing.assert_allclose(times, numbers, rtol=1e-12)
    assert (schema.time_kind, schema.date_only) == ("number", False)


@pytest.mark.parametrize(
    ("column", "form", "written"),
    [
        ([1, 2], "whole", [1, 2]),
        (["-1", " 2"], "whole", [-1, 2]),
        ([1.0, 2.0], "plain", [1.0, 2.0]),
        (["1.0", "2"], "plain", [1.0, 2.0]),
        (["00:00", "35:07"], "clock", ["00:00", "35:07"]),
        (["9:59:59", "100:00:00"], "clock", ["09:59:59", "100:00:00"]),
        (["0:00:00.25", "0:00:59.999"], "clock", ["00:00:00.250000", "00:00:59.999000"]),
        ([1700000000000000000, 1700000001000000000], "whole", [1700000000000000000, 1700000001000000000]),
        (["1970-01-02", "1970-01-03"], "plain", ["1970-01-02", "1970-01-03"]),
        (["1970-01-02T03:00+02:00"] * 1, "zoned", ["1970-01-02 01:00:00Z"]),
        ([datetime(1970, 1, 2, tzinfo=UTC)], "zoned", ["1970-01-02 00:00:00Z"]),
        ([datetime(1970, 1, 2, 6)], "plain", ["1970-01-02 06:00:00"]),
    ],
)
def test_times_are_written_as_they_came(column, form, written):
    times, schema = times_of(column)
    assert schema.time_form == form
    found = list(format_times(times, schema.time_kind, schema.date_only, form))
    assert found == written
    assert [isinstance(one, float) for one in found] == [isinstance(one, float) for one in written]


@pytest.mark.parametrize(
    "column",
    [[5, 1700000000123456789], ["1700000000123456789", "5"], [-(2**53) - 1], pl.Series([2**64 - 1], dtype=pl.UInt64)],
)
def test_whole_numbers_of_too_many_digits_are_refused(column):
    with pytest.raises(InputError, match=r"has -?[0-9]{16,20}; float64, .*datetime64\[ns\]"):
        times_of(column)
    with pytest.raises(InputError, match="`times` of series 0 has"):
        as_series([[[1.0]] * len(column)], times=[np.array([int(one) for one in column])])


def test_times_between_whole_ones_are_no_whole_ones():
    assert format_times([1.0, 2.5], "number", date_only=False, form="whole").tolist() == [1.0, 2.5]


def test_without_a_time_column_the_order_of_rows_is_the_time():
    first, second = read(pl.DataFrame({"i": ["b", "a", "b"], "a": [1, 2, 3]}), id="i")
    assert (first.id, first.time_kind, first.times.tolist()) == ("b", "order", [0.0, 1.0])
    assert second.values.tolist() == [[2.0]]


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        ("someday", ["not understood", "1958-03-29", "35:30"]),
        ("1990-02-30", ["not understood"]),
        ("1990-13", ["not understood"]),
        ("1990-01-01 25:00", ["not understood"]),
        ("1990-01-01 12:00Z", ["not of the same form"]),
        ("35:30", ["not of the same form"]),
        ("17", ["not of the same form"]),
        ("03/04/2020", ["either way round", "year-month-day"]),
        ("3.4.2020", ["either way round", "year-month-day"]),
        ("\u0661\u0669\u0669\u0660-01-01", ["not understood"]),
        ("", ["no time"]),
        ("NA", ["no time"]),
    ],
)
def test_a_time_that_does_not_parse_is_named_with_its_row_and_line(tmp_path, value, parts):
    path = tmp_path / "t.csv"
    path.write_text(f"t,a\n1989-01-01,1\n\n1989-02-01,2\n{value},3\n")
    with pytest.raises(InputError) as error:
        read(path, time="t")
    for part in ["'t'", "row 3 (line 5 of the file)", *parts]:
        assert part in str(error.value)
    if value not in ("", "NA"):
        assert repr(value) in str(error.value)


@pytest.mark.parametrize("column", [["1", "2", "x"], [1.0, 2.0, np.inf], [1.0, 2.0, np.nan], [1, 2, None]])
def test_rows_of_frames_have_no_line(column):
    with pytest.raises(InputError, match=r"row 3[^(]*$"):
        times_of(column)


def test_one_wrong_date_among_whole_numbers_is_an_error():
    column = [19900101 + day for day in range(30)] + [19900231]
    with pytest.raises(InputError, match="19900231 in row 31"):
        times_of(column)


@pytest.mark.parametrize("column", [[True, False], [[1], [2]]])
def test_a_time_of_another_type_is_refused(column):
    with pytest.raises(InputError, match="Time column 't' has the type"):
        times_of(column)


def test_prediction_keeps_the_kind_of_time_of_training():
    table = pl.DataFrame({"t": [20200101, 20200102], "a": [1, 2]})
    numbers = TableSchema(None, "t", None, ("a",), "number", date_only=False)
    assert read_table(table, schema=numbers).series[0].times.tolist() == [20200101.0, 20200102.0]
    dates = TableSchema(None, "t", None, ("a",), "date", date_only=True)
    assert read_table(table, schema=dates).series[0].time_kind == "date"
    with pytest.raises(InputError, match="holds numbers; the model was trained with dates"):
        read_table(table.with_columns(t=pl.Series([1, 2])), schema=dates)


@pytest.mark.parametrize(
    ("trained", "now", "expected"), [(True, "00", True), (False, "00", False), (True, "06", False)]
)
def test_prediction_writes_a_time_of_day_if_training_or_the_table_has_one(trained, now, expected):
    schema = TableSchema(None, "t", None, ("a",), "date", date_only=trained)
    table = pl.DataFrame({"t": [f"2020-01-01 {now}:00"], "a": [1]})
    assert read_table(table, schema=schema).schema.date_only is expected
