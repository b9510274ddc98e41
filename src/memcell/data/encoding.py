"""How observations and facts become the features of steps: columns of numbers, events, and facts."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memcell.data.channels import Channel, NumberChannel, WordChannel, scaled
from memcell.data.series import Series

__all__ = ["Encoding", "unknown_words"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Encoding:
    """Where each channel and fact has its features.

    Attributes:
        channels, facts: as in ``Recipe``.
    """

    channels: tuple[Channel, ...]
    facts: tuple[Channel, ...]

    @cached_property
    def columns(self) -> NDArray[np.int64]:
        """[D], the channels that are columns of the steps: those of numbers that do not enter as events."""
        return np.array([c for c, one in enumerate(self.channels) if _is_column(one)], np.int64)

    @cached_property
    def event_kinds(self) -> tuple[tuple[str, int], ...]:
        """Of each channel that enters as events what it holds and how many features it has, in their order."""
        return tuple((one.kind, one.features) for one in self.channels if not _is_column(one))

    @property
    def fact_width(self) -> int:
        """S: of a fact of numbers its value and whether it is known, of words one for each."""
        return sum(2 if isinstance(one, NumberChannel) else one.features for one in self.facts)

    def columns_of(self, rows: Series) -> Array:
        """[T, D], the values of the channels that are columns, as the series has them; NaN where missing."""
        return rows.observations.of_channels(self._column_places).dense(len(rows), len(self.columns))

    def scaled(self, values: Array, keep_all: bool = False) -> Array:
        """[T, D], scaled; NaN where impossible, unless all are to be kept."""
        return scaled(values, self._scaling[:, self.columns], keep_all)

    def events_of(self, rows: Series) -> tuple[Array, Array, Array]:
        """Row, feature and scaled value [M] of what enters as events; words have the value 0."""
        if not self.event_kinds:
            return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)
        seen = rows.observations
        first = self._first_feature[seen.channel]
        worded = self._worded[seen.channel]
        value = np.where(worded, 0.0, scaled(seen.value, self._scaling[:, seen.channel]))
        feature = first.copy()
        for c in np.unique(seen.channel[worded]):
            of_channel = seen.channel == c
            words = rows.levels[self.channels[c].name]
            feature[of_channel] += self._features_of(self.channels[c], words)[seen.value[of_channel].astype(np.int64)]
        kept = (first >= 0) & ~np.isnan(value)
        order = np.lexsort((value[kept], feature[kept], seen.row[kept]))
        return seen.row[kept][order].astype(np.int64), feature[kept][order], value[kept][order]

    def facts_of(self, rows: Series) -> NDArray[np.float32]:
        """[S], as ``fact_width`` says."""
        result = np.zeros(self.fact_width, np.float32)
        begin = 0
        for c, one in enumerate(self.facts):
            seen = rows.facts.value[rows.facts.channel == c]
            if isinstance(one, WordChannel):
                result[begin + self._features_of(one, rows.fact_levels[one.name])[seen.astype(np.int64)]] = 1.0
            elif len(seen):
                value = scaled(seen.mean(), np.array(one.scaling))
                result[begin : begin + 2] = (0.0, 0.0) if np.isnan(value) else (value, 1.0)
            begin += 2 if isinstance(one, NumberChannel) else one.features
        return result

    def _features_of(self, channel: Channel, words: tuple[str, ...]) -> NDArray[np.int64]:
        """The features of the words that a series' values of a channel number; looked up once a table of words."""
        assert isinstance(channel, WordChannel)
        known = self._word_tables.get(id(channel))
        if known is None or known[0] is not words:
            known = self._word_tables[id(channel)] = words, channel.numbers_of(words)
        return known[1]

    @cached_property
    def _word_tables(self) -> dict[int, tuple[tuple[str, ...], NDArray[np.int64]]]:
        return {}

    @cached_property
    def _column_places(self) -> NDArray[np.int64]:
        places = np.full(len(self.channels), -1)
        places[self.columns] = np.arange(len(self.columns))
        return places

    @cached_property
    def _first_feature(self) -> NDArray[np.int64]:
        """[C], the first feature of each channel's events; -1 for a column."""
        sizes = [0 if _is_column(one) else one.features for one in self.channels]
        begins = np.cumsum([0, *sizes])[:-1]
        return np.where([_is_column(one) for one in self.channels], -1, begins).astype(np.int64)

    @cached_property
    def _worded(self) -> NDArray[np.bool_]:
        return np.array([isinstance(one, WordChannel) for one in self.channels], bool)

    @cached_property
    def _scaling(self) -> Array:
        """[4, C], the scaling of each channel; those of words are not used."""
        every = [one.scaling if isinstance(one, NumberChannel) else (0.0, 1.0, 1.0, 1.0) for one in self.channels]
        return np.array(every).reshape(len(every), 4).T


def unknown_words(encoding: Encoding, series: list[Series]) -> list[str]:
    """What the user should know of words that training did not: of each channel and fact how many there were."""
    notes: list[str] = []
    for place, levels, known in (
        ("observations", "levels", encoding.channels), ("facts", "fact_levels", encoding.facts),
    ):  # fmt: skip
        for c, one in enumerate(known):
            if not isinstance(one, WordChannel) or one.kind == "text":
                continue
            strange = [
                word
                for each in series
                for seen in [getattr(each, place)]
                for code in seen.value[seen.channel == c]
                if (word := getattr(each, levels)[one.name][int(code)]) not in one.words
            ]
            if strange:
                notes.append(
                    f"{one.name!r} has {len(strange)} values that training did not know or met in one series only, "
                    f"such as {strange[0]!r}; they "
                    "count as unknown."
                )
    return notes


def _is_column(channel: Channel) -> bool:
    return isinstance(channel, NumberChannel) and not channel.events
