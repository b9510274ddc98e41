"""Rows without gaps, for what needs a value at every row: on a line over time from the last value to the next.

Where the next value is far ahead, or there is none, the last one stays; before the first one it is that, or 0. A
row waits for the values after it, so that it does not matter how many rows come at a time.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Filling", "whole_rows"]

Array = NDArray[np.float64]

_REACH = 64  # rows within which the next value has to come


@dataclass(frozen=True)
class Filling:
    """The end of the rows so far.

    Attributes:
        before: [D + 1], the row before those that wait, NaN where there was no value yet.
        waiting: [W, D + 1], rows whose next values may still come, as they are. The last column is when each was.
    """

    before: Array
    waiting: Array

    @classmethod
    def nothing(cls, channels: int) -> "Filling":
        """Before the first row."""
        return cls(np.full(channels + 1, np.nan), np.empty((0, channels + 1)))

    def after(self, values: Array) -> tuple["Filling", Array]:
        """After the rows ``values`` [T, D + 1], NaN where missing, of which the last column says when each was; and the
        rows that do not wait any more, without gaps."""
        rows = np.concatenate([self.waiting, values]) if len(self.waiting) else values
        known = ~np.isnan(rows)
        if known.all():
            return Filling(rows[-1] if len(rows) else self.before, rows[:0]), rows
        count = len(rows)
        last = np.where(known.any(axis=0), count - known[::-1].argmax(axis=0), 0).min(initial=count)
        settled = max(int(last), count - _REACH)
        if not settled:
            return Filling(self.before, rows), rows[:0]
        filled = _filled(rows, self.before)
        return Filling(filled[settled - 1], rows[settled:]), np.nan_to_num(filled[:settled])

    def rest(self) -> Array:
        """The rows that wait, as they are if nothing comes any more."""
        return np.nan_to_num(_filled(self.waiting, self.before))


def whole_rows(values: Array) -> Array:
    """The rows [T, D + 1] of a whole series without gaps, of which the last column says when each was."""
    end, settled = Filling.nothing(values.shape[1] - 1).after(values)
    return np.concatenate([settled, end.rest()])


def _filled(rows: Array, before: Array) -> Array:
    """[T, D + 1], NaN where no value came yet nor comes within reach."""
    result, known = rows.copy(), ~np.isnan(rows)
    time = np.append(before[-1], rows[:, -1])
    for c in np.flatnonzero(~known.all(axis=0)):
        at, start = np.flatnonzero(known[:, c]), before[c]
        if not len(at):
            result[:, c] = start
            continue
        value = rows[at, c]
        begun = not np.isnan(start)
        place, height = (np.append(-1, at), np.append(start, value)) if begun else (at, value)
        far = np.flatnonzero(np.diff(place) > _REACH)
        place = np.insert(place, far + 1, place[far + 1] - _REACH - 1)
        height = np.insert(height, far + 1, height[far])
        result[:, c] = np.interp(time[1:], time[place + 1], height)
        if not begun:
            result[: max(0, at[0] - _REACH), c] = np.nan
    return result
