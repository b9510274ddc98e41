"""How observations and facts become the features of steps: columns of numbers, events, and facts."""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memcell.data.channels import Channel, NumberChannel, WordChannel, scaled
from memcell.data.observations import Observations
from memcell.data.series import Series

__all__ = ["Encoding", "strange_values"]

Array = NDArray[Any]

_ROUNDING = 1e-6  # of how far codes lie apart: what rounding may have left


@dataclass(frozen=True)
class Encoding:
    """Where each channel and fact has its features.

    Attributes:
        channels, facts, sources: as in ``Recipe``.
    """

    channels: tuple[Channel, ...]
    facts: tuple[Channel, ...]
    sources: tuple[tuple[str, str], ...] = ()

    @cached_property
    def columns(self) -> NDArray[np.int64]:
        """[D], the channels that are columns of the steps: those of numbers that do not enter as events; then, source by
        source, those whose sources have columns of their own."""
        of_sources = [np.full(self.source_count(by), number) for number, by in self._sources]
        return np.concatenate([self._numbers, *of_sources])

    @property
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

    @property
    def event_count(self) -> int:
        """Features of all events."""
        return sum(size for _, size in self.event_kinds)

    @property
    def fact_width(self) -> int:
        """S: of a fact of numbers its value, whether it is known, and its pieces; of words one for each."""
        return sum(map(_features_of_fact, self.facts))

    def columns_of(self, rows: Series) -> Array:
        """[T, D], the values of the channels that are columns, as the series has them; NaN where missing."""
        values = rows.observations.of_channels(self._column_places).dense(len(rows), len(self._numbers))
        each = (
            np.where(self.sources_of(rows, by), values[:, [self._column_places[number]]], np.nan)
            for number, by in self._sources
        )
        return np.concatenate([values, *each], axis=1) if self.sources else values

    def source_count(self, channel: int) -> int:
        """K: how many sources a channel can name, one for each word of a category, or each code of numbers."""
        one = self.channels[channel]
        if isinstance(one, WordChannel):
            return len(one.words) if one.kind == "category" else 0
        return len(one.knots)

    def sources_of(self, rows: Series, channel: int) -> NDArray[np.bool_]:
        """[T, K], which sources the channel names in each row."""
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
            known = np.abs(value - knots[named]) <= _ROUNDING * (knots[-1] - knots[0])
        there[row[known], named[known]] = True
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
        place = {one.name: c for c, one in enumerate(self.channels)}
        return [(place[number], place[by]) for number, by in self.sources]

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


_SOME = 0.02  # share of the values of a channel that may lie beyond its limits


def strange_values(encoding: Encoding, series: list[Series], kept: int | None = None) -> list[str]:
    """What the user should know of values that training did not know: words, and numbers far out of its range; of the
    channel ``kept`` these count too."""
    notes = _unread(encoding.channels, series)
    for place, levels, known in (
        ("observations", "levels", encoding.channels), ("facts", "fact_levels", encoding.facts),
    ):  # fmt: skip
        notes += _far_numbers(
            known, [getattr(each, place) for each in series], kept if place == "observations" else None
        )
        for c, one in enumerate(known):
            if isinstance(one, NumberChannel):
                continue
            words: Counter[str] = Counter()
            for each in series:
                seen = getattr(each, place)
                codes, counts = np.unique(seen.value[seen.channel == c], return_counts=True)
                for code, count in zip(codes.tolist(), counts.tolist(), strict=True):
                    words[getattr(each, levels)[one.name][int(code)]] += count
            known_words = set(one.words)
            strange = {word: count for word, count in words.items() if word not in known_words}
            if one.kind == "text" and strange and len(strange) == len(words):
                such = next(iter(strange))
                notes.append(f"{one.name!r} has no word that training knew, such as {such!r}; all count as unknown.")
            elif one.kind == "category" and strange:
                notes.append(
                    f"{one.name!r} has {sum(strange.values())} values that training did not know or met in one series "
                    f"only, such as {next(iter(strange))!r}; they count as unknown."
                )
    return notes


def _unread(channels: tuple[Channel, ...], series: list[Series]) -> list[str]:
    """Of each channel that training had no value of, that it has values now."""
    silent = np.array([isinstance(one, NumberChannel) and one.silent for one in channels], bool)
    if not silent.any():
        return []
    found = {int(c) for each in series for c in np.unique(each.observations.channel[silent[each.observations.channel]])}
    return [f"{channels[c].name!r} has values, of which training had none; they are not used." for c in sorted(found)]


def _far_numbers(known: tuple[Channel, ...], seen: list[Observations], kept: int | None) -> list[str]:
    """Of each channel of numbers how many values count as not seen, because they are impossible, or are drawn in where
    that is more than a few."""
    every = [one.scaling if isinstance(one, NumberChannel) else (0.0, 1.0, np.inf, np.inf) for one in known]
    center, scale, *limits = np.array(every).reshape(len(every), 4).T
    count, total = np.zeros((2, len(known)), np.int64), np.zeros(len(known), np.int64)  # drawn in or not seen; not seen
    example = np.zeros((2, len(known)))
    for one in seen:
        off = np.abs(one.value - center[one.channel])
        total += np.bincount(one.channel, minlength=len(known))
        for k, limit in enumerate(limits):
            far = off > (scale * limit)[one.channel]
            if far.any():
                count[k] += np.bincount(one.channel[far], minlength=len(known))
                example[k, one.channel[far]] = one.value[far]
    notes: list[str] = []
    for c in np.flatnonzero((count[1] > 0) | (count[0] > _SOME * total)).tolist():
        drawn_in, unseen = int(count[0, c] - count[1, c]), int(count[1, c])
        treated = [f"{drawn_in} are drawn in to its limits"] if drawn_in else []
        treated += [f"{unseen} count as not seen"] if unseen else []
        treated = ["it is forecast from them all the same"] if c == kept else treated
        notes.append(
            f"{known[c].name!r} has {count[0, c]} of {total[c]} values far from nearly all in training, such as "
            f"{example[1 if unseen else 0, c]:g}; {' and '.join(treated)}. Are they in the same unit, or "
            "do they stand for what is missing?"
        )
    return notes


def _is_column(channel: Channel) -> bool:
    return isinstance(channel, NumberChannel) and not channel.events and not channel.silent


def _is_event(channel: Channel) -> bool:
    return isinstance(channel, WordChannel) or (channel.events and not channel.silent)


def _features_of_fact(fact: Channel) -> int:
    if isinstance(fact, WordChannel):
        return fact.features
    return 0 if fact.silent else 2 + fact.piece_count
