"""What one channel or fact means to a model: how its numbers are scaled, or which words it knows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, cast

import numpy as np
from numpy.typing import NDArray

from memcell.contract import InputError, warn
from memcell.data.schema import Kind
from memcell.data.spelling import category, words_in
from memcell.features.pieces import Stepwise, knots_of, pieces

__all__ = [
    "Channel",
    "NumberChannel",
    "WordChannel",
    "channel_from_json",
    "channel_to_json",
    "scaled",
]  # fmt: skip

Array = NDArray[np.float64]

_CUT = 10.0  # scaled values beyond it are cut
_IMPOSSIBLE = 100.0  # scaled values beyond it are errors, and count as not seen
_ENOUGH = 50  # training values from which on it is known what is impossible
_APART, _GAP = 0.05, 30.0  # share of the training values that may be errors of another unit; times the next smaller one
_ERRORS = (1e5, 1e7)  # times the usual size, which such errors have; more, where that is no
_ROUNDED = 1e-6  # size, which rounding may have left of zeros
_RARE = 10  # values beside the usual one from which on these are no errors
_LARGEST = 1e100  # squares of larger values leave float64
_MOST_WORDS = 2000


@dataclass(frozen=True)
class NumberChannel:
    """A channel of numbers.

    Attributes:
        name: of the channel.
        center, scale: mean and standard deviation of the training rows, without those in another unit by mistake,
            outliers drawn in to the 0.5 % and 99.5 % quantiles first; where these are one number, of what else there
            is.
        cut: scaled values beyond it are drawn in to it; None: none are.
        impossible: scaled values beyond it are errors, and count as not seen; None: none do, as where training saw too
            few values to tell.
        events: whether its values enter as events, each with the channel's embedding, and not as a column of their own.
        silent: whether training saw no value of it; then it is not read.
        knots: increasing values between which a value comes in pieces beside itself, see ``memcell.features.pieces``;
            none where it does not.
        middle: mean, over the training series, of the mean of each, in scales from the center; long series count no
            more there than short ones.
    """

    kind: ClassVar[str] = "number"
    name: str
    center: float
    scale: float
    cut: float | None = None
    impossible: float | None = None
    events: bool = False
    silent: bool = False
    knots: tuple[float, ...] = ()
    middle: float = 0.0

    @property
    def features(self) -> int:
        """Numbers of the channel among the features of events."""
        return 1

    @classmethod
    def learn(
        cls, name: str, seen: Array, clipping: bool, stepwise: Stepwise = "none", events: bool = False
    ) -> NumberChannel:
        """From the channel's training values; those of events do not come in pieces.

        Raises:
            InputError: values too large to be scaled.
        """
        if not len(seen):
            return cls(name, 0.0, 1.0, silent=True)
        largest = float(np.abs(seen).max())
        if largest > _LARGEST:
            raise InputError(
                f"Channel {name!r} has a value of size {largest:g}, too large to be scaled. Mend it, leave the cell "
                "empty if it is unknown, or choose another unit."
            )
        enough = len(seen) >= _ENOUGH
        seen = _without_errors(seen) if clipping else seen
        # Limits that are values: one between a flag's 0 and 1 would be a tiny unit, in which the flag is impossible.
        drawn_in = np.clip(seen, *np.quantile(seen, [0.005, 0.995], method="nearest")) if clipping else seen
        center, spread = float(drawn_in.mean()), float(drawn_in.std())
        # A constant's deviation is what rounding left of it, and no unit to measure in.
        scale = spread if spread > 1e-12 * abs(center) else _scale_of_rare(seen, center)
        cut = _CUT if clipping else None
        impossible = _IMPOSSIBLE if clipping and enough else None
        return cls(
            name, center, scale, cut, impossible, events, knots=knots_of(drawn_in, "none" if events else stepwise)
        )

    @property
    def piece_count(self) -> int:
        """Features of a value beside itself."""
        return max(0, len(self.knots) - 1)

    def pieces_of(self, values: Array) -> Array:
        """[..., piece_count] of scaled values [...], NaN where missing."""
        return pieces(values, (np.array(self.knots) - self.center) / self.scale)

    @property
    def scaling(self) -> tuple[float, float, float, float]:
        """Center, scale, cut and limit of what is possible, infinite where there is none."""
        return self.center, self.scale, self.cut or np.inf, self.impossible or np.inf


def _without_errors(seen: Array) -> Array:
    """The values without the few that are as if in another unit, or stand for what is missing: a hundred thousand times
    too large or more.

    At most a twentieth, behind a gap. Nearer ones may be events over a quiet baseline; ones that are more than ten
    million times as large may be events over what rounding left of zeros.
    """
    size = np.abs(seen)
    usual = float(np.median(size))
    if len(seen) < _ENOUGH or not usual:
        return seen
    far = np.sort(size)[int((1 - _APART) * len(seen)) :]
    begins = np.flatnonzero(far[1:] > _GAP * far[:-1]) + 1  # of what lies behind a gap
    typical = far[(begins + len(far)) // 2] / usual
    errors = begins[(typical >= _ERRORS[0]) & ((typical <= _ERRORS[1]) | (usual > _ROUNDED))]
    return seen[size < far[errors[0]]] if len(errors) else seen


def _scale_of_rare(seen: Array, usual: float) -> float:
    """The scale of a channel that nearly always has its usual value: of what is typical among the others, so that a
    flag or a dose of few rows is neither faint nor taken for an error; 1 where these are too few to tell."""
    others = np.abs(seen[~np.isclose(seen, usual, rtol=1e-12, atol=0)] - usual)
    if len(others) < _RARE:
        return 1.0
    return float(np.median(others)) * max(np.sqrt(len(others) / len(seen)), 1 / _CUT)


def scaled(values: Array, scaling: Array, keep_all: bool = False) -> Array:
    """Values in units of the scales; NaN where not seen or, unless all are to be kept, impossible.

    Args:
        values: one column a channel, or one entry an observation.
        scaling: [4, ...], of each column or entry, as in ``NumberChannel``.
        keep_all: cut impossible values as well, and keep them.
    """
    center, scale, cut, impossible = scaling
    with np.errstate(invalid="ignore"):
        result = (values - center) / scale
        if not keep_all:
            result = np.where(np.abs(result) > impossible, np.nan, result)
        return np.clip(result, -cut, cut)


@dataclass(frozen=True)
class WordChannel:
    """A channel of words: categories, or texts as sets of words. Words of no model's share one feature.

    Attributes:
        name: of the channel.
        kind: ``"category"`` or ``"text"``.
        words: those that training knew, in order; any other counts as unknown, the last feature.
    """

    name: str
    kind: Literal["category", "text"]
    words: tuple[str, ...]

    @property
    def features(self) -> int:
        """Numbers of the channel among the features of events."""
        return len(self.words) + 1

    @classmethod
    def learn(cls, name: str, kind: Kind, seen: list[list[str]]) -> WordChannel:
        """From the words of each training series.

        A word must occur in two series, or it says nothing of a third; the most frequent 2,000 are kept. If none
        does, a ``DataWarning`` tells.
        """
        counts = Counter(word for words in seen for word in set(words))
        least = min(2, len(seen))
        kept = sorted(
            (word for word, count in counts.items() if count >= least), key=lambda word: (-counts[word], word)
        )
        if counts and not kept:
            told = f"No word of {name!r}, such as {min(counts)!r}, is met in two series: it says nothing of others."
            warn(told)
        return cls(name, "text" if kind == "text" else "category", tuple(sorted(kept[:_MOST_WORDS])))

    @property
    def levels(self) -> tuple[str, ...]:
        """Words that the values of a stream number: those known, and one that stands for all others."""
        return (*self.words, "")

    def codes_of(self, text: str) -> list[int]:
        """The places among ``levels`` of a category, or of the words of a text."""
        found = words_in(text) if self.kind == "text" else [category(text)]
        return [self.words.index(word) if word in self.words else len(self.words) for word in found]

    def numbers_of(self, words: Sequence[str]) -> NDArray[np.int64]:
        """The feature of each word, from 0."""
        place = {word: number for number, word in enumerate(self.words)}
        return np.array([place.get(word, len(self.words)) for word in words], np.int64)


Channel = NumberChannel | WordChannel


def channel_to_json(channel: Channel) -> dict[str, Any]:
    """The channel as values that ``json.dumps`` takes."""
    if isinstance(channel, WordChannel):
        return {"name": channel.name, "kind": channel.kind, "words": list(channel.words)}
    return {
        "name": channel.name, "kind": "number", "center": channel.center, "scale": channel.scale,
        "cut": channel.cut, "impossible": channel.impossible, "events": channel.events,
        "silent": channel.silent, "knots": list(channel.knots), "middle": channel.middle,
    }  # fmt: skip


def channel_from_json(data: object) -> Channel:
    """The channel that ``channel_to_json`` gave ``data`` for.

    Raises:
        InputError: a field lacks, is unknown or has a value that does not fit.
    """
    try:
        record = dict(cast("Mapping[str, Any]", data))
        if record["kind"] == "number":
            del record["kind"]
            record["knots"] = tuple(map(float, record["knots"]))
            channel = NumberChannel(**record)
            limits = [one for one in (channel.cut, channel.impossible) if one is not None]
            if not np.isfinite([channel.center, channel.middle]).all() or not all(
                0 < one < np.inf for one in (channel.scale, *limits)
            ):
                raise InputError(f"The recipe's center and scale of {channel.name!r} do not fit.")
            if not (np.isfinite(channel.knots).all() and (np.diff(channel.knots) > 0).all()):
                raise InputError(f"The recipe's knots of {channel.name!r} do not fit.")
            return channel
        words = tuple(record.pop("words"))
        if record["kind"] not in ("category", "text") or not all(isinstance(word, str) for word in words):
            raise InputError(f"The recipe's words of {record['name']!r} do not fit.")
        return WordChannel(words=words, **record)
    except (TypeError, ValueError, KeyError) as error:
        raise InputError(f"A channel of the recipe does not have the fields it should have: {error}.") from error
