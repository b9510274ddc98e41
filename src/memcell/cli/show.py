"""``memcell show``: what a model reads, predicts and is made of."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from typer import Argument

from memcell.model import Model, load

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
    if target is not None:
        name = schema.channels[target.channel]
        lines.append(("forecasts", f"{name}, {target.horizon} steps{', in logarithms' if target.log else ''}"))
    else:
        lines.append(("target column", schema.label or "not from a table"))
        lines.append(("classes", ", ".join(map(str, model.classes))))
    for name, center, scale in zip(schema.channels, recipe.center, recipe.scale, strict=True):
        lines.append(("channel", f"{name}: mean {center:.6g}, standard deviation {scale:.6g}"))
    cell = config.spec
    count = sum(weight.size for weight in model.weights.values())
    lines.append(("layers", f"{config.num_layers} of {config.hidden_size} units, {count} weights"))
    lines.append(("cell", ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in asdict(cell).items())))
    lines += [(name.replace("_", " "), str(value)) for name, value in model.record.items()]
    return lines
