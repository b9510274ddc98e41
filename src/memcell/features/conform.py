"""Series brought to what a model knows: its channels and facts by name, each holding what it held in training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from memcell.contract.errors import InputError, listed
from memcell.data.observations import Observations
from memcell.data.schema import Kind
from memcell.data.series import Series
from memcell.data.texts import in_words, word_sets
from memcell.features.channels import Channel, WordChannel
from memcell.features.encoding import Encoding
from memcell.features.strange import strange_values

__all__ = ["conformed"]

Role = Literal["channel", "fact"]
_FIELDS: dict[Role, tuple[str, str, str, str]] = {
    "channel": ("channels", "observations", "levels", "kinds"),
    "fact": ("fact_names", "facts", "fact_levels", "fact_kinds"),
}


def conformed(series: Sequence[Series], encoding: Encoding, kept: int | None = None) -> tuple[list[Series], list[str]]:
    """The series with the model's channels and facts in its order, and what the user should know.

    Channels are found by name. One without any value may lack: where the table had it, where its rows name their
    channels, and facts beside others that are known. Where the model reads texts and the series have whole cells, these
    are split into words.

    Args:
        series: as they came.
        encoding: of the model.
        kept: number of the channel of which all values count, as of what is forecast.

    Raises:
        InputError: a channel or fact lacks, or holds something else than in training.
    """
    found: dict[Any, dict[Role, _Layout]] = {}
    result: list[Series] = []
    for one in series:
        key = (one.channels, one.fact_names, one.silent, *map(_identity, (one.levels, one.fact_levels, one.schema)))
        if key not in found:
            found[key] = {"channel": _Layout.of(one, "channel", encoding.channels)}
            found[key]["fact"] = _Layout.of(one, "fact", encoding.facts)
        for layout in found[key].values():
            one = layout.applied(one)
        result.append(one)
    lacking = dict.fromkeys(name for layouts in found.values() for one in layouts.values() for name in one.lacking)
    notes = [] if not lacking else [f"No value of {listed(lacking)} in some series; it counts as missing there."]
    return result, [*notes, *strange_values(encoding, result, kept)]


def _identity(thing: object) -> int:
    """Series of one reading share their words and schema; the list of them keeps these alive."""
    return id(thing) if thing else 0


@dataclass(frozen=True)
class _Layout:
    """How the channels, or facts, of series of one layout become the model's.

    Attributes:
        role: which of the two.
        channels: the model's.
        place: of each channel of the series its number in the model, -1 for none; None: they are the same.
        levels: the words of the model's channels, as the series number them.
        strange: of channels that hold something else than in the model, their numbers there and what they hold.
        texts: of channels whose cells are texts, their numbers in the model, and the words of each text.
        lacking: those that the series lack.
        same: whether nothing changes.
    """

    role: Role
    channels: tuple[Channel, ...]
    place: NDArray[np.int64] | None
    levels: Mapping[str, tuple[str, ...]]
    strange: Mapping[int, Kind]
    texts: Mapping[int, list[NDArray[np.int64]]]
    lacking: tuple[str, ...]
    same: bool

    @classmethod
    def of(cls, one: Series, role: Role, channels: tuple[Channel, ...]) -> _Layout:
        names, _, levels, kinds = _FIELDS[role]
        given, words = getattr(one, names), getattr(one, levels)
        known: Mapping[str, Kind] = {} if one.schema is None else getattr(one.schema, kinds)
        wanted, there = tuple(channel.name for channel in channels), set(given)
        lacking = tuple(name for name in wanted if name not in there and name not in one.silent)
        may_lack = role == "fact" or (one.schema is not None and one.schema.channel is not None)
        if lacking and not (may_lack and len(lacking) < len(wanted)):
            raise InputError(
                f"The series lack the {role} {listed(lacking)}; the model reads {listed(wanted)}. Read the table "
                "that has it, or name the columns of arrays (`channels`, `facts`)."
            )
        numbers = {name: number for number, name in enumerate(wanted)}
        place = np.array([numbers.get(name, -1) for name in given], np.int64)
        own: dict[str, tuple[str, ...]] = {}
        strange: dict[int, Kind] = {}
        texts: dict[int, list[NDArray[np.int64]]] = {}
        for number, channel in enumerate(channels):
            name, worded = channel.name, isinstance(channel, WordChannel)
            if name not in words:
                own |= {name: ()} if worded else {}
                strange |= {number: "number"} if worded and name in there else {}
                continue
            kind: Kind = known.get(name, channel.kind if isinstance(channel, WordChannel) else "category")
            own[name] = words[name]
            if worded and channel.kind == "text" and kind == "category":
                texts[number], own[name] = word_sets(words[name])
            elif not worded or kind != channel.kind:
                strange[number] = kind
        same = given == wanted and own == words and not strange and not texts
        return cls(role, channels, None if given == wanted else place, own, strange, texts, lacking, same)

    def applied(self, one: Series) -> Series:
        """A series of this layout with the model's channels, or facts."""
        if self.same:
            return one
        names, observations, levels, _ = _FIELDS[self.role]
        seen: Observations = getattr(one, observations)
        if self.place is not None:
            seen = seen.of_channels(self.place)
        for number, kind in self.strange.items():
            if (seen.channel == number).any():
                raise InputError(self._of_other_kind(self.channels[number], kind))
        for number, sets in self.texts.items():
            seen = in_words(seen, number, sets)
        wanted = tuple(channel.name for channel in self.channels)
        return replace(one, **{names: wanted, observations: seen, levels: self.levels})

    def _of_other_kind(self, channel: Channel, kind: Kind) -> str:
        wanted = channel.kind if isinstance(channel, WordChannel) else "number"
        held = {"number": "numbers", "category": "categories", "text": "texts", "vector": "vectors"}
        return (
            f"The {self.role} {channel.name!r} holds {held[kind]} in the series, {held[wanted]} in the model. If they "
            f"mean the same, read the table with memcell.read(..., kinds={{{channel.name!r}: {wanted!r}}})."
        )
