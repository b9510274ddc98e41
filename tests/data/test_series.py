"""`Series` validates itself; `as_series` turns arrays of every usual shape into series."""

import numpy as np
import pytest

from memcell.contract.errors import InputError
from memcell.data import Series, as_series


def test_series_holds_float64_and_its_length_is_its_rows():
    series = Series(np.array([[1], [2]]), np.array([0, 3]), ("a",), id="x", label="yes", time_kind="number")
    assert series.values.dtype == np.float64
    assert series.times.dtype == np.float64
    assert len(series) == 2


def test_series_may_be_empty():
    assert len(Series(np.empty((0, 2)), np.empty(0), ("a", "b"))) == 0


@pytest.mark.parametrize(
    ("values", "times", "channels", "parts"),
    [
        (np.zeros((2, 1)), [0.0, 0.0], ("a",), ["series 7", "must increase", "row 2"]),
        (np.zeros((2, 1)), [1.0, 0.0], ("a",), ["must increase", "memcell.read"]),
        (np.zeros((2, 1)), [0.0, np.nan], ("a",), ["Row 2", "finite time"]),
        (np.zeros((2, 1)), [0.0, np.inf], ("a",), ["Row 2", "finite time"]),
        (np.array([[0.0, 1.0], [2.0, -np.inf]]), [0.0, 1.0], ("a", "b"), ["series 7", "Row 2", "'b'", "-inf"]),
        (np.zeros((2, 2)), [0.0, 1.0], ("a",), ["(2, 2)", "1 channels"]),
        (np.zeros(2), [0.0, 1.0], ("a",), ["(2,)"]),
        (np.zeros((2, 1)), [0.0], ("a",), ["(1,)"]),
        (np.zeros((2, 2)), [0.0, 1.0], ("a", "a"), ["must differ"]),
    ],
)
def test_series_refuses(values, times, channels, parts):
    with pytest.raises(InputError) as error:
        Series(values, np.array(times), channels, id=7)
    for part in parts:
        assert part in str(error.value)


def test_series_refuses_an_unknown_kind_of_time():
    with pytest.raises(InputError, match=r"time_kind.*'days'"):
        Series(np.zeros((1, 1)), np.zeros(1), ("a",), time_kind="days")  # pyright: ignore[reportArgumentType]


def test_lists_of_series_are_returned_as_they_are():
    series = as_series([np.zeros((3, 2)), np.zeros((1, 2))])
    again = as_series(series)
    assert [one is other for one, other in zip(series, again, strict=True)] == [True, True]


@pytest.mark.parametrize(
    ("x", "shapes"),
    [
        ([np.zeros((3, 2)), np.zeros((5, 2))], [(3, 2), (5, 2)]),
        ([np.zeros(3), np.zeros(0)], [(3, 1), (0, 1)]),
        ([[1, 2, 3], [4, 5]], [(3, 1), (2, 1)]),
        (np.zeros((2, 4, 3)), [(4, 3), (4, 3)]),
        (np.zeros((2, 4)), [(4, 1), (4, 1)]),
        (np.array([np.zeros(3), np.zeros((2, 1))], dtype=object), [(3, 1), (2, 1)]),
        ([], []),
    ],
)
def test_arrays_become_series(x, shapes):
    series = as_series(x)
    assert [one.values.shape for one in series] == shapes
    assert [one.id for one in series] == list(range(len(shapes)))
    for one in series:
        np.testing.assert_array_equal(one.times, np.arange(len(one)))
        assert one.time_kind == "order"


def test_missing_rows_at_the_end_stay():
    (series,) = as_series(np.array([[1.0, np.nan, np.nan]]))
    assert len(series) == 3


def test_times_may_be_numbers_or_dates():
    (number,) = as_series([np.zeros(2)], times=[[0.5, 2]])
    assert number.time_kind == "number"
    np.testing.assert_array_equal(number.times, [0.5, 2.0])
    (date,) = as_series([np.zeros(2)], times=[np.array(["1970-01-01", "1970-01-03T12"], dtype="datetime64[h]")])
    assert date.time_kind == "date"
    np.testing.assert_array_equal(date.times, [0.0, 2.5 * 86400])


def test_channels_are_named():
    assert as_series(np.zeros((1, 2, 2)))[0].channels == ("x0", "x1")
    assert as_series(np.zeros((1, 2, 2)), channels=["u", "v"])[0].channels == ("u", "v")


@pytest.mark.parametrize(
    ("x", "options", "parts"),
    [
        (np.zeros(3), {}, ["(3,)", "list"]),
        ("co2.csv", {}, ["str", "memcell.read"]),
        ([np.zeros((2, 2, 2))], {}, ["Series 0", "(2, 2, 2)"]),
        ([["a", "b"]], {}, ["Series 0", "numbers"]),
        ([np.zeros((2, 1)), np.zeros((2, 2))], {}, ["series 1", "same channels"]),
        ([np.zeros((2, 1)), np.array([[0.0], [np.inf]])], {}, ["series 1", "Row 2", "'x0'"]),
        ([np.zeros((2, 2))], {"channels": ["a"]}, ["2 channels", "names 1"]),
        ([np.zeros(2)], {"times": []}, ["`times`", "0 for 1"]),
        ([np.zeros(2)], {"times": [[0.0]]}, ["series 0", "(1,)"]),
        ([np.zeros(2)], {"times": [["a", "b"]]}, ["`times` of series 0", "numbers, dates or durations"]),
        ([np.zeros(2)], {"times": [np.array(["2020-01-01", "NaT"], "datetime64[D]")]}, ["Row 2", "finite time"]),
        ([np.zeros(1)] * 2, {"times": [[0.0], np.array(["2020-01-01"], "datetime64[D]")]}, ["same kind of time"]),
        ([Series(np.zeros((1, 1)), np.zeros(1), ("a",)), np.zeros(1)], {}, ["mixes"]),
        ([Series(np.zeros((1, 1)), np.zeros(1), ("a",))], {"channels": ["b"]}, ["leave out"]),
    ],
)
def test_as_series_refuses(x, options, parts):
    with pytest.raises(InputError) as error:
        as_series(x, **options)
    for part in parts:
        assert part in str(error.value)


def test_facts_by_name():
    x = [np.zeros((2, 1))] * 2
    first, second = as_series(x, facts=[{"height": 1.7, "age": 60}, {"height": 1.8, "age": None}])
    assert first.fact_names == ("age", "height")
    assert first.facts.value.tolist() == [60.0, 1.7]
    assert (second.facts.channel.tolist(), second.facts.value.tolist()) == ([1], [1.8])
    (named,) = as_series(x[:1], facts=[{"age": 60}], fact_names=["height", "age"])
    assert (named.fact_names, named.facts.channel.tolist()) == (("height", "age"), [1])


def test_facts_go_with_arrays():
    first, second = as_series([np.zeros((2, 1))] * 2, facts=[[60.0, 1.7], [np.nan, 1.8]], fact_names=["age", "height"])
    assert first.fact_names == ("age", "height")
    assert second.facts.value.tolist() == [1.8]
    for facts, names, part in (
        ([[1.0]], None, "one row a series"),
        ([[1.0], [2.0]], ["a", "b"], "names 2"),
        ([["f"], ["m"]], None, "`facts` must be numbers.*memcell.read"),
        ([{"sex": "f"}, {"sex": "m"}], None, "`facts` must be numbers.*memcell.read"),
        ([{"age": 1}, [2]], None, "mixes mappings"),
        ([{"age": 1}], None, "one row a series"),
        ([{"age": 1}, {"ago": 2}], ["age"], "has 'ago', which `fact_names` does not name"),
    ):
        with pytest.raises(InputError, match=part):
            as_series([np.zeros((2, 1))] * 2, facts=facts, fact_names=names)


def test_rows_may_be_counted_from_the_end():
    series = Series(np.arange(5.0)[:, None], np.arange(5.0), ("a",), tags=["p", "q", "r", "s", "t"])
    assert series.between(-2).values[:, 0].tolist() == [3.0, 4.0]
    cut = series.between(0, -1)
    assert cut.values[:, 0].tolist() == [0.0, 1.0, 2.0, 3.0]
    assert cut.tags is not None
    assert cut.tags.tolist() == ["p", "q", "r", "s"]
    assert len(series.between(4, 2)) == 0


def test_facts_that_are_no_numbers_are_named():
    with pytest.raises(InputError, match=r"`facts` of the series must be numbers"):
        Series(np.zeros((1, 1)), np.zeros(1), ("a",), facts=["old"], fact_names=("age",))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="one number for each of 1 `fact_names`"):
        Series(np.zeros((1, 1)), np.zeros(1), ("a",), facts=[1.0, 2.0], fact_names=("age",))  # type: ignore[arg-type]
