"""Values in pieces: which channels have them, and what they say."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memcell import as_series
from memcell.contract import InputError
from memcell.data.schema import TableSchema
from memcell.features.channels import NumberChannel, channel_from_json, channel_to_json
from memcell.features.learning import learn_recipe
from memcell.features.pieces import knots_of, pieces
from memcell.features.recipe import Recipe

KNOTS = np.array([-2.0, 0.0, 1.0, 4.0])


def coded(random: np.random.Generator) -> NumberChannel:
    return NumberChannel.learn("antenna", random.choice([1.0, 2.0, 3.0, 7.0], 400), clipping=True, stepwise="codes")


@given(st.lists(st.floats(-2, 4), min_size=2, max_size=30).map(sorted))
def test_pieces_grow_with_the_value_and_sum_up_to_it(values: list[float]) -> None:
    found = pieces(np.array(values), KNOTS)
    assert (np.diff(found, axis=0) >= -1e-12).all()
    assert ((found >= -1) & (found <= 1)).all()
    np.testing.assert_allclose(KNOTS[0] + (found + 1) / 2 @ np.diff(KNOTS), values, atol=1e-5)


def test_a_missing_value_has_none() -> None:
    assert not pieces(np.array([np.nan]), KNOTS).any()


def test_codes_are_knots_and_told_apart_by_one_feature_each() -> None:
    channel = coded(np.random.default_rng(0))
    assert channel.knots == (1.0, 2.0, 3.0, 7.0)
    scaled = (np.array(channel.knots) - channel.center) / channel.scale
    np.testing.assert_allclose(channel.pieces_of(scaled), 2 * np.tri(4, 3, -1) - 1)


def test_which_channels_have_pieces() -> None:
    random = np.random.default_rng(0)
    flag, few, many = random.integers(0, 2, 300), random.integers(0, 16, 300), random.normal(size=300)
    assert knots_of(few.astype(float), "codes") == tuple(range(16))
    assert knots_of(random.integers(0, 17, 600).astype(float), "codes") == ()
    assert knots_of(few[:90].astype(float), "codes") == ()  # so few values may be different by coincidence
    assert knots_of(many, "codes") == knots_of(flag.astype(float), "every") == knots_of(few.astype(float), "none") == ()
    knots = knots_of(many, "every")
    assert len(knots) == 7
    assert (np.diff(knots) > 0).all()
    assert NumberChannel.learn("x", few.astype(float), clipping=True, stepwise="codes", events=True).knots == ()


def test_a_channel_with_knots_comes_back_from_json() -> None:
    channel = coded(np.random.default_rng(0))
    record = channel_to_json(channel)
    assert channel_from_json(record) == channel
    for wrong in ([1.0, 1.0, 2.0], [1.0, np.nan], ["a"], None):
        with pytest.raises(InputError):
            channel_from_json(record | {"knots": wrong})


def test_steps_and_facts_come_with_pieces_in_patches_too() -> None:
    random = np.random.default_rng(0)
    x = np.stack([random.integers(0, 4, (30, 128)), random.normal(size=(30, 128))], axis=2).astype(float)
    facts = [[float(k)] for k in random.permutation(np.arange(30) % 3)]
    series = as_series(list(x), facts=facts, fact_names=("ward",))
    schema = TableSchema(None, None, (), ("x0", "x1"), "order", False, facts=("ward",))
    recipe = learn_recipe(series, schema, merging=True, pieces=True)
    steps = recipe.apply(series)
    assert recipe.patch > 1
    steps_up = (steps.extra.reshape(-1, recipe.patch, 3) + 1) / 2
    np.testing.assert_array_equal(steps_up[: 128 // recipe.patch].sum(axis=2).ravel(), x[0, :, 0])
    assert steps.facts.shape == (30, 4)
    np.testing.assert_array_equal(((steps.facts[:, 2:] + 1) / 2).sum(axis=1), np.ravel(facts))
    assert learn_recipe(series, schema, merging=True).apply(series).extra.shape[1] == 0
    assert Recipe.from_json(recipe.to_json()) == recipe


def test_what_only_rounding_tells_apart_is_one_code() -> None:
    values = np.random.default_rng(0).choice([0.1, 0.2, 0.1 + 0.2, 0.3], 400)
    channel = NumberChannel.learn("dose", values, clipping=True, stepwise="codes")
    assert len(channel.knots) == 3
    scaled = (np.array([0.3, 0.1 + 0.2, np.float32(0.3), 0.3 + 1e-9]) - channel.center) / channel.scale
    np.testing.assert_allclose(channel.pieces_of(scaled), 1.0, atol=1e-5)
    assert (np.diff(NumberChannel.learn("dose", values, clipping=True, stepwise="every").knots) > 0.05).all()
