"""Summaries against plain definitions, in pieces and whole; their features against what they should tell apart."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from memcell import InputError
from memcell.features.summary import STATISTICS, Summary, SummaryScaling

VALUES = arrays(
    np.float64,
    st.tuples(st.integers(1, 12), st.just(2)),
    elements=st.one_of(st.just(np.nan), st.integers(-8, 8).map(float)),
)


def _statistics(values: Any, times: Any) -> dict[str, Any]:
    """By name, of one column [T], as one would write them down."""
    times, values = times[~np.isnan(values)], values[~np.isnan(values)]
    if not len(values):
        return dict.fromkeys(STATISTICS, np.nan)
    slope = np.cov(times, values, bias=True)[0, 1] / times.std() if len(values) > 1 and times.std() else 0.0
    change = np.abs(np.diff(values)).mean() if len(values) > 1 else 0.0
    return {
        "last": values[-1], "mean": values.mean(), "largest": values.max(), "least": values.min(),
        "deviation": values.std(), "count": np.log1p(len(values)), "first": values[0], "trend": slope,
        "change": change,
    }  # fmt: skip


@given(VALUES, st.data())
def test_statistics_are_those_of_the_definitions_in_any_pieces(values: Any, data: st.DataObject) -> None:
    times = np.cumsum(data.draw(st.lists(st.integers(1, 9), min_size=len(values), max_size=len(values)))).astype(float)
    times -= times[0]
    wanted = [_statistics(column, times) for column in values.T]
    cut = data.draw(st.integers(0, len(values)))
    for pieces in ([slice(None)], [slice(0, cut), slice(cut, None)], [slice(k, k + 1) for k in range(len(values))]):
        summary = Summary.nothing(2)
        for piece in pieces:
            summary = summary.after(values[piece], times[piece])
        for got, name in zip(summary.statistics(), STATISTICS, strict=True):
            np.testing.assert_allclose(got, [one[name] for one in wanted], atol=1e-9, err_msg=name)


@given(VALUES)
def test_statistics_of_every_row_are_those_of_the_rows_up_to_it(values: Any) -> None:
    times = np.arange(len(values), dtype=float)
    each = Summary.nothing(2).after_each(values, times).statistics()
    for row in range(len(values)):
        alone = Summary.nothing(2).after(values[: row + 1], times[: row + 1]).statistics()
        assert np.array_equal(each[row], alone, equal_nan=True)


def _of(*series: list[float]) -> Any:
    """[n, S, 1] of series of one column."""
    each = (np.array(one)[:, None] for one in series)
    return np.array([Summary.nothing(1).after(one, np.arange(len(one))).statistics() for one in each])


def test_what_sets_series_apart_is_seen_though_it_is_far_from_usual_values() -> None:
    """Each series has one high row, beyond the quantiles of all rows: how high is what tells them apart."""
    heights = np.linspace(50, 60, 21)
    statistics = _of(*([0.0] * 300 + [height] + [0.0] * 300 for height in heights))
    scaling = SummaryScaling.learn(statistics)
    features = np.array([scaling.features(one) for one in statistics])
    assert np.unique(features, axis=0).shape[0] > 15
    assert features.shape[1] == scaling.per_column


def test_what_is_missing_or_the_same_everywhere_says_nothing() -> None:
    statistics = _of([1.0, 2.0], [1.0, 3.0], [1.0, 5.0])
    scaling = SummaryScaling.learn(np.concatenate([statistics, np.full_like(statistics, np.nan)], axis=2))
    assert not scaling.features(np.full((len(STATISTICS), 2), np.nan)).any()
    one = scaling.features(np.concatenate([statistics[1], statistics[1]], axis=1))
    assert np.isfinite(one).all()
    assert one.any()
    assert np.abs(one).max() <= 3
    first = STATISTICS.index("first")  # always 1
    assert scaling.scale[first] == (0.0, 0.0)


@pytest.mark.parametrize("level", [0.0, 0.3, 7.7])
def test_what_rounding_leaves_says_nothing(level: float) -> None:
    """Series with one mean and one deviation, as standardised ones have; and each constant, at a level of its own."""
    rng = np.random.default_rng(0)
    series = [rng.standard_normal(rng.integers(40, 50)) for _ in range(60)]
    standardised = [(one - one.mean()) / one.std() + level for one in series]
    constant = [np.full(len(one), level + k / 7) for k, one in enumerate(series)]
    for which, same in ((standardised, ("mean", "deviation")), (constant, ("deviation", "trend", "change"))):
        scaling = SummaryScaling.learn(_of(*which))
        for name in same:
            assert scaling.scale[STATISTICS.index(name)] == (0.0,), name
        for one in which:
            row_by_row = Summary.nothing(1)
            for k, value in enumerate(one):
                row_by_row = row_by_row.after(np.array([[value]]), np.array([float(k)]))
            whole = Summary.nothing(1).after(one[:, None], np.arange(len(one)))
            np.testing.assert_allclose(row_by_row.features(scaling), whole.features(scaling), atol=1e-6)


@pytest.mark.parametrize("columns", [0, 2, 251])
def test_scalings_are_read_back_and_compare_by_value(columns: int) -> None:
    statistics = np.random.default_rng(0).standard_normal((5, len(STATISTICS), columns))
    scaling = SummaryScaling.learn(statistics)
    assert SummaryScaling.from_json(scaling.to_json(), columns) == scaling
    assert scaling.features(statistics[0]).shape == (columns * scaling.per_column,)
    assert (scaling.per_column > len(STATISTICS)) == (columns == 2)
    with pytest.raises(InputError, match="scaling of summaries"):
        SummaryScaling.from_json(scaling.to_json(), columns + 1)


@pytest.mark.parametrize("field", ["center", "scale", "knots"])
@pytest.mark.parametrize("value", [None, "x", [np.nan], [[3.0, 1.0, 2.0, 4.0, 5.0, 6.0, 7.0]]])
def test_scalings_that_do_not_fit_are_refused(field: str, value: Any) -> None:
    data = SummaryScaling.learn(np.random.default_rng(0).standard_normal((5, len(STATISTICS), 1))).to_json()
    data["trend"] = data["trend"] | {field: value}
    with pytest.raises(InputError, match="scaling of summaries"):
        SummaryScaling.from_json(data, 1)
