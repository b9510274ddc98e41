"""The page on a model: complete, self-contained, escaped, and saying what the rest of the library says."""

import re
import shutil
import subprocess
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from model.mixed_models import MIXED, mixed_series
from model.random_models import classifier, series_of
from report.pages import SECTIONS, Page, forecasts, mixed

from memcell import Series
from memcell.contract import InputError
from memcell.data import TableSchema
from memcell.data.observations import Observations
from memcell.evaluation import evaluate_forecaster, evaluate_model, reliability, score_text
from memcell.features.learning import learn_recipe
from memcell.heads import Classification
from memcell.model import Model, ModelConfig
from memcell.report import write_report
from memcell.report.document import report_on
from memcell.report.examples import examples_of
from memcell.report.findings import influence_of, parts_of_time, presence_of
from memcell.report.summaries import Summaries

HOSTILE = "<script>alert(1)</script>\"'&\u202e\x00\ud800"
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def shown(value: float) -> str:
    return "\u2013" if value != value else score_text(value)


def cells(score: Any) -> dict[str, str]:
    return {name.replace("_", " "): shown(value) for name, value in asdict(score).items()}


@pytest.mark.parametrize("name", MIXED)
@pytest.mark.parametrize("targets", [True, False], ids=["targets", "no-targets"])
def test_every_task_gives_a_whole_page(name: str, targets: bool) -> None:
    model, series = mixed(name, targets=targets)
    page = Page.of(report_on(model, series))
    assert page.sections == SECTIONS
    assert ("carry no targets" in page.text) is not targets
    if targets:
        for score, value in cells(evaluate_model(model, series)).items():
            assert page.row(score)[0] == value
    for part in ("pulse", "ward", "age", "Without a channel or fact"):
        assert part in page.text


@pytest.mark.parametrize("kind", ["order", "number", "date"])
def test_a_forecaster_has_a_page_with_forecasts(kind: str) -> None:
    model, series = forecasts(kind)
    page = Page.of(report_on(model, series))
    assert page.sections == SECTIONS
    for score, value in cells(evaluate_forecaster(model, series)).items():
        assert page.row(score)[0] == value
    assert "80 % interval and median" in page.text
    assert "3 of 5 series are drawn" in page.text


def test_naive_forecasts_are_scored_as_the_model_is() -> None:
    model, _ = forecasts()
    y = np.arange(60.0)
    series = [
        Series(np.stack([y, y, y], axis=1), np.arange(60.0), ("pulse", "pressure", "ph"), time_kind="number")  # type: ignore[arg-type]
    ]
    _, last_value, last_horizon = map(float, Page.of(report_on(model, series)).row("mae"))
    assert (last_value, last_horizon) == (2.0, 3.0)  # of a rise by 1 a step and 3 steps
    assert Page.of(report_on(model, series)).row("coverage")[1:] == ["1.0000", "1.0000"]


def test_series_too_short_to_score_a_forecast() -> None:
    model, series = forecasts()
    page = Page.of(report_on(model, series[1:3]))
    assert page.sections == SECTIONS
    assert "Nothing can be scored" in page.text
    assert "no forecast can be compared" in page.text


@pytest.mark.parametrize("name", ["classify", "multilabel", "regress", "tag"])
def test_rivals_learn_from_training_series_alone(name: str) -> None:
    model, series = mixed(name)
    _, training = mixed(name, 40, seed=6)
    page = Page.of(report_on(model, series, training=training))
    first = "ridge regression" if name == "regress" else "logistic regression"
    assert page.rows[next(k for k, row in enumerate(page.rows) if "this model" in row)] == [
        "", "this model", "constant guess", first, "boosted trees",
    ]  # fmt: skip
    name_of_score = "pinball" if name == "regress" else "log loss"
    assert all(np.isfinite(float(value)) for value in page.row(name_of_score))


def test_a_rival_finds_what_is_there_to_be_found() -> None:
    model, _ = mixed("classify")
    rng = np.random.default_rng(0)
    drawn = [mixed_series(rng, 12, k) for k in range(400)]
    highest = [np.nanmax(one.values[:, 0], initial=0.0) for one in drawn]
    series = [replace(one, label=("no", "yes")[int(most > 85)]) for one, most in zip(drawn, highest, strict=True)]
    page = Page.of(report_on(model, series[200:], training=series[:200]))
    _, constant, _, trees = map(float, page.row("accuracy"))
    assert trees > max(0.9, constant + 0.1)


def test_nothing_is_loaded_and_nothing_runs() -> None:
    model, series = mixed("classify")
    html = report_on(model, series)
    page = Page.of(html)
    assert not {tag for tag, _ in page.elements} & {"script", "link", "img", "iframe", "object", "embed", "base"}
    for tag, attributes in page.elements:
        assert not {"src", "href", "xlink:href", "srcset", "action"} & set(attributes), tag
        assert not [name for name in attributes if name.startswith("on")]
    assert not re.search(r"https?:|@import|url\(|//", html.replace("</", "").replace("/>", ""))
    assert 'name="viewport"' in html
    assert "prefers-color-scheme:dark" in html
    named = [attributes for tag, attributes in page.elements if tag == "svg" and attributes.get("role") == "img"]
    assert html.count("<figure><figcaption>") == len(named) > 5


def test_hostile_names_are_shown_as_they_are() -> None:
    rng = np.random.default_rng(2)
    names = (HOSTILE, "b" * 300, "\n")
    schema = TableSchema(HOSTILE + "i", HOSTILE + "t", (), names, "number", False, facts=(HOSTILE + "f",))
    series = [
        Series(rng.normal(size=(9, 3)), np.arange(9.0), names, f"{HOSTILE}{k}", (HOSTILE, "no")[k % 2],  # type: ignore[arg-type]
               "number", facts=np.ones(1), fact_names=schema.facts)  # type: ignore[arg-type]
        for k in range(20)
    ]  # fmt: skip
    recipe = learn_recipe(series, schema, summary=True)
    config = ModelConfig(head=Classification(("no", HOSTILE)), hidden_size=4, **recipe.widths)
    weights = {name: rng.normal(0, 0.4, shape).astype(np.float32) for name, shape in config.weight_shapes().items()}
    model = Model(recipe, config, (weights,), {"classes": {HOSTILE: 3}, "leaks": [HOSTILE], "history": HOSTILE})
    html = report_on(model, series, training=series, name=HOSTILE, source=HOSTILE)
    page = Page.of(html)
    assert page.sections == SECTIONS
    assert "<script" not in html
    assert "\x00" not in html
    assert "\u202e" not in html
    assert not {tag for tag, _ in page.elements} & {"script"}
    assert "<script>alert(1)</script>" in page.text
    html.encode()


def only_the_second_counts() -> tuple[Model, list[Series]]:
    """A model whose inputs but one have no weight."""
    model = classifier()
    weights = {name: one.copy() for name, one in model.members[0].items()}
    channels = model.config.channels
    for name, one in weights.items():
        if name.startswith("layers.0.") and one.ndim == 2 and one.shape[1] == model.config.inputs:
            one[:, [c for c in range(one.shape[1]) if c % channels != 1 or c >= 3 * channels]] = 0.0
    state = weights["state_decay.weight"]
    state[:, [0, 2]] = 0.0
    rng = np.random.default_rng(0)
    return replace(model, members=(weights,)), [series_of(rng, 20, id=k) for k in range(10)]


def test_the_answers_hang_on_the_channel_that_the_model_reads() -> None:
    model, series = only_the_second_counts()
    found = influence_of(model, series)
    assert found is not None
    assert found.names[0] == "pressure"
    assert found.changes[0] > 1e-3
    np.testing.assert_allclose(found.changes[1:], 0.0, atol=1e-7)
    assert len(found.times) == 10
    assert found.times.max() > 0


def test_influence_is_the_change_of_the_predicted_class() -> None:
    model, series = mixed("classify-events")
    found = influence_of(model, series)
    assert found is not None
    before = model.predict_proba(series)
    hidden = [replace(one, observations=one.observations.select(one.observations.channel != 3)) for one in series]
    after = model.predict_proba(hidden)
    best = before.argmax(axis=1)
    expected = np.abs(before - after)[np.arange(len(series)), best].mean()
    np.testing.assert_allclose(found.changes[found.names.index("note")], expected)


def test_reliability_does_not_depend_on_the_order_of_ties() -> None:
    right = np.array([True] * 80 + [False] * 20)
    for order in (np.arange(100), np.random.default_rng(0).permutation(100)):
        stated, true, sizes = reliability(np.full(100, 0.9), right[order])
        np.testing.assert_allclose(stated, 0.9)
        np.testing.assert_allclose(true, 0.8)
        assert sizes.tolist() == [10] * 10
    stated, true, _ = reliability(np.arange(4) / 4, np.array([0, 1, 0, 1]), 2)
    assert (stated.tolist(), true.tolist()) == ([0.125, 0.625], [0.5, 0.5])


def test_presence_counts_rows_and_facts() -> None:
    seen = Observations.of(row=[0, 0, 0, 3], channel=[0, 0, 1, 1], value=[1.0, 2.0, 3.0, 4.0])
    one = Series(seen, np.array([0.0, 1.0, 2.0, 10.0]), ("a", "b"), facts=np.ones(1), fact_names=("f",))  # type: ignore[arg-type]
    other = replace(one, facts=Observations.of([], [], []))
    found = presence_of([one, other], 2, 1)
    np.testing.assert_allclose(found.shares, [0.25, 0.5])
    np.testing.assert_allclose(found.facts, [0.5])
    assert found.by_time.shape == (2, 4)  # no more parts than a series has rows
    np.testing.assert_allclose(found.by_time[:, 0], [1 / 3, 1 / 3])
    np.testing.assert_allclose(found.by_time[:, -1], [0.0, 1.0])
    assert np.isnan(found.by_time[0, 1])
    assert parts_of_time(one, 10).tolist() == [0, 1, 2, 9]


@pytest.mark.parametrize("name", ["classify", "classify-events", "multilabel", "regress", "tag"])
def test_traces_end_at_the_prediction_of_the_whole(name: str) -> None:
    model, series = mixed(name)
    found = examples_of(model, series)
    assert 2 <= len(found) <= 4
    for example in found:
        one = example.series
        whole: Any = model.predict_quantiles([one]) if name == "regress" else model.predict_proba([one])
        last = whole[0][:, 1] if name == "regress" else whole[0][-1] if name == "tag" else whole[0]
        names = model.config.head.names if name == "regress" else [str(label) for label in model.classes]  # type: ignore[union-attr]
        for trace in example.traces:
            np.testing.assert_allclose(trace.values[-1], last[names.index(trace.name)], rtol=1e-5)
            assert len(trace.times) == len(one)


def test_examples_of_a_classifier_are_right_wrong_and_unsure() -> None:
    model, series = mixed("classify", 60)
    found = {one.why: one.series for one in examples_of(model, series)}
    assert list(found) == ["sure and right", "sure and wrong", "the least sure answer"]
    for why, right in (("sure and right", True), ("sure and wrong", False)):
        assert (model.predict([found[why]])[0] == found[why].label) == right


def wide(rng: np.random.Generator, channels: int, rows: int, count: int) -> tuple[Model, list[Series]]:
    """A model of many channels, most of whose values are missing."""
    names = tuple(f"channel {k}" for k in range(channels))
    schema = TableSchema("id", None, (), names, "order", False)
    values = rng.normal(size=(rows, channels))
    values[rng.random(values.shape) < 0.7] = np.nan
    series = [Series(values, np.arange(float(rows)), names, k, ("a", "b")[k % 2]) for k in range(count)]  # type: ignore[arg-type]
    recipe = learn_recipe(series, schema)
    config = ModelConfig(head=Classification(("a", "b")), hidden_size=4, **recipe.widths)
    weights = {name: rng.normal(0, 0.4, shape).astype(np.float32) for name, shape in config.weight_shapes().items()}
    return Model(recipe, config, (weights,), {}), series


def test_long_series_and_many_channels_are_cut_and_counted() -> None:
    html = report_on(*wide(np.random.default_rng(1), channels=60, rows=2600, count=2))
    assert "20 more channels" in html
    assert "first 2,000 rows" in html
    assert len(html) < 400_000


def test_of_very_many_channels_fewer_series_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    model, series = wide(rng, channels=60, rows=5, count=64)
    monkeypatch.setattr("memcell.report.findings._CELLS", 60 * 51 * 5 * 8)
    found = influence_of(model, series)
    assert found is not None
    assert found.series == 8
    assert not found.cut
    assert "Of 64 series 8 were tried: with 60 channels" in report_on(model, series)
    few = influence_of(*wide(rng, channels=40, rows=5, count=64))
    assert few is not None
    assert few.series == 64


@pytest.mark.parametrize("record", [
    {"history": [[{"loss": 1.0, "validation_loss": 2.0}, {"loss": 0.5, "validation_loss": 1.5}]] * 3},
    {"history": [[{"loss": 1.0}]]},
    {"history": [[]], "series": 7, "rows": 30, "classes": {"no": 3, "yes": 4}},
    {"history": [[{"loss": None}, 3, {"loss": "x"}]], "classes": 3, "labels": []},
])  # fmt: skip
def test_any_record_of_training_will_do(record: dict[str, Any]) -> None:
    model, series = mixed("classify")
    page = Page.of(report_on(replace(model, record=record), series))
    drawn = any(isinstance(epoch, dict) and epoch.get("loss") in (1.0, 0.5) for epoch in record["history"][0])
    assert ("by epoch" in page.text) is drawn


def test_series_without_a_target_among_others_are_counted() -> None:
    model, series = mixed("classify")
    some = [replace(one, label=None) if k < 4 else one for k, one in enumerate(series)]
    page = Page.of(report_on(model, some))
    assert "4 of 24 series carry no target" in page.text
    for score, value in cells(evaluate_model(model, some[4:])).items():
        assert page.row(score)[0] == value


def test_summaries_of_rows_know_nothing_of_later_ones() -> None:
    model, series = mixed("tag")
    summaries = Summaries.of(model.recipe, series)
    one = max(series, key=len)
    whole = summaries.of_rows(one)
    for stop in (1, len(one) // 2, len(one)):
        np.testing.assert_array_equal(summaries.of_rows(one.between(0, stop)), whole[:stop])


def test_what_cannot_be_written_or_read(tmp_path: Path) -> None:
    model, series = mixed("classify")
    out = tmp_path / "report.html"
    for path in (tmp_path / "report.txt", tmp_path / "no" / "report.html"):
        with pytest.raises(InputError):
            write_report(model, series, path)
    write_report(model, series, out)
    assert Page.of(out.read_text()).sections == SECTIONS
    with pytest.raises(InputError, match="exists"):
        write_report(model, series, out)
    write_report(model, series, out, overwrite=True)
    with pytest.raises(InputError, match="no series"):
        write_report(model, [], tmp_path / "other.html")
    with pytest.raises(InputError, match="'maybe'"):
        write_report(model, [replace(series[1], label="maybe")], tmp_path / "other.html")
    with pytest.raises(InputError, match="lack the channel"):
        write_report(model, [Series(np.zeros((2, 1)), np.arange(2.0), ("x",), time_kind="number")], tmp_path / "o.html")  # type: ignore[arg-type]
    forecaster, some = forecasts()
    with pytest.raises(InputError, match="Leave out `training`"):
        write_report(forecaster, some, tmp_path / "other.html", training=some)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.html"]


@pytest.mark.skipif(BROWSER is None, reason="there is no Chromium to draw the page")
@pytest.mark.parametrize("name", ["classify", "regress", "multilabel", "tag"])
def test_a_browser_draws_it_on_a_phone_without_scrolling_sideways(tmp_path: Path, name: str) -> None:
    model, series = mixed(name)
    series = [replace(one, id="x" * 200) for one in series]
    _, training = mixed(name, 40, seed=6)
    write_report(model, series, tmp_path / "report.html", training=training, name="m" * 200)
    (tmp_path / "phone.html").write_text(
        '<!DOCTYPE html><body style="margin:0"><iframe src="report.html" width="380" height="844" style="border:0">'
        "</iframe><script>onload=()=>{const e=document.querySelector('iframe').contentDocument.documentElement;"
        "const tables=[...e.querySelectorAll('.wide')].map(one=>one.scrollWidth-one.clientWidth);"
        "document.title=[e.clientWidth,e.scrollWidth,e.scrollHeight,Math.max(...tables)].join(' ')}</script>"
    )
    options = [str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
               "--allow-file-access-from-files", f"--user-data-dir={tmp_path / 'profile'}",
               "--window-size=390,844"]  # fmt: skip
    (tmp_path / "profile").mkdir()
    seen = subprocess.run(
        [*options, "--dump-dom", f"file://{tmp_path}/phone.html"], capture_output=True, text=True, timeout=120
    )
    found = re.search(r"<title>(\d+) (\d+) (\d+) (\d+)</title>", seen.stdout)
    assert found, seen.stderr[-500:]
    width, needed, height, hidden = map(int, found.groups())
    assert width == 380
    assert needed <= 380
    assert hidden == 0
    assert height > 2000
    picture = tmp_path / "phone.png"
    subprocess.run(
        [*options, f"--screenshot={picture}", f"file://{tmp_path}/report.html"], capture_output=True, timeout=120
    )
    image = pytest.importorskip("PIL.Image", reason="there is no Pillow to read the picture").open(picture)
    assert image.size == (390, 844)
    shades = np.asarray(image.convert("L"))
    assert len(np.unique(shades)) > 20
    assert 0.01 < (shades < 128).mean() < 0.5
