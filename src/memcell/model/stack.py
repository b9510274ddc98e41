"""From steps to outputs, written once: NumPy arrays run on the native core, PyTorch tensors through its operators."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from array_api_compat import array_namespace

from memcell.backends import choose, decay, fill
from memcell.contract import LstmCall, LstmSpec, LstmWeights, sequences_of
from memcell.features.steps import Steps
from memcell.model.config import ModelConfig

__all__ = ["Engine", "NativeEngine", "State", "answer_rows", "answer_whole", "run"]

Weights = Mapping[str, Any]
Drop = Callable[[Any], Any]


class Engine(Protocol):
    """What the array API lacks, for one kind of array."""

    def lstm(
        self, spec: LstmSpec, x: Any, weights: Any, h0: Any, c0: Any, sequences: Any, *, carry_h: Any, carry_c: Any,
        reverse: bool,
    ) -> tuple[Any, Any, Any, Any]:  # fmt: skip
        """One LSTM layer over rows cut by offsets [B + 1]: h, c [N, H] and the final h, c [B, H]."""
        ...

    def decay(self, x: Any, weight: Any, bias: Any) -> Any:
        """exp(-relu(x W^T + b)), [N, H], of x [N, K], W [H, K] and b [H] or None; no gradient reaches x."""
        ...

    def fill(self, values: Any, last: Any, since: Any, rate: Any) -> Any:
        """values + exp(-relu(rate) since) last, [N, D] of the columns; only the rate [D] has a gradient."""
        ...

    def segment_sum(self, values: Any, index: Any, count: int) -> Any:
        """[count, .], sums of the rows of values [M, .] whose index [M], in order, is the same."""
        ...


@dataclass(frozen=True)
class State:
    """What goes on from one row of B series to the next.

    Attributes:
        h, c: [B, H] of every layer, of both directions where there are two.
    """

    h: tuple[Any, ...]
    c: tuple[Any, ...]

    @classmethod
    def begin(cls, config: ModelConfig, weights: Weights, facts: Any) -> "State":
        """The start of B series with these facts [B, S]: where they set the state, h = tanh(W s) and c = V s."""
        xp = array_namespace(facts)
        zeros = xp.zeros((facts.shape[0], config.hidden_size), dtype=facts.dtype, device=facts.device)
        count = config.num_layers * len(config.directions)
        h, c = [zeros] * count, [zeros] * count
        if config.has("facts_state"):
            names = [f"layers.{k}.{way}facts" for k in range(config.num_layers) for way in config.directions]
            both = [facts @ weights[name].T for name in names]
            h = [xp.tanh(one[:, : config.hidden_size]) for one in both]
            c = [one[:, config.hidden_size :] for one in both]
        return cls(tuple(h), tuple(c))


def run(
    config: ModelConfig, weights: Weights, steps: Steps, engine: Engine, state: State | None = None
) -> tuple[Any, Any, State]:
    """Inputs x [N, I] of the first layer, outputs h [N, outputs] of the last, and the state after the last rows.

    Equations, with ``m`` the mask, ``d`` the time since a channel was seen and ``gap`` the time since the last row::

        x^    = value + exp(-relu(rate) d) last           GRU-D, arXiv 1606.01865, eqs. 3 to 5: one of the two is 0, as
                                                          is, after scaling, the mean that the last value decays to
        x     = [x^, m, log(1 + d), local, events, extra]
        a^h   = exp(-relu(W d + b))                       eqs. 3 and 6, as the carry of the first layer
        a^c   = exp(-softplus(forgetting) gap)            a cell that forgets with the time that passes, every layer

    ``local`` is ``encode_patches``, ``events`` is ``encode_events``. What the config is without is left out.
    """
    xp = array_namespace(steps.values)
    if state is None:
        state = State.begin(config, weights, steps.facts)
    filled = steps.values
    if config.has("input_decay"):
        filled = engine.fill(filled, steps.last, steps.since, weights["input_decay.rate"])
    parts = [filled]
    if config.has("mask"):
        parts.append(steps.mask)
    if config.has("since"):
        parts.append(xp.log1p(steps.since))
    if config.has("local"):
        parts.append(encode_patches(config, weights, filled, steps.mask, engine))
    if config.events:
        parts += [encode_events(config, weights, steps, engine), xp.log1p(steps.gap)]
    x = xp.concat([*parts, steps.extra], axis=1)
    carry_h = None
    if config.has("state_decay"):
        carry_h = engine.decay(steps.since, weights["state_decay.weight"], weights["state_decay.bias"])
    gaps = [steps.gap]
    if config.bidirectional:  # from the end, a row is entered from the one after it; the first row has no gap
        gaps.append(xp.concat([steps.gap[1:], xp.zeros_like(steps.gap[:1])], axis=0))
    h, finals = x, []
    for k in range(config.num_layers):
        outputs = []
        for way, direction in enumerate(config.directions):
            name = f"layers.{k}.{direction}"
            cell = tuple(weights.get(name + part) for part in ("w_x", "w_h", "bias", "peephole"))
            carry_c = None
            if config.has("time_decay"):
                forgetting = weights[name + "forgetting"][:, None]
                carry_c = engine.decay(gaps[way], xp.logaddexp(forgetting, xp.zeros_like(forgetting)), None)
            at = k * len(config.directions) + way
            out, _, h_final, c_final = engine.lstm(
                config.spec, h, cell, state.h[at], state.c[at], steps.offsets,
                carry_h=carry_h if k == way == 0 else None, carry_c=carry_c, reverse=way == 1,
            )  # fmt: skip
            outputs.append(out)
            finals.append((h_final, c_final))
        h = outputs[0] if len(outputs) == 1 else xp.concat(outputs, axis=1)
    return x, h, State(tuple(h for h, _ in finals), tuple(c for _, c in finals))


def encode_patches(config: ModelConfig, weights: Weights, filled: Any, mask: Any, engine: Engine) -> Any:
    """[N, .], last and largest outputs of a cell that reads the rows of each patch one by one, starting anew in each.

    The largest keep what one row says undiluted: over long series it is learnt where neither last nor mean are.
    """
    xp = array_namespace(filled)
    count, width = filled.shape
    rows = [xp.reshape(one, (count * config.patch, width // config.patch)) for one in (filled, mask)]
    cell = tuple(weights.get(f"local.{part}") for part in ("w_x", "w_h", "bias", "peephole"))
    size = weights["local.w_h"].shape[1]
    zeros = xp.zeros((count, size), dtype=filled.dtype, device=filled.device)
    offsets = xp.arange(count + 1, dtype=xp.int64, device=filled.device) * config.patch
    h, _, last, _ = engine.lstm(
        config.spec, xp.concat(rows, axis=1), cell, zeros, zeros, offsets, carry_h=None, carry_c=None, reverse=False
    )
    largest = xp.max(xp.reshape(h, (count, config.patch, size)), axis=1)
    return xp.concat([last, largest], axis=1)


def encode_events(config: ModelConfig, weights: Weights, steps: Steps, engine: Engine) -> Any:
    """[N, event_size + kinds], the events of each row as a set, whose order leaves no trace.

    Each event becomes tanh(base + value slope), with an embedding of its channel or word; those of a row and kind
    (numbers, categories, text) are averaged (deep sets, Zaheer et al., arXiv 1703.06114), each kind weighted by a gate
    of its own, and the logarithms of their counts put beside.
    """
    xp = array_namespace(steps.values)
    rows = steps.values.shape[0]
    base, slope = (xp.take(weights[f"events.{name}"], steps.event_feature, axis=0) for name in ("base", "slope"))
    seen = xp.tanh(base + steps.event_value[:, None] * slope)
    sizes = [size for _, size in config.events]
    kinds = config.event_kinds
    kind_of = np.repeat([kinds.index(kind) for kind, _ in config.events], sizes)
    kind = xp.take(xp.asarray(kind_of, device=seen.device), steps.event_feature, axis=0)
    gate = 1 / (1 + xp.exp(-weights["events.gate"]))
    total, counts = xp.zeros((rows, config.event_size), dtype=seen.dtype, device=seen.device), []
    for k in range(len(kinds)):
        here = xp.astype(kind == k, seen.dtype)[:, None]
        count = engine.segment_sum(here, steps.event_row, rows)
        total = total + gate[k] * engine.segment_sum(here * seen, steps.event_row, rows) / xp.clip(count, 1)
        counts.append(xp.log1p(count))
    return xp.concat([total, *counts], axis=1)


def answer_whole(config: ModelConfig, weights: Weights, state: State, steps: Steps, drop: Drop | None = None) -> Any:
    """What the head says of whole series, [B, .], before it is decoded.

    The head reads the last outputs, the facts, the values of aligned rows, and a layer over summaries and facts. Beside
    it, summaries, facts and what is wide count as they are: raw = head(read) + V known, a wide path beside the deep one
    (Cheng et al., arXiv 1606.07792).

    Args:
        config, weights: of the network.
        state: after the last rows.
        steps: whose facts, ``summary`` and ``wide`` are read.
        drop: dropout in training.
    """
    xp = array_namespace(steps.facts)

    def in_full(one: Any) -> Any:
        """Sums of an answer are in float64; in float32 their order, which hangs on what else is in the batch, shows."""
        return one if drop else xp.astype(one, xp.float64)

    names = [name for name in weights if name.startswith(("head.", "summary.", "linear."))]
    weights = {name: in_full(weights[name]) for name in names}
    apply = drop or (lambda x: x)
    facts, summary, wide = map(in_full, (steps.facts, steps.summary, steps.wide))
    parts = [*(apply(in_full(h)) for h in state.h[-len(config.directions) :]), apply(facts)]
    known = xp.concat([summary, facts], axis=1)
    if config.aligned:
        parts.append(apply(summary[:, -config.aligned :]))
    if config.summary:
        parts.append(apply(xp.clip(known @ weights["summary.weight"].T + weights["summary.bias"], 0)))
    raw = config.head.readout(weights, xp.concat(parts, axis=1), None)
    if "linear.weight" not in weights:  # there are none; in training, where they are 0, none are read
        return raw
    return raw + xp.concat([known, wide], axis=1) @ weights["linear.weight"].T


def answer_rows(
    config: ModelConfig, weights: Weights, x: Any, h: Any, steps: Steps, rows: Any = None, drop: Drop | None = None
) -> Any:
    """What the head says at rows, [R, .], before it is decoded.

    It reads the outputs there, the facts of the series, and a layer over facts and the summary of the rows so far.

    Args:
        config, weights: of the network.
        x, h: inputs and outputs of the stack at all rows, as ``run`` gives them.
        steps: the rows.
        rows: int64 [R], at which rows; None: at all.
        drop: dropout in training.
    """
    xp = array_namespace(h)
    so_far, facts = steps.so_far, steps.facts
    if rows is None:
        rows = xp.arange(h.shape[0], dtype=xp.int64, device=h.device)
    else:
        x, h, so_far = x[rows], h[rows], so_far[rows]
    if config.so_far and drop is None:  # see ``answer_whole``
        x, h, so_far, facts = (xp.astype(one, xp.float64) for one in (x, h, so_far, facts))
        weights = {name: xp.astype(one, xp.float64) for name, one in weights.items() if name in _OF_ROWS}
    parts = [h]
    if config.facts:
        parts.append(xp.take(facts, xp.searchsorted(steps.offsets, rows, side="right") - 1, axis=0))
    if config.so_far:
        known = xp.concat([so_far, *parts[1:]], axis=1)
        parts.append(xp.clip(known @ weights["summary.weight"].T + weights["summary.bias"], 0))
    read = parts[0] if len(parts) == 1 else xp.concat(parts, axis=1)
    return config.head.readout(weights, read if drop is None else drop(read), x)


_OF_ROWS = ("head.weight", "head.bias", "head.skip", "summary.weight", "summary.bias")


class NativeEngine:
    """NumPy arrays: layers by the first backend that runs the spec, with weights packed when first seen."""

    def __init__(self) -> None:
        self._packed: dict[int, tuple[Any, Any, Any]] = {}  # by the identity of w_x, which is kept alive here

    def lstm(
        self, spec: LstmSpec, x: Any, weights: Any, h0: Any, c0: Any, sequences: Any, *, carry_h: Any, carry_c: Any,
        reverse: bool,
    ) -> tuple[Any, Any, Any, Any]:  # fmt: skip
        """As in ``Engine``."""
        if id(weights[0]) not in self._packed:
            backend = choose(spec)
            self._packed[id(weights[0])] = weights[0], backend, backend.pack(spec, LstmWeights(*weights))
        _, backend, packed = self._packed[id(weights[0])]
        call = LstmCall(x, h0, c0, sequences_of(np.asarray(sequences, np.int64)), carry_h, carry_c, reverse)
        result = backend.forward(packed, call)
        return result.h, result.c, result.h_final, result.c_final

    def decay(self, x: Any, weight: Any, bias: Any) -> Any:
        """As in ``Engine``."""
        return decay(x, weight, bias)

    def fill(self, values: Any, last: Any, since: Any, rate: Any) -> Any:
        """As in ``Engine``."""
        return fill(values, last, since, rate)

    def segment_sum(self, values: Any, index: Any, count: int) -> Any:
        """As in ``Engine``."""
        result = np.zeros((count, *values.shape[1:]), values.dtype)
        if len(index):
            begins = np.flatnonzero(np.diff(index, prepend=-1))
            result[index[begins]] = np.add.reduceat(values, begins, axis=0)
        return result
