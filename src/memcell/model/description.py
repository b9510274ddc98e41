"""A model in words: what it reads, what is done to it, what it was trained on and how. For people, without the code."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

import numpy as np

from memcell.contract import LstmSpec
from memcell.data.dates import format_times
from memcell.features.channels import Channel, NumberChannel, WordChannel
from memcell.heads import Classification, MultiLabel, QuantileForecast, Regression
from memcell.model.model import Model
from memcell.model.spans import duration, usual_step
from memcell.model.switched import clips, mechanisms_of

__all__ = ["Part", "described"]

_WORDS = 12  # of a channel that are named


class Part(NamedTuple):
    """A table under a title: rows of a name and what there is to say of it or, with a ``header``, of several columns;
    then, where needed, what the columns mean."""

    title: str
    rows: list[tuple[str, ...]]
    header: tuple[str, ...] = ()
    note: str = ""


def described(model: Model) -> list[Part]:
    """The parts of a description, in the order in which one would ask."""
    parts = [
        Part("What it does", _task(model)),
        Part("What it was trained on", _as_recorded(_data, model)),
        Part("How it was trained", _as_recorded(_training, model)),
        Part("What it reads", _tables(model)),
        _channels("Channels", model.recipe.channels, model.record.get("seen"), model),
        _channels("Facts", model.recipe.facts, model.record.get("facts_seen"), model),
        Part("Mechanisms", mechanisms_of(model), ("name", "", "what it is")),
        Part("Network", _network(model)),
    ]
    return [part for part in parts if part.rows]


def _kept_within(one: NumberChannel) -> tuple[str, str]:
    """The range that values are drawn in to, and that beyond which they are not seen; empty where there is none."""
    reach = [None if limit is None else limit * one.scale for limit in (one.cut, one.impossible)]
    low_high = ["" if far is None else f"{one.center - far:.4g} to {one.center + far:.4g}" for far in reach]
    return low_high[0], low_high[1]


def _as_recorded(part: Callable[[Model], list[tuple[str, str]]], model: Model) -> list[tuple[str, str]]:
    """The rows of a part; none where the record, which anybody may write, does not have what they say."""
    try:
        return part(model)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        return []


def _counts(record: Mapping[str, Any], name: str) -> Mapping[str, int]:
    counts: Any = record.get(name)
    return counts if isinstance(counts, Mapping) and all(type(one) is int for one in counts.values()) else {}


def _task(model: Model) -> list[tuple[str, str]]:
    head, schema, record, count = model.config.head, model.recipe.schema, model.record, model.config.members
    mean = f", the mean of {count} networks" if count > 1 else ""
    rows: list[tuple[str, str]] = []
    if isinstance(head, Classification):
        every = "row" if model.task == "tag" else "series"
        ways = "all rows, later ones too" if model.config.bidirectional else "the rows so far"
        seen = f", from {ways}" if model.task == "tag" else ""
        rows.append(("task", f"{model.task}: one of {len(head.classes)} classes for each {every}{seen}"))
        rows.append(("target", schema.tag or ", ".join(schema.label) or "labels given in Python"))
        rows.append(("classes", _shares(_counts(record, "classes"), head.classes, every)))
        rows.append(("answer", f"the most probable class, and the probability of each{mean}"))
    elif isinstance(head, MultiLabel):
        rows.append(("task", f"classify: which of {len(head.labels)} labels each series has (multilabel)"))
        rows.append(("labels", _shares(_counts(record, "labels"), head.labels, "series", record.get("series"))))
        rows.append(("answer", f"labels with a probability above 0.5, and the probability of each{mean}"))
    elif isinstance(head, Regression):
        rows.append(("task", "regress: numbers of each series"))
        known = _counts(record, "targets")
        every = head.limits or ((None, None),) * len(head.names)
        for name, center, scale, errors, limits in zip(
            head.names, head.center, head.scale, head.errors, every, strict=True
        ):
            of = f"known of {known[name]:,} series, " if name in known else ""
            rows.append((f"target {name}", f"{of}median {center:.6g}, spread {scale:.6g} (from its quartiles)"))
            low, _, high, _ = (f"{one:.3g}" for one in errors)
            if any(end is not None for end in limits):
                ends = zip(("at least", "at most"), limits, strict=True)
                rows.append(("", ", ".join(f"{what} {end:.6g}" for what, end in ends if end is not None)))
            rows.append(("", f"4 of 5 errors on held-out series lay from {low} to {high} times what was expected"))
        rows.append(("answer", f"the mean, and the quantiles 0.1, 0.5 and 0.9{mean}"))
    else:
        rows += _forecast(model, head)
    return rows


def _forecast(model: Model, head: QuantileForecast) -> list[tuple[str, str]]:
    recipe, target = model.recipe, model.recipe.target
    assert target is not None
    name = recipe.schema.channels[target.channel]
    of = "logarithms (the spread grows with the level)" if target.log else "numbers as they are"
    own = ", each series in a unit of its own, the usual size of its changes" if target.relative else ""
    lags, spans = ", ".join(map(str, target.lags)), ", ".join(dict.fromkeys(f"{span:.3g}" for span in target.spans))
    return [
        ("task", f"forecast: {name}, the next {head.horizon} steps"),
        ("target", f"learnt as the change since the last value, of {of}{own}"),
        ("", f"seen with it: changes over {lags} steps, and the distance from averages that forget over {spans} steps"),
        ("answer", f"the quantiles 0.1, 0.5 and 0.9; the band is {head.band:.3g} times the network's own, so "
                   "that it covers what it claims on held-out time"),
    ]  # fmt: skip


def _shares(counts: Mapping[str, int], names: Iterable[Any], every: str, total: int | None = None) -> str:
    total = total or sum(counts.values()) or 1
    known = [f" ({counts[str(one)]:,} {every}, {counts[str(one)] / total:.1%})" if counts.get(str(one)) else ""
             for one in names]  # fmt: skip
    return ", ".join(f"{str(one).lower() if isinstance(one, bool) else one}{share}"
                     for one, share in zip(names, known, strict=True))  # fmt: skip


def _data(model: Model) -> list[tuple[str, str]]:
    record, schema = model.record, model.recipe.schema
    if "series" not in record:
        return []
    low, middle, high = record["lengths"]
    several = f", of {record['groups']:,} groups" if record["groups"] else ""
    weighted = f", weighted by {schema.weight or 'what was given in Python'}" if record["weighted"] else ""
    rows = [
        ("series", f"{record['series']:,}{several}{weighted}"),
        ("rows", f"{record['rows']:,}; of a series {low:,} to {high:,}, usually {middle:,}"),
        ("observations", f"{record['observations']:,} (of texts each word)"),
    ]
    if record["times"] and schema.time_kind != "order":
        dates = schema.time_kind == "date"
        stamps = format_times(np.array(record["times"]), "date", schema.date_only) if dates else record["times"]
        first, last = stamps if dates else (f"{time:.6g}" for time in record["times"])
        rows.append(("times", f"{first} to {last}"))
    leaks = record.get("leaks")
    if leaks:
        rows.append(("suspicious", f"{', '.join(leaks)}: whether it is missing tells what is to be learnt"))
    if record.get("copies"):
        rows.append(("suspicious", f"{', '.join(record['copies'])}: tells exactly what is to be learnt"))
    return rows


def _training(model: Model) -> list[tuple[str, str]]:
    record = model.record
    settings = record.get("settings", {})
    rows: list[tuple[str, str]] = []
    each = record.get("networks", [])
    if each and model.task == "forecast":
        one = each[0]
        rows += [
            ("held out", f"the last {settings.get('validation', 0.0):.0%} of each series' time: deciding when to stop, "
                         "and how wide the band is; then trained anew on everything"),
            ("epochs", f"{one['epochs']}, of which {one['kept']} were best and done anew ({one['steps']} steps)"),
            ("loss", f"{model.config.head.measure}: {_listed(each[:1], 'loss')} on what was held out"),
        ]  # fmt: skip
    elif each:
        weighted = ", weighted" if record.get("weighted") or record.get("class_weights") else ""
        rows += [
            (
                "networks",
                f"{len(each)}, each with series held out to decide when to stop: {_listed(each, 'held_out')}",
            ),
            ("epochs", f"{_listed(each, 'epochs')}, of which the best and kept: {_listed(each, 'kept')}"),
            ("loss", f"{model.config.head.measure}{weighted}, on what each held out: {_listed(each, 'loss')}"),
        ]
        if record.get("left_out"):
            lost = ", ".join("unknown" if loss is None else f"{loss:.4g}" for loss in record["left_out"])
            rows.append(
                ("left out", f"{len(record['left_out'])} more, which had not learnt what these had: loss {lost}")
            )
        if each[0]["shares"]:
            rows.append(("", f"... with what is linear: {_listed(each, 'loss_with_linear')}"))
            shares = ", ".join(f"{name} {share:.1%}" for name, share in each[0]["shares"].items())
            rows.append(("shares", f"of the answer: {shares}"))
        rows.append(
            (
                "scales",
                f"and words were learnt from {record.get('learnt_from', 0):,} series that the first one was trained on",
            )
        )
    if record.get("passes"):
        rows.append(("passes", f"{record['passes']} over what `partial_fit` was given, nothing held out"))
    if record.get("interrupted"):
        rows.append(("interrupted", "by Ctrl-C; the best so far was kept"))
    if settings:
        chosen, asked = record["chosen"], record.get("asked", {})
        given = [f"{name.replace('_', ' ')} {value:g}" for name, value in settings.items() if name not in chosen]
        found = [f"{name.replace('_', ' ')} {settings[name]:g}" for name in chosen if settings[name] is not None]
        built = (("hidden_size", "hidden size"), ("members", "networks"))
        given += [f"{said} {asked[name]}" for name, said in built if asked.get(name) is not None]
        rows.append(("settings", ", ".join(given)))
        if found:
            rows.append(("", f"chosen from the data: {', '.join(found)}"))
    if record.get("class_weights"):
        rows.append(("class weights", ", ".join(f"{one:.4g}" for one in record["class_weights"])))
    if "versions" in record:
        rows.append(("versions", ", ".join(f"{name} {number}" for name, number in record["versions"].items())))
    return rows


def _listed(each: Sequence[Mapping[str, Any]], name: str) -> str:
    return ", ".join("unknown" if one[name] is None else f"{one[name]:.6g}" for one in each)


def _tables(model: Model) -> list[tuple[str, str]]:
    recipe = model.recipe
    schema = recipe.schema
    kinds = {"order": "the order of rows", "number": "numbers", "date": "dates"}
    times = f"{schema.time}: {kinds[schema.time_kind]}" if schema.time else kinds["order"]
    if schema.time_kind == "date":
        times += ", with a time zone, read as UTC" if schema.time_form == "zoned" else ", as if in UTC"
    rows = [
        ("series", f"named by {schema.id}" if schema.id else "one a table, or one an array"),
        ("times", times),
        ("usual step", f"{usual_step(recipe)}; times and gaps are counted in it"),
    ]
    if schema.channel is not None:
        rows.append(("long table", f"channels in {schema.channel}, values in {schema.value}"))
    for name, column in (("groups", schema.group), ("weights", schema.weight)):
        if column:
            rows.append((name, column))
    for period in recipe.cycles:
        rows.append(("cycle", f"{duration(period, schema.time_kind, schema.time)}, counted from 1970 in UTC"
                     if schema.time_kind == "date" else duration(period, schema.time_kind, schema.time)))  # fmt: skip
    if any(isinstance(one, WordChannel) for one in (*recipe.channels, *recipe.facts)):
        rows.append(("words", "known if two training series have them; all others count as one, the unknown word"))
        rows.append(("", "a text is the set of its words in lower case; categories differ by case"))
    return rows


def _channels(title: str, channels: tuple[Channel, ...], seen: Any, model: Model) -> Part:
    header = ("name", "values", "series", "center", "scale", "drawn in to", "not seen beyond")
    counts = seen if isinstance(seen, Mapping) else {}
    rows = [_channel(one, counts.get(one.name, ())) for one in channels]
    target = model.recipe.target
    note = ""
    if any(isinstance(one, NumberChannel) for one in channels) and (title == "Channels" or not model.recipe.channels):
        note = f"A number enters as (value - center) / scale: mean and standard deviation in training{_robust(model)}."
    if target is not None and title == "Channels":
        note += f" {channels[target.channel].name}, which is forecast, is seen whatever it is."
    return Part(title, rows, header, note)


def _robust(model: Model) -> str:
    if not clips(model):
        return ""
    return (
        " without the outermost 0.5 % at either end, which are drawn in, and without what is about a million times too "
        "large; of what is nearly always one number, how far the others lie from it"
    )


def _channel(one: Channel, seen: Sequence[Any]) -> tuple[str, ...]:
    counts = tuple(f"{count:,}" for count in seen[:2]) or ("", "")
    if isinstance(one, WordChannel):
        more = ", ..." if len(one.words) > _WORDS else ""
        return (one.name, *counts, f"{one.kind}, {len(one.words)} words: {', '.join(one.words[:_WORDS])}{more}")
    if one.silent:
        return (one.name, *counts, "no value where channels were learnt, not read")
    if len(seen) == 4 and seen[2] == seen[3]:
        return (one.name, *counts, f"{seen[2]:.6g}", "", "always the same in training")
    scale = f"{one.scale:.6g}{', as events' if one.events else ''}"
    return (one.name, *counts, f"{one.center:.6g}", scale, *_kept_within(one))


def _network(model: Model) -> list[tuple[str, str]]:
    config = model.config
    count = sum(weight.size for weight in model.members[0].values())
    ways = " in each of both directions" if config.bidirectional else ""
    spec = config.spec
    plain = asdict(LstmSpec())
    more = [f"{name.replace('_', ' ')} {value}" for name, value in asdict(spec).items() if value != plain[name]]
    sees = "" if spec.peephole == "none" else f", of which the output gate sees the {spec.output_peek} one"
    many = f", in each of {config.members} networks" if config.members > 1 else ""
    return [
        ("layers", f"{config.num_layers} of {config.hidden_size} units{ways}, {config.inputs} inputs a row"),
        ("weights", f"{count:,}{many}"),
        ("cell", ", ".join([f"gates see the cell through peepholes: {spec.peephole}{sees}", *more])),
    ]
