"""CSV, TSV and Parquet files as people have them, and the errors for those that cannot be read."""

import gzip

import numpy as np
import polars as pl
import pytest

from memcell.contract.errors import InputError
from memcell.tables import read, read_table


def write(folder, data, name="t.csv"):
    path = folder / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ("id,t,a\nx,0,5\nx,1,\n", "t.csv"),
        ("id,t,a\nx,0,5\nx,1,", "t.csv"),
        (b"\xef\xbb\xbfid,t,a\r\nx,0,5\r\n\r\nx,1,NA\r\n\r\n", "t.csv"),
        ("id,t,a\rx,0,5\rx,1,null\r", "t.csv"),
        ("\n\n id , t , a \n x , 0 , 5 \n x , 1 , nan \n", "t.csv"),
        ('"id","t","a"\n"x","0","5"\n\n"x","1",""\n', "t.csv"),
        ("id;t;a\nx;0;5\nx;1;N/A\n", "t.csv"),
        ("id\tt\ta\nx\t0\t5\nx\t1\tNaN\n", "t.csv"),
        ("id\tt\ta\nx\t0\t5\nx\t1\t\n", "t.tsv"),
        ("id,t,a\nx,0,5\nx,1,#N/A\n", "T.CSV"),
        ("id|t|a\nx|0|5\nx|1|\n", "t.csv"),
        ("sep=;\r\nid;t;a\r\nx;0;5\r\nx;1;\r\n", "t.csv"),
        (gzip.compress(b"id,t,a\nx,0,5\nx,1,<NA>\n", mtime=0), "t.csv.gz"),
    ],
)
def test_odd_but_readable_files(tmp_path, data, name):
    (series,) = read(write(tmp_path, data, name), id="id", time="t")
    assert (series.id, series.channels) == ("x", ("a",))
    np.testing.assert_array_equal(series.times, [0.0, 1.0])
    np.testing.assert_array_equal(series.values, [[5.0], [np.nan]])


def test_paths_may_be_text(tmp_path):
    assert len(read(str(write(tmp_path, "a\n1\n")))) == 1


def test_the_separator_is_what_splits_the_first_lines_most(tmp_path):
    path = write(tmp_path, "id;t;x, kg;y\n1;0;3,5;0\n1;1;3.6;0\n")
    with pytest.raises(InputError, match="Channel 'x, kg' holds numbers"):  # and 3,5 is refused as one
        read(path, id="id", time="t")
    path.write_text("id;t;x, kg;y\n1;0;3.5;0\n1;1;3.6;0\n")
    assert read(path, id="id", time="t")[0].channels == ("x, kg", "y")


def test_quoted_fields_hold_separators_and_line_ends(tmp_path):
    path = write(tmp_path, 'id,a\n"A, b",1\n"A\nb",2\n"say ""x""",3\n')
    assert [one.id for one in read(path, id="id")] == ["A, b", "A\nb", 'say "x"']


def test_a_row_of_empty_cells_is_a_row_and_a_blank_line_is_not(tmp_path):
    assert read(write(tmp_path, "a,b\n1,2\n,\n\n3,4\n"))[0].values.shape == (3, 2)


def test_a_blank_line_is_a_missing_value_of_an_only_column(tmp_path):
    (one,) = read(write(tmp_path, 'a\n\n1\n""\n\n3\n\n\n'))
    np.testing.assert_array_equal(one.values[:, 0], [np.nan, 1, np.nan, np.nan, 3])
    with pytest.raises(InputError, match=r"row 4 \(line 5 of the file\)"):
        read(write(tmp_path, "a\n1\n\n2\nfive\n"))


def test_a_column_without_a_name_is_left_out_with_a_warning(tmp_path):
    path = write(tmp_path, ",t,a,\n0,0,5,\n1,1,6,\n")
    with pytest.warns(UserWarning, match="Column 1, 4 .*no name"):
        (series,) = read(path, time="t")
    assert series.channels == ("a",)


@pytest.mark.parametrize(
    ("data", "parts"),
    [
        ("", ["empty (0 bytes)"]),
        ("\n\n", ["no header"]),
        (b"\xef\xbb\xbf", ["no header"]),
        ("id,t,a\n", ["No rows"]),
        ("id,t,a", ["No rows"]),
        ("id,t,a\nx,0,5\nx,1\n", ["line 3 has 2 fields", "header has 3"]),
        ("id,t,a\nx,0,5\n\nx,1,5,6\n", ["line 4 has 4 fields", "header has 3"]),
        ('id,t,a\n"x\ny",0,5\nx,1\n', ["line 4 has 2 fields"]),
        (b"id,t,a\nx,0,5\n\xe9,1,5\n", ["not UTF-8", "line 3", "0xe9"]),
        ("id,t,a\nx,0,5\n".encode("utf-16"), ["UTF-16", "save it as UTF-8"]),
        (b"id,t,a\nx,0,\0\0\n", ["line 2", "zero byte"]),
        ("id,t,a,a\nx,0,5,6\n", ["More than one column", "'a'"]),
        ('id,t,a\n"x,0,5\nx,1,6\n', ["line 2", "quote"]),
        ('id,t,a\n"x"y,0,5\n', ["line 2", "quote"]),
        ('id,t,a\n5" x,0,5\nx,1,6\n', ["cannot be read as CSV", "quote"]),
        ("id,t,a\nx,0,high\nx,1,5\n", ["'a'", "row 1 (line 2 of the file)", "'high'", "--ignore a", "ignore=['a']"]),
        ("id;t;a\nx;0;5,5\n", ["'5,5'", "decimals with a point"]),
        ("id,t,a\nx,0,5\nx,1,inf\n", ["'a'", "infinite", "row 2 (line 3 of the file)"]),
        ("id,t,a\nx,0,1e999\n", ["'a'", "infinite", "1e999"]),
        ("id,t,a\nx,0,5\n,1,6\n", ["'id' is empty", "row 2 (line 3 of the file)"]),
        ("id,t,a\nNA,0,5\n", ["'NA', which means missing", "row 1"]),
        ("id,t,a,b\nx,0,,\nx,1,NA,\n", ["No value in any channel", "'a', 'b'"]),
    ],
)
def test_files_that_cannot_be_read(tmp_path, data, parts):
    path = write(tmp_path, data)
    with pytest.raises(InputError) as error:
        read(path, id="id", time="t")
    for part in parts:
        assert part in str(error.value)


def test_files_that_are_not_there_or_no_tables(tmp_path):
    write(tmp_path, "a\n1\n", "stays.csv")
    with pytest.raises(InputError, match=r"does not exist. Did you mean 'stays.csv'\?"):
        read(tmp_path / "stay.csv")
    with pytest.raises(InputError, match="no folder"):
        read(tmp_path / "nowhere" / "stays.csv")
    with pytest.raises(InputError, match="is a folder"):
        read(tmp_path)
    with pytest.raises(InputError, match=r"\.csv, .*\.parquet; its suffix is '\.xlsx'"):
        read(write(tmp_path, "x", "t.xlsx"))
    with pytest.raises(InputError, match="cannot be read as Parquet"):
        read(write(tmp_path, "a\n1\n", "t.parquet"))
    with pytest.raises(InputError, match="cannot be unpacked"):
        read(write(tmp_path, gzip.compress(b"a\n1\n" * 99)[:-5], "t.csv.gz"))
    with pytest.raises(InputError, match=r"cannot be read: File name too long\."):
        read(tmp_path / ("x" * 300 + ".csv"))


def test_no_right_to_read(tmp_path, monkeypatch):
    path = write(tmp_path, "a\n1\n")

    def refuse(_path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(path), "read_bytes", refuse)
    with pytest.raises(InputError, match=r"t.csv cannot be read: Permission denied\."):
        read(path)


def test_a_truncated_parquet_file(tmp_path):
    path = tmp_path / "t.parquet"
    pl.DataFrame({"a": range(1000)}).write_parquet(path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match="Is the file complete"):
        read(path)


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        (["007", "8"], ["007", "8"]),
        (["7", "8"], [7, 8]),
        (["-3", "0"], [-3, 0]),
        (["1.0", "2"], ["1.0", "2"]),
        (["12345678901234567890", "1"], ["12345678901234567890", "1"]),
    ],
)
def test_ids_of_a_csv_file_keep_what_was_written(tmp_path, ids, expected):
    path = write(tmp_path, "id,a\n" + "".join(f"{one},1\n" for one in ids))
    assert [one.id for one in read(path, id="id")] == expected


def test_booleans_are_numbers_and_labels_have_types(tmp_path):
    path = write(tmp_path, "id,on,whole,real,truth,word\n1,True,1.0,0.5,true,007\n2,FALSE,2,3,False,x\n")
    series = read(path, id="id", channels=["on"])
    assert [one.values[0, 0] for one in series] == [1.0, 0.0]
    for label, expected in [("whole", [1, 2]), ("real", [0.5, 3.0]), ("truth", [True, False]), ("word", ["007", "x"])]:
        labels = [one.label for one in read_table(path, id="id", label=label, channels=["on"]).series]
        assert labels == expected
        assert [type(one) for one in labels] == [type(one) for one in expected]
