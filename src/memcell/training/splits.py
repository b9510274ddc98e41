"""Which series are trained on and which decide when to stop."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memcell.contract import InputError

__all__ = ["held_out"]


def held_out(
    count: int, share: float, seed: int, codes: NDArray[np.int64] | None = None, groups: Sequence[Any] | None = None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Series to train on and to validate on, of ``count``.

    Args:
        count: of the series.
        share: to validate on.
        seed: of the draw.
        codes: the class of each series, drawn class by class so that each is in both parts; None: drawn at random.
        groups: what the series of one subject share, None for a series of its own; no group is in both parts.

    Raises:
        InputError: a single series, or a single group.
    """
    random = np.random.default_rng(seed)
    subjects = _subjects(count, groups)
    whole = len(np.unique(subjects))
    if whole < 2:
        what = "series" if groups is None else "group"
        raise InputError(f"There is one {what} only; at least two are needed, one to train on and one to validate on.")
    chosen: list[int] = []
    if groups is not None or codes is None:
        order = random.permutation(np.unique(subjects))
        sizes = np.bincount(subjects)[order]
        number = int(np.searchsorted(np.cumsum(sizes), share * count)) + 1
        chosen = np.flatnonzero(np.isin(subjects, order[: min(number, whole - 1)])).tolist()
    else:
        for code in np.unique(codes):
            members = random.permutation(np.flatnonzero(codes == code))
            size = min(max(1, round(share * len(members))), len(members) - 1)
            chosen += members[:size].tolist()
    validation = np.array(sorted(chosen), np.int64)
    return np.setdiff1d(np.arange(count), validation), validation


def _subjects(count: int, groups: Sequence[Any] | None) -> NDArray[np.int64]:
    if groups is None:
        return np.arange(count)
    numbers: dict[Any, int] = {}
    return np.array([numbers.setdefault(("series", k) if group is None else ("group", group), len(numbers))
                     for k, group in enumerate(groups)], np.int64)  # fmt: skip
