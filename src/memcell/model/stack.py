"""From steps to outputs, written once: NumPy arrays run on the native core, PyTorch tensors through its operators."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from array_api_compat import array_namespace

from memcell.backends import choose
from memcell.contract import LstmCall, LstmSpec, LstmWeights, sequences_of
from memcell.data.steps import Steps
from memcell.model.config import ModelConfig

__all__ = ["Layer", "NativeLayer", "State", "run"]

Weights = Mapping[str, Any]


class Layer(Protocol):
    """One LSTM layer over rows cut by offsets [B + 1]: ``memcell.torch.lstm``, or ``NativeLayer`` for arrays."""

    def __call__(
        self, spec: LstmSpec, x: Any, weights: Any, h0: Any, c0: Any, sequences: Any, *, carry_h: Any, carry_c: Any
    ) -> tuple[Any, Any, Any, Any]: ...


@dataclass(frozen=True)
class State:
    """h and c [B, H] of every layer, between two rows of B series."""

    h: tuple[Any, ...]
    c: tuple[Any, ...]

    @classmethod
    def zeros(cls, config: ModelConfig, batch: int, like: Any) -> "State":
        """The start of B series, in the namespace, dtype and place of ``like``."""
        xp = array_namespace(like)
        zeros = xp.zeros((batch, config.hidden_size), dtype=like.dtype, device=like.device)
        return cls((zeros,) * config.num_layers, (zeros,) * config.num_layers)


def run(
    config: ModelConfig, weights: Weights, steps: Steps, layer: Layer, state: State | None = None
) -> tuple[Any, Any, State]:
    """Inputs x [N, I] of the first layer, outputs h [N, H] of the last, and the state after the last rows.

    Equations, with ``m`` the mask, ``d`` the time since a channel was seen and ``gap`` the time since the last row::

        decay = exp(-relu(rate) d)                        GRU-D, arXiv 1606.01865, eqs. 3 and 5
        x^    = m value + (1 - m) decay last              eq. 4; the mean, which it decays to, is 0 after scaling
        x     = [x^, m, log(1 + d), extra]
        a^h   = exp(-relu(W d + b))                       eqs. 3 and 6, as the carry of the first layer
        a^c   = exp(-softplus(forgetting) gap)            a cell that forgets with the time that passes, every layer
    """
    xp = array_namespace(steps.values)
    if state is None:
        state = State.zeros(config, len(steps.offsets) - 1, steps.values)
    zero = xp.zeros_like(steps.gap)
    decay = xp.exp(-xp.clip(weights["input_decay.rate"], 0) * steps.since)
    filled = steps.mask * steps.values + (1 - steps.mask) * decay * steps.last
    x = xp.concat([filled, steps.mask, xp.log1p(steps.since), steps.extra], axis=1)
    # Signs are turned in the weights, which are smaller than what becomes of them.
    carry_h = xp.exp(xp.clip(steps.since @ -weights["state_decay.weight"].T - weights["state_decay.bias"], None, 0))
    h, finals = x, []
    for k in range(config.num_layers):
        names = ("w_x", "w_h", "bias", "peephole")
        cell = tuple(weights.get(f"layers.{k}.{name}") for name in names)
        forgetting = weights[f"layers.{k}.forgetting"][None, :]
        carry_c = xp.exp(-xp.logaddexp(forgetting, zero[:1]) * steps.gap)
        h, _, h_final, c_final = layer(
            config.spec, h, cell, state.h[k], state.c[k], steps.offsets,
            carry_h=carry_h if k == 0 else None, carry_c=carry_c,
        )  # fmt: skip
        finals.append((h_final, c_final))
    return x, h, State(*map(tuple, zip(*finals, strict=True)))


class NativeLayer:
    """Layers on NumPy arrays, each by the first backend that runs the spec; weights are packed when first seen."""

    def __init__(self) -> None:
        self._packed: dict[int, tuple[Any, Any, Any]] = {}  # by the identity of w_x, which is kept alive here

    def __call__(
        self, spec: LstmSpec, x: Any, weights: Any, h0: Any, c0: Any, sequences: Any, *, carry_h: Any, carry_c: Any
    ) -> tuple[Any, Any, Any, Any]:
        if id(weights[0]) not in self._packed:
            backend = choose(spec)
            self._packed[id(weights[0])] = weights[0], backend, backend.pack(spec, LstmWeights(*weights))
        _, backend, packed = self._packed[id(weights[0])]
        call = LstmCall(x, h0, c0, sequences_of(np.asarray(sequences, np.int64)), carry_h, carry_c)
        result = backend.forward(packed, call)
        return result.h, result.c, result.h_final, result.c_final
