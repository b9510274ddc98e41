"""How observations and facts become the features of steps: columns of numbers, events, and facts."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memcell.data.series import Series
from memcell.features.channels import Channel, NumberChannel, WordChannel, scaled
from memcell.features.pieces import ROUNDING

__all__ = ["Encoding"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Encoding:
    """Where each channel and fact has its features.

    Attributes:
        channels, facts, sources, categories: as in ``Recipe``.
    """

    channels: tuple[Channel, ...]
    facts: tuple[Channel, ...]
    sources: tuple[tuple[str, str], ...] = ()
    categories: tuple[str, ...] = ()

    @cached_property
    def columns(self) -> NDArray[np.int64]:
        """[D], the channels that are columns of the steps: those of numbers that do not enter as events; then, once a
        source, those whose sources have columns of their own, and once a word those of categories that have."""
        of_sources = [np.full(self.source_count(by), number) for number, by in self._sources]
        of_words = [np.full(self.source_count(channel), channel) for channel in self._categories]
        return np.concatenate([self._numbers, *of_sources, *of_words])

    @cached_property
    def piece_width(self) -> int:
        """Features of a row beside the values of its columns."""
        return sum(one.piece_count for _, one in self._stepwise)

    @cached_property
    def event_kinds(self) -> tuple[tuple[str, int], ...]:
        """Of each channel that enters as events what it holds and how many features it has, in their order."""
        return tuple((one.kind, one.features) for one in self.channels if _is_event(one))

    @cached_property
    def words(self) -> NDArray[np.int64]:
        """Those features of events that are words."""
        sizes = [(isinstance(one, WordChannel), one.features) for one in self.channels if _is_event(one)]
        return np.flatnonzero(np.repeat([word for word, _ in sizes], [size for _, size in sizes]))

    @cached_property
    def event_count(self) -> int:
        """Features of all events."""
        return sum(size for _, size in self.event_kinds)

    @cached_property
    def fact_width(self) -> int:
        """S: of a fact of numbers its value, whether it is known, and its pieces; of words one for each."""
        return sum(map(_features_of_fact, self.facts))

    def columns_of(self, rows: Series) -> Array:
        """[T, D], the values of the channels that are columns, as the series has them, of a word whether it is the one
        that the category names; NaN where missing."""
        values = rows.observations.of_channels(self._column_places).dense(len(rows), len(self._numbers))
        each = (
            np.where(self.sources_of(rows, by), values[:, [self._column_places[number]]], np.nan)
            for number, by in self._sources
        )
        named = (self.sources_of(rows, channel) for channel in self._categories)
        words = (np.where(there.any(axis=1, keepdims=True), there, np.nan) for there in named)
        return np.concatenate([values, *each, *words], axis=1) if self.sources or self.categories else values

    def source_count(self, channel: int) -> int:
        """K: how many sources a channel can name, one for each word of a category, or each code of numbers."""
        one = self.channels[channel]
        if isinstance(one, WordChannel):
            return len(one.words) if one.kind == "category" else 0
        return len(one.knots)

    def sources_of(self, rows: Series, channel: int) -> NDArray[np.bool_]:
        """[T, K], which source the channel names in each row; none where it names several."""
        one, seen = self.channels[channel], rows.observations
        of_channel = seen.channel == channel
        row, value = seen.row[of_channel], seen.value[of_channel]
        there = np.zeros((len(rows), self.source_count(channel)), bool)
        if isinstance(one, WordChannel):
            named = self._features_of(one, rows.levels[one.name])[value.astype(np.int64)]
            known = named < len(one.words)
        else:
            knots = np.array(one.knots)
            named = np.abs(value[:, None] - knots).argmin(axis=1)
            known = np.abs(value - knots[named]) <= ROUNDING * (knots[-1] - knots[0])
        there[row[known], named[known]] = True
        there[there.sum(axis=1) > 1] = False
        return there

    def scaled(self, values: Array, keep_all: bool = False) -> Array:
        """[T, D], scaled; NaN where impossible, unless all are to be kept."""
        return scaled(values, self._scaling[:, self.columns], keep_all)

    def pieces_of(self, scaled: Array) -> Array:
        """[T, piece_width] of the scaled values [T, D] of the columns: where each lies between its channel's knots."""
        none = np.empty((len(scaled), 0))
        return np.concatenate([none, *(one.pieces_of(scaled[:, d]) for d, one in self._stepwise)], axis=1)

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
            if not _features_of_fact(one):
                continue
            seen = rows.facts.value[rows.facts.channel == c]
            if isinstance(one, WordChannel):
                result[begin + self._features_of(one, rows.fact_levels[one.name])[seen.astype(np.int64)]] = 1.0
            elif len(seen):
                value = scaled(seen.mean(), np.array(one.scaling))
                result[begin : begin + 2] = (0.0, 0.0) if np.isnan(value) else (value, 1.0)
                result[begin + 2 : begin + 2 + one.piece_count] = one.pieces_of(value)
            begin += _features_of_fact(one)
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
    def _stepwise(self) -> list[tuple[int, NumberChannel]]:
        """The columns that come in pieces too, and their places."""
        of_columns = (self.channels[c] for c in self.columns)
        return [(d, one) for d, one in enumerate(of_columns) if isinstance(one, NumberChannel) and one.piece_count]

    @cached_property
    def _numbers(self) -> NDArray[np.int64]:
        """The channels that are columns, each once."""
        return np.array([c for c, one in enumerate(self.channels) if _is_column(one)], np.int64)

    @cached_property
    def _column_places(self) -> NDArray[np.int64]:
        places = np.full(len(self.channels), -1)
        places[self._numbers] = np.arange(len(self._numbers))
        return places

    @cached_property
    def _sources(self) -> list[tuple[int, int]]:
        """Of what has sources the channel, and the one that names them."""
        return [(self._place[number], self._place[by]) for number, by in self.sources]

    @cached_property
    def _categories(self) -> list[int]:
        """The channels whose words have columns."""
        return [self._place[name] for name in self.categories]

    @cached_property
    def _place(self) -> dict[str, int]:
        """The channels by their names, of which patches have each several times."""
        return {one.name: c for c, one in enumerate(self.channels)}

    @cached_property
    def _first_feature(self) -> NDArray[np.int64]:
        """[C], the first feature of each channel's events; -1 for what is none."""
        sizes = [one.features if _is_event(one) else 0 for one in self.channels]
        begins = np.cumsum([0, *sizes])[:-1]
        return np.where([_is_event(one) for one in self.channels], begins, -1).astype(np.int64)

    @cached_property
    def _worded(self) -> NDArray[np.bool_]:
        return np.array([isinstance(one, WordChannel) for one in self.channels], bool)

    @cached_property
    def _scaling(self) -> Array:
        """[4, C], the scaling of each channel; those of words are not used."""
        every = [one.scaling if isinstance(one, NumberChannel) else (0.0, 1.0, 1.0, 1.0) for one in self.channels]
        return np.array(every).reshape(len(every), 4).T


def _is_column(channel: Channel) -> bool:
    return isinstance(channel, NumberChannel) and not channel.events and not channel.silent


def _is_event(channel: Channel) -> bool:
    return isinstance(channel, WordChannel) or (channel.events and not channel.silent)


def _features_of_fact(fact: Channel) -> int:
    if isinstance(fact, WordChannel):
        return fact.features
    return 0 if fact.silent else 2 + fact.piece_count
