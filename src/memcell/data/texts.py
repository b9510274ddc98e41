"""Running text as sets of words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from memcell.data.observations import Observations
from memcell.data.spelling import words_in

__all__ = ["in_words", "split_texts", "word_sets"]


def word_sets(texts: Sequence[str]) -> tuple[list[NDArray[np.int64]], tuple[str, ...]]:
    """Of each text the numbers of its different words, lower case; and the words."""
    found = [words_in(text) for text in texts]
    words = tuple(sorted({word for several in found for word in several}))
    place = {word: number for number, word in enumerate(words)}
    return [np.array([place[word] for word in several], np.int64) for several in found], words


def split_texts(seen: Observations, channel: int, texts: Sequence[str]) -> tuple[Observations, tuple[str, ...]]:
    """Observations whose values in one channel number whole texts, with the words of each text in their place."""
    sets, words = word_sets(texts)
    return in_words(seen, channel, sets), words


def in_words(seen: Observations, channel: int, sets: Sequence[NDArray[np.int64]]) -> Observations:
    """Observations whose values in one channel number texts, with the numbers of each text's words in their place."""
    whole = seen.channel == channel
    parts = [sets[int(code)] for code in seen.value[whole]]
    rows = np.repeat(seen.row[whole], [len(part) for part in parts])
    codes = np.concatenate([np.empty(0, np.int64), *parts])
    rest = seen.select(~whole)
    return Observations.of(
        np.concatenate([rest.row, rows]),
        np.concatenate([rest.channel, np.full(len(rows), channel)]),
        np.concatenate([rest.value, codes]),
    )
