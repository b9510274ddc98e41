"""The cells and the shapes that every backend runs, and one random problem for each pair of them."""

from dataclasses import dataclass, fields, replace
from functools import cache
from itertools import cycle
from typing import Any, Literal

import numpy as np

from memcell.contract import Backend, LstmCall, LstmGradients, LstmResult, LstmSpec, LstmTape, LstmWeights, sequences_of
from memcell.contract.arrays import Array
from memcell.ragged import offsets_of

Carry = Literal["none", "step", "unit"]  # None, [N, 1], [N, H]


@dataclass(frozen=True)
class Cell:
    """A cell with what else a call decides: which carries come, and the direction."""

    spec: LstmSpec
    carry_h: Carry
    carry_c: Carry
    reverse: bool

    def __str__(self) -> str:
        parts = [self.spec.peephole, self.spec.output_peek, "coupled" if self.spec.coupled else "free"]
        parts += [f"clip {self.spec.cell_clip}"] * (self.spec.cell_clip is not None) + ["norm"] * self.spec.layer_norm
        parts += [f"zoneout {self.spec.zoneout_h} {self.spec.zoneout_c}"] * bool(
            self.spec.zoneout_h + self.spec.zoneout_c
        )
        return "-".join([*parts, self.carry_h, self.carry_c, "reverse" if self.reverse else "forward"])


@dataclass(frozen=True)
class Shape:
    inputs: int
    units: int
    lengths: tuple[int, ...]

    def __str__(self) -> str:
        return f"I{self.inputs}-H{self.units}-B{len(self.lengths)}-N{sum(self.lengths)}"


@dataclass(frozen=True)
class Problem:
    """A call with its weights, and cotangents of everything that comes out."""

    spec: LstmSpec
    weights: LstmWeights
    call: LstmCall
    d_h: Array | None
    d_c: Array | None
    d_h_final: Array | None
    d_c_final: Array | None

    @property
    def cotangents(self) -> tuple[Array | None, ...]:
        return self.d_h, self.d_c, self.d_h_final, self.d_c_final


SPECS = (
    [LstmSpec("none"), LstmSpec("none", coupled=True), LstmSpec("none", cell_clip=0.5)]
    + [
        LstmSpec(peephole, output_peek, coupled)
        for peephole in ("diagonal", "full")
        for output_peek in ("previous", "current")
        for coupled in (False, True)
    ]
    + [
        LstmSpec("diagonal", "current", cell_clip=0.25),
        LstmSpec("full", cell_clip=0.5),
        LstmSpec("full", "current", True, 0.5),
    ]
)

# Every spec in both directions and with every kind of each carry; every pair of kinds, not every pair in every spec.
_CARRIES: list[tuple[Carry, Carry]] = [
    ("none", "none"), ("step", "unit"), ("unit", "step"), ("none", "step"), ("unit", "none"), ("step", "unit"),
    ("none", "unit"), ("step", "none"), ("unit", "step"), ("none", "none"), ("step", "step"), ("unit", "unit"),
]  # fmt: skip
# What no kernel has: the reference alone runs these, and the loop of PyTorch.
WITHOUT_KERNEL = [
    LstmSpec("none", layer_norm=True),
    LstmSpec("full", "current", layer_norm=True, cell_clip=0.8),
    LstmSpec("diagonal", coupled=True, layer_norm=True, zoneout_h=0.3),
    LstmSpec("full", zoneout_c=0.4, zoneout_h=0.1),
    LstmSpec("diagonal", "current", zoneout_c=0.2),
]
_next_carries = cycle(_CARRIES)
CELLS = [Cell(spec, *next(_next_carries), reverse) for spec in SPECS for reverse in (False, True, False)]

CELLS_WITHOUT_KERNEL = [Cell(spec, "step", "unit", bool(k % 2)) for k, spec in enumerate(WITHOUT_KERNEL)]

SHAPES = [
    Shape(1, 1, (1,)),
    Shape(3, 5, (0, 1, 7, 3, 0, 2)),
    Shape(1, 8, (2, 40, 1, 3)),  # one long among short
    Shape(3, 16, (6,)),
    Shape(3, 19, (1, 1, 1, 1, 1)),
    Shape(9, 33, (4, 0, 9, 4)),
    Shape(1, 5, (60, 50, 3)),  # more rows than the native backward pass holds in a block
    Shape(2, 3, (1, 0, 2) * 70),  # more sequences than that
    Shape(3, 8, (0, 0, 0)),
    Shape(3, 5, ()),
]
SMALL = SHAPES[1]


def problem(cell: Cell, shape: Shape, dtype: Any = np.float64, *, zero_carries: bool = True) -> Problem:
    """The same numbers in either dtype: all are drawn as float32."""
    rng = np.random.default_rng(0)
    rows, batch, units = sum(shape.lengths), len(shape.lengths), shape.units

    def normal(*size: int, scale: float = 1.0) -> Array:
        return (scale * rng.standard_normal(size)).astype(np.float32).astype(dtype)

    def carry(kind: Carry) -> Array | None:
        if kind == "none":
            return None
        factors = rng.uniform(0.2, 1.4, (rows, 1 if kind == "step" else units))
        if zero_carries:
            factors[rng.random(factors.shape) < 0.2] = 0
        return factors.astype(np.float32).astype(dtype)

    shapes = cell.spec.weight_shapes(shape.inputs, units)
    weights = LstmWeights(**{name: normal(*size, scale=units**-0.5) for name, size in shapes.items()})
    call = LstmCall(
        normal(rows, shape.inputs), normal(batch, units), normal(batch, units), sequences_of(offsets_of(shape.lengths)),
        carry(cell.carry_h), carry(cell.carry_c), cell.reverse,
    )  # fmt: skip
    cotangents = normal(rows, units), normal(rows, units), normal(batch, units), normal(batch, units)
    return Problem(cell.spec, weights, call, *cotangents)


def run(backend: Backend, given: Problem) -> dict[str, Array]:
    """Everything that comes out of a forward and a backward pass, by name; gradients as ``d_<name>``."""
    result = backend.forward(backend.pack(given.spec, given.weights), given.call, with_cells=True, with_tape=True)
    assert result.tape is not None
    gradients = backend.backward(given.spec, result.tape, *given.cotangents)
    return outputs_of(result, result.tape, gradients)


def outputs_of(result: LstmResult, tape: LstmTape, gradients: LstmGradients) -> dict[str, Array]:
    named = {name: getattr(result, name) for name in ("h", "c", "h_final", "c_final")} | {"gates": tape.gates}
    named |= {f"d_{field.name}": getattr(gradients, field.name) for field in fields(gradients)}
    return {name: array for name, array in named.items() if array is not None}


def sequence_of(given: Problem, b: int) -> Problem:
    """Sequence b of a problem alone."""
    call = given.call
    (first, length, _), one = call.sequences[b], slice(b, b + 1)
    rows = slice(first, first + length)

    def cut(array: Array | None, where: slice) -> Array | None:
        return None if array is None else array[where]

    alone = replace(
        call, x=call.x[rows], h0=call.h0[one], c0=call.c0[one], sequences=np.array([[0, length, 1]]),
        carry_h=cut(call.carry_h, rows), carry_c=cut(call.carry_c, rows),
    )  # fmt: skip
    return replace(
        given, call=alone, d_h=cut(given.d_h, rows), d_c=cut(given.d_c, rows), d_h_final=cut(given.d_h_final, one),
        d_c_final=cut(given.d_c_final, one),
    )  # fmt: skip


@cache
def reference_outputs(cell: Cell, shape: Shape) -> dict[str, Array]:
    """What the float64 reference makes of ``problem(cell, shape)``."""
    from memcell.backends import ReferenceBackend

    return run(ReferenceBackend(), problem(cell, shape))


def assert_close(got: dict[str, Array], wanted: dict[str, Array], tolerance: float) -> None:
    """Same names, shapes and, relative to max(1, the largest value), numbers; NaN and infinities in the same places."""
    assert got.keys() == wanted.keys()
    for name, want in wanted.items():
        assert got[name].shape == want.shape, name
        finite = np.abs(want[np.isfinite(want)])
        largest = max(1.0, finite.max(initial=0))
        np.testing.assert_allclose(got[name], want, rtol=0, atol=tolerance * largest, err_msg=name)


def assert_same_bits(got: dict[str, Array], wanted: dict[str, Array]) -> None:
    assert got.keys() == wanted.keys()
    for name, want in wanted.items():
        np.testing.assert_array_equal(got[name], want, err_msg=name)
