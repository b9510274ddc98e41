"""Series read apart from training: found by name, refused where they hold something else."""

import re
import warnings
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from memcell.contract.errors import DataWarning, InputError
from memcell.data import Series, TableSchema, as_series
from memcell.features.conform import conformed
from memcell.features.encoding import Encoding
from memcell.features.learning import learn_recipe
from memcell.features.strange import strange_values
from memcell.tables import read

STAYS = pl.DataFrame(
    {
        "stay": [1, 1, 2, 2, 3, 3, 4, 4],
        "hour": [0, 1, 0, 1, 0, 1, 0, 1],
        "pulse": [80.0, 85.0, 70.0, 75.0, 60.0, 61.0, 90.0, 95.0],
        "ward": ["icu", "icu", "er", "er", "icu", "er", "icu", "er"],
        "note": ["all is well now", "no pain at all", "pain is back again", "some pain at night", "well again at last",
                 "all well and good", "pain at all times", "no pain again"],
        "sex": ["f", "f", "m", "m", "f", "f", "m", "m"],
        "age": [60.0, 60.0, 71.0, 71.0, 55.0, 55.0, 48.0, 48.0],
    }
)  # fmt: skip


def stays(table: pl.DataFrame = STAYS, **options: object) -> list[Series]:
    facts = [name for name in ("sex", "age") if name in table.columns]
    return read(table, id="stay", time="hour", facts=facts, **options)


def encoding_of(series: list[Series]) -> Encoding:
    schema = series[0].schema
    assert isinstance(schema, TableSchema)
    return learn_recipe(series, schema, events=False).row_encoding


@pytest.fixture(scope="module")
def known() -> Encoding:
    return encoding_of(stays())


def quietly(table: pl.DataFrame, **options: object) -> list[Series]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        return stays(table, **options)


def test_series_of_the_training_table_stay_as_they_are(known: Encoding) -> None:
    given = stays()
    found, notes = conformed(given, known)
    assert notes == []
    for one, before in zip(found, given, strict=True):
        assert one.levels == before.levels
        assert np.array_equal(one.values, before.values, equal_nan=True)


def test_values_far_out_of_range_are_told() -> None:
    a, b = np.random.default_rng(0).standard_normal((2, 60))
    known = encoding_of(read(pl.DataFrame({"i": np.arange(60) // 20, "a": a, "b": b}), id="i"))
    b[:3] = 1e6
    _, notes = conformed(read(pl.DataFrame({"i": [0] * 20, "a": a[:20], "b": b[:20]}), id="i"), known)
    assert len(notes) == 1
    assert "'b' has 3 of 20 values far from nearly all in training, such as 1e+06" in notes[0]


def test_texts_of_unknown_words_alone_are_told(known: Encoding) -> None:
    _, notes = conformed(quietly(STAYS.with_columns(note=pl.lit("qqq www rrr zzz"))), known)
    assert notes == ["'note' has no word that training knew, such as 'qqq'; all count as unknown."]


def test_a_channel_without_values_counts_as_missing(known: Encoding) -> None:
    one_patient = quietly(STAYS.with_columns(pulse=pl.lit(None, pl.Float64)).head(2))
    assert "pulse" not in one_patient[0].channels
    (found,), _ = conformed(one_patient, known)
    assert found.channels == tuple(channel.name for channel in known.channels)
    assert np.isnan(found.values[:, found.channels.index("pulse")]).all()


def test_words_without_values_count_as_missing(known: Encoding) -> None:
    table = STAYS.with_columns(ward=pl.lit(None, pl.String), sex=pl.lit(None, pl.String)).head(2)
    (found,), _ = conformed(quietly(table), known)
    assert known.facts_of(found)[:3].tolist() == [0.0, 0.0, 0.0]
    assert np.isnan(found.values[:, found.channels.index("ward")]).all()


def test_series_of_several_readings_are_each_found_by_name(known: Encoding) -> None:
    swapped = STAYS.select("note", "age", "hour", "ward", "pulse", "sex", "stay")
    parts = [stays(STAYS.head(2)), quietly(STAYS.with_columns(pulse=None)[2:4]), stays(swapped[4:6])]
    (first, second, third), _ = conformed([one for part in parts for one in part], known)
    at = first.channels.index("pulse")
    assert first.values[:, at].tolist() == [80.0, 85.0]
    assert np.isnan(second.values[:, at]).all()
    assert third.values[:, at].tolist() == [60.0, 61.0]
    assert known.facts_of(third).tolist() == known.facts_of(stays()[2]).tolist()


def test_a_channel_that_lacks_is_refused(known: Encoding) -> None:
    with pytest.raises(InputError, match="lack the channel 'pulse'"):
        conformed(stays(STAYS.drop("pulse")), known)


def test_of_named_rows_some_channels_may_lack() -> None:
    events = pl.DataFrame({"id": [1, 1, 2, 2], "time": [0, 1, 0, 1], "what": ["hr", "ph", "hr", "ph"],
                           "value": [80.0, 7.4, 70.0, 7.3]})  # fmt: skip
    roles = {"id": "id", "time": "time", "channel": "what", "value": "value"}
    known = encoding_of(read(events, **roles))
    (found,), notes = conformed(read(events.head(1), **roles), known)
    assert found.values[0].tolist()[:1] == [80.0]
    assert notes == ["No value of 'ph' in some series; it counts as missing there."]
    with pytest.raises(InputError, match="lack the channel 'hr', 'ph'"):
        conformed(read(events.with_columns(what=pl.lit("na")), **roles), known)


def test_a_fact_that_lacks_is_unknown_beside_others() -> None:
    x = [np.zeros((3, 1))] * 2
    known = encoding_of(
        _with_schema(as_series(x, facts=[{"age": 60.0, "height": 170.0}, {"age": 50.0, "height": 180.0}]))
    )
    (found,), notes = conformed(as_series(x[:1], facts=[{"height": 170.0}]), known)
    assert known.facts_of(found).tolist()[1::2] == [0.0, 1.0]  # whether each is known
    assert "'age'" in notes[0]
    with pytest.raises(InputError, match="lack the fact 'age', 'height'"):
        conformed(as_series(x[:1]), known)


def _with_schema(series: list[Series]) -> list[Series]:
    schema = TableSchema("id", None, (), series[0].channels, "order", date_only=False, facts=series[0].fact_names)
    return [Series(one.observations, one.times, one.channels, schema=schema, facts=one.facts, fact_names=one.fact_names)
            for one in series]  # fmt: skip


@pytest.mark.parametrize(
    ("table", "kinds", "message"),
    [
        (STAYS.with_columns(pulse=pl.lit("high")), {}, "'pulse' holds categories in the series, numbers in the model"),
        (STAYS.with_columns(ward=pl.lit(1.0)), {}, "'ward' holds numbers in the series, categories in the model"),
        (STAYS.with_columns(sex=pl.lit(1.0)), {}, "fact 'sex' holds numbers"),
        (STAYS, {"ward": "text"}, "'ward' holds texts in the series, categories in the model"),
    ],
    ids=["words-for-numbers", "numbers-for-words", "fact", "texts-for-categories"],
)
def test_what_holds_something_else_is_refused(known: Encoding, table: pl.DataFrame, kinds: dict, message: str) -> None:
    with pytest.raises(InputError, match=message) as refused:
        conformed(stays(table, kinds=kinds), known)
    assert "kinds={" in str(refused.value)


def test_short_texts_are_split_into_words_all_the_same(known: Encoding) -> None:
    short = STAYS.with_columns(note=pl.lit("pain again"))
    guessed, told = stays(short), stays(short, kinds={"note": "text"})
    assert guessed[0].schema.kinds["note"] == "category"
    for found, wanted in zip(conformed(guessed, known)[0], conformed(told, known)[0], strict=True):
        for one, other in zip(known.events_of(found), known.events_of(wanted), strict=True):
            assert np.array_equal(one, other)


def test_words_that_training_did_not_know_are_counted(known: Encoding) -> None:
    _, notes = conformed(stays(STAYS.with_columns(ward=pl.lit("moon"))), known)
    assert any("'ward' has 8 values that training did not know" in note for note in notes)


def test_series_to_learn_from_must_be_alike() -> None:
    x = [np.zeros((3, 1))]
    a, b = (
        as_series(x, facts=[[60.0, 1.0]], fact_names=["age", "sex"]),
        as_series(x, facts=[[60.0]], fact_names=["age"]),
    )
    with pytest.raises(InputError, match="same facts"):
        as_series(a + b)
    with pytest.raises(InputError, match="'ward' holds words in series 0 and numbers in series 4"):
        as_series(stays() + stays(STAYS.with_columns(ward=pl.lit(1.0))))


@pytest.mark.parametrize(
    ("by", "told"), [(0.0, None), (8.0, "1.[5-7] standard deviations above"), (-8.0, "1.[5-7] .* below")]
)
def test_a_channel_that_lies_elsewhere_in_many_series_is_told(by: float, told: str | None) -> None:
    random = np.random.default_rng(0)
    before, later = (random.normal(40, 5, (30, 20, 2)) for _ in range(2))
    before[0], later[0] = np.nan, np.nan
    later[:, :, 1] += by
    later[random.random(later.shape) < 0.01] *= 1e6
    known = encoding_of(as_table(before))
    _, notes = conformed(as_table(later), known)
    found = [note for note in notes if "standard deviations" in note]
    assert len(found) == (told is not None)
    assert not found or re.search(f"'x1' lies {told} its mean in training, in the mean of 29 series", found[0])
    assert not [note for note in conformed(as_table(later)[:15], known)[1] if "deviations" in note], "too few to tell"
    assert not [note for note in conformed(as_table(later), known, kept=1)[1] if "deviations" in note]


def as_table(values: np.ndarray) -> list[Series]:
    schema = TableSchema("id", "time", (), ("x0", "x1"), "number", False)
    return [replace(one, schema=schema) for one in as_series(list(values), times=[np.arange(20.0)] * len(values))]


def test_training_series_lie_where_they_lay_however_long_each_is() -> None:
    random = np.random.default_rng(0)
    arrays = [np.stack([random.normal(10.0 * (size > 100), 1, size)] * 2, axis=1) for size in [10] * 110 + [800] * 10]
    series = [replace(one, schema=TableSchema("id", None, (), ("x0", "x1"), "order", False))
              for one in as_series(arrays)]  # fmt: skip
    assert conformed(series, encoding_of(series))[1] == []


def test_many_notes_of_one_kind_are_counted() -> None:
    series = as_series(np.random.default_rng(0).normal(size=(60, 3, 12)))
    schema = TableSchema(None, None, (), series[0].channels, "order", False)
    encoding = learn_recipe(series, schema).encoding
    far = as_series(np.full((1, 3, 12), 1e4))
    notes = strange_values(encoding, far)
    assert len(notes) == 6
    assert notes[-1] == "The same is true of 7 more channels."
