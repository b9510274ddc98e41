"""What is missing, what matters and a few series, drawn."""

import numpy as np
from numpy.typing import NDArray

from memcell.data import Series
from memcell.features.channels import WordChannel
from memcell.features.grid import on_grid
from memcell.model import Model
from memcell.report.charts import Line, Panel, bars, heat, panels
from memcell.report.examples import Example, Trace, examples_of
from memcell.report.findings import SHOWN, influence_of, presence_of
from memcell.report.page import Html, number, paragraph, section, short

__all__ = ["examples", "influence", "presence"]

_CHANNELS = 5  # of an example
_FEW = 100  # points that are dotted
_WORDS = 6  # that have a line of their own
_UNIT = {
    "classify": "Mean change of the probability of the class that was predicted",
    "multilabel": "Mean change of the labels' probabilities",
    "tag": "Mean change of the classes' probabilities in a row",
    "regress": "Mean change of the median, in units of the target's spread",
    "forecast": "Mean change of the forecast median, in standard deviations of the target",
}


def presence(model: Model, series: list[Series]) -> Html:
    """How often each channel is there, altogether and over the time of a series."""
    found = presence_of(series, len(model.recipe.channels), len(model.recipe.facts))
    title = "What is missing where"
    names = [one.name for one in model.recipe.channels]
    parts: list[Html] = []
    if found.rows and names:
        shown = found.shown
        rows = [(names[c], float(found.shares[c]), f"{100 * found.shares[c]:.1f} %") for c in shown]
        parts.append(bars("Rows in which a channel is observed", rows, most=1.0))
        about = "; ".join(
            f"{names[c]}: at first {_percent(found.by_time[c, :2])}, at last {_percent(found.by_time[c, -2:])}"
            for c in shown
        )
        heading = "The same over the time of a series"
        below = ("first row", "last row")
        parts.append(heat(heading, [names[c] for c in shown], found.by_time[shown], below=below, about=about))
        if len(names) > SHOWN:
            least = 100 * found.shares[found.shown[-1]]
            parts.append(
                paragraph(
                    f"{len(names) - SHOWN} more channels, none in more than {least:.1f} % of rows, are not drawn."
                )
            )
    elif names:
        parts.append(paragraph("There are no rows."))
    if model.recipe.facts and series:
        rows = [(one.name, float(share), f"{100 * share:.1f} %")
                for one, share in zip(model.recipe.facts[:SHOWN], found.facts, strict=False)]  # fmt: skip
        parts.append(bars("Series in which a fact is known", rows, most=1.0))
        more = len(model.recipe.facts) - SHOWN
        parts.append(paragraph(f"{more} more facts are not drawn." if more > 0 else ""))
    intro = (
        f"A cell of the map is one of {found.by_time.shape[1]} equal parts of a series' time; the fuller its colour, "
        "the more rows there have a value."
    )
    return section("missing", title, paragraph(intro if found.rows and names else ""), *parts)


def influence(model: Model, series: list[Series]) -> Html:
    """Which channels and which times the answers hang on."""
    title = "What the answers hang on"
    found = influence_of(model, series)
    if found is None:
        return section("influence", title, paragraph("There are no series to try."))
    unit = _UNIT[model.task]
    channels = len(model.recipe.channels)
    thinned = channels > SHOWN and found.series < len(series)
    parts = [
        paragraph(
            f"Something is hidden from {number(found.series)} series{' (their last rows)' if found.cut else ''}, as if "
            f"it had not been observed, and the model asked again. {unit}, either way. It tells what this model uses, "
            "not what causes what; of channels that say the same, hiding one may change little."
        )
    ]
    if len(found.names):
        rows = [(name, float(moved), _moved(moved)) for name, moved in zip(found.names, found.changes, strict=True)]
        parts.append(bars("Without a channel" if not model.recipe.facts else "Without a channel or fact", rows[:SHOWN]))
        left_out = found.left_out + max(0, len(rows) - SHOWN)
        times = _times(found.times)
        parts += [times] if times else []
        parts.append(paragraph(f"Of {len(series):,} series {found.series} were tried: with {channels:,} channels, more "
                               "would take long." if thinned else ""))  # fmt: skip
        parts.append(paragraph(f"{left_out} channels or facts of the least influence or presence are not drawn."
                               if left_out else ""))  # fmt: skip
    else:
        parts.append(paragraph("The model reads nothing but the target's own past, which cannot be hidden."))
    return section("influence", title, *parts)


def examples(model: Model, series: list[Series]) -> Html:
    """A few series and what the model said of them row by row."""
    title = "A few series, row by row"
    if model.config.bidirectional and model.task != "tag":
        text = "The model reads series from both ends, so it says nothing before the end."
        return section("examples", title, paragraph(text))
    found = examples_of(model, series)
    if not found:
        return section("examples", title, paragraph("There is no series with rows to draw."))
    said = {
        "forecast": "Below the most observed channels, what the model had said of each step.",
        "tag": "Below the most observed channels, the probability of classes at each row.",
        "regress": "Below the most observed channels, the median and 80 % interval after each row.",
    }.get(model.task, "Below the most observed channels, the probability after each row.")
    ways = " The model reads a series from both ends." if model.config.bidirectional else ""
    return section("examples", title, paragraph(said + ways), *(_drawn(model, one) for one in found))


def _drawn(model: Model, example: Example) -> Html:
    one = example.series
    counts = np.bincount(one.observations.channel, minlength=len(model.recipe.channels))
    order = [int(c) for c in np.argsort(-counts, kind="stable") if counts[c]]
    target = model.recipe.target
    if target is not None:
        order = [c for c in order if c != target.channel]
    most = _CHANNELS if target is None else _CHANNELS - 1
    shown = [_channel(model, one, c) for c in sorted(order[:most])]
    span = (float(one.times[0]), float(max(one.times[-1], *(trace.times[-1] for trace in example.traces))))
    if not span[1] > span[0]:
        span = (span[0] - 0.5, span[0] + 0.5)
    label = "The series" if one.id is None else f"Series {short(one.id, 24)}"
    why = f": {example.why}" if example.why else ""
    truth = f"; true: {short(example.truth, 40)}" if example.truth else ""
    cut = f"; its {'first' if target is None else 'last'} {len(one):,} rows" if example.cut else ""
    title = f"{label}{why}{truth}{cut}"
    time = model.recipe.schema.time or "row"
    return panels(title, [*shown, *_answers(model, example)], time, model.recipe.schema.time_kind == "date", span)


def _answers(model: Model, example: Example) -> list[Panel]:
    traces = example.traces
    if model.task == "regress":
        return [Panel(short(one.name, 40), [_band(one, "median and 80 % interval")], 80) for one in traces]
    target = model.recipe.target
    if target is not None:
        grid = on_grid(example.series, model.recipe.cadence)
        y = grid.values[:, target.channel]
        known = ~np.isnan(y)
        style = "line-dots" if known.sum() <= _FEW else "line"
        measured = Line("measured", grid.times[known], y[known], 1, style)
        name = short(model.recipe.channels[target.channel].name, 40)
        return [Panel(name, [measured, _band(traces[0], traces[0].name)], 140)]
    lines = [Line(one.name, one.times, one.values, 2 + k, _style(one)) for k, one in enumerate(traces)]
    label = f"probability of {short(traces[0].name, 30)}" if len(traces) == 1 else "probability"
    parts = [Panel(label, lines, 90, (0.0, 1.0))]
    if model.task == "tag" and example.series.tags is not None:
        parts.append(_tags(model, example.series))
    return parts


def _style(trace: Trace) -> str:
    return "line" if len(trace.times) > 1 else "dots"


def _band(trace: Trace, name: str) -> Line:
    if len(trace.times) == 1:
        return Line(name, trace.times, trace.values, 2, "dots", trace.low, trace.high)
    return Line(name, trace.times, trace.values, 2, "line", trace.low, trace.high)


def _tags(model: Model, one: Series) -> Panel:
    """The true classes, one line for each that occurs, up to six."""
    assert one.tags is not None
    found = [k for k, name in enumerate(model.classes) if (one.tags == name).any()]
    place = {k: float(-row) for row, k in enumerate(found[:_WORDS])}
    codes = [place.get(model.classes.index(tag), np.nan) if tag in model.classes else np.nan for tag in one.tags]
    names = {at: str(model.classes[k]) for k, at in place.items()} or {0.0: ""}
    low = min(names) - 0.6
    return Panel("true class", [Line("", one.times, codes, 6, "dots")], 16 * len(names) + 8, (low, 0.6), names)


def _channel(model: Model, one: Series, c: int) -> Panel:
    """One channel of a series: its numbers, or which words were said when."""
    known = model.recipe.channels[c]
    seen = one.observations.select(one.observations.channel == c)
    if not isinstance(known, WordChannel):
        x, y = one.times[seen.row], seen.value
        style = "line-dots" if len(x) <= _FEW else "line"
        return Panel(short(known.name, 40), [Line("", x, y, 1, style)], 54)
    codes, counts = np.unique(seen.value.astype(np.int64), return_counts=True)
    order = codes[np.argsort(-counts, kind="stable")][:_WORDS]
    place = {int(code): float(-row) for row, code in enumerate(order)}
    kept = np.array([int(value) in place for value in seen.value], bool)
    x, y = one.times[seen.row[kept]], [place[int(value)] for value in seen.value[kept]]
    names = {at: one.levels[known.name][code] for code, at in place.items()}
    more = f" ({len(codes) - len(order)} more words)" if len(codes) > len(order) else ""
    height = 14 * len(names) + 8
    return Panel(short(known.name, 30) + more, [Line("", x, y, 1, "dots")], height, (min(names) - 0.6, 0.6), names)


def _times(changes: NDArray[np.float64]) -> Html | None:
    if not len(changes):
        return None
    count = len(changes)
    rows = [(f"{100 * k // count} to {100 * (k + 1) // count} %", float(moved), _moved(moved))
            for k, moved in enumerate(changes)]  # fmt: skip
    return bars("Without a stretch of a series' time", rows)


def _moved(value: float) -> str:
    return f"{value:.3f}" if value >= 0.001 or value == 0 else "< 0.001"


def _percent(shares: NDArray[np.float64]) -> str:
    known = shares[~np.isnan(shares)]
    return f"{100 * known.mean():.0f} %" if len(known) else "no rows"
