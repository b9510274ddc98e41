"""Several sources in one column of numbers."""

from typing import Any

import numpy as np
import polars as pl
import pytest

import memcell
from memcell import InputError, Series
from memcell.data.observations import Observations
from memcell.data.recipe import Recipe
from memcell.data.sources import sources_from_json, sources_of


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
    return Recipe.learn(series, series[0].schema, summary=True, pieces=True, sources=True, **options)  # type: ignore[arg-type]


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


def test_a_row_of_two_sources_is_of_both_and_one_without_of_none() -> None:
    recipe = learnt(read(heard()))
    schema, levels = recipe.schema, {"antenna": ("antenna 0", "antenna 2")}
    seen = Observations.of(row=[0, 1, 1, 1], channel=[1, 0, 0, 1], value=[5.0, 0.0, 1.0, 7.0])
    one = Series(seen, np.arange(2.0), schema.channels, levels=levels)
    nan = np.nan
    np.testing.assert_array_equal(
        recipe.encoding.columns_of(one), [[5.0, nan, nan, nan, nan], [7.0, nan, 7.0, nan, 7.0]]
    )


@pytest.mark.parametrize("data", [None, "loud", [["loud"]], [["loud", "moves"]], [["antenna", "loud"]], [["loud", 3]]])
def test_sources_of_a_file_must_be_there(data: object) -> None:
    channels = learnt(read(heard())).channels
    with pytest.raises(InputError, match=r"sources are .* they must be numbers and what names their sources"):
        sources_from_json(data, channels)


def test_many_sources_have_no_columns() -> None:
    series = read(heard(antennas=20, rows=400))
    assert sources_of(series, learnt(series).channels) == ()
