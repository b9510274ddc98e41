"""The compiled core: what runs on a CPU."""

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from memcell.backends import _core
from memcell.contract import (
    InputError,
    LstmCall,
    LstmGradients,
    LstmResult,
    LstmSpec,
    LstmTape,
    LstmWeights,
    check_call,
    check_weights,
    sequences_of,
)
from memcell.contract.arrays import Array

__all__ = ["NativeBackend", "PackedLayer"]

_PEEPHOLE = {"none": 0, "diagonal": 1, "full": 2}
_SUFFIX = {np.dtype(np.float32): "f32", np.dtype(np.float64): "f64"}
_FUNCTIONS = {(name, dtype): getattr(_core, f"{name}_{suffix}") for dtype, suffix in _SUFFIX.items()
              for name in ("pack", "forward", "backward", "Stack")}  # fmt: skip


def _cell(spec: LstmSpec) -> Any:
    return _core.Cell(_PEEPHOLE[spec.peephole], spec.output_peek == "current", spec.coupled, spec.cell_clip or 0.0)


def _contiguous(array: Array | None) -> Any:
    return array if array is None or array.flags.c_contiguous else np.ascontiguousarray(array)


@dataclass(frozen=True)
class PackedLayer:
    """Weights rearranged for the kernels, and the plain ones that a backward pass reads."""

    handle: Any
    weights: LstmWeights
    sizes: tuple[int, int]  # inputs, units
    dtype: np.dtype[Any]


class NativeBackend:
    """C++ kernels over ragged batches, float32 and float64, threads by sequence (as many as OpenMP is told to use)."""

    name = "native"
    # Largest deviation seen over the oracle's cases, relative to the largest value: 2e-6 and 3e-15.
    tolerance = {"float32": 1e-5, "float64": 1e-12}  # noqa: RUF012

    def refusals(self, spec: LstmSpec) -> list[str]:
        reasons = []
        if spec.layer_norm:
            reasons.append("layer_norm: means over all units within a step have no kernel")
        if spec.zoneout_h or spec.zoneout_c:
            reasons.append("zoneout: a second way from state to state has no kernel")
        return reasons

    def pack(self, spec: LstmSpec, weights: LstmWeights) -> PackedLayer:
        sizes = check_weights(spec, weights)
        if not weights.bias.flags.c_contiguous:
            weights = replace(weights, bias=_contiguous(weights.bias))
        dtype = weights.w_x.dtype
        handle = _FUNCTIONS["pack", dtype](_cell(spec), weights.w_x, weights.w_h, weights.bias, weights.peephole)
        return PackedLayer(handle, weights, sizes, dtype)

    def forward(
        self, packed: PackedLayer, call: LstmCall, *, with_cells: bool = False, with_tape: bool = False
    ) -> LstmResult:
        check_call(packed.sizes, packed.dtype, call)
        x, h0, c0, carry_h, carry_c = map(_contiguous, (call.x, call.h0, call.c0, call.carry_h, call.carry_c))
        sequences = np.ascontiguousarray(call.sequences, np.int64)
        rows, hidden = len(x), packed.sizes[1]
        outputs = np.empty if _covers(sequences, rows) else np.zeros  # rows of no sequence are 0
        h, h_final, c_final = outputs((rows, hidden), x.dtype), np.empty_like(h0), np.empty_like(c0)
        c = outputs((rows, hidden), x.dtype) if with_cells or with_tape else None
        gates = np.empty((rows, 4, hidden), x.dtype) if with_tape else None
        _checked(
            _FUNCTIONS["forward", packed.dtype],
            packed.handle, x, h0, c0, carry_h, carry_c, sequences, call.reverse, h, h_final, c_final, c, gates,
        )  # fmt: skip
        if c is None or gates is None:
            return LstmResult(h, c, h_final, c_final)
        kept = LstmCall(x, h0, c0, sequences, carry_h, carry_c, call.reverse)
        return LstmResult(h, c, h_final, c_final, LstmTape(kept, packed.weights, h, c, gates))

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
        call, w = tape.call, tape.weights
        weights = [w.w_x, w.w_h, _contiguous(w.bias), w.peephole]  # matrices of any layout; their gradients take it on
        x, h0, c0, carry_h, carry_c = map(_contiguous, (call.x, call.h0, call.c0, call.carry_h, call.carry_c))
        outputs = map(_contiguous, (tape.h, tape.c, tape.gates, d_h, d_c, d_h_final, d_c_final))
        sequences = np.ascontiguousarray(call.sequences, np.int64)
        by_row = np.empty_like if _covers(sequences, len(x)) else np.zeros_like
        shaped: list[Any] = [None if a is None else np.empty_like(a) for a in (*weights, h0, c0)]
        carries = [None if a is None else by_row(a) for a in (carry_h, carry_c)]
        gradients = LstmGradients(by_row(x) if with_d_x else None, *shaped, *carries)
        _checked(
            _FUNCTIONS["backward", w.w_x.dtype],
            _cell(spec), *weights, x, h0, c0, carry_h, carry_c, sequences, call.reverse, *outputs,
            *(getattr(gradients, name) for name in _GRADIENTS),
        )  # fmt: skip
        return gradients

    def step(
        self,
        packed: PackedLayer,
        x: Array,
        h: Array,
        c: Array,
        carry_h: Array | None = None,
        carry_c: Array | None = None,
    ) -> tuple[Array, Array]:
        result = self.forward(packed, LstmCall(x, h, c, sequences_of(np.arange(len(x) + 1)), carry_h, carry_c))
        return result.h_final, result.c_final

    def stack(self, layers: list[PackedLayer], h: list[Array], c: list[Array]) -> Any:
        """Layers of one dtype through which B streams run a step at a time.

        An object whose ``step(x [B, I], out [B, H])`` moves the states h and c, [B, H] of each layer and the caller's,
        in place. Nothing is checked: contiguous arrays of the dtype of the weights; a lone stream needs no batch axis.
        """
        return _FUNCTIONS["Stack", layers[0].dtype]([layer.handle for layer in layers], h, c)

    def advance_many(self, packed: PackedLayer, x: Array, h: Array, c: Array, sequences: Array) -> Array:
        """One layer over whole sequences, of which every row is in one: the outputs [N, H] at rows x [N, I]. The states
        move on in place. Nothing is checked: contiguous arrays of the dtype of the weights."""
        out, h_final, c_final = np.empty((len(x), packed.sizes[1]), x.dtype), np.empty_like(h), np.empty_like(c)
        _FUNCTIONS["forward", packed.dtype](
            packed.handle, x, h, c, None, None, sequences, False, out, h_final, c_final, None, None
        )
        h[:], c[:] = h_final, c_final
        return out


_GRADIENTS = [field.name for field in fields(LstmGradients) if field.name != "norm"]


def _covers(sequences: Array, rows: int) -> bool:
    """Whether every row belongs to a sequence."""
    return int(sequences[:, 1].sum()) == rows


def _checked(function: Any, *arguments: Any) -> None:
    """Call the core, whose complaint about sequences is the user's to read."""
    try:
        function(*arguments)
    except ValueError as error:
        raise InputError(str(error)) from None
