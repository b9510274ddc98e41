"""What is missing where, and what a model's answers hang on: numbers only, drawn elsewhere."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from memcell.data import Series
from memcell.features.channels import NumberChannel
from memcell.heads import Regression
from memcell.model import Model

__all__ = ["SHOWN", "Influence", "Presence", "influence_of", "presence_of"]

Array = NDArray[np.float64]

SHOWN = 40  # channels at most
_BINS = 20  # of the time of a series
_SLICES = 10  # of the time of a series, hidden one at a time
_SERIES = 64  # in which something is hidden
_BUDGET = 4_000_000  # rows that are run through the model to see what it hangs on
_CELLS = 30_000_000  # rows times channels of these, where there are more channels than are tried


@dataclass(frozen=True)
class Presence:
    """How often each channel is there.

    Attributes:
        rows: of all series.
        shares: of the C channels, the share of rows in which it is observed; NaN without rows.
        by_time: [C, bins], the same in each part of a series' time; NaN where no row is.
        facts: of each fact, the share of series that have it.
    """

    rows: int
    shares: Array
    by_time: Array
    facts: Array

    @property
    def shown(self) -> NDArray[np.int64]:
        """The most observed channels, the most observed first."""
        return np.argsort(-self.shares, kind="stable")[:SHOWN]


@dataclass(frozen=True)
class Influence:
    """How far the answers move when something is hidden.

    Attributes:
        names: of channels and facts, in the order of their influence.
        changes: of each, the mean change.
        times: of each slice of time, the mean change; empty where it was not asked.
        series: how many were tried.
        cut: whether only the last rows of long series were.
        left_out: channels and facts that were not tried.
    """

    names: tuple[str, ...]
    changes: Array
    times: Array
    series: int
    cut: bool
    left_out: int


def presence_of(series: list[Series], channels: int, facts: int) -> Presence:
    """Of each channel and fact how often it is there."""
    count = _at_most(_BINS, series)
    rows = np.zeros(count)
    seen = np.zeros((channels, count))
    known = np.zeros(facts)
    for one in series:
        bins = parts_of_time(one, count)
        rows += np.bincount(bins, minlength=count)
        found = one.observations.select(~one.observations.repeated)
        np.add.at(seen, (found.channel, bins[found.row]), 1.0)
        known[np.unique(one.facts.channel)] += 1
    with np.errstate(invalid="ignore", divide="ignore"):
        total = rows.sum()
        shares = seen.sum(axis=1) / total if total else np.full(channels, np.nan)
        by_time = np.where(rows > 0, seen / rows, np.nan)
        return Presence(int(total), shares, by_time, known / max(1, len(series)))


def _at_most(count: int, series: list[Series]) -> int:
    """So many parts of time, or as many as the longest series has rows."""
    return max(1, min(count, max((len(one) for one in series), default=1)))


def parts_of_time(one: Series, count: int) -> NDArray[np.int64]:
    """[T], the part that each row lies in, where the time of a series is divided into equally long ones."""
    if len(one) < 2:
        return np.zeros(len(one), np.int64)
    share = (one.times - one.times[0]) / (one.times[-1] - one.times[0])
    return np.minimum((share * count).astype(np.int64), count - 1)


def influence_of(model: Model, series: list[Series]) -> Influence | None:
    """How far the model's answers move when a channel, a fact or a stretch of time is hidden; None without series.

    What is hidden counts as not observed; its rows stay, so that times and the number of rows are as they were.

    Args:
        model: whose answers.
        series: with its channels, in its order.
    """
    target = model.recipe.target
    if target is not None:
        series = [one for one in series if (one.observations.channel == target.channel).any()]
    counts = np.zeros(len(model.recipe.channels))
    for one in series:
        counts += np.bincount(one.observations.channel, minlength=len(counts))
    tried = [int(c) for c in np.argsort(-counts, kind="stable")[:SHOWN] if target is None or c != target.channel]
    facts = list(range(min(len(model.recipe.facts), SHOWN)))
    slices = _at_most(_SLICES, series) if target is None else 0
    runs = 1 + len(tried) + len(facts) + slices
    rows = _BUDGET // (runs * max(1, model.config.members))
    if len(counts) > SHOWN:
        rows = min(rows, _CELLS // (runs * len(counts)))
    sample, cut = _sample(series, rows)
    if not sample:
        return None
    answer = _answers_of(model)
    whole = answer(sample)

    def change(hidden: list[Series]) -> float:
        return float(np.mean(np.abs(answer(hidden) - whole))) if len(whole) else 0.0

    if model.task == "classify":
        rows, best = np.arange(len(whole)), whole.argmax(axis=1)

        def change(hidden: list[Series]) -> float:
            return float(np.mean(np.abs(answer(hidden) - whole)[rows, best]))

    found = [(model.recipe.channels[c].name, change([_without_channel(one, c) for one in sample])) for c in tried]
    known = {name for name, _ in found}
    for c in facts:
        name = model.recipe.facts[c].name
        moved = change([_without_fact(one, c) for one in sample])
        found.append((f"{name} (fact)" if name in known else name, moved))
    found.sort(key=lambda one: -one[1])
    times = [change([_without_time(one, k, slices) for one in sample]) for k in range(slices)]
    left_out = len(counts) - (target is not None) - len(tried) + len(model.recipe.facts) - len(facts)
    names = tuple(name for name, _ in found)
    return Influence(names, np.array([moved for _, moved in found]), np.array(times), len(sample), cut, left_out)


def _sample(series: list[Series], rows: int) -> tuple[list[Series], bool]:
    """At most 64 series, evenly from all, that have no more rows together; and whether they were cut to fit."""
    count = min(_SERIES, len(series))
    while count > 4 and sum(len(series[k]) for k in _evenly(len(series), count)) > rows:
        count //= 2
    sample = [series[k] for k in _evenly(len(series), count)]
    each = max(100, rows // max(1, count))
    if sum(map(len, sample)) <= rows:
        return sample, False
    return [one.between(max(0, len(one) - each)) for one in sample], True


def _evenly(total: int, count: int) -> NDArray[np.int64]:
    """``count`` places of ``total``, as far from each other as can be."""
    return np.linspace(0, total - 1, count).round().astype(np.int64) if count else np.empty(0, np.int64)


def _answers_of(model: Model) -> Callable[[list[Series]], Any]:
    """What the model says of series, as an array whose differences can be averaged, in comparable units."""
    if model.task == "regress":
        scale = np.array(cast("Regression", model.config.head).scale)
        return lambda series: model.predict_quantiles(series)[:, :, 1] / scale
    if model.task == "tag":
        return lambda series: np.concatenate([np.empty((0, len(model.classes))), *model.predict_proba(series)])
    if model.task == "forecast":
        target = model.recipe.target
        assert target is not None
        channel = model.recipe.channels[target.channel]
        unit = channel.scale if isinstance(channel, NumberChannel) else 1.0
        return lambda series: np.array([forecast.quantiles[:, 1] / unit for forecast in model.predict(series)])
    return model.predict_proba


def _without_channel(one: Series, c: int) -> Series:
    return replace(one, observations=one.observations.select(one.observations.channel != c))


def _without_fact(one: Series, c: int) -> Series:
    return replace(one, facts=one.facts.select(one.facts.channel != c))


def _without_time(one: Series, k: int, slices: int) -> Series:
    hidden = parts_of_time(one, slices) == k
    return replace(one, observations=one.observations.select(~hidden[one.observations.row]))
