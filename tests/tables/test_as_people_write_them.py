"""Tables as spreadsheets and data frames leave them, and remedies that lead further when they are followed."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from memcell import DataWarning, InputError, read

ROLES: dict[str, Any] = {"id": "id", "time": "t"}


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "x.csv"
    path.write_text(text)
    return path


@pytest.mark.parametrize("cells", [("[0.5, -2e1]", "[1, nan]"), ("[0.5 -20.]", "[ 1.  nan]")])
def test_lists_in_a_csv_file_are_vectors(tmp_path: Path, cells: tuple[str, str]) -> None:
    (one,) = read(written(tmp_path, f'id,t,v\n1,0,"{cells[0]}"\n1,1,"{cells[1]}"\n1,2,\n'), **ROLES)
    assert one.channels == ("v[0]", "v[1]")
    np.testing.assert_array_equal(one.values, [[0.5, -20.0], [1.0, np.nan], [np.nan, np.nan]])


def test_words_in_brackets_stay_words(tmp_path: Path) -> None:
    (one,) = read(written(tmp_path, "id,t,v\n1,0,[a]\n1,1,[b]\n"), **ROLES)
    assert one.levels["v"] == ("[a]", "[b]")


def test_rows_of_bare_commas_at_the_end_are_none(tmp_path: Path) -> None:
    (one,) = read(written(tmp_path, "id,t,v\n1,0,5\n1,1,6\n,,\n,,\n"), **ROLES)
    assert one.values[:, 0].tolist() == [5.0, 6.0]
    with pytest.raises(InputError, match="Id column 'id' is empty, in row 2"):
        read(written(tmp_path, "id,t,v\n1,0,5\n,,\n1,1,6\n"), **ROLES)


def test_true_among_other_numbers_is_a_mistake(tmp_path: Path) -> None:
    (one,) = read(written(tmp_path, "id,t,v\n1,0,TRUE\n1,1,0\n1,2,false\n"), **ROLES)
    assert one.values[:, 0].tolist() == [1.0, 0.0, 0.0]
    with pytest.raises(InputError, match="the text 'TRUE'"):
        read(written(tmp_path, "id,t,v\n1,0,71\n1,1,TRUE\n1,2,73\n"), **ROLES)


def test_labels_keep_all_their_digits(tmp_path: Path) -> None:
    series = read(written(tmp_path, "id,t,v,y\n1,0,5,9007199254740992\n2,0,6,9007199254740993\n"), **ROLES, label="y")
    assert [one.label for one in series] == [2**53, 2**53 + 1]


@pytest.mark.parametrize("index", [pd.Index([0.5, 1.5], name="hour"), pd.date_range("2024-01-01", periods=2, freq="h")])
def test_an_index_that_is_not_read_is_told(index: Any) -> None:
    frame = pd.DataFrame({"v": [1.0, 2.0]}, index=index)
    with pytest.warns(DataWarning, match=r"The index \((hour|of times)\) of the table is no column"):
        read(frame)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read(frame.reset_index(drop=True))


def test_a_panel_without_an_id_is_told_which_it_is() -> None:
    panel = pl.DataFrame({"firm": ["a", "b"] * 3, "ds": [1, 1, 2, 2, 3, 3], "y": range(6)})
    with pytest.raises(InputError, match="If 'firm' names the series, say so: `id='firm'`"):
        read(panel, time="ds")
    assert len(read(panel, time="ds", id="firm")) == 2


def test_a_clock_that_comes_twice_may_need_dates() -> None:
    table = pl.DataFrame({"id": [1, 1, 1], "t": ["23:00", "00:30", "23:00"], "v": [1.0, 2.0, 3.0]})
    with pytest.raises(InputError, match="If the clock tells the time of day, give dates with it"):
        read(table, **ROLES)


def test_a_channel_that_is_written_two_ways_is_told() -> None:
    table = pl.DataFrame({"id": [1, 1, 2], "t": [0, 1, 0], "what": ["Temp", "HR", "TEMP"], "v": [36.0, 80.0, 37.0]})
    with pytest.warns(DataWarning, match="Column 'what' has 'TEMP' and 'Temp'"):
        read(table, **ROLES, channel="what", value="v")


def test_bounds_alone_are_bands(tmp_path: Path) -> None:
    (one,) = read(written(tmp_path, "id,t,v\n1,0,< 50\n1,1,>= 50\n"), **ROLES)
    assert one.levels["v"] == ("< 50", ">= 50")
    with pytest.raises(InputError, match="the text '>= 50'"):
        read(written(tmp_path, "id,t,v\n1,0,12\n1,1,>= 50\n"), **ROLES)


def test_what_does_not_tell_rows_apart_is_no_channel() -> None:
    table = pl.DataFrame({"id": [1, 1, 1], "t": [0, 0, 1], "row": [1, 2, 3], "arm": ["a", "a", "a"]})
    with pytest.raises(InputError) as error:
        read(table, **ROLES)
    assert "channel=" not in str(error.value)
