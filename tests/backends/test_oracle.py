"""The float64 reference judges every other backend, over every cell and every shape."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from backends.cases import (
    CELLS,
    SHAPES,
    SMALL,
    Cell,
    Shape,
    assert_close,
    outputs_of,
    problem,
    reference_outputs,
    run,
)

from memcell.backends import ReferenceBackend
from memcell.contract import Backend, LstmCall, LstmSpec, LstmWeights, sequences_of
from memcell.contract.arrays import Array


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_outputs_and_gradients(kernel: Backend, cell: Cell, shape: Shape, dtype: str) -> None:
    got = run(kernel, problem(cell, shape, dtype))
    assert {array.dtype for array in got.values()} == {np.dtype(dtype)}
    assert_close(got, reference_outputs(cell, shape), kernel.tolerance[dtype])


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_reference_in_float32(cell: Cell) -> None:
    reference = ReferenceBackend()
    got = run(reference, problem(cell, SMALL, "float32"))
    assert {array.dtype for array in got.values()} == {np.dtype("float32")}
    assert_close(got, reference_outputs(cell, SMALL), reference.tolerance["float32"])


@pytest.mark.parametrize("cell", CELLS[-3:], ids=str)
def test_missing_cotangents_are_zeros(backend: Backend, cell: Cell) -> None:
    given = problem(cell, SMALL)
    names = "d_h", "d_c", "d_h_final", "d_c_final"
    for missing in product((False, True), repeat=4):
        some = {name: None if gone else getattr(given, name) for name, gone in zip(names, missing, strict=True)}
        zeros = {
            name: np.zeros_like(array) if some[name] is None else array
            for name, array in zip(names, given.cotangents, strict=True) if array is not None
        }  # fmt: skip
        wanted = run(ReferenceBackend(), replace(given, **zeros))
        assert_close(run(backend, replace(given, **some)), wanted, backend.tolerance["float64"])


def test_cells_come_when_asked_for(backend: Backend) -> None:
    given = problem(CELLS[-1], SMALL)
    packed = backend.pack(given.spec, given.weights)
    wanted = run(backend, given)
    bare = backend.forward(packed, given.call)
    assert bare.c is None
    assert bare.tape is None
    with_cells = backend.forward(packed, given.call, with_cells=True)
    assert with_cells.c is not None
    assert with_cells.tape is None
    np.testing.assert_array_equal(with_cells.c, wanted["c"])
    for result in (bare, with_cells):
        np.testing.assert_array_equal(result.h, wanted["h"])
        np.testing.assert_array_equal(result.c_final, wanted["c_final"])


def _strided(array: Array | None) -> Array | None:
    """The same numbers, not contiguous in any order, among NaN."""
    if array is None:
        return None
    wide = np.full([2 * size + 1 for size in array.shape], np.nan, array.dtype)
    view = wide[tuple(slice(1, None, 2) for _ in array.shape)]
    view[...] = array
    return view


@pytest.mark.parametrize("cell", CELLS[-3:], ids=str)
def test_arrays_need_not_be_contiguous(backend: Backend, cell: Cell) -> None:
    given = problem(cell, SMALL)
    call, weights = given.call, given.weights
    strided_weights = LstmWeights(*(_strided(getattr(weights, n)) for n in ("w_x", "w_h", "bias", "peephole")))  # type: ignore[arg-type]
    arrays = {n: _strided(getattr(call, n)) for n in ("x", "h0", "c0", "carry_h", "carry_c")}
    sequences = np.asfortranarray(call.sequences)
    strided_call = replace(call, sequences=sequences, **arrays)
    assert not strided_call.x.flags.c_contiguous
    assert not sequences.flags.c_contiguous
    result = backend.forward(backend.pack(given.spec, strided_weights), strided_call, with_tape=True)
    assert result.tape is not None
    # A tape may come back from whoever saved it with other strides, too.
    tape = replace(
        result.tape, call=strided_call, weights=strided_weights,
        **{n: _strided(getattr(result.tape, n)) for n in ("h", "c", "gates")},
    )  # fmt: skip
    gradients = backend.backward(given.spec, tape, *map(_strided, given.cotangents))
    assert_close(outputs_of(result, tape, gradients), run(backend, given), backend.tolerance["float64"])


SATURATING = [0.0, 1e-30, 16.0, 17.5, 37.0, 60.0, 87.0, 88.3, 88.5, 89.0, 100.0, 709.0, 710.0, 1000.0, 3e38, np.inf]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_saturated_gates(kernel: Backend, dtype: str) -> None:
    z = np.array([[sign * value] for value in SATURATING for sign in (1, -1)], dtype)
    weights = LstmWeights(np.ones((4, 1), dtype), np.zeros((4, 1), dtype), np.zeros(4, dtype))
    ones = np.ones((len(z), 1), dtype)
    call = LstmCall(z, ones, ones, sequences_of(np.arange(len(z) + 1)))
    spec = LstmSpec("none")
    results = [b.forward(b.pack(spec, weights), call, with_tape=True) for b in (kernel, ReferenceBackend())]
    got, wanted = ({"h": r.h, "c": r.c, "gates": r.tape.gates} for r in results if r.tape is not None)
    assert_close(got, wanted, kernel.tolerance[dtype])  # type: ignore[arg-type]
    assert (got["gates"][:, 0] >= 0).all()


@pytest.mark.parametrize("cell", CELLS[::3], ids=str)
@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_what_is_not_finite(kernel: Backend, cell: Cell, value: float) -> None:
    given = problem(cell, SMALL)
    given.call.x[4, 1] = value
    given.call.c0[3, 2] = value
    with np.errstate(invalid="ignore"):
        assert_close(run(kernel, given), run(ReferenceBackend(), given), kernel.tolerance["float64"])
