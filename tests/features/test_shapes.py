"""Shapes within a series: each feature is what its kernel says, in whatever pieces the rows come."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from memcell import InputError
from memcell.features.contests import Contests
from memcell.features.kernels import TAPS
from memcell.features.shape_counts import AnyShapes, ShapeCounts, shapes_from_json
from memcell.features.shapes import Shapes


def waves(lengths: tuple[int, ...], columns: int) -> list[NDArray[np.float64]]:
    random = np.random.default_rng(0)
    return [np.cumsum(random.normal(size=(length, columns)), axis=0) for length in lengths]


TRAINING = waves((40, 30, 55), 3)
SHAPES = Shapes.learn(TRAINING)
OF_CHANGES = Shapes.learn(TRAINING, changes=True)
CONTESTS, CONTESTS_OF_CHANGES = (Contests.learn(TRAINING, changes=changes) for changes in (False, True))
EVERY = [SHAPES, OF_CHANGES, CONTESTS, CONTESTS_OF_CHANGES]


def features(values: NDArray[np.float64], shapes: AnyShapes = SHAPES) -> NDArray[np.float32]:
    return ShapeCounts.nothing(shapes, values.shape[1]).after(values).features()


def test_a_feature_is_the_share_of_rows_at_which_a_kernel_answers_above_its_threshold() -> None:
    values = waves((23,), 3)[0]
    kernels = [(a, b, c) for a in range(TAPS) for b in range(a + 1, TAPS) for c in range(b + 1, TAPS)]
    expected = []
    for number, (columns, thresholds, width) in enumerate(
        zip(SHAPES.kernels.channels, SHAPES.thresholds, SHAPES.widths, strict=True)
    ):
        dilation, high = SHAPES.kernels.dilations[number // len(kernels)], kernels[number % len(kernels)]
        read = values[:, list(columns)].sum(axis=1)
        answers = []
        for row in range(len(read)):
            places = [row + (tap - TAPS // 2) * dilation for tap in range(TAPS)]
            seen = [read[place] if 0 <= place < len(read) else 0.0 for place in places]
            answers.append(sum((2.0 if tap in high else -1.0) * one for tap, one in enumerate(seen)))
        for threshold in thresholds:
            expected.append(np.mean(np.clip((np.array(answers) - threshold) / width + 0.5, 0.0, 1.0)))
    np.testing.assert_allclose(features(values), expected, atol=1e-6)


@given(st.lists(st.integers(0, 150), min_size=1, max_size=4).map(sorted), st.sampled_from(EVERY))
def test_rows_may_come_in_pieces(cuts: list[int], shapes: AnyShapes) -> None:
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
    plain = Shapes.learn([one / unit for one in changes])
    assert plain.thresholds == OF_CHANGES.thresholds
    values = waves((31,), 3)[0]
    np.testing.assert_allclose(
        features(values + 7.0, OF_CHANGES),
        features(np.diff(values, axis=0, prepend=values[:1]) / unit, plain),
        atol=1e-6,
    )


def test_kernels_span_the_usual_series_at_most_and_features_are_about_two_thousand() -> None:
    assert SHAPES.kernels.dilations == CONTESTS.kernels.dilations == (1, 2, 4)
    assert 1500 < len(features(TRAINING[0])) == 3 * SHAPES.each < 2500
    long = Shapes.learn(waves((5000,), 1))
    assert long.kernels.dilations[-1] == 512
    assert 1500 < 10 * long.each < 2500


def test_half_of_the_training_answers_lie_above_the_middle_thresholds() -> None:
    shares = np.mean([features(one) for one in TRAINING], axis=0).reshape(len(SHAPES.thresholds), -1)
    assert (np.diff(shares, axis=1) <= 0).all(), "the higher a threshold, the fewer"
    assert shares.mean() == pytest.approx(0.5, abs=0.05)


def test_a_series_without_rows_and_one_that_never_changes_have_finite_features() -> None:
    for shapes in EVERY:
        assert not features(np.empty((0, 3)), shapes).any()
    for kind in (Shapes, Contests):
        still = kind.learn([np.zeros((20, 1))])
        assert np.isfinite(features(np.zeros((20, 1)), still)).all()


def test_a_contest_is_won_by_the_kernel_that_answers_most_strongly_and_lost_by_the_one_that_does_least() -> None:
    values = waves((23,), 3)[0]
    weights = np.array(CONTESTS.kernels.weights)
    groups, rivals, _ = weights.shape
    expected = np.zeros((len(CONTESTS.kernels.dilations), 2, groups, rivals))
    for at, dilation in enumerate(CONTESTS.kernels.dilations):
        for group in range(groups):
            read = values[:, list(CONTESTS.kernels.channels[at * groups + group])].sum(axis=1)
            for row in range(len(read)):
                places = [row + (tap - TAPS // 2) * dilation for tap in range(TAPS)]
                answers = weights[group] @ [read[place] if 0 <= place < len(read) else 0.0 for place in places]
                expected[at, 0, group, answers.argmax()] += answers.max() > 0
                expected[at, 1, group, answers.argmin()] += answers.min() < 0
    np.testing.assert_allclose(features(values, CONTESTS), np.sqrt(expected / 23).ravel(), atol=1e-6)


@pytest.mark.parametrize("contests", [CONTESTS, CONTESTS_OF_CHANGES])
def test_contests_do_not_see_how_large_a_series_is(contests: Contests) -> None:
    values = waves((31,), 3)[0]
    np.testing.assert_array_equal(features(1000.0 * values, contests), features(values, contests))
    assert np.abs(features(1000.0 * values) - features(values)).max() > 0.3, "thresholds do"


@pytest.mark.parametrize("level", [0.0, 3.7])
def test_nobody_wins_where_nothing_changes(level: float) -> None:
    """Whatever the last bit of an answer says."""
    flat = np.full((200, 3), level)
    inner = ShapeCounts.nothing(CONTESTS, 3).after(flat).totals
    edge = ShapeCounts.nothing(CONTESTS, 3).after(flat[:100]).totals
    np.testing.assert_array_equal(inner, edge)
    assert not features(flat, CONTESTS_OF_CHANGES).any()


@pytest.mark.parametrize("columns", [2, 40])
def test_kernels_answer_alike_whether_what_they_read_is_summed_first_or_not(columns: int) -> None:
    values = waves((30,), columns)[0]
    kernels = Contests.learn([values]).kernels
    for at, dilation in enumerate(kernels.dilations):
        answers = kernels.answers(at, values).reshape(len(kernels.weights), -1, 30 - 8 * dilation)
        for group, weights in enumerate(kernels.weights):
            read = values[:, list(kernels.channels[at * len(kernels.weights) + group])].sum(axis=1)
            for row in range(answers.shape[2]):
                expected = np.array(weights) @ read[row : row + 8 * dilation + 1 : dilation]
                np.testing.assert_allclose(answers[group, :, row], expected, atol=1e-6)


@pytest.mark.parametrize("shapes", EVERY)
def test_they_survive_json(shapes: AnyShapes) -> None:
    again = shapes_from_json(json.loads(json.dumps(shapes.to_json())), 3)
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
        shapes_from_json(SHAPES.to_json() | change, 3)


@pytest.mark.parametrize(
    "change",
    [{"weights": [[[1] * 9] * 8] * 32}, {"weights": [[[0] * 9] * 8] * 31}, {"weights": "x"}, {"scales": [1.0]}],
)
def test_a_record_of_contests_that_does_not_fit_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(InputError, match="contests"):
        shapes_from_json(CONTESTS.to_json() | change, 3)


@pytest.mark.parametrize("given", [{}, {"kind": 3}, {"kind": "other"}, None])
def test_shapes_of_no_kind_are_refused(given: dict[str, object] | None) -> None:
    with pytest.raises(InputError, match="kind"):
        shapes_from_json(given, 3)  # type: ignore[arg-type]
