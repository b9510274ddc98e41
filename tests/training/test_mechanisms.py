"""Each mechanism on data that only it can make sense of: learnt with it, not without."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from training.problems import Data, dense, score

from memcell import Series, as_series
from memcell.data.observations import Observations
from memcell.sklearn import SequenceClassifier, SequenceTagger

WITHOUT_SUMMARY = ("summary",)


def missing(seed: int) -> Data:
    """Whether the second channel is seen in one row of five is the class; what is seen is always 0."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, 160)
    series = []
    for label in y:
        values = rng.normal(size=(5, 2))
        values[rng.integers(0, 5) if label else slice(None), 1] = np.nan
        values[:, 1] *= 0.0
        series.append(dense(values))
    return series, y


def test_that_a_value_is_missing_is_learnt() -> None:
    assert score(missing, without=WITHOUT_SUMMARY) > 0.9
    rest = ("mask", "since", "input_decay", "state_decay", "summary")
    assert score(missing, without=rest) < 0.7


def gaps(seed: int) -> Data:
    """The class is whether the one long gap comes before or after the spike, which must be forgotten or not."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, 160)
    series = []
    for label in y:
        times = np.cumsum(np.where(np.arange(6) == (4 if label else 1), 20.0, 1.0))
        values = rng.normal(0, 0.1, (6, 1))
        values[2] += 1.0
        series.append(dense(values, times))
    return series, y


def test_uneven_gaps_are_learnt() -> None:
    assert score(gaps, without=WITHOUT_SUMMARY) > 0.9
    assert score(gaps, without=(*WITHOUT_SUMMARY, "since", "input_decay", "state_decay", "time_decay")) < 0.7


def bursts(seed: int) -> Data:
    """The class is whether rows come in bursts; how many there are, how long it takes, and their values say nothing."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(160) % 2)
    series = []
    for label in y:
        gaps = rng.gamma(0.7 if label else 2.5, size=30)
        times = np.cumsum(gaps / gaps.mean()) * rng.uniform(0.5, 2.0)
        series.append(dense(rng.normal(size=(30, 1)), times))
    return series, y


def test_whether_rows_come_in_bursts_is_learnt() -> None:
    short: dict[str, Any] = {"epochs": 3, "learning_rate": 1e-3}
    assert score(bursts, **short) > 0.9
    assert score(bursts, **short, without=("gaps",)) < 0.75


def marked(seed: int) -> Data:
    """The class is the value in the one row of 128 that is marked."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, 600)
    series = []
    for label in y:
        values = np.stack([rng.choice([-1.0, 1.0], 128), np.zeros(128)], axis=1)
        values[rng.integers(0, 128)] = 2.0 * label - 1, 1.0
        series.append(dense(values))
    return series, y


def test_one_row_of_many_is_learnt_within_patches() -> None:
    assert score(marked, without=WITHOUT_SUMMARY, learning_rate=0.005) > 0.9
    assert score(marked, without=(*WITHOUT_SUMMARY, "local"), learning_rate=0.005) < 0.7


def sets(seed: int) -> Data:
    """One time, many values: the class is whether they lie near -1 and 1 or near 0, and their mean says nothing."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, 160)
    series = []
    for label in y:
        count = 2 * int(rng.integers(3, 6))
        value = rng.normal(0, 0.2, count) + (np.resize([-1.0, 1.0], count) if label else 0.0)
        seen = Observations.of(np.zeros(count), np.zeros(count), value)
        series.append(Series(seen, np.zeros(1), ("x0",), time_kind="number"))
    return series, y


def test_a_set_at_one_time_is_more_than_its_mean() -> None:
    assert score(sets) > 0.9, "events, because there are sets"
    assert score(sets, events=False) < 0.75


def words(seed: int) -> Data:
    """The class is a word, among numbers that say nothing."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, 120)
    names = ("calm", "fever", "moon")
    series = []
    for label in y:
        seen = Observations.of([0, 1, 1, 2], [0, 0, 1, 0], [*rng.normal(size=2), (1.0, 0.0)[label], rng.normal()])
        one = Series(seen, np.arange(3.0), ("x0", "word"), time_kind="number", levels={"word": names})
        series.append(one)
    return series, y


def test_words_are_learnt_beside_numbers() -> None:
    assert score(words) > 0.95
    x, _ = words(0)
    numbers_only = [replace(one, observations=one.observations.select(one.observations.channel == 0)) for one in x]
    assert all(len(one.observations) == 3 for one in numbers_only)
    assert score(lambda seed: ([replace(one, observations=one.observations.select(one.observations.channel == 0))
                                for one in words(seed)[0]], words(seed)[1])) < 0.7  # fmt: skip


def turned(seed: int) -> Data:
    """The sign of a channel is the class, or its opposite where a fact says so."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, 200)
    series = []
    for label in y:
        fact = rng.integers(0, 2)
        values = rng.normal(0, 0.2, (4, 1)) + (1.0 if label != fact else -1.0)
        series.append(dense(values, facts=np.array([float(fact)]), fact_names=("turned",)))
    return series, y


def test_facts_turn_what_is_seen() -> None:
    assert score(turned, without=WITHOUT_SUMMARY) > 0.9
    assert score(turned, without=(*WITHOUT_SUMMARY, "facts_state")) < 0.75, "a sum of both cannot say it"


def clock(seed: int) -> Data:
    """The class is whether the last row falls into the first half of a day of 24, on any of many days."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, 200)
    series = []
    for label in y:
        end = 24.0 * rng.integers(40, 400) + rng.uniform(1, 11) + (0.0 if label else 12.0)
        times = end - np.array([9.0, 5.0, 2.0, 0.0]) * rng.uniform(5, 50)
        series.append(dense(rng.normal(size=(4, 1)), times))
    return series, y


def test_the_time_of_day_is_learnt_from_its_cycle() -> None:
    assert score(clock, cycles=(24.0,)) > 0.9
    assert score(clock) < 0.7


def levels_of(seed: int, wild: bool) -> Data:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, 200)
    series = []
    for label in y:
        values = rng.normal(1.5 * label, 1.0, (12, 2))
        if wild:
            values[rng.random(values.shape) < 0.05] *= 1e6
        series.append(dense(values))
    return series, y


def tags_of(random: np.random.Generator, count: int) -> tuple[list[Series], list[Any]]:
    """Noise of which each row is tagged by whether the mean of the rows up to it is above 0."""
    x = random.normal(size=(count, 200, 1))
    return [dense(one) for one in x], list(np.where(x[:, :, 0].cumsum(axis=1) > 0, "above", "below"))


def test_a_tagger_knows_what_the_rows_so_far_come_to() -> None:
    (x, y), fresh = tags_of(np.random.default_rng(0), 40), tags_of(np.random.default_rng(1), 40)

    def right(**options: Any) -> float:
        tagger = SequenceTagger(members=1, hidden_size=8, epochs=25, progress=False, **options)  # type: ignore[arg-type]
        return tagger.fit(x, y).score(*fresh)

    assert right() > 0.95
    assert right(without=WITHOUT_SUMMARY) < 0.92


def test_facts_reach_every_row() -> None:
    """The tag of a row is its sign, turned round where a fact says so, however long ago the series began."""
    random = np.random.default_rng(0)
    x, turned = random.normal(size=(80, 60, 1)), np.arange(80) % 2
    y = [np.where((one[:, 0] > 0) ^ bool(turn), "up", "down") for one, turn in zip(x, turned, strict=True)]
    series = [dense(one, facts=[float(turn)], fact_names=("turned",)) for one, turn in zip(x, turned, strict=True)]

    def right(*without: str) -> float:
        tagger = SequenceTagger(members=1, hidden_size=8, epochs=60, progress=False, without=("facts_state", *without))
        return tagger.fit(series[:60], y[:60]).score(series[60:], y[60:])

    assert right() > 0.9
    assert right("summary") < 0.7


@pytest.mark.parametrize("look_ahead", [False, True])
def test_a_tag_that_is_told_by_how_much_a_sensor_trembles(look_ahead: bool) -> None:
    def stretches(seed: int) -> tuple[list[Any], list[Any]]:
        rng = np.random.default_rng(seed)
        tags = [np.repeat(rng.integers(0, 2, 6), 20) for _ in range(40)]
        return as_series([rng.normal(size=(120, 1)) * np.where(tag, 1.0, 0.3)[:, None] for tag in tags]), tags

    (x, y), (x_test, y_test) = stretches(0), stretches(1)

    def right(*without: str) -> float:
        tagger = SequenceTagger(
            members=1, epochs=30, hidden_size=8, progress=False, bidirectional=look_ahead, without=without
        ).fit(x, y)
        return float((np.concatenate(tagger.predict(x_test)) == np.concatenate(y_test)).mean())

    assert right() > 0.9
    assert right("pieces", "windows") < right("pieces") - 0.02


def test_codes_among_numbers_are_learnt_from_few_rows() -> None:
    """The tag of a row is told by whether the code of its antenna is even."""

    def some(seed: int) -> tuple[list[Any], list[Any]]:
        codes = np.random.default_rng(seed).integers(1, 9, (20, 40))
        return as_series([one[:, None].astype(float) for one in codes]), [
            np.where(one % 2, "odd", "even") for one in codes
        ]

    (x, y), (x_test, y_test) = some(0), some(1)

    def right(*without: str) -> float:
        tagger = SequenceTagger(
            members=1, epochs=60, learning_rate=0.02, hidden_size=8, progress=False, without=without
        )
        return tagger.fit(x, y).score(x_test, y_test)

    assert right() > 0.95
    assert right("pieces") < 0.85


def test_how_often_each_code_comes_is_learnt() -> None:
    """Of a series as a whole the class is whether even codes or odd ones come more often."""

    def some(seed: int) -> Data:
        rng = np.random.default_rng(seed)
        y = np.arange(160) % 2
        odd = rng.random((160, 30)) < np.where(y, 0.65, 0.35)[:, None]
        return [dense(one[:, None]) for one in 2.0 * rng.integers(0, 4, (160, 30)) + odd], y

    assert score(some) > 0.85
    assert score(some, without=("pieces",)) < 0.75


def heard(seed: int) -> Data:
    """The class is which of the first two of six antennas hears a tag louder; each has a level of its own in each
    series."""
    rng = np.random.default_rng(seed)
    y, antennas, series = np.arange(160) % 2, tuple("abcdef"), []
    for label in y:
        level = rng.normal(0, 3, 6)
        level[:2] = np.sort(level[:2])[:: 1 if label else -1]
        antenna = rng.integers(0, 6, 30)
        loud = level[antenna] + rng.normal(0, 0.3, 30)
        seen = Observations.of(np.tile(np.arange(30), 2), np.repeat([0, 1], 30), np.concatenate([antenna, loud]))
        series.append(Series(seen, np.arange(30.0), ("antenna", "loud"), levels={"antenna": antennas}))
    return series, y


def test_what_each_of_several_sources_says_is_learnt() -> None:
    assert score(heard, members=2) > 0.9
    assert score(heard, members=2, without=("sources",)) < 0.75


def habits(seed: int, customers: int) -> tuple[list[Series], list[list[str]]]:
    """Each customer likes one of six brands; what is bought next is told by what was bought most, not by the last."""
    rng, brands = np.random.default_rng(seed), tuple("abcdef")
    series: list[Series] = []
    tags: list[list[str]] = []
    for _ in range(customers):
        bought = np.where(rng.random(31) < 0.5, rng.integers(0, 6), rng.integers(0, 6, 31))
        seen = Observations.of(np.arange(30), np.zeros(30), bought[:-1])
        series.append(Series(seen, np.arange(30.0), ("brand",), levels={"brand": brands}))
        tags.append([brands[one] for one in bought[1:]])
    return series, tags


def test_how_often_each_word_came_is_learnt_for_labels_of_rows() -> None:
    (series, tags), (fresh, truth) = habits(0, 20), habits(1, 60)
    right: list[float] = []
    for without in ((), ("categories",)):
        model = SequenceTagger(members=1, epochs=60, progress=False, without=without).fit(series, tags)
        found = np.array(model.predict(fresh))[:, 10:]
        right.append(float(np.mean(found == np.array(truth)[:, 10:])))
    assert right[0] > 0.38
    assert right[0] > right[1] + 0.08


def test_impossible_values_at_prediction_do_little() -> None:
    x, y = levels_of(0, wild=False)
    fresh, truth = levels_of(1, wild=False)
    wild, _ = levels_of(1, wild=True)
    lost = {}
    for without in ((), ("clipping",)):
        settings: dict[str, Any] = {
            "members": 1,
            "hidden_size": 8,
            "epochs": 15,
            "learning_rate": 0.01,
            "progress": False,
        }
        model = SequenceClassifier(without=without, **settings).fit(x, y)
        lost[without] = np.mean(model.predict(fresh) == truth) - np.mean(model.predict(wild) == truth)
    assert lost[()] < 0.02
    assert lost[("clipping",)] > 0.1


@pytest.mark.parametrize("events", [True, False])
def test_many_sparse_channels_take_memory_for_what_is_filled(events: bool) -> None:
    def some(seed: int) -> Data:
        """Which of two channels has six values, among forty of any, is the class."""
        rng = np.random.default_rng(seed)
        names = tuple(f"c{k}" for k in range(2000))
        y = rng.integers(0, 2, 60)
        series = []
        for label in y:
            channel = np.append(rng.integers(0, 2000, 40), np.full(6, 7 + label))
            seen = Observations.of(rng.integers(0, 10, 46), channel, rng.normal(size=46))
            series.append(Series(seen, np.arange(10.0), names, time_kind="number"))
        return series, y

    series, y = some(0)
    model = SequenceClassifier(
        epochs=2, events=None if events else False, progress=False, without=("merging", "summary")
    )
    recipe = model.fit(series, y).model_.recipe
    read = np.array([not one.silent for one in recipe.channels])  # a third is in none of the series it was learnt from
    assert 1000 < read.sum() < 2000
    steps = recipe.apply(series)
    if events:
        assert steps.values.shape == (600, 0)
        assert len(steps.event_row) == sum(int(read[one.observations.channel].sum()) for one in series)
        learnt = SequenceClassifier(members=1, epochs=30, patience=30, learning_rate=0.02, progress=False)
        fresh, truth = some(50)
        assert np.mean(learnt.fit(series, y).predict(fresh) == truth) > 0.85
    else:
        assert steps.values.shape == (600, read.sum())
