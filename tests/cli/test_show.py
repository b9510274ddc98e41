"""``memcell show``: what it says of a model is so, and who has the file alone can tell."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from cli.conftest import Run
from cli.tables import CLASSIFY, QUICK, csv, write

import memcell
from memcell.features.channels import NumberChannel
from memcell.model import FIT_MECHANISMS, MECHANISMS, save

pytestmark = pytest.mark.usefixtures("folder")
NUMBERS = ("--id", "stay", "--time", "hour", "--target", "x", "--target", "y", "--task", "regress")


def parts(shown: str) -> dict[str, list[str]]:
    """The lines under each title."""
    return {text.splitlines()[0]: text.splitlines()[1:] for text in shown.split("\n\n")}


def cells(lines: list[str], name: str) -> list[str]:
    """What a row says after its name."""
    (line,) = [line for line in lines if line.startswith(f"  {name} ")]
    return line.split()[1:]


def test_it_says_what_was_trained_on(run: Run) -> None:
    frame = pl.read_csv("stays.csv")
    shown = parts(run("show", "stays.memcell").out)
    known = shown["What it was trained on"]
    assert cells(known, "series") == ["12"]
    assert cells(known, "rows")[0] == "48;"
    assert int(cells(known, "observations")[0]) == frame["pulse"].count() + frame["ph"].count()
    assert cells(known, "times") == ["0", "to", "3"]
    assert "no (6 series, 50.0%), yes (6 series, 50.0%)" in "\n".join(shown["What it does"])
    values, series, center, scale, *_ = cells(shown["Channels"], "pulse")
    assert (int(values), int(series)) == (frame["pulse"].count(), frame.drop_nulls("pulse")["stay"].n_unique())
    model = memcell.load("stays.memcell")
    pulse = model.recipe.channels[model.recipe.schema.channels.index("pulse")]
    assert isinstance(pulse, NumberChannel)
    assert (float(center), float(scale)) == pytest.approx((pulse.center, pulse.scale), rel=1e-5)


def test_limits_are_in_the_unit_of_the_channel(run: Run) -> None:
    write(
        "long.csv",
        csv("stay,hour,pulse,died", ((k, t, 80 + k % 7 + t, "ab"[k % 2]) for k in range(20) for t in range(9))),
    )
    assert run("fit", "long.csv", *CLASSIFY, *QUICK, "--out", "m").code == 0
    _, _, center, scale, low, _, high, least, _, most = cells(parts(run("show", "m").out)["Channels"], "pulse")
    for times, bounds in ((10, (low, high)), (100, (least, most))):
        around = float(center) + np.array([-1, 1]) * times * float(scale)
        assert np.array(bounds, float) == pytest.approx(around, rel=1e-3)


def test_every_mechanism_is_on_or_off(run: Run) -> None:
    without = ("linear", "mask", "clipping")
    options = [part for name in without for part in ("--without", name)]
    assert run("fit", "stays.csv", *CLASSIFY, *QUICK, *options, "--out", "m").code == 0
    lines = parts(run("show", "m").out)["Mechanisms"]
    named = {line.split()[0]: line.split()[1] for line in lines if not line.startswith("   ")}
    assert {"name", *named} == {"name", *MECHANISMS, *FIT_MECHANISMS}
    for name in without:
        assert cells(lines, name)[:3] == ["off,", "as", "asked"]
    assert (named["summary"], named["input_decay"], named["facts_state"]) == ("on", "on", "off")
    assert memcell.load("m").record["without"] == sorted(without)
    assert parts(run("show", "stays.memcell").out)["Mechanisms"] != lines
    with pytest.raises(memcell.InputError, match="`mechanism` is 'linear'"):
        memcell.load("m").config.has("linear")


def test_settings_are_given_or_chosen(run: Run) -> None:
    options = ("--seed", 7, "--learning-rate", 0.01, "--class-weight", "balanced", "--members", 2)
    assert run("fit", "stays.csv", *CLASSIFY, *QUICK, *options, "--out", "m").code == 0
    how = parts(run("show", "m").out)["How it was trained"]
    given, chosen = "\n".join(how).split("chosen from the data")
    assert "seed 7" in given
    assert "learning rate 0.01" in given
    assert "batch size 8" in chosen
    assert cells(how, "class weights")[1:] == ["1,", "1"]
    assert "memcell 0.1.0" in chosen


def test_what_networks_did_is_told_of_each(run: Run) -> None:
    model = memcell.load("stays.memcell")
    how = parts(run("show", "stays.memcell").out)["How it was trained"]
    count = len(model.members)
    assert count > 1
    assert cells(how, "networks")[0] == f"{count},"
    assert cells(how, "epochs")[:count] == ["2,"] * count
    for k, one in enumerate(model.record["networks"]):
        best = int(np.argmin([epoch["validation_loss"] for epoch in model.record["history"][k]]))
        assert one["kept"] == best + 1
        assert one["loss"] == pytest.approx(model.record["history"][k][best]["validation_loss"], abs=1e-6)
        assert one["held_out"] == len(model.record["held_out"][k])
        assert sum(one["shares"].values()) == pytest.approx(1, abs=1e-3)


def test_what_is_forecast_is_told(run: Run) -> None:
    shown = parts(run("show", "co2.memcell").out)
    does = "\n".join(shown["What it does"])
    for part in ("forecast: co2, the next 4 steps", "changes over 1, 2, 3, 4 steps"):
        assert part in does
    assert "7 days" in "\n".join(shown["What it reads"])
    assert "the last 15% of each series' time" in "\n".join(shown["How it was trained"])
    assert "1958-03-29" in "\n".join(shown["What it was trained on"])


def test_numbers_and_their_errors_are_told(run: Run) -> None:
    write(
        "t.csv", csv("stay,hour,v,x,y", ((k, t, k % 5, k, 2 * k if k % 3 else "") for k in range(24) for t in range(3)))
    )
    assert run("fit", "t.csv", *NUMBERS, *QUICK, "--out", "m").code == 0
    does = "\n".join(parts(run("show", "m").out)["What it does"])
    assert "known of 24 series, median 11.5" in does
    assert "known of 16 series" in does
    assert does.count("errors on held-out series lay from -") == 2


def test_a_constant_is_called_one(run: Run) -> None:
    write("t.csv", csv("stay,hour,v,w,died", ((k, t, k + t, 3.0, "ab"[k % 2]) for k in range(12) for t in range(3))))
    assert run("fit", "t.csv", *CLASSIFY, *QUICK, "--out", "m").code == 0
    assert cells(parts(run("show", "m").out)["Channels"], "w")[2:] == ["3", "always", "the", "same", "in", "training"]


def test_many_channels_are_shown_on_request(run: Run) -> None:
    names = [f"c{k:03}" for k in range(100)]
    rows = ((k, t, "ab"[k % 2], *range(t, t + 100)) for k in range(8) for t in range(2))
    write("t.csv", csv(",".join(["stay", "hour", "died", *names]), rows))
    assert run("fit", "t.csv", *CLASSIFY, *QUICK, "--members", 1, "--out", "m").code == 0
    few, every = run("show", "m").out, run("show", "m", "--all").out
    assert "... and 40 more; --all prints them." in few
    assert [name in few for name in names] == [True] * 60 + [False] * 40
    assert all(name in every for name in names)
    assert max(map(len, few.splitlines())) < 130


@pytest.mark.parametrize("name", ["stays", "co2"])
def test_programs_get_json(run: Run, name: str) -> None:
    document = json.loads(run("show", f"{name}.memcell", "--json").out)
    model = memcell.load(f"{name}.memcell")
    assert document["record"] == model.record
    assert document["recipe"] == json.loads(json.dumps(model.recipe.to_json()))
    assert list(document["recipe"]["summary"] or ())[:2] == (["last", "mean"] if name == "stays" else [])


def emptied(record: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A record as single passes, or other programs, leave it."""
    yield {}
    for name in ("networks", "settings", "seen", "series", "classes", "versions", "without"):
        yield {key: value for key, value in record.items() if key != name}


@pytest.mark.parametrize("name", ["stays", "co2"])
def test_a_model_with_less_on_record_is_shown_too(run: Run, name: str) -> None:
    model = memcell.load(f"{name}.memcell")
    for record in emptied(model.record):
        save(replace(model, record=record), Path("less"), overwrite=True)
        shown = run("show", "less")
        assert (shown.code, shown.err) == (0, "")
        assert "Mechanisms" in parts(shown.out)
