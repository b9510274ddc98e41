"""Masks and times since the last observation, against loops that follow their definitions."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from memcell.features.gaps import LastSeen, Observed, beside_gaps, observe

FEATURES = ("values", "mask", "last", "since", "gap")


@st.composite
def rows_with_gaps(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Values [T, C], some missing, and gaps [T], the first 0; T may be 0."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    length, channels = draw(st.integers(0, 12)), draw(st.integers(1, 3))
    values = rng.normal(size=(length, channels))
    values[rng.random(values.shape) < draw(st.floats(0, 1))] = np.nan
    gap = rng.exponential(2.0, length)
    gap[:1] = 0.0
    return values, gap


@settings(deadline=None)
@given(rows_with_gaps())
def test_features_follow_their_definitions(case: tuple[np.ndarray, np.ndarray]) -> None:
    values, gap = case
    found, _ = observe(values, gap, LastSeen.nothing(values.shape[1]))
    clock = np.cumsum(gap)
    for t, c in np.ndindex(values.shape):
        before = [s for s in range(t) if not np.isnan(values[s, c])]
        there = not np.isnan(values[t, c])
        assert found.mask[t, c] == there
        assert found.values[t, c] == (values[t, c] if there else 0.0)
        assert found.last[t, c] == (values[before[-1], c] if before and not there else 0.0)
        np.testing.assert_allclose(found.since[t, c], clock[t] - (clock[before[-1]] if before else 0.0), atol=1e-12)
    np.testing.assert_array_equal(found.gap[:, 0], gap)


@settings(deadline=None)
@given(rows_with_gaps())
def test_row_by_row_is_the_same_as_all_at_once(case: tuple[np.ndarray, np.ndarray]) -> None:
    values, gap = case
    whole, end = observe(values, gap, LastSeen.nothing(values.shape[1]))
    seen = LastSeen.nothing(values.shape[1])
    parts: list[Observed] = []
    for t in range(len(values)):
        part, seen = observe(values[t : t + 1], gap[t : t + 1], seen)
        parts.append(part)
    for name in FEATURES if parts else ():
        np.testing.assert_allclose(np.concatenate([getattr(part, name) for part in parts]), getattr(whole, name))
    np.testing.assert_allclose(seen.value, end.value)
    np.testing.assert_allclose(seen.since, end.since, atol=1e-12)


def test_the_time_between_rows_goes_on_from_the_row_before() -> None:
    values, elapsed = np.zeros((4, 2)), np.array([0.0, 1.0, 4.0, 4.5])
    whole = beside_gaps(values, elapsed)
    np.testing.assert_allclose(whole[:, 2], [np.nan, np.log(2), np.log(4), np.log(1.5)])
    np.testing.assert_array_equal(beside_gaps(values[2:], elapsed[2:], 1.0), whole[2:])
