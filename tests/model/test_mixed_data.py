"""Every kind of data at once: what must not matter does not, and every way to a prediction ends at the same one."""

from collections.abc import Collection
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from model.mixed_models import CHANNELS, LEVELS, MIXED, answers, mixed_series

import memcell
from memcell import InputError, Series
from memcell.data.observations import Observations
from memcell.features.learning import learn_recipe
from memcell.features.steps import Steps
from memcell.model import Model, save
from memcell.model import model as model_file
from memcell.model.stack import NativeEngine, State, answer_rows, answer_whole, run
from memcell.training.engine import TorchEngine

MODELS = {name: make() for name, make in MIXED.items()}
CAUSAL = [name for name, model in MODELS.items() if not model.config.bidirectional]


def some_series(seed: int = 0) -> list[Series]:
    rng = np.random.default_rng(seed)
    return [mixed_series(rng, rows, rows, known=rows != 5) for rows in (7, 0, 1, 30, 5, 12)]


@pytest.mark.parametrize("name", ["tag", "tag-both-ways"])
def test_rows_are_answered_in_pieces(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = MODELS[name].predict_proba(some_series())
    monkeypatch.setattr(model_file, "_ANSWERED_ROWS", 4)
    for found, wanted in zip(MODELS[name].predict_proba(some_series()), whole, strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-6)


@pytest.mark.parametrize("name", MODELS)
def test_numpy_gives_the_same_numbers_as_torch(name: str) -> None:
    model = MODELS[name]
    steps = model.recipe.apply(some_series())
    tensors = Steps(**{field.name: torch.from_numpy(getattr(steps, field.name)) for field in fields(steps)})
    for weights in model.members:
        on_torch = {key: torch.from_numpy(weight) for key, weight in weights.items()}
        x, h, state = run(model.config, weights, steps, NativeEngine())
        x_t, h_t, state_t = run(model.config, on_torch, tensors, TorchEngine())
        pairs = [(x, x_t), (h, h_t)]
        if model.config.head.whole:
            both = (weights, state, steps), (on_torch, state_t, tensors)
            pairs.append(tuple(answer_whole(model.config, *one) for one in both))
        else:
            rows = (weights, x, h, steps), (on_torch, x_t, h_t, tensors)
            pairs.append(tuple(answer_rows(model.config, *one) for one in rows))
        for found, expected in pairs:
            np.testing.assert_allclose(found, expected.numpy(), rtol=1e-5, atol=2e-5)


@pytest.mark.parametrize("name", MODELS)
def test_a_prediction_is_the_same_alone_and_in_any_batch(name: str) -> None:
    model, series = MODELS[name], some_series()
    together = answers(model, series)
    for one, expected in zip(series, together, strict=True):
        np.testing.assert_allclose(answers(model, [one])[0], expected, rtol=1e-5, atol=1e-6)
    for one, expected in zip(answers(model, series[::-1]), together[::-1], strict=True):
        np.testing.assert_allclose(one, expected, rtol=1e-5, atol=1e-6)


@settings(deadline=None, max_examples=25)
@given(st.sampled_from(sorted(MODELS)), st.integers(0, 2**32))
def test_the_order_of_observations_and_channels_leaves_no_trace(name: str, seed: int) -> None:
    model, rng = MODELS[name], np.random.default_rng(seed)
    one = mixed_series(rng, int(rng.integers(1, 15)))
    seen, shuffle = one.observations, rng.permutation(len(one.observations))
    place = rng.permutation(len(CHANNELS))
    shuffled = Observations.of(seen.row[shuffle], place[seen.channel[shuffle]], seen.value[shuffle])
    channels = tuple(np.array(CHANNELS)[np.argsort(place)].tolist())
    other = replace(one, observations=shuffled, channels=channels)
    np.testing.assert_array_equal(answers(model, [other])[0], answers(model, [one])[0])


@pytest.mark.parametrize("name", MODELS)
def test_a_channel_that_is_missing_throughout_changes_nothing(name: str) -> None:
    model = MODELS[name]
    for one in some_series():
        wider = replace(one, channels=(*one.channels, "silent"))
        np.testing.assert_array_equal(answers(model, [wider])[0], answers(model, [one])[0])


@pytest.mark.parametrize("name", CAUSAL)
def test_the_future_changes_no_earlier_answer(name: str) -> None:
    model = MODELS[name]
    rng = np.random.default_rng(3)
    one = mixed_series(rng, 12)
    later = mixed_series(rng, 12)
    for stop in range(1, 12):
        past = one.between(0, stop)
        after = later.between(stop)
        seen = after.observations.after(past.observations, stop)
        other = replace(one, observations=seen, times=np.append(past.times, one.times[stop:] + 0.7))
        if model.task == "tag":
            expected = answers(model, [one])[0][:stop]
            np.testing.assert_array_equal(answers(model, [other])[0][:stop], expected)
        else:
            streams = [model.stream(facts_of(one)) for _ in range(2)]
            for stream, series in zip(streams, (one, other), strict=True):
                feed(stream, series, stop)
            np.testing.assert_array_equal(answer(streams[0]), answer(streams[1]))


def facts_of(one: Series) -> dict[str, Any]:
    """The facts as a caller of ``stream`` writes them."""
    values = dict(zip(one.facts.channel.tolist(), one.facts.value.tolist(), strict=True))
    return {"age": values.get(0), "sex": None if 1 not in values else ("f", "m")[int(values[1])]}


def feed(stream: Any, one: Series, stop: int, asked: Collection[int] = ()) -> None:
    """The first rows of a series, one at a time, and what is predicted after some of them."""
    for t in range(stop):
        row = one.between(t, t + 1).observations
        values: dict[str, list[Any]] = {}
        for c, value in zip(row.channel, row.value, strict=True):
            name = CHANNELS[c]
            values.setdefault(name, []).append(LEVELS[name][int(value)] if name in LEVELS else value)
        stream.observe(values, one.times[t])
        if t in asked:
            answer(stream)


def answer(stream: Any) -> Any:
    return stream.predict_quantiles() if stream._model.task == "regress" else stream.predict_proba()


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(CAUSAL), st.integers(0, 2**32), st.integers(1, 12), st.sets(st.integers(0, 11)))
def test_a_stream_ends_at_the_same_prediction(name: str, seed: int, rows: int, asked: set[int]) -> None:
    model = MODELS[name]
    one = mixed_series(np.random.default_rng(seed), rows)
    stream = model.stream(facts_of(one))
    feed(stream, one, rows, asked)
    expected = answers(model, [one])[0]
    np.testing.assert_allclose(answer(stream), expected[-1] if model.task == "tag" else expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", MODELS)
def test_a_saved_model_says_the_same(name: str, tmp_path: Path) -> None:
    model, series = MODELS[name], some_series()
    save(model, tmp_path / "m")
    again = memcell.load(tmp_path / "m")
    assert (again.recipe, again.config) == (model.recipe, model.config)
    for found, expected in zip(answers(again, series), answers(model, series), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_time_in_another_unit_changes_nothing() -> None:
    rng = np.random.default_rng(4)
    series = [mixed_series(rng, 30) for _ in range(4)]
    minutes = [replace(one, times=one.times * 64) for one in series]
    schema = series[0].schema
    assert schema is not None
    one, other = (
        learn_recipe(data, schema, summary=True, cycles=(24.0 * unit,)).apply(data)
        for data, unit in ((series, 1), (minutes, 64))
    )
    for field in fields(Steps):
        np.testing.assert_allclose(getattr(other, field.name), getattr(one, field.name), atol=1e-6, err_msg=field.name)


def test_a_series_without_rows_is_known_by_its_facts() -> None:
    rng = np.random.default_rng(5)
    for name in ("classify", "multilabel", "regress"):
        model = MODELS[name]
        old, young = (replace(mixed_series(rng, 0), facts=np.array([age, 1.0])) for age in (90.0, 20.0))  # type: ignore[arg-type]
        one, other = answers(model, [old, young])
        assert np.isfinite(one).all()
        assert np.abs(one - other).max() > 1e-4
        np.testing.assert_allclose(answer(model.stream(facts_of(old))), one, rtol=1e-5, atol=1e-6)


def test_an_unknown_word_is_one_like_any_other_unknown_word() -> None:
    model = MODELS["tag"]
    rng = np.random.default_rng(6)
    one = mixed_series(rng, 8)
    names = ("er", "icu", "surgery", "moon", "mars")
    seen = one.observations
    wards = np.flatnonzero(seen.channel == 2)
    assert len(wards) > 1

    def with_ward(code: float) -> Series:
        value = seen.value.copy()
        value[wards] = code
        changed = Observations.of(seen.row, seen.channel, value)
        return replace(one, observations=changed, levels={**one.levels, "ward": names})

    icu, moon, mars = (answers(model, [with_ward(code)])[0] for code in (1.0, 3.0, 4.0))
    np.testing.assert_array_equal(moon, mars)
    assert np.abs(icu - moon).max() > 1e-4


def test_a_model_that_reads_both_ways_has_no_stream() -> None:
    with pytest.raises(InputError, match="both ends"):
        MODELS["tag-both-ways"].stream()


def test_what_a_stream_cannot_hold_is_refused() -> None:
    stream = MODELS["classify"].stream({"age": 60})
    with pytest.raises(InputError, match="no channel 'pulze'"):
        stream.observe({"pulze": 1.0}, 1.0)
    with pytest.raises(InputError, match="channel 'pulse' has 'high'"):
        stream.observe({"pulse": "high"}, 1.0)
    with pytest.raises(InputError, match="no fact 'height'"):
        MODELS["classify"].stream({"height": 1.7})


def test_the_state_that_facts_set_follows_its_equation() -> None:
    model: Model = MODELS["regress"]
    steps = model.recipe.apply(some_series())
    weights = model.members[0]
    state = State.begin(model.config, weights, steps.facts)
    both = steps.facts @ weights["layers.0.facts"].T
    np.testing.assert_allclose(state.h[0], np.tanh(both[:, :6]), rtol=1e-5)
    np.testing.assert_allclose(state.c[0], both[:, 6:], rtol=1e-5)
