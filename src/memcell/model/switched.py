"""Which mechanisms a model has, and why not the others."""

from memcell.features.channels import NumberChannel
from memcell.features.summary import STATISTICS
from memcell.features.windows import FADING
from memcell.model.mechanisms import FIT_MECHANISMS, MECHANISMS
from memcell.model.model import Model
from memcell.model.spans import duration

__all__ = ["clips", "mechanisms_of"]


def clips(model: Model) -> bool:
    """Whether outliers are drawn in."""
    return any(one.cut is not None for one in _numbers(model))


def _numbers(model: Model) -> list[NumberChannel]:
    """Its channels and facts of numbers."""
    return [one for one in (*model.recipe.channels, *model.recipe.facts) if isinstance(one, NumberChannel)]


def mechanisms_of(model: Model) -> list[tuple[str, ...]]:
    """Of each mechanism its name, whether it is on, and what it does or needs."""
    config, recipe = model.config, model.recipe
    asked = model.record.get("without")
    without = asked if isinstance(asked, list) else config.without
    there = {name: config.has(name) for name in MECHANISMS} | {
        "clipping": clips(model),
        "merging": recipe.span > 0 or recipe.patch > 1,
        "summary": recipe.summary is not None,
        "gaps": recipe.gaps,
        "windows": recipe.windows > 0,
        "pieces": bool(_in_pieces(model)),
        "sources": bool(recipe.sources),
        "categories": bool(recipe.categories),
        "aligned": recipe.aligned > 0,
        "linear": any(bool(one["linear.weight"].any()) for one in model.members if "linear.weight" in one),
        "selection": _selected(model) is not None,
        **{kind: any(one.kind == kind for one in recipe.shapes) for kind in ("shapes", "contests")},
        "words": recipe.words,
        "products": recipe.products,
        "fine": config.fine > 0,
    }
    rows: list[tuple[str, ...]] = []
    for name, one in (MECHANISMS | FIT_MECHANISMS).items():
        told = f"; {_detail(name, model)}" if there[name] and _detail(name, model) else ""
        needed = "" if there[name] or name in without or not one.where else f" (for {one.where})"
        state = "on" if there[name] else "off, as asked" if name in without else "off"
        rows.append((name, state, f"{one.does}{told}{needed}"))
    return rows


def _selected(model: Model) -> str | None:
    """What is read linearly of few statistics alone, as the record of training names it."""
    shares = [one.get("shares", {}) for one in model.record.get("networks", [])]
    return next((name for each in shares for name, share in each.items() if "strongest" in name and share), None)


def _in_pieces(model: Model) -> list[str]:
    """The channels and facts whose values come in pieces too."""
    return [one.name for one in _numbers(model) if one.piece_count]


def _detail(name: str, model: Model) -> str:
    recipe, config = model.recipe, model.config
    schema = recipe.schema
    if name == "merging":
        if recipe.patch > 1:
            return f"here {recipe.patch} rows"
        return f"here {duration(recipe.span, schema.time_kind, schema.time)}"
    if name == "summary":
        of = "the rows so far" if recipe.by_row else "all rows"
        return f"here {config.summarised:,} features of {of}, from {', '.join(STATISTICS)} of each channel"
    if name in ("shapes", "contests"):
        return "here " + ", ".join(f"{size:,} {what}" for what, size in config.shapes if what.startswith(name))
    if name == "selection":
        return f"here the {_selected(model)}"
    if name == "windows":
        return f"here fading over {', '.join(f'{one:g}' for one in FADING)} usual steps"
    if name == "pieces":
        return f"here of {', '.join(_in_pieces(model))}"
    if name == "sources":
        return "here " + ", ".join(f"{number} by {by}" for number, by in recipe.sources)
    if name == "categories":
        return f"here of {', '.join(recipe.categories)}"
    words = dict(config.shapes).get("words", 0)
    counts = {"words": words, "aligned": config.aligned, "products": config.products, "fine": config.fine}
    return f"here {counts[name]:,} features" if name in counts else ""
