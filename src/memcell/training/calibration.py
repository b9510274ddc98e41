"""How the errors of a regression are distributed, as series show that a network held out."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from memcell.data import Series
from memcell.heads import Regression
from memcell.heads.regression import FREEDOM, OF_T
from memcell.model import Model

__all__ = ["calibrated"]

_ADDED = 10  # errors that the t distribution adds of its own, so that a few seen ones do not say all
_LARGEST = 5 * OF_T[2]  # error in scales that larger ones are taken for
_NARROWEST, _WIDEST = 0.3, 5.0  # what the t distribution may be stretched by
_OUTLIERS = 2  # errors, and one in a hundred, that count no more than the next smaller one
_LEAST_BAND = 0.05  # scales between two quantiles


def calibrated(model: Model, series: list[Series], targets: NDArray[np.float32], weights: NDArray[np.float32]) -> Model:
    """The model with the errors that its networks make of series which they held out (cross-conformal prediction: Vovk,
    arXiv 1208.0806): of each series the errors of those that did, together.

    Args:
        model: a regression whose errors are those of the t distribution itself.
        series: what it was trained on.
        targets: of them, [n, K] in units of the targets' spreads, NaN where unknown.
        weights: how much each series counts.
    """
    head = model.config.head
    assert isinstance(head, Regression)
    count = len(head.names)
    standard = replace(head, center=(0.0,) * count, scale=(1.0,) * count, limits=())
    location, spread, times = np.zeros(targets.shape), np.zeros(targets.shape), np.zeros((len(targets), 1))
    for k, held in enumerate(model.record["held_out"]):
        alone = replace(model, config=replace(model.config, head=standard, members=1), members=model.members[k : k + 1])
        low, middle, high, _ = np.moveaxis(alone.numbers_of([series[at] for at in held]), 2, 0)
        location[held] += middle
        spread[held] += (high - low) / (OF_T[2] - OF_T[0])
        times[held] += 1
    seen = times[:, 0] > 0
    spread = spread[seen] / times[seen]
    errors, weight = targets[seen] - location[seen] / times[seen], weights[seen].astype(np.float64)
    known = ~np.isnan(errors)
    each = zip(errors.T, spread.T, known.T, strict=True)
    found = tuple(_distribution(one[there], wide[there], weight[there]) for one, wide, there in each)
    model = replace(model, config=replace(model.config, head=replace(head, errors=found)))
    return _with_mean_of_nothing(model, series, targets, weights)


def _with_mean_of_nothing(
    model: Model, series: list[Series], targets: NDArray[np.float32], weights: NDArray[np.float32]
) -> Model:
    """The model with means of series of which nothing is seen that are on average what there was."""
    config, head = model.config, model.config.head
    assert isinstance(head, Regression)
    if not config.blank or not any("linear.weight" in one and one["linear.weight"].any() for one in model.members):
        return model
    means = model.numbers_of([one.between(0, 0) for one in series])[:, :, 3]
    off = np.ma.masked_invalid(targets - (means - np.array(head.center)) / np.array(head.scale))
    off = np.ma.average(off, axis=0, weights=np.broadcast_to(weights[:, None], off.shape))
    place, members = config.summary + config.facts, []
    for one in model.members:
        linear = one["linear.weight"].copy()
        linear[: len(head.names), place] += np.ma.filled(off, 0.0)
        members.append({**one, "linear.weight": linear})
    return replace(model, members=tuple(members))


def _distribution(
    errors: NDArray[np.float64], scale: NDArray[np.float64], weights: NDArray[np.float64]
) -> tuple[float, float, float, float]:
    """Quantiles 0.1, 0.5 and 0.9 and mean of errors in units of scales, drawn to those of the t distribution where they
    are few. With the mean, what is predicted is on average what there was, however uneven the errors are."""
    if not len(errors):
        return OF_T
    share = weights / weights.sum()
    size = np.sort(np.abs(errors))
    most = size[max(0, len(size) - 1 - _OUTLIERS - len(size) // 100)]  # a few wild ones do not say all
    mean = float((share * np.clip(errors, -most, most)).sum() / (share * scale).sum())
    errors = np.clip(errors / scale, -_LARGEST, _LARGEST)
    count = 1 / (share**2).sum()  # of errors that count alike and say as much
    level = min(1.0, 0.8 * (1 + 1 / count))  # the next error lies among as many as there are, and itself
    covering = _quantiles(np.abs(errors), share, [level])[0] / OF_T[2]
    of_t = np.clip(covering, _NARROWEST, _WIDEST) * stats.t.ppf((np.arange(_ADDED) + 0.5) / _ADDED, FREEDOM)
    errors, each = np.concatenate([errors, of_t]), np.concatenate([share * count, np.ones(_ADDED)])
    low, middle, high = _quantiles(errors, each, [0.1, 0.5, 0.9])
    mean *= count / (count + _ADDED)
    return min(low, middle - _LEAST_BAND), middle, max(high, middle + _LEAST_BAND), mean


def _quantiles(values: NDArray[np.float64], weights: NDArray[np.float64], levels: list[float]) -> list[float]:
    """Of weighted values, each in the middle of its share of the weight, and between them on a line."""
    order = np.argsort(values)
    share = weights[order] / weights.sum()
    return np.interp(levels, np.cumsum(share) - share / 2, values[order]).tolist()
