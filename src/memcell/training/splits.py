"""Which series are trained on and which decide when to stop."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memcell.contract import InputError

__all__ = ["held_out"]


def held_out(
    count: int,
    share: float,
    seed: int,
    codes: NDArray[np.int64] | None = None,
    groups: Sequence[Any] | None = None,
    times: int = 1,
) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Series to train on and to validate on, of ``count``.

    Args:
        count: of the series.
        share: to validate on.
        seed: of the draw.
        codes: the class of each series, drawn class by class so that each is in both parts; None: drawn at random.
        groups: what the series of one subject share, None for a series of its own; no group is in both parts.
        times: how many such splits; what they validate on differs as far as it can.

    Raises:
        InputError: a single series, or a single group.
    """
    random = np.random.default_rng(seed)
    subjects = _subjects(count, groups)
    whole = len(np.unique(subjects))
    if whole < 2:
        what, cut = ("series", " Cut a long one into several.") if groups is None else ("group", "")
        raise InputError(
            f"There is one {what} only; at least two are needed, one to train on and one to validate on.{cut}"
        )
    # Subjects of each class in a random order, from which every split takes the next ones, round and round.
    classes = np.zeros(count, np.int64) if codes is None or groups is not None else codes
    orders = [random.permutation(np.unique(subjects[classes == code])) for code in np.unique(classes)]
    begins = [0] * len(orders)
    splits: list[tuple[NDArray[np.int64], NDArray[np.int64]]] = []
    for _ in range(times):
        chosen: list[NDArray[np.int64]] = []
        for k, order in enumerate(orders):
            size = min(max(1, round(share * len(order))), len(order) - 1)
            chosen.append(np.take(order, range(begins[k], begins[k] + size), mode="wrap"))
            begins[k] += size
        validation = np.flatnonzero(np.isin(subjects, np.concatenate(chosen)))
        splits.append((np.setdiff1d(np.arange(count), validation), validation))
    return splits


def _subjects(count: int, groups: Sequence[Any] | None) -> NDArray[np.int64]:
    if groups is None:
        return np.arange(count)
    numbers: dict[Any, int] = {}
    return np.array([numbers.setdefault(("series", k) if group is None else ("group", group), len(numbers))
                     for k, group in enumerate(groups)], np.int64)  # fmt: skip
