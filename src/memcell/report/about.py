"""What the model is, in plain words, and how its training went."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from memcell.data import Series
from memcell.features.channels import Channel, WordChannel
from memcell.model import Model
from memcell.model.description import described
from memcell.model.spans import usual_step
from memcell.report.charts import Line, Panel, panels
from memcell.report.page import Html, bold, details, escaped, number, paragraph, section, short, table

__all__ = ["head", "learning"]

_NAMED = 12  # classes, channels or words that are named in a sentence
_LISTED = 40
_FEW = 3  # epochs, up to which they are dotted
_DRAWN = 12  # networks whose curves are drawn
_PARTS = ("How it was trained", "Mechanisms")


def head(model: Model, series: list[Series], source: str) -> list[Html]:
    """What the model does, what it was trained on, and which data the report is about."""
    rows = sum(map(len, series))
    observed = sum(len(one.observations) for one in series)
    name = escaped(source or "the data")
    data = Html(
        f"This page reports on {bold(name)}: {_count(len(series), 'series', 'series')}, {_count(rows, 'row')}, "
        f"{_count(observed, 'observation')}{_sets(series)}."
    )
    schema = model.recipe.schema
    known = [
        ("series named by", schema.id or "nothing: the table is one series"),
        ("time", f"{schema.time} ({schema.time_kind}s)" if schema.time else "the order of rows"),
        ("usual step", usual_step(model.recipe)),
        ("networks", _networks(model)),
        ("gates see the cell", f"peepholes: {model.config.spec.peephole}"),
    ]
    suspicious = [
        paragraph(said.format(_named(found)), note=True)
        for name, said in _SUSPICIOUS.items()
        if isinstance(found := model.record.get(name), Sequence) and found
    ]
    return [
        paragraph(_task(model), _reads(model)),
        paragraph(_trained(model)),
        *suspicious,
        paragraph(data),
        table(("", ""), known, "The model", numbers=False),
        *(
            details(part.title, table(part.header or ("", ""), part.rows, part.title, numbers=False))
            for part in described(model)
            if part.title in _PARTS
        ),
        _listed("channels", model.recipe.channels, model.record.get("seen")),
        _listed("facts", model.recipe.facts, model.record.get("facts_seen")),
    ]


_SUSPICIOUS = {
    "leaks": "Whether {} is missing tells what is to be learnt. Is it known beforehand?",
    "copies": "{} tells exactly what is to be learnt. Is it a copy of the target?",
}


def _sets(series: list[Series]) -> str:
    """How many values share their row and channel with another."""
    words = np.array([name in series[0].levels for name in series[0].channels], bool) if series else np.empty(0, bool)
    beside = sum(one.observations.select(~words[one.observations.channel]).surplus for one in series)
    return f", {beside:,} of them beside another one of the same channel and time, read as sets" if beside else ""


def learning(model: Model) -> Html:
    """The losses of every epoch of each network."""
    title = "How training went"
    runs = [(k, _losses(run, "loss"), _losses(run, "validation_loss")) for k, run in enumerate(_history(model))]
    runs = [(k, training, held_out) for k, training, held_out in runs if training or held_out]
    if not runs:
        return section("learning", title, paragraph("The model carries no record of its training losses."))
    shown, style = runs[:_DRAWN], "line" if len(runs) < 3 else "thin"
    if max(max(len(training), len(held_out)) for _, training, held_out in shown) < _FEW:
        style = "line-dots"
    lines = [Line("training", range(1, len(loss) + 1), loss, 1, style) for _, loss, _ in shown]
    lines += [Line("validation", range(1, len(loss) + 1), loss, 2, style) for _, _, loss in shown if loss]
    best = [(int(np.nanargmin(loss)) + 1, float(np.nanmin(loss))) for _, _, loss in shown if _known(loss)]
    if best:
        lines.append(Line("kept", [epoch for epoch, _ in best], [loss for _, loss in best], 2, "dots"))
    low, high = _shown_range([loss for _, *both in shown for loss in both])
    several = f" of {len(shown)} networks" if len(shown) > 1 else ""
    left_out = f" {len(runs) - len(shown)} more networks are not drawn." if len(runs) > len(shown) else ""
    return section(
        "learning",
        title,
        paragraph(
            f"Training loss falls as the network fits what it is shown; validation loss is of {_held_out(model)}"
            f"{left_out}"
            if best
            else f"Nothing was held out, so training loss is all there is.{left_out}"
        ),
        panels(f"Loss{several} by epoch", [Panel("loss", lines, 190, (low, high))], "epoch"),
    )


def _held_out(model: Model) -> str:
    if model.task == "forecast":
        return (
            "the last part of the time, which it was not shown. After as many steps as had the lowest (the dot) it was "
            "trained anew on all rows."
        )
    return "series it was not shown, and training keeps the weights with the lowest (the dots)."


def _task(model: Model) -> str:
    names = getattr(model.config.head, "names", ())
    if model.task == "classify":
        return f"This model gives each series one of {len(model.classes)} classes: {_named(model.classes)}."
    if model.task == "multilabel":
        return f"This model says of each series which of {len(model.classes)} labels it has: {_named(model.classes)}."
    if model.task == "tag":
        return f"This model gives each row of a series one of {len(model.classes)} classes: {_named(model.classes)}."
    if model.task == "regress":
        return f"This model predicts {_named(names)} of each series: a mean, a median and an 80 % interval."
    target = model.recipe.target
    assert target is not None
    steps = f"next {target.horizon} steps" if target.horizon > 1 else "next step"
    name = short(model.recipe.channels[target.channel].name, 40)
    return f"This model forecasts the {steps} of {name}, as a median with an 80 % interval."


def _reads(model: Model) -> str:
    channels, facts = model.recipe.channels, model.recipe.facts
    parts = [f"{_count(len(channels), 'channel')} ({_named([one.name for one in channels])})"] if channels else []
    parts += [f"{_count(len(facts), 'fact')} ({_named([one.name for one in facts])})"] if facts else []
    return f"It reads {' and '.join(parts)}, with whatever is missing in them."


def _trained(model: Model) -> str:
    record = model.record
    words = (("series", "series", "series"), ("rows", "row", "rows"))
    on = " with ".join(_count(record[name], *forms) for name, *forms in words if _whole(record.get(name)))
    classes = record.get("classes") or record.get("labels")
    if isinstance(classes, Mapping) and 0 < len(classes) <= _NAMED and all(map(_whole, classes.values())):
        on += " (" + ", ".join(f"{short(name, 30)}: {count:,}" for name, count in classes.items()) + ")"
    text = f"It was trained on {on}." if on else "What it was trained on is not on record."
    if _whole(record.get("validation_series")):
        several = "Each network held" if len(_history(model)) > 1 else "The network held"
        held = _count(record["validation_series"], "series", "series")
        text += f" {several} {held} of them out to decide when to stop."
    if record.get("interrupted") is True:
        text += " Training was interrupted, and the best network so far kept."
    return text


def _networks(model: Model) -> str:
    config = model.config
    weights = sum(one.size for one in model.members[0].values())
    ways = ", read from both ends" if config.bidirectional else ""
    layers = f"{_count(config.num_layers, 'layer')} of {_count(config.hidden_size, 'LSTM unit')}{ways}"
    average = f"the average of {config.members}, each " if config.members > 1 else ""
    return f"{average}{layers}, {_count(weights, 'weight')}"


def _listed(what: str, known: tuple[Channel, ...], seen: Any) -> Html:
    if not known:
        return Html("")
    record = seen if isinstance(seen, Mapping) else {}
    rows = [(short(one.name, 60), one.kind, _contents(one, record.get(one.name, ()))) for one in known[:_LISTED]]
    more = paragraph(f"{len(known) - _LISTED} more are not listed.", note=True) if len(known) > _LISTED else Html("")
    title = f"{'Channels' if what == 'channels' else 'Facts'} as training saw them"
    return details(title, table(("name", "kind", "values"), rows, title, numbers=False), more)


def _contents(one: Channel, seen: Sequence[Any]) -> str:
    """What a channel holds, where on record with values, series, the least and the largest."""
    if isinstance(one, WordChannel):
        return f"{_count(len(one.words), 'word')}: {_named(one.words)}" if one.words else "no known words"
    if one.silent:
        return "none in training; it is not read"
    if len(seen) == 4 and seen[2] == seen[3]:
        return f"always {number(seen[2])}"
    return f"mean {number(one.center)}, standard deviation {number(one.scale)}"


def _named(names: Sequence[Any]) -> str:
    """Some names in a sentence."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(short(name, 30) for name in names[:_NAMED]) + more


def _count(count: int, one: str, several: str = "") -> str:
    return f"{count:,} {one if count == 1 else several or one + 's'}"


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _history(model: Model) -> list[Any]:
    history = model.record.get("history")
    return [run for run in history if isinstance(run, list)] if isinstance(history, list) else []


def _losses(run: list[Any], name: str) -> list[float]:
    """The losses of the epochs, NaN where one is not on record; empty where none is."""
    found = [epoch.get(name) if isinstance(epoch, Mapping) else None for epoch in run]
    losses = [float(one) if isinstance(one, int | float) and math.isfinite(one) else math.nan for one in found]
    return losses if _known(losses) else []


def _known(losses: Sequence[float]) -> bool:
    return any(map(math.isfinite, losses))


def _shown_range(runs: list[list[float]]) -> tuple[float, float]:
    """The losses' range, but for the first epochs where they tower over all that follows."""
    every = np.array([loss for run in runs for loss in run if math.isfinite(loss)])
    later = np.array([loss for run in runs for loss in run[len(run) // 10 :] if math.isfinite(loss)])
    low, high = float(every.min()), float(every.max())
    if len(later) and high - low > 5 * (later.max() - low) > 0:
        high = float(later.max())
    if not high > low:
        return low - 0.5, low + 0.5
    return low - 0.05 * (high - low), high + 0.05 * (high - low)
