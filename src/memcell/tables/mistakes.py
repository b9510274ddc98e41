"""What in a table looks like a mistake that nothing refuses: fill values, numbers with units, words in two forms."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from memcell.data.observations import values_by_channel
from memcell.data.schema import TableSchema
from memcell.data.series import Series

__all__ = ["likely_mistakes"]

_NINES = np.array([10.0**digits - 1 for digits in range(2, 16)])
_OFTEN = (5, 3)  # times that a number, or one of nines, is met to be one that fills
_FAR = (3.0, 20.0)  # distances between the quartiles from the median, of one of nines and of any other
_ALONE = 0.3  # of that distance, in which there is nothing else
_SAMPLE = 100_000  # values that quartiles are taken of
_NUMBER = re.compile(r"[~(<>≤≥]*\s?[+\-\u2212±]?[0-9]")
_MANY, _MOST = 20, 0.8  # different words, and the share of them that begin with a number


def likely_mistakes(series: Sequence[Series], schema: TableSchema) -> list[str]:
    """What the user should know of the values of series that a model is to be trained on."""
    notes = _fill_values(series, schema)
    words = _words_of(series)
    notes += [note for name, every in words.items() if (note := _numbers_among(name, every, schema)) is not None]
    labels = {label for one in series for label in _strings(one.label)}
    labels |= {tag for one in series if one.tags is not None for tag in set(_strings(tuple(one.tags)))}
    named = [(f"Channel {name!r}", every) for name, every in words.items()] + [("The target", labels)]
    if schema.channel is not None and series:
        named.append((f"Column {schema.channel!r}", set(series[0].channels)))
    return notes + [note for name, every in named if (note := _written_two_ways(name, every)) is not None]


def _fill_values(series: Sequence[Series], schema: TableSchema) -> list[str]:
    """Of numbers that may stand for what is missing: one again and again, far from all others; -999 the sooner."""
    notes: list[str] = []
    for name, every in _numbers_of(series, schema):
        others = every[~np.isin(np.abs(every), _NINES)]
        if not len(others):
            continue
        low, middle, high = np.quantile(others[:: len(others) // _SAMPLE + 1], [0.25, 0.5, 0.75])
        if not high > low:
            continue
        off = np.abs(every - middle) / (high - low)
        far, counts = np.unique(every[off > _FAR[0]], return_counts=True)
        rest = every[off <= _FAR[0]]
        for value, count in zip(far.tolist(), counts.tolist(), strict=True):
            least, times = _OFTEN[abs(value) in _NINES], _FAR[abs(value) not in _NINES]
            nearest = np.abs(np.concatenate([rest, far[far != value]]) - value).min(initial=np.inf)
            apart = abs(value - middle)
            if count >= least and apart > times * (high - low) and nearest > _ALONE * apart:
                notes.append(
                    f"{name!r} is {value:.15g} in {count:,} of {len(every):,} values, far from all others. If that "
                    "stands for a missing value, leave the cell empty."
                )
    return notes


def _numbers_of(series: Sequence[Series], schema: TableSchema) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Each channel and target that holds numbers, and all of its values."""
    names = series[0].channels if series else ()
    split = values_by_channel([one.observations for one in series], len(names))
    for name, seen in zip(names, split, strict=True):
        if name not in series[0].levels:
            yield name, np.concatenate([np.empty(0), *(values for _, values in seen)])
    labels = [one.label if isinstance(one.label, tuple) else (one.label,) for one in series]
    for name, column in zip(schema.label, zip(*labels, strict=True), strict=False):
        numbers = [one for one in column if isinstance(one, int | float) and not isinstance(one, bool) and one == one]
        yield name, np.array(numbers, np.float64)


def _words_of(series: Sequence[Series]) -> dict[str, set[str]]:
    """Of each channel that holds words, those of all series; of one reading they share them."""
    words: dict[str, set[str]] = defaultdict(set)
    for levels in {id(one.levels): one.levels for one in series}.values():
        for name, own in levels.items():
            words[name].update(own)
    return words


def _strings(label: object) -> Iterable[str]:
    return [one for one in (label if isinstance(label, tuple) else (label,)) if isinstance(one, str)]


def _numbers_among(name: str, words: set[str], schema: TableSchema) -> str | None:
    numbers = sorted(word for word in words if _NUMBER.match(word))
    if schema.kinds.get(name) != "category" or len(words) < _MANY or len(numbers) < _MOST * len(words):
        return None
    return (
        f"Channel {name!r} is read as {len(words):,} different words, such as {numbers[0]!r}. If they are numbers, "
        "write these alone: without units, with a point."
    )


def _written_two_ways(name: str, words: set[str]) -> str | None:
    alike: dict[str, list[str]] = defaultdict(list)
    for word in sorted(words):
        alike[unicodedata.normalize("NFKC", word).casefold().strip()].append(word)
    pair = next((same for same in alike.values() if len(same) > 1), None)
    if pair is None:
        return None
    return f"{name} has {pair[0]!r} and {pair[1]!r}, which count as different. Write them alike if they mean the same."
