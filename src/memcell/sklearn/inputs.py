"""What estimators take as X, y, weights and groups."""

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.exceptions import DataConversionWarning
from sklearn.utils.validation import check_array

from memcell.contract import InputError
from memcell.data import Series, TableSchema, as_series
from memcell.data.arrays import plain_array
from memcell.data.series import check_weight, is_unknown

__all__ = ["checked_array", "names_of", "one_column", "schema_of", "series_for_fit"]


def series_for_fit(x: Any, sample_weight: Any = None, groups: Any = None) -> list[Series]:
    """The series of X, with weights and groups where they are given.

    Raises:
        InputError: there are none, they have no rows and no facts at all, or weights or groups do not match them.
    """
    series = as_series(checked_array(x))
    if not series:
        raise InputError("`X` is empty; at least one series is needed.")
    if not any(len(one) or len(one.facts) for one in series):
        raise InputError("`X` has no rows: every series is empty.")
    if sample_weight is not None:
        entries = _one_a_series("sample_weight", sample_weight, len(series))
        for k, entry in enumerate(entries):
            check_weight(entry, f"`sample_weight` of series {k}")
        if not any(entries):
            raise InputError("The weight of every series is zero; give some a weight above it.")
        series = [replace(one, weight=float(entry)) for one, entry in zip(series, entries, strict=True)]
    if groups is not None:
        entries = _one_a_series("groups", groups, len(series))
        known = [None if is_unknown(entry) else entry for entry in entries]
        series = [replace(one, group=entry) for one, entry in zip(series, known, strict=True)]
    return series


def _one_a_series(name: str, given: Any, count: int) -> list[Any]:
    try:
        array = np.asarray(given)
    except ValueError as error:
        raise InputError(f"`{name}` has entries of several lengths; give one a series, not one a row.") from error
    plain = isinstance(given, list | tuple) and array.ndim == 1
    entries = list(given) if plain else array.reshape(-1).tolist()  # beside a word NumPy makes words of all others
    if len(entries) != count or array.ndim > 1 + (array.shape[1:] == (1,)):
        raise InputError(f"`{name}` has {len(entries)} entries for {count} series; give one a series.")
    return entries


def checked_array(x: Any) -> Any:
    """X as it is, or, where it is an array of n series, [n, T] or [n, T, C], in float64.

    Raises:
        ValueError, TypeError: what scikit-learn says of sparse, complex, empty or infinite arrays, or of text.
    """
    x = plain_array(x)
    is_array = isinstance(x, np.ndarray) and x.ndim > 1
    like_one = hasattr(x, "__array__") and not hasattr(x, "columns") and not isinstance(x, np.ndarray)
    if isinstance(x, np.ndarray) and x.dtype.kind in "mM":
        raise InputError(f"`X` holds {x.dtype}; give numbers.")
    if is_array or like_one or issparse(x):
        options: dict[str, Any] = {"allow_nd": True, "ensure_all_finite": "allow-nan", "dtype": np.float64}
        return check_array(x, input_name="X", **options)
    return x


def one_column(y: Any) -> Any:
    """y with what holds arrays as an array, and a single column [n, 1] as [n], of which a warning tells."""
    if not hasattr(y, "__array__"):
        return y
    array = np.asarray(plain_array(y))
    if array.ndim == 2 and array.shape[1] == 1:
        message = "A column-vector y was passed when a 1d array was expected; it is read as one target."
        warnings.warn(message, DataConversionWarning, stacklevel=4)
        return array[:, 0]
    return array


def schema_of(series: list[Series]) -> TableSchema:
    """Roles of the columns of the table the series came from, or of one that series made from arrays would fill."""
    first = series[0]
    if first.schema is not None:
        return first.schema
    time = None if first.time_kind == "order" else "time"
    return TableSchema(
        "id", time, (), first.channels, first.time_kind, date_only=False, facts=first.fact_names,
        kinds=dict.fromkeys(first.levels, "category"), fact_kinds=dict.fromkeys(first.fact_levels, "category"),
    )  # fmt: skip


def names_of(y: Any, series: list[Series], count: int) -> tuple[str, ...]:
    """The names of the targets: columns of y, or those the series were read by, or y0, y1, ..."""
    columns = tuple(map(str, getattr(y, "columns", ())))
    if len(columns) == count:
        return columns
    schema = series[0].schema
    if y is None and schema is not None and len(schema.label) == count:
        return schema.label
    return ("y",) if count == 1 else tuple(f"y{k}" for k in range(count))
