"""A few series to look at, and what the model says of them after each of their rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from memcell.data import Series
from memcell.data.observations import Observations
from memcell.features.channels import Channel, WordChannel
from memcell.features.grid import on_grid
from memcell.heads import QuantileForecast, Regression
from memcell.model import Model
from memcell.report.page import number

__all__ = ["Example", "Trace", "examples_of", "forecast_at_end"]

Array = NDArray[np.float64]

_MOST = 4
_ROWS = 400  # after which the model is asked
_FED = 2000  # rows that are fed to the model one by one
_STEPS = 120  # of a forecast, which are drawn
_SHOWN = 4  # classes that are drawn


@dataclass(frozen=True)
class Trace:
    """What the model said while a series came in.

    Attributes:
        name: of a class, a label or a target.
        times: [R], after which rows.
        values: [R], probability or median.
        low, high: [R], of the 80 % interval; None of a probability.
    """

    name: str
    times: Array
    values: Array
    low: Array | None = None
    high: Array | None = None


@dataclass(frozen=True)
class Example:
    """A series, why it is shown, the truth about it, and what the model said on the way.

    Attributes:
        why: a few words, "" if there was no choice.
        truth: what is known of it, "" if nothing.
        series: its first rows, as many as were fed to the model; of a forecaster those of which something was said.
        traces: what the model said.
        cut: whether there are more rows.
    """

    why: str
    truth: str
    series: Series
    traces: list[Trace]
    cut: bool


def examples_of(model: Model, series: list[Series]) -> list[Example]:
    """Up to four series: of a classifier one that it got right and is sure of, one that it got wrong, one it doubts.

    Args:
        model: whose answers are shown.
        series: with its channels, in its order; with or without targets.
    """
    series = [one for one in series if len(one)]
    short = [one for one in series if len(one) <= _FED]
    series = short or series
    if not series or (model.config.bidirectional and model.task != "tag"):
        return []
    chosen = [("", one) for one in series[:_MOST]] if model.task == "forecast" else _chosen(model, series)
    examples: list[Example] = []
    for why, one in chosen:
        part = one if model.task == "forecast" else one.between(0, min(len(one), _FED))
        traces = {"tag": _tagged, "forecast": _forecast}.get(model.task, _streamed)(model, part)
        if model.task == "forecast" and traces:
            part = one.between(int(np.searchsorted(one.times, traces[0].times[0])))
        examples.append(Example(why, _truth(one), part, traces, len(part) < len(one)))
    return [one for one in examples if one.traces]


def forecast_at_end(model: Model, one: Series) -> tuple[Series, Trace] | None:
    """The series on the grid of the forecast, and the forecast made a horizon before its end; None if too short."""
    target = model.recipe.target
    assert target is not None
    grid = on_grid(one, model.recipe.cadence)
    row = len(grid) - 1 - target.horizon
    seen = ~np.isnan(grid.values[:, target.channel])
    if row < 0 or not seen[: row + 1].any():
        return None
    raw, anchor = model.quantiles_at(model.recipe.begin().advance(one), np.array([row]))
    quantiles = target.forecast(raw, anchor)[0]
    name = f"median of {model.recipe.channels[target.channel].name}"
    return grid, Trace(name, grid.times[row + 1 :], quantiles[:, 1], quantiles[:, 0], quantiles[:, 2])


def _chosen(model: Model, series: list[Series]) -> list[tuple[str, Series]]:
    """Series with the reasons to show them, no series twice."""
    doubt, error = _doubt_and_error(model, series)
    wanted: list[tuple[str, NDArray[np.int64]]] = []
    known = np.flatnonzero(~np.isnan(error))
    if model.task == "classify":
        right, wrong = known[error[known] == 0], known[error[known] > 0]
        wanted = [("sure and right", right[np.argsort(doubt[right], kind="stable")]),
                  ("sure and wrong", wrong[np.argsort(doubt[wrong], kind="stable")])]  # fmt: skip
    elif len(known):
        by_error = known[np.argsort(error[known], kind="stable")]
        middle = by_error[np.argsort(np.abs(np.arange(len(by_error)) - len(by_error) // 2), kind="stable")]
        wanted = [("a usual error", middle), ("the largest error", by_error[::-1])]
    by_doubt = np.argsort(doubt, kind="stable")
    if not len(known):
        wanted.append(("the surest answer", by_doubt))
    wanted.append(("the least sure answer", by_doubt[::-1]))
    chosen: dict[int, str] = {}
    for why, order in wanted:
        place = next((int(k) for k in order if int(k) not in chosen), None)
        if place is not None:
            chosen[place] = why
    return [(why, series[k]) for k, why in list(chosen.items())[:_MOST]]


def _doubt_and_error(model: Model, series: list[Series]) -> tuple[Array, Array]:
    """Of each series how unsure the model is, and how wrong, NaN where it is not known; of a classifier 0 or 1."""
    error = np.full(len(series), np.nan)
    if model.task == "regress":
        head = cast("Regression", model.config.head)
        quantiles = model.predict_quantiles(series) / np.array(head.scale)[:, None]
        doubt = (quantiles[:, :, 2] - quantiles[:, :, 0]).mean(axis=1)
        for k, one in enumerate(series):
            if one.label is not None:
                truth = np.array(one.label, np.float64).reshape(-1) / np.array(head.scale)
                off = np.abs(truth - quantiles[k, :, 1])
                error[k] = np.nanmean(off) if not np.isnan(off).all() else np.nan
        return doubt, error
    probabilities: Any = model.predict_proba(series)
    if model.task == "tag":
        doubt = np.array([1 - rows.max(axis=1).mean() for rows in probabilities])
        for k, one in enumerate(series):
            tags: list[Any] = [None] * len(one) if one.tags is None else list(one.tags)
            rows = [(r, model.classes.index(tag)) for r, tag in enumerate(tags) if tag in model.classes]
            if rows:
                error[k] = np.mean([probabilities[k][r].argmax() != code for r, code in rows])
        return doubt, error
    if model.task == "multilabel":
        doubt = (0.5 - np.abs(probabilities - 0.5)).max(axis=1)
    else:
        doubt = 1 - probabilities.max(axis=1)
    for k, one in enumerate(series):
        if one.label is None:
            continue
        if model.task == "multilabel":
            error[k] = np.abs(probabilities[k] - np.array(one.label, np.float64)).max()
        elif one.label in model.classes:
            error[k] = float(probabilities[k].argmax() != model.classes.index(one.label))
    return doubt, error


def _truth(one: Series) -> str:
    if one.label is None:
        return ""
    several = one.label if isinstance(one.label, tuple | list) else [one.label]
    return ", ".join(number(each) if isinstance(each, float) else str(each) for each in several)


def _streamed(model: Model, one: Series) -> list[Trace]:
    """The answers after rows that come in one by one."""
    stream = model.stream(_words_or_numbers(one.facts, model.recipe.facts, one.fact_levels))
    asked = set(np.linspace(0, len(one) - 1, min(len(one), _ROWS)).round().astype(int).tolist())
    answers: list[Array] = []
    bounds = np.searchsorted(one.observations.row, np.arange(len(one) + 1))
    seen = one.observations
    for row in range(len(one)):
        part = slice(bounds[row], bounds[row + 1])
        values = Observations(seen.row[part], seen.channel[part], seen.value[part])
        stream.observe(_words_or_numbers(values, model.recipe.channels, one.levels), _time_of(one, row))
        if row in asked:
            answers.append(stream.predict_quantiles() if model.task == "regress" else stream.predict_proba())
    return _traces(model, one.times[sorted(asked)], np.array(answers))


def _tagged(model: Model, one: Series) -> list[Trace]:
    return _traces(model, one.times, model.predict_proba([one])[0])


def _forecast(model: Model, one: Series) -> list[Trace]:
    """What was said of each step one horizon before it."""
    target, head = model.recipe.target, cast("QuantileForecast", model.config.head)
    assert target is not None
    grid = on_grid(one, model.recipe.cadence)
    seen = np.flatnonzero(~np.isnan(grid.values[:, target.channel]))
    rows = np.arange(max(seen[0], len(grid) - head.horizon - _STEPS), len(grid) - head.horizon) if len(seen) else seen
    if not len(rows):
        return []
    raw, anchor = model.quantiles_at(model.recipe.begin().advance(one), rows)
    quantiles = target.forecast(raw, anchor)[:, -1]
    name = f"{head.horizon} steps before" if head.horizon > 1 else "a step before"
    return [Trace(name, grid.times[rows + head.horizon], quantiles[:, 1], quantiles[:, 0], quantiles[:, 2])]


def _traces(model: Model, times: Array, answers: Array) -> list[Trace]:
    """Answers [R, K] or [R, K, 3] by name: of two classes the second, of many the likeliest at the end."""
    if model.task == "regress":
        names = cast("Regression", model.config.head).names
        return [Trace(name, times, *answers[:, k, [1, 0, 2]].T) for k, name in enumerate(names[:_SHOWN])]
    classes = model.classes
    if len(classes) == 2 and model.task != "multilabel":
        return [Trace(str(classes[1]), times, answers[:, 1])]
    best = sorted(np.argsort(-answers[-1], kind="stable")[:_SHOWN].tolist())
    return [Trace(str(classes[k]), times, answers[:, k]) for k in best]


def _words_or_numbers(
    seen: Observations, channels: tuple[Channel, ...], levels: Mapping[str, tuple[str, ...]]
) -> dict[str, list[Any]]:
    """What a stream takes, by name: a list of numbers or of words."""
    found: dict[str, list[Any]] = {}
    for c, value in zip(seen.channel, seen.value, strict=True):
        known = channels[int(c)]
        entry = levels[known.name][int(value)] if isinstance(known, WordChannel) else float(value)
        found.setdefault(known.name, []).append(entry)
    return found


def _time_of(one: Series, row: int) -> Any:
    """The time of a row as a stream takes it."""
    if one.time_kind == "order":
        return None
    if one.time_kind == "number":
        return float(one.times[row])
    return np.datetime64(round(one.times[row] * 1e6), "us")
