"""Channels that give the answer away: those whose pattern of missing values alone tells what is to be learnt."""

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from memcell.contract import warn
from memcell.contract.errors import listed
from memcell.data import Series

__all__ = ["leaking_channels", "leaking_rows"]

_FEWEST = 10  # series, or rows, with an answer and without from which on telling them apart is no chance
_AT_ONCE = 10_000_000  # shares whose ranks are worked out at once
_TELLS = 0.95  # area under the ROC curve from which on it does


def leaking_channels(series: list[Series], answers: NDArray[np.bool_]) -> list[str]:
    """Channels and facts whose share of observed rows tells for some answer which series have it.

    Args:
        series: labelled.
        answers: [n, K], which series have which: a class, a label, a number above the median.
    """
    told = np.array([len(one) > 0 or not len(one.channels) for one in series], bool)  # without rows nothing is said
    series, answers = [one for one, tells in zip(series, told, strict=True) if tells], answers[told]
    if not series:
        return []
    names, width = (*series[0].channels, *series[0].fact_names), len(series[0].channels)
    shares = np.zeros((len(series), len(names)), np.float32)
    for row, one in zip(shares, series, strict=True):
        first = ~one.observations.repeated
        row[:width] = np.bincount(one.observations.channel[first], minlength=width) / max(1, len(one))
        row[width + one.facts.channel] = 1.0
    blocks = np.array_split(np.arange(len(names)), max(1, shares.size // _AT_ONCE))
    ranks = [stats.rankdata(shares[:, some], axis=0).T @ answers for some in blocks]
    return _named(names, np.concatenate(ranks), answers.sum(axis=0), len(series))


def leaking_rows(series: list[Series], codes: list[NDArray[np.int64]], classes: int) -> list[str]:
    """Channels of which it tells for some class which rows have it whether they were observed there.

    Args:
        series: with labels by row.
        codes: of each series the class of each row, -1 where unknown.
        classes: how many there are.
    """
    names = series[0].channels
    seen, of_class = np.zeros((len(names), classes)), np.zeros(classes)
    for one, code in zip(series, codes, strict=True):
        first = ~one.observations.repeated
        there, channel = code[one.observations.row[first]], one.observations.channel[first]
        np.add.at(seen, (channel[there >= 0], there[there >= 0]), 1)
        of_class += np.bincount(code[code >= 0], minlength=classes)
    count, total = of_class.sum(), seen.sum(axis=1, keepdims=True)
    # Rows without a value share the lower ranks, rows with one the upper ones.
    lower, upper = (count - total + 1) / 2, count - (total - 1) / 2
    return _named(names, seen * upper + (of_class - seen) * lower, of_class, int(count))


def _named(names: tuple[str, ...], ranks: NDArray[np.float64], having: NDArray[np.float64], count: int) -> list[str]:
    """Which of the channels tell an answer, by sums of ranks [C, K] of those that have it, and how many do [K]; a
    ``DataWarning`` names them."""
    enough = (having >= _FEWEST) & (count - having >= _FEWEST)
    area = (ranks - having * (having + 1) / 2)[:, enough] / (having * (count - having))[enough]
    found = [names[k] for k in np.flatnonzero((np.abs(area - 0.5) >= _TELLS - 0.5).any(axis=1))]
    if found:
        told = (
            f"{listed(found)} may give the target away: where it is missing tells nearly all. Is it known beforehand?"
        )
        warn(told)
    return found
