"""Shapes within a series: each feature is what its kernel says, in whatever pieces the rows come."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from memcell import InputError
from memcell.data.shapes import TAPS, ShapeCounts, Shapes


def waves(lengths: tuple[int, ...], columns: int) -> list[NDArray[np.float64]]:
    random = np.random.default_rng(0)
    return [np.cumsum(random.normal(size=(length, columns)), axis=0) for length in lengths]


TRAINING = waves((40, 30, 55), 3)
SHAPES = Shapes.learn(TRAINING, 3)
OF_CHANGES = Shapes.learn(TRAINING, 3, changes=True)


def features(values: NDArray[np.float64], shapes: Shapes = SHAPES) -> NDArray[np.float32]:
    return ShapeCounts.nothing(shapes, values.shape[1]).after(values).features()


def test_a_feature_is_the_share_of_rows_at_which_a_kernel_answers_above_its_threshold() -> None:
    values = waves((23,), 3)[0]
    kernels = [(a, b, c) for a in range(TAPS) for b in range(a + 1, TAPS) for c in range(b + 1, TAPS)]
    expected = []
    for number, (columns, thresholds, width) in enumerate(
        zip(SHAPES.channels, SHAPES.thresholds, SHAPES.widths, strict=True)
    ):
        dilation, high = SHAPES.dilations[number // len(kernels)], kernels[number % len(kernels)]
        read = values[:, list(columns)].sum(axis=1)
        answers = []
        for row in range(len(read)):
            places = [row + (tap - TAPS // 2) * dilation for tap in range(TAPS)]
            seen = [read[place] if 0 <= place < len(read) else 0.0 for place in places]
            answers.append(sum((2.0 if tap in high else -1.0) * one for tap, one in enumerate(seen)))
        for threshold in thresholds:
            expected.append(np.mean(np.clip((np.array(answers) - threshold) / width + 0.5, 0.0, 1.0)))
    np.testing.assert_allclose(features(values), expected, atol=1e-6)


@given(st.lists(st.integers(0, 150), min_size=1, max_size=4).map(sorted), st.sampled_from([SHAPES, OF_CHANGES]))
def test_rows_may_come_in_pieces(cuts: list[int], shapes: Shapes) -> None:
    values = waves((150,), 3)[0]
    counts = ShapeCounts.nothing(shapes, 3)
    for part in np.split(values, cuts):
        counts = counts.after(part)
        assert len(counts.waiting) < 100  # or memory would grow with the rows
    np.testing.assert_allclose(counts.features(), features(values, shapes), atol=1e-6)


def test_shapes_of_changes_are_shapes_of_a_series_of_changes_and_see_no_level() -> None:
    """Twice the first row stands for a first change of 0."""
    changes = [np.diff(one, axis=0, prepend=one[:1]) for one in TRAINING]
    unit = np.concatenate(changes).std(axis=0)
    plain = Shapes.learn([one / unit for one in changes], 3)
    assert plain.thresholds == OF_CHANGES.thresholds
    values = waves((31,), 3)[0]
    np.testing.assert_allclose(
        features(values + 7.0, OF_CHANGES),
        features(np.diff(values, axis=0, prepend=values[:1]) / unit, plain),
        atol=1e-6,
    )


def test_kernels_span_the_usual_series_at_most_and_features_are_about_two_thousand() -> None:
    assert SHAPES.dilations == (1, 2, 4)
    assert 1500 < SHAPES.size < 2500
    assert features(TRAINING[0]).shape == (SHAPES.size,)
    long = Shapes.learn(waves((5000,), 1), 1)
    assert long.dilations[-1] == 512
    assert 1500 < long.size < 2500


def test_half_of_the_training_answers_lie_above_the_middle_thresholds() -> None:
    shares = np.mean([features(one) for one in TRAINING], axis=0).reshape(len(SHAPES.thresholds), -1)
    assert (np.diff(shares, axis=1) <= 0).all(), "the higher a threshold, the fewer"
    assert shares.mean() == pytest.approx(0.5, abs=0.05)


def test_a_series_without_rows_and_one_that_never_changes_have_finite_features() -> None:
    assert not features(np.empty((0, 3))).any()
    still = Shapes.learn([np.zeros((20, 1))], 1)
    assert np.isfinite(features(np.zeros((20, 1)), still)).all()


@pytest.mark.parametrize("shapes", [SHAPES, OF_CHANGES])
def test_they_survive_json(shapes: Shapes) -> None:
    again = Shapes.from_json(json.loads(json.dumps(shapes.to_json())), 3)
    assert again == shapes


@pytest.mark.parametrize(
    "change",
    [
        {"dilations": [1, 2]},
        {"dilations": [1, 2, 0]},
        {"dilations": [4, 2, 1]},
        {"dilations": [1, 2, float("inf")]},
        {"channels": [[3]] * 252},
        {"channels": [[]] * 252},
        {"thresholds": [[float("nan")]] * 252},
        {"widths": [0.0] * 252},
        {"widths": None},
        {"scales": [1.0, 1.0]},
        {"scales": [1.0, 1.0, 0.0]},
        {"scales": [1.0, 1.0, float("nan")]},
    ],
)
def test_a_record_that_does_not_fit_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(InputError, match="shapes"):
        Shapes.from_json(SHAPES.to_json() | change, 3)
