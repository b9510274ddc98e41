"""Values that training did not know: words, numbers far from all it saw, and those that lie elsewhere on the whole."""

from collections import Counter

import numpy as np

from memcell.data.observations import Observations, values_by_channel
from memcell.data.series import Series
from memcell.features.channels import Channel, NumberChannel, scaled
from memcell.features.encoding import Encoding

__all__ = ["strange_values"]

_SOME = 0.02  # share of the values of a channel that may lie beyond its limits
_SHOWN = 5  # notes of one kind
_SHIFT, _MANY = 1.0, 20  # scales by which the mean of so many series, or more, may lie elsewhere


def strange_values(encoding: Encoding, series: list[Series], kept: int | None = None) -> list[str]:
    """What the user should know of values that training did not know: words, and numbers far out of its range; of the
    channel ``kept`` these count too."""
    notes = _first(_unread(encoding.channels, series))
    for place, levels, known in (
        ("observations", "levels", encoding.channels), ("facts", "fact_levels", encoding.facts),
    ):  # fmt: skip
        seen, own = [getattr(each, place) for each in series], kept if place == "observations" else None
        notes += [*_first(_far_numbers(known, seen, own)), *_first(_shifted(known, seen, own))]
        worded = [c for c, one in enumerate(known) if not isinstance(one, NumberChannel)]
        split = values_by_channel(seen, len(known)) if worded else []
        for c in worded:
            one, words = known[c], Counter[str]()
            assert not isinstance(one, NumberChannel)
            for number, values in split[c]:
                codes, counts = np.unique(values, return_counts=True)
                for code, count in zip(codes.tolist(), counts.tolist(), strict=True):
                    words[getattr(series[number], levels)[one.name][int(code)]] += count
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
    return [
        f"{channels[c].name!r} has values, of which the series that channels were learnt from had none: not used."
        for c in sorted(found)
    ]


def _first(notes: list[str]) -> list[str]:
    """The first of many notes of one kind, and how many more there are."""
    more = len(notes) - _SHOWN
    return notes if more < 2 else [*notes[:_SHOWN], f"The same is true of {more:,} more channels."]


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


def _shifted(known: tuple[Channel, ...], seen: list[Observations], kept: int | None) -> list[str]:
    """Of each channel of numbers but ``kept`` whether it lies elsewhere than in training: the mean, over many series,
    of the mean of each."""
    every = [one.scaling if isinstance(one, NumberChannel) else (0.0, np.inf, np.inf, np.inf) for one in known]
    scaling = np.array(every).reshape(len(every), 4).T
    total, count = np.zeros(len(known)), np.zeros(len(known), np.int64)
    for one in seen:
        value = scaled(one.value, scaling[:, one.channel])
        there = ~np.isnan(value)
        sums, counts = (np.bincount(one.channel[there], weights, len(known)) for weights in (value[there], None))
        total += sums / np.maximum(counts, 1)
        count += counts > 0
    middle = np.array([one.middle if isinstance(one, NumberChannel) else 0.0 for one in known])
    shift = total / np.maximum(count, 1) - middle
    return [
        f"{known[c].name!r} lies {abs(shift[c]):.1f} standard deviations {'above' if shift[c] > 0 else 'below'} its "
        f"mean in training, in the mean of {count[c]} series. If what it measures has changed, answers may be wrong: "
        "score the model on some of these (evaluate), or train it on such series too."
        for c in np.flatnonzero((np.abs(shift) > _SHIFT) & (count >= _MANY)).tolist()
        if c != kept
    ]
