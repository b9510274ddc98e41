"""Tables of numbers that ordinary learners can read: a summary of each series, or of what each row has behind it."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memcell.data import Series
from memcell.features.channels import Channel, WordChannel
from memcell.features.recipe import Recipe

__all__ = ["Summaries"]

Array = NDArray[np.float64]

_CHANNELS = 100  # that are summarised, the most observed ones
_WORDS = 300  # of each channel or fact, the most frequent ones
_LARGEST = 1e15  # squares of larger values mean nothing to those who compute with them
_OF_NUMBERS = 7  # count, first, last, mean, least, most, standard deviation


@dataclass(frozen=True)
class Summaries:
    """Which channels and words are summarised; chosen from training series.

    Attributes:
        recipe: of the model, whose channels the series have.
        channels: of numbers, those that are summarised.
        words: of each channel of words, those whose presence is told.
        fact_words: the same of facts.
    """

    recipe: Recipe
    channels: NDArray[np.int64]
    words: dict[int, tuple[str, ...]]
    fact_words: dict[int, tuple[str, ...]]

    @classmethod
    def of(cls, recipe: Recipe, series: list[Series]) -> "Summaries":
        """Those most observed in some series."""
        counts = np.zeros(len(recipe.channels))
        for one in series:
            counts += np.bincount(one.observations.channel, minlength=len(counts))
        numbers = [c for c, known in enumerate(recipe.channels) if not isinstance(known, WordChannel)]
        kept = sorted(numbers, key=lambda c: (-counts[c], c))[:_CHANNELS]
        words, fact_words = (
            {c: _frequent(series, one, c, facts) for c, one in enumerate(known) if isinstance(one, WordChannel)}
            for known, facts in ((recipe.channels, False), (recipe.facts, True))
        )
        return cls(recipe, np.array(sorted(kept), np.int64), words, fact_words)

    @property
    def left_out(self) -> int:
        """Channels of numbers that are not summarised."""
        numbers = sum(not isinstance(one, WordChannel) for one in self.recipe.channels)
        return numbers - len(self.channels)

    def of_series(self, series: list[Series]) -> Array:
        """[n, features] of whole series; NaN where there is nothing to summarise."""
        return np.array([self._one(one) for one in series]).reshape(len(series), -1)

    def of_rows(self, one: Series) -> Array:
        """[T, features], at each row the value there and a summary of the rows up to it, and nothing of later ones."""
        values = one.values[:, self.channels].clip(-_LARGEST, _LARGEST)
        seen = ~np.isnan(values)
        filled = np.where(seen, values, 0.0)
        count = seen.cumsum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.where(count > 0, filled.cumsum(axis=0) / count, np.nan)
            spread = np.sqrt(np.maximum((filled**2).cumsum(axis=0) / count - mean**2, 0.0))
        least = np.fmin.accumulate(values, axis=0) if len(values) else values
        most = np.fmax.accumulate(values, axis=0) if len(values) else values
        last = values
        if len(values):
            place = np.maximum.accumulate(np.where(seen, np.arange(len(values))[:, None], 0), axis=0)
            last = np.take_along_axis(values, place, axis=0)
        parts = [np.arange(len(one))[:, None], values, last, count, mean, least, most, spread]
        for c, words in self.words.items():
            parts.append(_present(one, c, words))
        facts = np.tile(self._facts(one), (len(one), 1))
        return np.concatenate([*parts, facts], axis=1, dtype=np.float64)

    def _one(self, one: Series) -> Array:
        seen = one.observations
        order = np.argsort(seen.channel, kind="stable")
        channel, value = seen.channel[order], seen.value[order].clip(-_LARGEST, _LARGEST)
        begins = np.searchsorted(channel, self.channels)
        ends = np.searchsorted(channel, self.channels, side="right")
        result = np.full((len(self.channels), _OF_NUMBERS), np.nan)
        result[:, 0] = ends - begins
        for k, (begin, end) in enumerate(zip(begins, ends, strict=True)):
            if end > begin:
                part = value[begin:end]
                result[k, 1:] = part[0], part[-1], part.mean(), part.min(), part.max(), part.std()
        words = [_present(one, c, known).any(axis=0).astype(np.float64) for c, known in self.words.items()]
        span = one.times[-1] - one.times[0] if len(one) else 0.0
        return np.concatenate([[len(one), span], result.reshape(-1), *words, self._facts(one)])

    def _facts(self, one: Series) -> Array:
        parts: list[float] = []
        for c, fact in enumerate(self.recipe.facts):
            seen = one.facts.value[one.facts.channel == c]
            if isinstance(fact, WordChannel):
                found = {one.fact_levels[fact.name][int(code)] for code in seen}
                parts += [float(word in found) for word in self.fact_words[c]]
            else:
                parts.append(float(seen.mean().clip(-_LARGEST, _LARGEST)) if len(seen) else np.nan)
        return np.array(parts)


def _frequent(series: list[Series], channel: Channel, c: int, facts: bool) -> tuple[str, ...]:
    counts: Counter[str] = Counter()
    for one in series:
        seen, levels = (one.facts, one.fact_levels) if facts else (one.observations, one.levels)
        codes = np.unique(seen.value[seen.channel == c])
        counts.update(levels[channel.name][int(code)] for code in codes)
    return tuple(sorted(sorted(counts, key=lambda word: (-counts[word], word))[:_WORDS]))


def _present(one: Series, c: int, words: tuple[str, ...]) -> Array:
    """[T, words], whether each is in the row."""
    result = np.zeros((len(one), len(words)))
    seen = one.observations.select(one.observations.channel == c)
    if len(seen):
        place = {word: k for k, word in enumerate(words)}
        name = one.channels[c]
        found = np.array([place.get(one.levels[name][int(code)], -1) for code in seen.value])
        result[seen.row[found >= 0], found[found >= 0]] = 1.0
    return result
