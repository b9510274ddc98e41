"""Small series to train on, and settings that take a second at most."""

import numpy as np

from memcell import Series
from memcell.data import TableSchema
from memcell.model import Model
from memcell.training import Design, TrainingSettings, fit_classifier, fit_forecaster

SCHEMA = TableSchema("id", "time", (), ("x",), "number", date_only=False)


def settings(**changes: object) -> TrainingSettings:
    return TrainingSettings(**{"epochs": 3, "batch_size": 16, "progress": False, **changes})  # type: ignore[arg-type]


def levels(count: int = 40, seed: int = 0) -> tuple[list[Series], list[str]]:
    """Noise about 0 or about 3, with every fifth value missing; the level is the label."""
    rng = np.random.default_rng(seed)
    series, labels = [], []
    for k in range(count):
        length = int(rng.integers(2, 9))
        values = rng.normal(3.0 * (k % 2), 1.0, (length, 1))
        values[rng.random(length) < 0.2] = np.nan
        times = np.cumsum(rng.exponential(1.0, length) + 0.01)
        series.append(Series(values, times, ("x",), k, time_kind="number"))
        labels.append(("low", "high")[k % 2])
    return series, labels


def wave(length: int = 120, missing: float = 0.1, seed: int = 0) -> list[Series]:
    """A sine of 12 steps a turn on a slope, with some rows absent."""
    rng = np.random.default_rng(seed)
    times = np.arange(float(length))
    there = rng.random(length) >= missing
    there[[0, -1]] = True
    y = np.sin(times * np.pi / 6) + times / 50 + rng.normal(0, 0.05, length)
    return [Series(y[there, None], times[there], ("x",), 0, time_kind="number")]


def small_classifier(**changes: object) -> Model:
    return fit_classifier(*levels(), SCHEMA, settings(**changes), Design(hidden_size=6, members=1))


def small_forecaster(series: list[Series] | None = None, horizon: int = 4, **changes: object) -> Model:
    return fit_forecaster(series or wave(), "x", horizon, SCHEMA, settings(**changes), Design(hidden_size=6, members=1))
