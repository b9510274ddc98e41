"""Spans of time in words."""

from memcell.data.dates import DAY, TimeKind
from memcell.features.recipe import Recipe

__all__ = ["duration", "usual_step"]

_UNITS = ((DAY, "days"), (3600.0, "hours"), (60.0, "minutes"))


def duration(size: float, kind: TimeKind, unit: str | None = None) -> str:
    """A length of time: of dates in a unit that suits it, else in ``unit``, the name of the column of times."""
    if kind == "order":
        return f"{size:.6g} {'row' if size == 1 else 'rows'}"
    if kind == "number":
        return f"{size:.6g} (in the unit of {unit or 'time'})"
    each, name = next(((each, name) for each, name in _UNITS if size >= each), (1.0, "seconds"))
    return f"{size / each:.6g} {name[:-1] if size == each else name}"


def usual_step(recipe: Recipe) -> str:
    """The step between rows in which a recipe counts times."""
    cadence, schema = recipe.cadence, recipe.schema
    if cadence.kind == "weekdays":
        return "a day from Monday to Friday"
    if cadence.kind == "months":
        return f"{cadence.size:g} month{'' if cadence.size == 1 else 's'}"
    return duration(cadence.size, schema.time_kind, schema.time)
