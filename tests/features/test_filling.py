"""Rows without gaps, however many come at a time."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from memcell.features.filling import _REACH, Filling, whole_rows


def with_gaps(seed: int, share: float, rows: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(rows, 3))
    values[rng.random(values.shape) < share] = np.nan
    for _ in range(2):  # long gaps
        begin = rng.integers(0, rows)
        values[begin : begin + rng.integers(0, 2 * _REACH), rng.integers(0, 3)] = np.nan
    return values


def timed(values: np.ndarray, seed: int) -> np.ndarray:
    """With when each row was."""
    apart = np.random.default_rng(seed).exponential(size=len(values)) + 0.01
    return np.column_stack([values, np.cumsum(apart)])


@given(st.integers(0, 10_000), st.floats(0, 1), st.integers(1, 300), st.lists(st.integers(1, 90), min_size=1))
@settings(max_examples=60, deadline=None)
def test_it_does_not_matter_how_many_rows_come_at_a_time(seed: int, share: float, rows: int, sizes: list[int]) -> None:
    values = timed(with_gaps(seed, share, rows), seed)
    whole, state, parts, begin = whole_rows(values), Filling.nothing(3), [np.empty((0, 4))], 0
    for size in [*sizes, rows]:
        state, settled = state.after(values[begin : begin + size])
        parts.append(settled)
        begin += size
    np.testing.assert_allclose(np.concatenate([*parts, state.rest()]), whole, rtol=0, atol=1e-9)
    assert len(state.waiting) <= _REACH
    known = ~np.isnan(values)
    np.testing.assert_array_equal(whole[known], values[known])


@given(st.integers(0, 10_000), st.floats(0, 0.9), st.integers(1, _REACH))
@settings(max_examples=40, deadline=None)
def test_short_gaps_are_lines_over_time(seed: int, share: float, rows: int) -> None:
    values = timed(with_gaps(seed, share, rows), seed)
    for column, filled in zip(values.T, whole_rows(values).T, strict=True):
        at, time = np.flatnonzero(~np.isnan(column)), values[:, -1]
        expected = np.interp(time, time[at], column[at]) if len(at) else np.zeros(rows)
        np.testing.assert_allclose(filled, expected, rtol=0, atol=1e-12)


def test_of_a_long_gap_the_last_value_stays_until_the_next_comes_near() -> None:
    values = np.full((200, 1), np.nan)
    values[[10, 150], 0] = 1.0, 5.0
    filled = whole_rows(timed(values, 0))[:, 0]
    assert (filled[: 10 + 1] == 1.0).all()
    assert (filled[10 : 150 - _REACH] == 1.0).all()
    assert (np.diff(filled[150 - _REACH - 1 : 151]) > 0).all()
    assert (filled[150:] == 5.0).all()
    late = np.full((200, 1), np.nan)
    late[150] = 5.0
    filled = whole_rows(timed(late, 0))[:, 0]
    assert (filled[: 150 - _REACH] == 0.0).all()
    assert (filled[150 - _REACH :] == 5.0).all()
