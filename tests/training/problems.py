"""Series that a mechanism is tried on, and how well a model does on them."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memcell import Series
from memcell.sklearn import SequenceClassifier

__all__ = ["Data", "dense", "score"]

Data = tuple[list[Series], NDArray[np.int64]]


def score(data: Callable[[int], Data], **options: Any) -> float:
    """Share of fresh series that get their class."""
    settings: dict[str, Any] = {
        "members": 1,
        "hidden_size": 12,
        "epochs": 25,
        "patience": 25,
        "learning_rate": 0.02,
        "dropout": 0.0,
    }
    x, y = data(0)
    model = SequenceClassifier(progress=False, **settings | options).fit(x, y)
    fresh, truth = data(1)
    return float(np.mean(model.predict(fresh) == truth))


def dense(values: NDArray[np.float64], times: Any = None, **more: Any) -> Series:
    columns = tuple(f"x{k}" for k in range(values.shape[1]))
    kind = "order" if times is None else "number"
    return Series(values, np.arange(len(values)) if times is None else times, columns, time_kind=kind, **more)  # type: ignore[arg-type]
