"""What looks like a mistake in a table is told, and what does not is not."""

import numpy as np
import polars as pl
import pytest

from memcell.tables import read_table

RANDOM = np.random.default_rng(0)
ROWS = 200
PLAIN = pl.DataFrame({"id": np.arange(ROWS) // 4, "t": np.arange(ROWS) % 4, "x": RANDOM.normal(size=ROWS).round(2)})


def notes_on(table: pl.DataFrame, **roles: str) -> str:
    return " ".join(read_table(table, id="id", time="t", **roles).warnings)


@pytest.mark.parametrize("fill", [-99.0, -999.0, 9999.0, 99999999.0, 88888.0, 32767.0, 1234567.0, 6553.5, 1e9])
def test_values_that_fill_are_told(fill: float) -> None:
    table = PLAIN.with_columns(x=pl.when(pl.int_range(ROWS) % 9 == 0).then(fill).otherwise(pl.col("x")))
    assert f"'x' is {fill:.15g} in 23 of 200 values" in notes_on(table)


def test_several_values_that_fill_are_told_beside_an_outlier() -> None:
    place = pl.int_range(ROWS)
    fills = pl.when(place % 9 == 0).then(-999.0).when(place % 13 == 1).then(9999.0).when(place == 5).then(5000.0)
    notes = notes_on(PLAIN.with_columns(x=fills.otherwise(pl.col("x"))))
    assert "'x' is -999 in 23" in notes
    assert "'x' is 9999 in" in notes
    assert "5000" not in notes


@pytest.mark.parametrize("share", [0.1, 0.4, 0.86])
def test_values_that_fill_may_be_most(share: float) -> None:
    fills = pl.when(pl.Series(np.random.default_rng(1).random(ROWS) < share)).then(-9999.0)
    assert "'x' is -9999 in" in notes_on(PLAIN.with_columns(x=fills.otherwise(pl.col("x"))))


@pytest.mark.parametrize(
    "values",
    [
        RANDOM.integers(0, 100, ROWS),
        np.where(np.arange(ROWS) == 0, 999, RANDOM.integers(0, 50, ROWS)),
        RANDOM.choice([1.0, 999.5], ROWS),
        np.full(ROWS, 99.0),
        RANDOM.normal(size=ROWS) * 1e3,
        np.where(RANDOM.random(ROWS) < 0.8, 0.0, 500.0),
        np.minimum(np.exp(RANDOM.normal(size=ROWS) * 2), 40.0),
    ],
    ids=["percent", "once", "fraction", "constant", "large", "doses", "capped"],
)
def test_other_numbers_are_not(values: np.ndarray) -> None:
    assert notes_on(PLAIN.with_columns(x=pl.Series(values, dtype=pl.Float64))) == ""


@pytest.mark.parametrize("unit", ["{} mg/dL", "{}mg", "{} C", "~{}", "({})"])
def test_numbers_with_units_are_told(unit: str) -> None:
    words = [unit.format(k / 10) for k in range(ROWS)]
    assert "is read as 200 different words" in notes_on(PLAIN.with_columns(y=pl.Series(words)))


@pytest.mark.parametrize("words", [["1st", "2nd", "3rd"], [f"ward {k}" for k in range(50)], ["a", "b"]], ids=str)
def test_words_are_words(words: list[str]) -> None:
    assert notes_on(PLAIN.with_columns(y=pl.Series(RANDOM.choice(words, ROWS)))) == ""


def test_words_in_two_forms_are_told() -> None:
    table = PLAIN.with_columns(y=pl.Series(RANDOM.choice(["Yes", "yes", "no"], ROWS)))
    assert "Channel 'y' has 'Yes' and 'yes', which count as different" in notes_on(table)
    labels = PLAIN.with_columns(y=pl.Series(np.repeat(RANDOM.choice(["caf\u00e9", "cafe\u0301"], 50), 4)))
    assert "The target has" in notes_on(labels, label="y")


def test_columns_of_a_long_table_that_are_not_used_are_told() -> None:
    table = PLAIN.unpivot(index=["id", "t"]).with_columns(unit=pl.lit("mg"))
    assert "Not used: 'unit'" in notes_on(table, channel="variable", value="value")
    assert notes_on(table.drop("unit"), channel="variable", value="value") == ""


def test_clocks_that_pass_midnight_are_told() -> None:
    night = PLAIN.with_columns(t=pl.Series(["20:00", "22:00", "00:00", "02:00"] * 50))
    assert "Series whose clock goes back" in notes_on(night)
    assert notes_on(night.with_columns(t=pl.Series(["20:00", "22:00", "24:00", "26:00"] * 50))) == ""


def test_series_without_a_value_are_counted_with_those_without_a_row() -> None:
    table = PLAIN.with_columns(x=pl.when(pl.col("id") == 3).then(None).otherwise(pl.col("x")))
    assert "Series without any value in a channel: 1 (3)" in notes_on(table)


def test_facts_without_any_value_are_dropped() -> None:
    facts = pl.DataFrame({"id": range(50), "age": range(50), "note": pl.Series([None] * 50, dtype=pl.String)})
    contents = read_table(PLAIN, id="id", time="t", static=facts)
    assert contents.schema.facts == ("age",)
    assert "Dropped 'note'" in " ".join(contents.warnings)
    assert len(read_table(PLAIN, schema=contents.schema, static=facts.drop("note")).series) == 50


def test_facts_alone_can_be_predicted_from() -> None:
    facts = pl.DataFrame({"id": range(50), "age": range(50)})
    targets = pl.DataFrame({"id": range(50), "y": [0, 1] * 25})
    contents = read_table(PLAIN, id="id", time="t", static=facts, targets=targets, label="y")
    assert len(read_table(PLAIN.clear(), schema=contents.schema, static=facts).series) == 50
