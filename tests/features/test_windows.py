"""What channels did lately: fading means and deviations, in whatever pieces the rows come."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from memcell.features.windows import FADING, Windows, both_ways


def wandering(rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    values = np.cumsum(random.normal(size=(rows, 3)), axis=0) / 3
    values[random.random(values.shape) < 0.3] = np.nan
    return values, np.cumsum(random.exponential(3.0, rows))


def test_each_feature_is_a_weighted_mean_or_deviation() -> None:
    values, elapsed = wandering(40)
    _, features = Windows.nothing(3).after_each(values, elapsed)
    features = features.reshape(40, 2, len(FADING), 3)
    for row in range(40):
        for k, fading in enumerate(FADING):
            weight = np.exp((elapsed[: row + 1] - elapsed[row]) / fading)
            for column in range(3):
                there = ~np.isnan(values[: row + 1, column])
                if not there.any():
                    assert not features[row, :, k, column].any()
                    continue
                seen, of = values[: row + 1, column][there], weight[there]
                mean = np.average(seen, weights=of)
                deviation = np.sqrt(np.average((seen - mean) ** 2, weights=of))
                expected = np.clip([mean, deviation], -3, 3)
                np.testing.assert_allclose(features[row, :, k, column], expected, atol=1e-5)


@given(st.lists(st.integers(0, 120), max_size=4).map(sorted), st.sampled_from([1.0, 1e-3, 1e4]))
def test_rows_may_come_in_pieces(cuts: list[int], pace: float) -> None:
    values, elapsed = wandering(120)
    _, whole = Windows.nothing(3).after_each(values, pace * elapsed)
    windows, parts = Windows.nothing(3), []
    for rows in np.split(np.arange(120), cuts):
        windows, features = windows.after_each(values[rows], pace * elapsed[rows])
        parts.append(features)
    np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-5)


def test_a_long_silence_leaves_nothing_and_breaks_nothing() -> None:
    values = np.array([[1.0], [np.nan], [2.0]])
    _, features = Windows.nothing(1).after_each(values, np.array([0.0, 1e6, 1e9]))
    assert np.isfinite(features).all()
    assert not features[1].any()
    np.testing.assert_allclose(features[2, : len(FADING)], 2.0)


def test_what_comes_soon_is_what_was_lately_from_the_end() -> None:
    values, elapsed = wandering(30)
    there = both_ways(values, elapsed)
    back = both_ways(values[::-1], elapsed[-1] - elapsed[::-1])[::-1]
    half = there.shape[1] // 2
    np.testing.assert_allclose(there[:, :half], back[:, half:], atol=1e-6)
    np.testing.assert_allclose(there[:, half:], back[:, :half], atol=1e-6)
