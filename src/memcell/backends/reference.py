"""The equations of ``LstmSpec`` as NumPy loops: the oracle that finite differences judge and that judges the rest."""

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from memcell.contract import (
    LstmCall,
    LstmGradients,
    LstmResult,
    LstmSpec,
    LstmTape,
    LstmWeights,
    check_call,
    check_sequences,
    check_weights,
    sequences_of,
)
from memcell.contract.arrays import Array

__all__ = ["ReferenceBackend"]


def _sigmoid(z: Array) -> Array:
    return 0.5 * (1 + np.tanh(0.5 * z))


def _carry_over(factor: Array | None, state: Array) -> Array:
    if factor is None:
        return state
    with np.errstate(invalid="ignore"):
        return np.where(factor == 0, 0, factor * state).astype(state.dtype)


def _standard(v: Array) -> tuple[Array, Any]:
    """v with mean 0 and variance 1, and what it was divided by."""
    centred = v - v.mean()
    spread = np.sqrt((centred**2).mean() + v.dtype.type(1e-5))
    return centred / spread, spread


class _Step(NamedTuple):
    h: Array
    c: Array
    shown: Array  # what the output's tanh is of
    gates: Array  # [4, H]: i, f, g, o
    sums: dict[str, Array]  # of each gate, before normalisation and bias


class _Layer:
    """One layer's weights by gate."""

    def __init__(self, spec: LstmSpec, weights: LstmWeights) -> None:
        self.spec = spec
        self.weights = weights
        hidden = weights.w_h.shape[1]
        self.block = {gate: slice(k * hidden, (k + 1) * hidden) for k, gate in enumerate(spec.gates)}
        rows = 1 if spec.peephole == "diagonal" else hidden
        self.peephole_block = {gate: slice(k * rows, (k + 1) * rows) for k, gate in enumerate(spec.peephole_gates)}

    def peek(self, gate: str, cell: Array) -> Array | float:
        if gate not in self.peephole_block:
            return 0.0
        assert self.weights.peephole is not None
        p = self.weights.peephole[self.peephole_block[gate]]
        return p[0] * cell if self.spec.peephole == "diagonal" else p @ cell

    def peek_backward(self, gate: str, d_z: Array, cell: Array, d_peephole: Array | None) -> Array | float:
        """Adds to the peephole's gradient; the gradient that reaches the cell comes back."""
        if gate not in self.peephole_block:
            return 0.0
        assert self.weights.peephole is not None
        assert d_peephole is not None
        p, d_p = self.weights.peephole[self.peephole_block[gate]], d_peephole[self.peephole_block[gate]]
        if self.spec.peephole == "diagonal":
            d_p[0] += d_z * cell
            return p[0] * d_z
        d_p += np.outer(d_z, cell)
        return p.T @ d_z

    def step(self, x: Array, h_in: Array, c_in: Array) -> _Step:
        """Everything of a step from what enters it, zoneout apart."""
        w, spec = self.weights, self.spec
        sums = {gate: w.w_x[rows] @ x + w.w_h[rows] @ h_in for gate, rows in self.block.items()}

        def z(gate: str, cell: Array) -> Array:
            sums[gate] = sums[gate] + self.peek(gate, cell)
            return self.normed(gate, sums[gate]) + w.bias[self.block[gate]]

        f = _sigmoid(z("f", c_in))
        i = 1 - f if spec.coupled else _sigmoid(z("i", c_in))
        g = np.tanh(z("g", c_in))
        c = f * c_in + i * g
        if spec.cell_clip is not None:
            c = np.clip(c, -spec.cell_clip, spec.cell_clip)
        o = _sigmoid(z("o", c if spec.output_peek == "current" else c_in))
        shown = self.normed("c", c) + (0 if w.norm is None else w.norm[-1])
        return _Step(o * np.tanh(shown), c, shown, np.stack([i, f, g, o]), sums)

    def gain(self, name: str) -> int:
        """The row of ``norm`` of a gate or of the cell, "c"."""
        return [*self.spec.gates, "c"].index(name)

    def normed(self, name: str, v: Array) -> Array:
        if self.weights.norm is None:
            return v
        return self.weights.norm[self.gain(name)] * _standard(v)[0]

    def normed_backward(self, name: str, d: Array, v: Array, d_norm: Array | None) -> Array:
        """Adds to the gain's gradient; the gradient at v comes back."""
        if self.weights.norm is None or d_norm is None:
            return d
        standard, spread = _standard(v)
        d_norm[self.gain(name)] += d * standard
        d = d * self.weights.norm[self.gain(name)]
        return (d - d.mean() - standard * (d * standard).mean()) / spread


class ReferenceBackend:
    """NumPy, one sequence and one step at a time, in the dtype of the weights."""

    name = "reference"
    tolerance = {"float32": 1e-5, "float64": 1e-12}  # noqa: RUF012

    def refusals(self, spec: LstmSpec) -> list[str]:  # noqa: ARG002
        return []

    def pack(self, spec: LstmSpec, weights: LstmWeights) -> _Layer:
        check_weights(spec, weights)
        return _Layer(spec, weights)

    def forward(
        self, packed: _Layer, call: LstmCall, *, with_cells: bool = False, with_tape: bool = False
    ) -> LstmResult:
        weights = packed.weights
        check_call((weights.w_x.shape[1], weights.w_h.shape[1]), weights.w_x.dtype, call)
        check_sequences(call.sequences, len(call.x))
        rows, hidden = call.x.shape[0], weights.w_h.shape[1]
        h = np.zeros((rows, hidden), call.x.dtype)
        c, gates = np.zeros_like(h), np.zeros((rows, 4, hidden), call.x.dtype)
        h_final, c_final = call.h0.copy(), call.c0.copy()
        for b, n in _steps(call):
            carry_h, carry_c = _row(call.carry_h, n), _row(call.carry_c, n)
            h_in, c_in = _carry_over(carry_h, h_final[b]), _carry_over(carry_c, c_final[b])
            step = packed.step(call.x[n], h_in, c_in)
            keep_h, keep_c = _kept(packed.spec, call, n)
            h[n], c[n] = _mixed(keep_h, h_in, step.h), _mixed(keep_c, c_in, step.c)
            gates[n] = step.gates
            h_final[b], c_final[b] = h[n], c[n]
        tape = LstmTape(call, weights, h, c, gates) if with_tape else None
        return LstmResult(h, c if with_cells or with_tape else None, h_final, c_final, tape)

    def step(
        self, packed: _Layer, x: Array, h: Array, c: Array, carry_h: Array | None = None, carry_c: Array | None = None
    ) -> tuple[Array, Array]:
        result = self.forward(packed, LstmCall(x, h, c, sequences_of(np.arange(len(x) + 1)), carry_h, carry_c))
        return result.h_final, result.c_final

    def backward(
        self,
        spec: LstmSpec,
        tape: LstmTape,
        d_h: Array | None,
        d_c: Array | None,
        d_h_final: Array | None,
        d_c_final: Array | None,
        *,
        with_d_x: bool = True,
    ) -> LstmGradients:
        call, weights = tape.call, tape.weights
        layer = _Layer(spec, weights)
        d = LstmGradients(
            *(None if a is None else np.zeros_like(a) for a in (  # type: ignore[arg-type]
                call.x, weights.w_x, weights.w_h, weights.bias, weights.peephole, call.h0, call.c0,
                call.carry_h, call.carry_c, weights.norm,
            ))
        )  # fmt: skip
        for d_state, d_final in ((d.h0, d_h_final), (d.c0, d_c_final)):
            if d_final is not None:
                d_state += d_final
        before = _rows_before(call)
        for b, n in reversed(list(_steps(call))):
            # d.h0[b], d.c0[b] hold what later steps hand back to this step's output and cell.
            h_prev, c_prev = (call.h0[b], call.c0[b]) if before[n] < 0 else (tape.h[before[n]], tape.c[before[n]])
            carry_h, carry_c = _row(call.carry_h, n), _row(call.carry_c, n)
            d_h_n = d.h0[b] + (0 if d_h is None else d_h[n])
            d_c_n = d.c0[b] + (0 if d_c is None else d_c[n])
            h_in, c_in = _carry_over(carry_h, h_prev), _carry_over(carry_c, c_prev)
            d_h_in, d_c_in = self._step_backward(layer, d, tape, n, h_in, c_in, d_h_n, d_c_n)
            for carry, d_carry, state, d_in in (
                (carry_h, d.carry_h, h_prev, d_h_in), (carry_c, d.carry_c, c_prev, d_c_in)
            ):  # fmt: skip
                if carry is not None and d_carry is not None:
                    product = d_in * state
                    d_carry[n] = product if len(carry) == len(state) else product.sum()
            d.h0[b], d.c0[b] = _carry_over(carry_h, d_h_in), _carry_over(carry_c, d_c_in)
        return d if with_d_x else replace(d, x=None)

    @staticmethod
    def _step_backward(
        layer: _Layer, d: LstmGradients, tape: LstmTape, n: int, h_in: Array, c_in: Array, d_h: Array, d_c: Array
    ) -> tuple[Array, Array]:
        """Adds one step's share to the weight gradients and writes x's; gradients at h~ and c~ come back."""
        weights, spec = layer.weights, layer.spec
        step = layer.step(tape.call.x[n], h_in, c_in)
        i, f, g, o = tape.gates[n]
        keep_h, keep_c = _kept(spec, tape.call, n)
        zero = np.zeros_like(d_h)
        d_h_in, d_c_in = _mixed(keep_h, d_h, zero), _mixed(keep_c, d_c, zero)
        d_h, d_c = _mixed(keep_h, zero, d_h), _mixed(keep_c, zero, d_c)
        tanh_c = np.tanh(step.shown)
        d_sums: dict[str, Array] = {}

        def through(gate: str, d_z: Array) -> None:
            d.bias[layer.block[gate]] += d_z
            d_sums[gate] = layer.normed_backward(gate, d_z, step.sums[gate], d.norm)

        through("o", d_h * tanh_c * o * (1 - o))
        d_shown = d_h * o * (1 - tanh_c**2)
        if d.norm is not None:
            d.norm[-1] += d_shown
        d_c = d_c + layer.normed_backward("c", d_shown, step.c, d.norm)
        if spec.output_peek == "current":
            d_c = d_c + layer.peek_backward("o", d_sums["o"], step.c, d.peephole)
        else:
            d_c_in = d_c_in + layer.peek_backward("o", d_sums["o"], c_in, d.peephole)
        if spec.cell_clip is not None:
            d_c = np.where(np.abs(step.c) >= spec.cell_clip, 0, d_c)
        d_i, d_f = d_c * g, d_c * c_in
        if spec.coupled:
            d_f = d_f - d_i
        else:
            through("i", d_i * i * (1 - i))
        through("f", d_f * f * (1 - f))
        through("g", d_c * i * (1 - g**2))
        d_c_in = d_c_in + d_c * f
        for gate in ("i", "f"):
            if gate in d_sums:
                d_c_in = d_c_in + layer.peek_backward(gate, d_sums[gate], c_in, d.peephole)
        d_x: Any = d.x
        for gate, rows in layer.block.items():
            d.w_x[rows] += np.outer(d_sums[gate], tape.call.x[n])
            d.w_h[rows] += np.outer(d_sums[gate], h_in)
            d_x[n] += weights.w_x[rows].T @ d_sums[gate]
            d_h_in = d_h_in + weights.w_h[rows].T @ d_sums[gate]
        return d_h_in, d_c_in


def _kept(spec: LstmSpec, call: LstmCall, n: int) -> tuple[Any, Any]:
    """Zoneout's k of h and c at row n; None without."""
    pairs = ((call.keep_h, spec.zoneout_h), (call.keep_c, spec.zoneout_c))
    keep_h, keep_c = (mask[n] if mask is not None else p or None for mask, p in pairs)
    return keep_h, keep_c


def _mixed(keep: Any, before: Array, new: Array) -> Array:
    return new if keep is None else (keep * before + (1 - keep) * new).astype(new.dtype)


def _row(carry: Array | None, n: int) -> Array | None:
    return None if carry is None else carry[n]


def _steps(call: LstmCall) -> list[tuple[int, int]]:
    """(sequence, row) of every step in processing order."""
    steps: list[tuple[int, int]] = []
    for b, (first, length, stride) in enumerate(call.sequences.tolist()):
        rows = [first + s * stride for s in range(length)]
        steps += [(b, n) for n in (reversed(rows) if call.reverse else rows)]
    return steps


def _rows_before(call: LstmCall) -> dict[int, int]:
    """For each row the one processed before it in its sequence, -1 for the first."""
    before: dict[int, int] = {}
    last: dict[int, int] = {}
    for b, n in _steps(call):
        before[n] = last.get(b, -1)
        last[b] = n
    return before
