"""Several sources in one column of numbers."""

from typing import Any

import numpy as np
import polars as pl
import pytest

import memcell
from memcell import InputError, Series
from memcell.data.observations import Observations
from memcell.features.learning import learn_recipe
from memcell.features.recipe import Recipe
from memcell.features.sources import categories_from_json, sources_from_json, sources_of
from memcell.sklearn import SequenceClassifier


def heard(seed: int = 0, count: int = 6, rows: int = 60, antennas: int = 3) -> pl.DataFrame:
    """Which antenna heard a tag and how loudly, which hangs on the antenna; how the tag moves, which does not."""
    random = np.random.default_rng(seed)
    of_antenna = random.normal(size=(count, 1, antennas)) + 0.1 * random.normal(size=(count, rows, antennas))
    antenna = random.integers(0, antennas, (count, rows))
    loud = np.take_along_axis(of_antenna, antenna[:, :, None], axis=2)
    moves = np.cumsum(0.1 * random.normal(size=(count, rows)), axis=1)
    return pl.DataFrame(
        {
            "id": np.repeat(np.arange(count), rows), "time": np.tile(np.arange(rows), count),
            "antenna": antenna.ravel(), "loud": loud.ravel(), "moves": moves.ravel(),
        }
    )  # fmt: skip


def read(frame: pl.DataFrame, words: bool = True) -> list[Series]:
    named = pl.format("antenna {}", "antenna") if words else pl.col("antenna")
    return memcell.read(frame.with_columns(named.alias("antenna")), id="id", time="time")


def learnt(series: list[Series], **options: Any) -> Recipe:
    return learn_recipe(series, series[0].schema, **{"summary": True, "pieces": True, "sources": True} | options)  # type: ignore[arg-type]


@pytest.mark.parametrize("words", [True, False])
@pytest.mark.parametrize("by_row", [True, False])
def test_what_hangs_on_the_source_is_told_from_what_does_not(words: bool, by_row: bool) -> None:
    recipe = learnt(read(heard(), words), by_row=by_row)
    assert recipe.sources == (("loud", "antenna"),)
    assert Recipe.from_json(recipe.to_json()) == recipe
    assert recipe.widths["channels"] == (5 if words else 6)
    assert learnt(read(heard(rows=8), words), by_row=by_row).sources == (), "too few rows to tell"


@pytest.mark.parametrize("words", [True, False])
def test_each_source_has_a_column_of_its_own(words: bool) -> None:
    frame = heard(antennas=4)
    recipe = learnt(read(frame, words))
    unknown = pl.when(pl.col("time") % 7 == 0).then(99).otherwise(pl.col("antenna"))  # to training, now and then
    frame = frame.with_columns(unknown.alias("antenna"))
    for one, rows in zip(read(frame, words), frame.partition_by("id"), strict=True):
        found = recipe.encoding.columns_of(one)
        loud, antenna = rows["loud"].to_numpy(), rows["antenna"].to_numpy()
        expected = np.where(antenna[:, None] == np.arange(4), loud[:, None], np.nan)
        np.testing.assert_array_equal(found[:, -4:], expected)
        np.testing.assert_array_equal(found[:, -6:-4], rows[["loud", "moves"]].to_numpy())
        steps = recipe.apply([one])
        np.testing.assert_array_equal(steps.mask[:, -4:], ~np.isnan(expected))


def test_a_row_of_two_sources_and_one_without_are_of_none() -> None:
    recipe = learnt(read(heard()))
    schema, levels = recipe.schema, {"antenna": ("antenna 0", "antenna 2")}
    seen = Observations.of(row=[0, 1, 1, 1], channel=[1, 0, 0, 1], value=[5.0, 0.0, 1.0, 7.0])
    one = Series(seen, np.arange(2.0), schema.channels, levels=levels)
    found = recipe.encoding.columns_of(one)
    assert found[:, 0].tolist() == [5.0, 7.0]
    assert np.isnan(found[:, 2:]).all()


@pytest.mark.parametrize("data", [None, "loud", [["loud"]], [["loud", "moves"]], [["antenna", "loud"]], [["loud", 3]]])
def test_sources_of_a_file_must_be_there(data: object) -> None:
    channels = learnt(read(heard())).channels
    with pytest.raises(InputError, match=r"sources are .* they must be numbers and what names their sources"):
        sources_from_json(data, channels)


def test_many_sources_have_no_columns() -> None:
    series = read(heard(antennas=20, rows=400))
    assert sources_of(series, learnt(series).channels) == ()


def test_sources_are_told_where_the_number_is() -> None:
    """Most rows are of another channel, at times of its own."""
    frame = heard().with_columns(pl.col("time") * 3.0, pl.lit(None, pl.Float64).alias("moves"))
    others = pl.DataFrame({"id": np.repeat(np.arange(6), 120), "time": np.tile(np.arange(120) * 1.5 + 0.1, 6)})
    rest = others.with_columns(antenna=None, loud=None, moves=pl.Series(np.random.default_rng(0).normal(size=720)))
    series = read(pl.concat([frame.with_columns(pl.col("antenna").cast(pl.Int64)), rest], how="vertical_relaxed"))
    assert learnt(series).sources == (("loud", "antenna"),)


def test_ranges_of_a_number_are_no_sources_of_it() -> None:
    random = np.random.default_rng(0)
    values = random.normal(size=(20, 60))
    zones = np.digitize(values, [-1.0, -0.3, 0.3, 1.0])
    frame = pl.DataFrame(
        {"id": np.repeat(np.arange(20), 60), "time": np.tile(np.arange(60), 20), "antenna": zones.ravel(),
         "loud": values.ravel()}
    )  # fmt: skip
    assert learnt(read(frame)).sources == ()


def test_long_and_even_series_are_read_in_patches_and_their_sources_are_none() -> None:
    random = np.random.default_rng(0)
    codes = random.integers(0, 4, (20, 100))
    x = [np.column_stack([code, 5.0 * code * level + random.normal(size=100)]) for code, level in
         zip(codes, random.normal(size=20), strict=True)]  # fmt: skip
    for without in ((), ("merging",)):
        estimator = SequenceClassifier(members=1, epochs=1, progress=False, without=without).fit(x, [0, 1] * 10)
        recipe = estimator.model_.recipe
        assert (recipe.patch > 1, recipe.sources) == ((True, ()) if not without else (False, (("x1", "x0"),)))


def test_shapes_are_of_the_channels_that_are_followed_whatever_sources_there_are() -> None:
    frame = heard(antennas=4)
    recipe = learnt(read(frame), shapes=True)
    assert recipe.sources
    assert {c for one in recipe.shapes for chosen in one.kernels.channels for c in chosen} == {0, 1}


def test_each_word_of_a_category_has_a_column_where_rows_have_labels() -> None:
    series = read(heard(antennas=4))
    recipe = learnt(series, by_row=True, sources=False, categories=True)
    assert recipe.categories == ("antenna",)
    assert Recipe.from_json(recipe.to_json()) == recipe
    for one, rows in zip(series, heard(antennas=4).partition_by("id"), strict=True):
        found = recipe.apply([one])
        named = rows["antenna"].to_numpy()[:, None] == np.arange(4)
        np.testing.assert_array_equal(found.values[:, -4:], named)
        np.testing.assert_array_equal(found.mask[:, -4:], 1)
    assert learnt(series, by_row=True, categories=True).categories == (), "its sources have columns"
    assert learnt(series, by_row=False, sources=False, categories=True).categories == ()
    assert learnt(read(heard(antennas=9)), by_row=True, sources=False, categories=True).categories == (), (
        "too many words"
    )
    assert learnt(read(heard(), words=False), by_row=True, categories=True).categories == (), "codes come in pieces"


def test_a_row_of_two_words_names_none() -> None:
    recipe = learnt(read(heard()), by_row=True, sources=False, categories=True)
    seen = Observations.of(row=[0, 1, 1], channel=[0, 0, 0], value=[1.0, 0.0, 1.0])
    one = Series(seen, np.arange(3.0), recipe.schema.channels, levels={"antenna": ("antenna 0", "antenna 2")})
    found = recipe.encoding.columns_of(one)[:, -3:]
    assert found[0].tolist() == [0.0, 0.0, 1.0]
    assert np.isnan(found[1:]).all()


@pytest.mark.parametrize("data", [None, "antenna", ["loud"], ["nothing"], [3]])
def test_categories_of_a_file_must_be_there(data: object) -> None:
    channels = learnt(read(heard())).channels
    with pytest.raises(InputError, match=r"categories are .* they must be channels of categories"):
        categories_from_json(data, channels)
