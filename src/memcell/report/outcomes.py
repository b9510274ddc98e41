"""What the model said beside what was true: confusion and reliability, intervals, forecasts."""

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics

from memcell.data import Series
from memcell.evaluation import reliability
from memcell.heads import Regression
from memcell.model import Model
from memcell.report.charts import Line, Panel, heat, panels
from memcell.report.examples import forecast_at_end
from memcell.report.page import Html, number, paragraph, score, section, short, table
from memcell.report.scores import with_targets

__all__ = ["outcomes"]

Array = NDArray[np.float64]

_CLASSES = 8  # of a confusion matrix; the others share a row and a column
_LABELS = 40
_TARGETS = 4
_DOTS = 300
_SERIES = 4
_BINS = 10


def outcomes(model: Model, series: list[Series]) -> Html:
    """The section that fits the model's task."""
    title = "Where it is right and where not"
    known = with_targets(model, series)
    if model.task == "forecast":
        return section("outcomes", "Forecasts of the last part", *_forecasts(model, known))
    if not known:
        return section("outcomes", title, paragraph("These data carry no targets to compare the answers with."))
    parts = {"classify": _classified, "multilabel": _labelled, "regress": _regressed, "tag": _tagged}[model.task]
    return section("outcomes", title, *parts(model, known))


def _classified(model: Model, series: list[Series]) -> list[Html]:
    probabilities = model.predict_proba(series)
    codes = np.array([model.classes.index(one.label) for one in series])
    return [
        paragraph(
            "How often each class was taken for which, and how often the predicted class was true, by the probability "
            "it was given: on the dashed line, the model is as sure as it should be. The whiskers are 95 % intervals."
        ),
        _confusion(model.classes, codes, probabilities.argmax(axis=1), "series"),
        _reliability(probabilities.max(axis=1), probabilities.argmax(axis=1) == codes, 1 / len(model.classes)),
    ]


def _tagged(model: Model, series: list[Series]) -> list[Html]:
    probabilities = np.concatenate(model.predict_proba(series))
    tags = [tag for one in series for tag in cast("Any", one.tags)]
    known = [(row, model.classes.index(tag)) for row, tag in enumerate(tags) if tag in model.classes]
    rows, codes = np.array([row for row, _ in known]), np.array([code for _, code in known])
    given = probabilities[rows]
    return [
        paragraph("How often each class was taken for which, and how often the likeliest class of a row was true."),
        _confusion(model.classes, codes, given.argmax(axis=1), "rows"),
        _reliability(given.max(axis=1), given.argmax(axis=1) == codes, 1 / len(model.classes)),
    ]


def _labelled(model: Model, series: list[Series]) -> list[Html]:
    probabilities = model.predict_proba(series)
    truth = np.array([one.label for one in series], np.float64)
    rows: list[Any] = []
    for k, label in enumerate(model.classes[:_LABELS]):
        both = 0 < truth[:, k].mean() < 1
        area = float(metrics.roc_auc_score(truth[:, k], probabilities[:, k])) if both else float("nan")
        f1 = float(metrics.f1_score(truth[:, k], probabilities[:, k] > 0.5, zero_division=cast("Any", 0)))
        share = f"{100 * truth[:, k].mean():.1f} %"
        rows.append((short(label, 40), share, f"{100 * probabilities[:, k].mean():.1f} %", score(area), score(f1)))
    more = len(model.classes) - _LABELS
    return [
        table(("", "have it", "mean probability", "AUROC", "F1"), rows, "Each label by itself"),
        paragraph(f"{more} more labels are not listed." if more > 0 else ""),
        _reliability(probabilities.reshape(-1), truth.reshape(-1) > 0, 0.0),
    ]


def _regressed(model: Model, series: list[Series]) -> list[Html]:
    names = cast("Regression", model.config.head).names
    quantiles = model.predict_quantiles(series)
    truth = np.array([one.label for one in series], np.float64).reshape(len(series), -1)
    parts = [
        paragraph(
            "Each dot is a series, at its true value and the predicted median, with the 80 % interval as a whisker. "
            "On the dashed line the prediction is exact."
        )
    ]
    for k, name in enumerate(names[:_TARGETS]):
        known = np.flatnonzero(~np.isnan(truth[:, k]))
        if not len(known):
            parts.append(paragraph(f"No true value of {short(name, 40)} is known."))
            continue
        chosen = known[np.linspace(0, len(known) - 1, min(len(known), _DOTS)).round().astype(int)]
        x, (low, median, high) = truth[chosen, k], quantiles[chosen, k].T
        ends = [float(x.min()), float(x.max())]
        inside = np.mean((truth[known, k] >= quantiles[known, k, 0]) & (truth[known, k] <= quantiles[known, k, 2]))
        lines = [
            Line("exact", ends, ends, 6, "dashed"),
            Line("median and 80 % interval", x, median, 1, "dots", low, high),
        ]
        title = f"{short(name, 40)}: {100 * inside:.0f} % of {len(known)} true values within the interval"
        parts.append(panels(title, [Panel(f"predicted {short(name, 30)}", lines, 240)], f"true {short(name, 30)}"))
    more = len(names) - _TARGETS
    return [*parts, paragraph(f"{more} more targets are not drawn." if more > 0 else "")]


def _forecasts(model: Model, series: list[Series]) -> list[Html]:
    target = model.recipe.target
    assert target is not None
    name, horizon = short(model.recipe.channels[target.channel].name, 30), target.horizon
    dates = model.recipe.schema.time_kind == "date"
    figures: list[Html] = []
    for one in series:
        found = forecast_at_end(model, one) if len(figures) < _SERIES else None
        if found is None:
            continue
        grid, trace = found
        start = max(0, len(grid) - horizon - max(3 * horizon, 40))
        lines = [
            Line("80 % interval and median", trace.times, trace.values, 2, "line", trace.low, trace.high),
            Line("what was measured", grid.times[start:], grid.values[start:, target.channel], 1, "line-dots"),
        ]
        title = f"Series {short(one.id, 30)}" if one.id is not None else "The series"
        figures.append(panels(title, [Panel(name, lines, 200)], _time_name(model), dates))
    if not figures:
        return [paragraph(f"No series has {horizon} steps after a first value, so no forecast can be compared.")]
    shown = f" {len(figures)} of {len(series)} series are drawn." if len(figures) < len(series) else ""
    steps = f"{horizon} steps" if horizon > 1 else "one step"
    return [paragraph(f"Each forecast was made {steps} before the end, from what came before alone.{shown}"), *figures]


def _time_name(model: Model) -> str:
    return model.recipe.schema.time or "row"


def _confusion(classes: tuple[Any, ...], codes: NDArray[Any], best: NDArray[Any], what: str) -> Html:
    """The confusion matrix; where there are many classes, of the most frequent ones and all others together."""
    order = np.argsort(-np.bincount(codes, minlength=len(classes)), kind="stable")
    kept = np.sort(order[:_CLASSES]) if len(classes) > _CLASSES + 1 else np.arange(len(classes))
    place = np.full(len(classes), len(kept))
    place[kept] = np.arange(len(kept))
    names = [str(classes[k]) for k in kept] + (["others"] if len(kept) < len(classes) else [])
    counts = np.zeros((len(names), len(names)), np.int64)
    np.add.at(counts, (place[codes], place[best]), 1)
    totals = counts.sum(axis=1, keepdims=True)
    shares = counts / np.maximum(totals, 1)
    if len(names) < len(classes):
        shares[-1, -1] = 0.0  # others taken for others, which may be right or not
    texts = [[_short_count(count) for count in row] for row in counts.tolist()]
    told = "; ".join(
        f"true {names[r]}: " + ", ".join(f"{names[c]} {counts[r, c]}" for c in range(len(names)))
        for r in range(len(names))
    )
    return heat(f"True class (lines) and predicted class (columns), {what}", names, shares, texts, names, about=told)


def _short_count(count: int) -> str:
    if count < 10_000:
        return str(count)
    return f"{count / 1000:.0f}k" if count < 1_000_000 else f"{count / 1e6:.1f}M"


def _reliability(stated: Array, right: NDArray[np.bool_], low: float) -> Html:
    """How often what was given a probability is true, in bins of equally many; whiskers by Wilson (1927)."""
    x, y, count = reliability(stated, right, _BINS)
    z = 1.96
    middle = (y + z**2 / (2 * count)) / (1 + z**2 / count)
    reach = z * np.sqrt(y * (1 - y) / count + z**2 / (4 * count**2)) / (1 + z**2 / count)
    lines = [
        Line("as sure as it should be", [low, 1.0], [low, 1.0], 6, "dashed"),
        Line("this model, in ten equal groups", x, y, 1, "line-dots", middle - reach, middle + reach),
    ]
    told = "; ".join(f"stated {a:.2f}, true {b:.2f}" for a, b in zip(x, y, strict=True))
    panel = Panel("how often it was true", lines, 200, (0.0, 1.0))
    title = f"Reliability, {number(len(stated))} probabilities"
    return panels(title, [panel], "stated probability", x_range=(low, 1.0), about=told)
