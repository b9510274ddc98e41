"""Events (words, sets, sparse channels) in a graph: of each row as many places as the fullest row needs."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memcell.features.steps import Steps
from memcell.model import ModelConfig
from memcell.onnx.graph import Graph

__all__ = ["add_events", "padded_events"]


def padded_events(config: ModelConfig, steps: Steps, rows: int) -> dict[str, NDArray[Any]]:
    """``event_feature`` int64 and ``event_value`` float32 [B, rows, E] of prepared series.

    Where a row has fewer than E events, the feature is the number of features, which stands for none.
    """
    counts = np.bincount(steps.event_row, minlength=len(steps.values))
    first = np.cumsum(counts) - counts
    series = np.repeat(np.arange(len(steps.offsets) - 1), np.diff(steps.offsets))[steps.event_row]
    place = series, steps.event_row - steps.offsets[series], np.arange(len(steps.event_row)) - first[steps.event_row]
    shape = len(steps.offsets) - 1, rows, max(1, int(counts.max(initial=0)))
    feature, value = np.full(shape, _features(config), np.int64), np.zeros(shape, np.float32)
    feature[place], value[place] = steps.event_feature, steps.event_value
    return {"event_feature": feature, "event_value": value}


def _features(config: ModelConfig) -> int:
    return sum(size for _, size in config.events)


def add_events(
    graph: Graph, config: ModelConfig, w: Mapping[str, NDArray[Any]], feature: str, value: str
) -> tuple[str, str]:
    """``memcell.model.stack.encode_events`` of features and values [T, B, E]: the embedding [T, B, .] of the events of
    each row, and the logarithms of their counts [T, B, kinds]."""
    none = np.zeros((1, config.event_size), np.float32)
    base, slope = (
        graph.op("Gather", graph.constant(np.concatenate([w[f"events.{name}"], none])), feature)
        for name in ("base", "slope")
    )
    last, kind_axis = graph.constant([-1], np.int64), graph.constant([2], np.int64)
    seen = graph.op("Tanh", graph.op("Add", base, graph.op("Mul", graph.op("Unsqueeze", value, last), slope)))
    kinds = config.event_kinds
    kind_of = np.repeat([kinds.index(kind) for kind, _ in config.events], [size for _, size in config.events])
    one_hot = np.concatenate([np.eye(len(kinds))[kind_of], np.zeros((1, len(kinds)))])
    here = graph.op("Gather", graph.constant(one_hot), feature)  # [T, B, E, kinds]
    counts = graph.op("ReduceSum", here, kind_axis, keepdims=0)
    totals = graph.op("MatMul", graph.op("Transpose", here, perm=[0, 1, 3, 2]), seen)
    one = graph.constant(1.0)
    means = graph.op("Div", totals, graph.op("Unsqueeze", graph.op("Max", counts, one), last))
    gate = graph.constant(1 / (1 + np.exp(-w["events.gate"])))
    embedding = graph.op("ReduceSum", graph.op("Mul", means, gate), kind_axis, keepdims=0)
    return embedding, graph.op("Log", graph.op("Add", counts, one))
