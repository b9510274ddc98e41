"""``memcell show``: what a model reads, predicts and is made of."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from typer import Argument

from memcell.cli.tables import written
from memcell.data.channels import Channel, WordChannel
from memcell.model import MECHANISMS, Model, load

__all__ = ["show"]


def show(model: Annotated[Path, Argument(help="Model that `memcell fit` wrote.")]) -> None:
    """Print a model's recipe, shape and training record."""
    for name, value in _lines(load(model)):
        print(f"{name:16} {value}")


def _lines(model: Model) -> list[tuple[str, str]]:
    recipe, config = model.recipe, model.config
    schema, target = recipe.schema, recipe.target
    unit = {"date": "seconds", "number": "units of time", "order": "rows"}[schema.time_kind]
    step = f"{recipe.cadence.size:g} {'months' if recipe.cadence.kind == 'months' else unit}"
    lines = [
        ("task", model.task),
        ("id column", schema.id or "none: one series"),
        ("time column", f"{schema.time} ({schema.time_kind}s)" if schema.time else "none: the order of rows"),
        ("usual step", step),
    ]
    if schema.channel is not None:
        lines.append(("long table", f"channels in {schema.channel}, values in {schema.value}"))
    if target is not None:
        name = schema.channels[target.channel]
        lines.append(("forecasts", f"{name}, {target.horizon} steps{', in logarithms' if target.log else ''}"))
    else:
        lines.append(("target column", ", ".join(schema.label) or schema.tag or "not from a table"))
        if model.task != "regress":
            lines.append(("classes", ", ".join(map(written, model.classes))))
    lines += [("channel", _channel(one)) for one in recipe.channels]
    lines += [("fact", _channel(one)) for one in recipe.facts]
    if recipe.cycles:
        lines.append(("cycles", ", ".join(f"{period:g} {unit}" for period in recipe.cycles)))
    cell = config.spec
    count = sum(weight.size for weight in model.members[0].values())
    ways = ", both ways" if config.bidirectional else ""
    lines.append(("layers", f"{config.num_layers} of {config.hidden_size} units{ways}, {count} weights"))
    lines.append(("networks", str(config.members)))
    for one in recipe.shapes:
        of = "rows" if one.scales is None else "changes"
        lines.append(("shapes", f"{one.size} of {of}, over {one.reach + 1} rows at most"))
    lines.append(("mechanisms", ", ".join(name for name in MECHANISMS if config.has(name)) or "none"))
    lines.append(("cell", ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in asdict(cell).items())))
    record = model.record | _epochs(model)
    lines += [(name.replace("_", " "), str(value)) for name, value in record.items() if name not in _UNSHOWN]
    return lines


def _epochs(model: Model) -> dict[str, str]:
    """Epochs of each network in place of their sum."""
    counts = {len(run) for run in model.record.get("history", ())}
    alike = len(counts) == 1
    return {"epochs": f"{min(counts)}" if alike else f"{min(counts)} to {max(counts)}"} if counts else {}


_UNSHOWN = ("history", "held_out", "sketch")


def _channel(one: Channel) -> str:
    if isinstance(one, WordChannel):
        shown = ", ".join(one.words[:8]) + (", ..." if len(one.words) > 8 else "")
        return f"{one.name}: {one.kind}, {len(one.words)} words: {shown}"
    if one.silent:
        return f"{one.name}: no value in training, not read"
    how = ", as events" if one.events else ""
    return f"{one.name}: mean {one.center:.6g}, standard deviation {one.scale:.6g}{how}"
