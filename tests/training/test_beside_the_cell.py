"""Each mechanism beside the cell on data that only it can make sense of: learnt with it, not without."""

from typing import Any

import numpy as np
from training.problems import Data, dense, score

from memcell import Series, as_series
from memcell.data.observations import Observations
from memcell.sklearn import SequenceClassifier


def bands(seed: int) -> Data:
    """Which of many narrow bands the mean lies in says the class: every other one."""
    rng = np.random.default_rng(seed)
    means = rng.uniform(0.0, 1.0, 600)
    return [dense(np.full((3, 1), mean)) for mean in means], (means * 10 % 2 < 1).astype(int)


def test_statistics_in_fine_pieces_are_learnt() -> None:
    assert score(bands, epochs=3, learning_rate=1e-3) > 0.9
    assert score(bands, epochs=3, learning_rate=1e-3, without=("fine",)) < 0.75


def peaks(seed: int) -> Data:
    """The class is whether a value near the beginning of 60 was high."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, 160)
    series = []
    for label in y:
        values = rng.normal(size=(60, 1)).clip(-2, 2)
        values[rng.integers(0, 10)] = 4.0 if label else 0.0
        series.append(dense(values))
    return series, y


def test_a_summary_remembers_what_the_state_has_lost() -> None:
    short: dict[str, Any] = {"epochs": 8, "learning_rate": 0.01}
    assert score(peaks, **short) > 0.95
    assert score(peaks, without=("summary",), **short) < 0.75


def aligned(seed: int) -> Data:
    """One row of thirty is the class."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(160, 30, 1))
    return [dense(one) for one in values], (values[:, 13, 0] > 0).astype(np.int64)


def test_a_row_that_all_series_have_is_read_as_it_is() -> None:
    assert score(aligned, epochs=8) > 0.85
    assert score(aligned, epochs=8, without=("aligned",)) < 0.7


def test_what_is_linear_is_learnt_in_no_time() -> None:
    assert score(aligned, epochs=1, learning_rate=1e-4) > 0.85
    assert score(aligned, epochs=1, learning_rate=1e-4, without=("linear",)) < 0.7


def wiggles(seed: int) -> Data:
    """Up, down and up again; or down, up and down; somewhere among noise: of the same values, without a trend, the
    order is the class."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, 60)
    series = []
    for label in y:
        values, begin = rng.normal(0, 0.3, (rng.integers(60, 70), 1)), rng.integers(10, 38)
        values[begin : begin + 12, 0] += (1 if label else -1) * np.repeat([2.0, -2.0, 2.0], [3, 6, 3])
        series.append(dense(values))
    return series, y


def test_a_shape_is_seen_wherever_it_is() -> None:
    assert score(wiggles, epochs=1, learning_rate=1e-4) > 0.9
    assert score(wiggles, epochs=1, learning_rate=1e-4, without=("shapes", "contests")) < 0.7


def currents(seed: int) -> Data:
    """Saws that rise slowly and fall at once, or the other way round, of any size from 1 to 1,000."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, 60)
    series = []
    for label in y:
        length, period = rng.integers(60, 70), rng.integers(7, 11)
        saw = (np.arange(length) + rng.integers(0, period)) % period / period
        values = (saw if label else saw[::-1]) - saw.mean() + rng.normal(0, 0.15, length)
        series.append(dense(10 ** rng.uniform(0, 3) * values[:, None]))
    return series, y


def test_a_shape_of_any_size_is_seen() -> None:
    only = ("shapes",)
    assert score(currents, epochs=1, learning_rate=1e-4, without=only) > 0.9
    assert score(currents, epochs=1, learning_rate=1e-4, without=(*only, "contests")) < 0.75


def together(seed: int) -> Data:
    """Two channels that go together, or against each other; alone each says nothing."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, 80)
    series = []
    for label in y:
        first, noise = rng.normal(size=(2, rng.integers(20, 30), 1))
        series.append(dense(np.concatenate([first, (0.5 if label else -0.5) * first + noise], axis=1)))
    return series, y


def test_channels_that_go_together_are_noticed() -> None:
    others = ("shapes", "contests")
    assert score(together, epochs=1, learning_rate=1e-4, without=others) > 0.9
    assert score(together, epochs=1, learning_rate=1e-4, without=(*others, "products")) < 0.75


def worded(seed: int) -> Data:
    """The class is the one word that is said, somewhere among others, of which each is said in few series."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(100) % 2)
    levels = {"word": tuple(f"w{k}" for k in range(202))}
    series = []
    for label in y:
        words = rng.integers(0, 200, 20)
        words[rng.integers(0, 20)] = 200 + label
        seen = Observations.of(np.arange(20), np.zeros(20, np.int64), words.astype(float))
        series.append(Series(seen, np.arange(20.0), ("word",), levels=levels, time_kind="number"))
    return series, y


def test_one_word_among_many_is_found() -> None:
    short: dict[str, Any] = {"epochs": 1, "learning_rate": 1e-4, "members": 3}
    assert score(worded, **short) > 0.85
    assert score(worded, **short, without=("words",)) < 0.65


def hidden(seed: int) -> Data:
    """Two of 200 channels say the class by their level, of 40 series."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(40) % 2)
    values = rng.normal(size=(40, 6, 200))
    values[:, :, [70, 130]] += np.where(y, 0.9, -0.9)[:, None, None]
    return [dense(one) for one in values], y


def test_two_of_many_channels_are_found() -> None:
    assert score(hidden, epochs=1, learning_rate=1e-4, members=3) > 0.95
    assert score(hidden, epochs=1, learning_rate=1e-4, members=3, without=("selection",)) < 0.85


def gappy(seed: int) -> Data:
    """The wiggles, a tenth of whose values lack, and whose times are not quite even."""
    series, y = wiggles(seed)
    rng = np.random.default_rng(seed + 10)
    values = [np.where(rng.random(one.values.shape) < 0.1, np.nan, one.values) for one in series]
    return [dense(one, np.arange(len(one)) + rng.uniform(-0.05, 0.05, len(one))) for one in values], y


def test_a_shape_is_seen_in_spite_of_gaps() -> None:
    short: dict[str, Any] = {"epochs": 1, "learning_rate": 1e-4}
    assert score(gappy, **short) > 0.9
    assert score(gappy, **short, without=("shapes", "contests")) < 0.75


def thinned(seed: int) -> Data:
    """The wiggles, of whose rows three of five are left, at their times."""
    series, y = wiggles(seed)
    rng = np.random.default_rng(seed + 10)
    left = [np.sort(rng.choice(len(one), 3 * len(one) // 5, replace=False)) for one in series]
    return [dense(one.values[k], k.astype(float)) for one, k in zip(series, left, strict=True)], y


def test_a_shape_is_seen_at_uneven_times() -> None:
    short: dict[str, Any] = {"epochs": 1, "learning_rate": 1e-4}
    assert score(thinned, **short) > 0.85
    assert score(thinned, **short, without=("shapes", "contests")) < 0.75


def test_what_lacks_at_prediction_alone_does_little() -> None:
    (x, y), (fresh, truth) = wiggles(0), gappy(1)
    model = SequenceClassifier(progress=False, members=1, epochs=1, learning_rate=1e-4).fit(
        as_series([one.values for one in x]), y
    )
    assert np.mean(model.predict(as_series([one.values for one in fresh])) == truth) > 0.9
