"""Classes of series or rows, and how much each counts."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memcell.contract import InputError
from memcell.data.series import check_weight

__all__ = ["ClassWeight", "class_weights", "classes_of", "plain"]

ClassWeight = Mapping[Any, float] | str | None
"""How much the series of each class count: by class, ``"balanced"`` (as scikit-learn's), or None (all the same)."""


def class_weights(classes: list[Any], counts: NDArray[np.int64], given: ClassWeight) -> NDArray[np.float64]:
    """The weight of each class.

    Raises:
        InputError: another word than ``"balanced"``, a class that does not exist, or weights that do not fit.
    """
    if given is None:
        return np.ones(len(classes))
    if isinstance(given, str):
        if given != "balanced":
            raise InputError(f"`class_weight` is {given!r}; it must be 'balanced', weights by class, or None.")
        return counts.sum() / (len(classes) * np.maximum(counts, 1))
    if not isinstance(given, Mapping):
        raise InputError(
            f"`class_weight` is {given!r}; it must be 'balanced', a mapping from class to weight, or None."
        )
    unknown = [label for label in given if label not in classes]
    if unknown:
        raise InputError(f"`class_weight` names {unknown[0]!r}; the classes are {', '.join(map(repr, classes))}.")
    for label, weight in given.items():
        check_weight(weight, f"`class_weight` of {label!r}")
    weights = np.array([float(given.get(label, 1.0)) for label in classes])
    counted = [label for label, weight in zip(classes, weights, strict=True) if weight]
    if len(counted) < 2:
        which = f"every class but {counted[0]!r}" if counted else "every class"
        raise InputError(f"`class_weight` is 0 for {which}: {dict(given)}. Nothing would be learnt.")
    return weights


def plain(label: Any) -> Any:
    """A label of NumPy as Python's own."""
    return label.item() if isinstance(label, np.generic) else label


def classes_of(labels: Sequence[Any], what: str) -> list[Any]:
    """The different labels, sorted.

    Args:
        labels: one a ``what``, "series" or "row".
        what: for messages.

    Raises:
        InputError: labels that are no classes, or too few of one.
    """
    every = [plain(label) for label in labels]
    for label in every:
        if not isinstance(label, str | int | float) or (isinstance(label, float) and not math.isfinite(label)):
            raise InputError(f"The label {label!r} is neither text, number nor flag; give one such label a {what}.")
    words = {isinstance(label, str): label for label in every}
    if len(words) > 1:
        raise InputError(f"Labels are of two kinds, such as {words[True]!r} and {words[False]!r}; write all as text.")
    counts = Counter(every)
    if not counts:
        raise InputError(f"The target is unknown of every {what}; give some a label.")
    if len(counts) < 2:
        only = next(iter(counts), None)
        raise InputError(f"The target has one class only, {only!r}; a classifier needs at least two.")
    rare = [label for label, count in counts.items() if count < 2]
    fractions = any(isinstance(label, float) and not label.is_integer() for label in counts)
    if len(counts) > max(50, len(every) // 4) or (rare and fractions):
        raise InputError(
            f"The target has {len(counts)} different values in {len(every)} {what if what == 'series' else 'rows'}: "
            "it looks like a measurement or a name, not a class: continuous, or unique. Group it into classes first."
        )
    if rare and what == "series":
        raise InputError(
            f"Class {rare[0]!r} has one series only; each class needs at least two, one to train on and one to "
            "validate on. Add series of that class or leave it out."
        )
    return sorted(counts)
