"""What a model remembers of its training, so that whoever has the file alone can tell how it came about."""

import platform
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memcell import __version__
from memcell.data import Series
from memcell.data.observations import Observations
from memcell.data.sketch import sketch_of
from memcell.training.settings import Design, TrainingSettings
from memcell.training.train import Trained

__all__ = ["record_of", "record_of_network", "record_of_training"]

_CHOSEN = ("epochs", "batch_size", "learning_rate", "patience", "validation")  # from the data, where nobody says


def record_of(series: list[Series]) -> dict[str, Any]:
    """What the series were: how many of what, and of each channel and fact how many values in how many series, and the
    least and largest, as ``[values, series, least, largest]``; words have numbers by chance, and so none."""
    lengths = [len(one) for one in series]
    filled = [one for one in series if len(one)]
    groups = {one.group for one in series if one.group is not None}
    return {
        "series": len(series),
        "rows": sum(lengths),
        "observations": sum(len(one.observations) for one in series),
        "lengths": [min(lengths), int(np.median(lengths)), max(lengths)],
        "times": [min(one.times[0] for one in filled), max(one.times[-1] for one in filled)] if filled else [],
        "groups": len(groups),
        "weighted": any(one.weight != 1 for one in series),
        "seen": _seen(series[0].channels, series[0].levels, [one.observations for one in series]),
        "facts_seen": _seen(series[0].fact_names, series[0].fact_levels, [one.facts for one in series]),
        "sketch": sketch_of(series),
    }


def _seen(names: Sequence[str], words: Any, each: list[Observations]) -> dict[str, list[Any]]:
    values, series = np.zeros((2, len(names)), np.int64)
    least, largest = np.full(len(names), np.inf), np.full(len(names), -np.inf)
    for seen in each:
        values += np.bincount(seen.channel, minlength=len(names))
        series[np.unique(seen.channel)] += 1
        np.minimum.at(least, seen.channel, seen.value)
        np.maximum.at(largest, seen.channel, seen.value)
    limits = zip(least.tolist(), largest.tolist(), strict=True)
    counts = zip(names, values.tolist(), series.tolist(), limits, strict=True)
    return {name: [n, of, *(() if name in words or not n else both)] for name, n, of, both in counts}


def record_of_training(given: TrainingSettings, used: TrainingSettings, design: Design) -> dict[str, Any]:
    """How it was to be trained: the settings, which of them nobody gave, mechanisms left out on request, versions."""
    settings = {name: value for name, value in asdict(used).items() if name != "progress"}
    cycles = design.cycles if isinstance(design.cycles, str) else list(map(float, design.cycles))
    return {
        "settings": settings,
        "chosen": [name for name in _CHOSEN if getattr(given, name) is None],
        "without": sorted(design.without),
        "asked": {
            "cycles": cycles, "events": design.events, "chrono": design.chrono, "hidden_size": design.hidden_size,
            "members": design.members,
        },
        "versions": {
            "memcell": __version__, "python": platform.python_version(), "numpy": version("numpy"),
            "torch": version("torch"),
        },
    }  # fmt: skip


def record_of_network(run: Trained, together: Trained, held_out: NDArray[np.int64]) -> dict[str, Any]:
    """How one network went: alone, and together with what is linear beside it."""
    return {
        "epochs": len(run.history),
        "kept": len(run.history) - run.epochs_since_best,
        "steps": run.step,
        "held_out": len(held_out),
        "loss": round(run.validation_loss, 6),
        "loss_with_linear": round(together.validation_loss, 6),
        "shares": {name: round(share, 4) for name, share in together.shares.items()},
    }
