"""Rows of one id and time: equal ones collapse, different ones are refused or joined."""

import numpy as np
import polars as pl
import pytest

from memcell.contract.errors import InputError
from memcell.tables import read, read_table

DIFFERENT = pl.DataFrame(
    {
        "id": ["x", "x", "y", "x", "y"],
        "t": [1, 0, 1, 1, 2],
        "a": [2.0, 7.0, 5.0, 4.0, 6.0],
        "b": [None, None, 5.0, 9.0, None],
    }
)


def test_equal_rows_collapse_with_one_warning():
    frame = pl.DataFrame({"t": [1, 1, 0, 1], "a": [2.0, 2.0, 3.0, 2.0], "b": [None, float("nan"), 1.0, None]})
    with pytest.warns(UserWarning, match="repeat another one.*: 2") as caught:
        (series,) = read(frame, time="t")
    assert len(caught) == 1
    np.testing.assert_array_equal(series.values, [[3.0, 1.0], [2.0, np.nan]])


def test_different_rows_are_refused(tmp_path):
    path = tmp_path / "t.csv"
    DIFFERENT.write_csv(path)
    with pytest.raises(InputError) as error:
        read(path, id="id", time="t")
    for part in [
        "Time 1 comes twice in series 'x'",
        "'a' is 2 in row 1 (line 2 of the file) and 4 in row 4 (line 5 of the file)",
        "`duplicates='mean'`",
        "`--duplicates mean`",
    ]:
        assert part in str(error.value)


def test_complementary_rows_are_different():
    frame = pl.DataFrame({"t": [1, 1], "a": [2.0, None], "b": [None, 3.0]})
    with pytest.raises(InputError, match="'a' is 2 in row 1 and missing in row 2"):
        read(frame, time="t")
    joined = read_table(frame, time="t", duplicates="last")
    np.testing.assert_array_equal(joined.series[0].values, [[2.0, 3.0]])
    assert ["joined" in message for message in joined.warnings] == [True]


@pytest.mark.parametrize(
    ("how", "first"), [("mean", [[7.0, np.nan], [3.0, 9.0]]), ("last", [[7.0, np.nan], [4.0, 9.0]])]
)
def test_different_rows_are_joined(how, first):
    one, other = read_table(DIFFERENT, id="id", time="t", duplicates=how).series
    np.testing.assert_array_equal(one.values, first)
    np.testing.assert_array_equal(other.values, [[5.0, 5.0], [6.0, np.nan]])


def test_last_is_the_last_that_is_not_missing_in_the_order_of_the_table():
    frame = pl.DataFrame({"t": [1, 1, 1], "a": [1.0, 3.0, None], "b": [None, None, None], "c": [5.0, 4.0, 3.0]})
    contents = read_table(frame, time="t", duplicates="last")
    np.testing.assert_array_equal(contents.series[0].values, [[3.0, 3.0]])


def test_one_time_in_two_series_is_no_duplicate():
    frame = pl.DataFrame({"id": ["x", "y"], "t": [1, 1], "a": [1.0, 2.0]})
    assert read_table(frame, id="id", time="t").warnings == []


def test_without_times_rows_are_never_duplicates():
    assert len(read(pl.DataFrame({"a": [1, 1, 1]}))[0]) == 3


def test_equal_values_of_one_time_count_once_in_a_long_table() -> None:
    rows = {"id": [1] * 4, "t": [0, 0, 0, 1], "channel": ["hr"] * 4, "value": [80.0, 80.0, 90.0, 80.0]}
    (one,) = read(pl.DataFrame(rows), id="id", time="t", channel="channel", value="value")
    assert one.observations.value.tolist() == [80.0, 90.0, 80.0]
    assert one.values[:, 0].tolist() == [85.0, 80.0]
