"""Rows brought to even times, in whatever pieces they come."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from memcell import as_series
from memcell.data.schema import TableSchema
from memcell.features.evenly import _REACH, Evenly, even_rows
from memcell.features.filling import whole_rows
from memcell.features.learning import learn_recipe


def uneven(rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    elapsed = np.cumsum(random.exponential(1.5, rows))
    return random.normal(size=(rows, 2)), elapsed - elapsed[0]


def test_rows_lie_on_lines_between_those_that_there_are() -> None:
    values, elapsed = uneven(60)
    grid = np.arange(np.floor(elapsed[-1]) + 1)
    found = even_rows(values, elapsed)
    for column, expected in zip(found.T, values.T, strict=True):
        np.testing.assert_allclose(column, np.interp(grid, elapsed, expected), atol=1e-12)


def test_even_rows_stay_as_they_are() -> None:
    values, _ = uneven(60)
    values[10:14, 0] = np.nan
    expected = whole_rows(np.column_stack([values, np.arange(60.0)]))[:, :-1]
    np.testing.assert_array_equal(even_rows(values, np.arange(60.0)), expected)
    thirds = np.cumsum(np.full(60, 1 / 3)) * 3 - 1  # with the errors of rounding that these have
    np.testing.assert_allclose(even_rows(values, thirds), expected, atol=1e-9)


def test_a_break_has_so_many_rows_at_most() -> None:
    assert len(even_rows(np.zeros((3, 1)), np.array([0.0, 1e9, 1e9 + 1]))) == _REACH + 2
    assert len(even_rows(np.zeros((0, 1)), np.zeros(0))) == 0


@given(st.lists(st.integers(0, 80), max_size=5).map(sorted))
def test_rows_may_come_in_pieces(cuts: list[int]) -> None:
    values, elapsed = uneven(80)
    rows, state, parts = np.column_stack([values, elapsed]), Evenly.nothing(2), []
    for begin, end in zip([0, *cuts], [*cuts, 80], strict=True):
        state, found = state.after(rows[begin:end])
        parts.append(found)
    np.testing.assert_array_equal(np.concatenate(parts), even_rows(values, elapsed))


def test_a_thinned_series_has_about_the_shapes_that_it_had() -> None:
    random = np.random.default_rng(0)
    at = np.arange(120.0)
    waves = [np.sin(at / random.uniform(3, 8) + random.uniform(0, 6)) for _ in range(30)]
    curves = [one[:, None] + 0.1 * random.normal(size=(120, 1)) for one in waves]
    left = [np.flatnonzero(random.random(120) < 0.5) for _ in range(30)]
    full = as_series(curves, times=[at] * 30)
    thinned = as_series([one[k] for one, k in zip(curves, left, strict=True)], times=[at[k] for k in left])
    squeezed = as_series([one.values for one in thinned], times=[np.arange(float(len(k))) for k in left])
    schema = TableSchema(None, "time", (), ("x0",), "number", False)
    recipe = learn_recipe(full, schema, summary=True, shapes=True)
    assert recipe.shapes
    assert learn_recipe(thinned, schema, summary=True, shapes=True).shapes
    shares = [recipe.apply(some).wide[:, 1:] for some in (full, thinned, squeezed)]
    of_full, of_thinned, of_squeezed = ((one - shares[0].mean(axis=0)).ravel() for one in shares)
    assert np.corrcoef(of_full, of_thinned)[0, 1] > 0.6
    assert np.corrcoef(of_full, of_squeezed)[0, 1] < 0.3


def test_a_break_in_one_series_leaves_the_shapes_of_all() -> None:
    random = np.random.default_rng(0)
    times = [np.arange(60.0) + 1e6 * (k == 3) * (np.arange(60) >= 30) for k in range(20)]
    series = as_series(list(random.normal(size=(20, 60, 1))), times=times)
    schema = TableSchema(None, "time", (), ("x0",), "number", False)
    assert learn_recipe(series, schema, summary=True, shapes=True).shapes
