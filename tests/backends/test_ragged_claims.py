"""What a sequence gives does not depend on its batch, on the threads, or on how it was cut: bit for bit."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from backends.cases import CELLS, SHAPES, SMALL, Cell, Problem, Shape, assert_same_bits, problem, run, sequence_of
from threadpoolctl import threadpool_info, threadpool_limits

from memcell.contract import Backend, InputError, LstmCall
from memcell.contract.arrays import Array

OF_ROWS = "h", "c", "gates", "d_x", "d_carry_h", "d_carry_c"
OF_SEQUENCES = "h_final", "c_final", "d_h0", "d_c0"
RAGGED = [shape for shape in SHAPES if 1 < len(shape.lengths) <= 6 and any(shape.lengths)]
FORWARD = [cell for cell in CELLS if not cell.reverse]


@pytest.fixture(params=[1, 2])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    with threadpool_limits(request.param, user_api="openmp"):
        assert {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "openmp"} == {request.param}
        yield request.param


def own_arrays(outputs: dict[str, Array]) -> dict[str, Array]:
    """Without the gradients of the weights, to which all sequences contribute."""
    return {name: array for name, array in outputs.items() if name in OF_ROWS + OF_SEQUENCES}


def part(outputs: dict[str, Array], given: Problem, b: int) -> dict[str, Array]:
    """What sequence b has of the outputs of its batch."""
    first, length, _ = given.call.sequences[b]
    rows = slice(first, first + length)
    return {n: array[rows] if n in OF_ROWS else array[b : b + 1] for n, array in own_arrays(outputs).items()}


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", RAGGED, ids=str)
@pytest.mark.parametrize("cell", CELLS[::2], ids=str)
def test_batch_equals_a_loop_over_its_sequences(kernel: Backend, cell: Cell, shape: Shape, dtype: str) -> None:
    given = problem(cell, shape, dtype)
    together = run(kernel, given)
    for b in range(len(shape.lengths)):
        alone = run(kernel, sequence_of(given, b))
        assert_same_bits(part(together, given, b), own_arrays(alone))


@pytest.mark.parametrize("cell", CELLS[::5], ids=str)
def test_nan_stays_in_its_sequence(backend: Backend, cell: Cell) -> None:
    given, poisoned = problem(cell, SMALL), problem(cell, SMALL)
    poisoned.call.x[3] = np.nan  # a row of sequence 2
    for array in (poisoned.call.c0, poisoned.d_h_final):
        assert array is not None
        array[2] = np.nan
    clean, dirty = run(backend, given), run(backend, poisoned)
    assert np.isnan(part(dirty, poisoned, 2)["h_final"]).all()
    for b in (0, 1, 3, 4, 5):
        assert_same_bits(part(dirty, poisoned, b), part(clean, given, b))


def _with_reset(cell: Cell, at: int) -> Problem:
    """A sequence of 6 steps with carries [6, 1] that are 0 at row ``at``: rows before it are one episode."""
    given = problem(replace(cell, carry_h="step", carry_c="step"), Shape(3, 5, (6,)), zero_carries=False)
    for carry in (given.call.carry_h, given.call.carry_c):
        assert carry is not None
        carry[at] = 0
    return given


@pytest.mark.parametrize("cell", FORWARD[::2], ids=str)
def test_carry_of_zero_stops_nan_of_the_old_episode(backend: Backend, cell: Cell) -> None:
    given, poisoned = _with_reset(cell, 3), _with_reset(cell, 3)
    for array in (poisoned.call.x[:3], poisoned.call.h0, poisoned.call.c0):
        array[:] = np.nan
    clean, dirty = run(backend, given), run(backend, poisoned)
    assert np.isnan(dirty["h"][:3]).all()
    for name in ("h", "c", "d_x"):
        np.testing.assert_array_equal(dirty[name][3:], clean[name][3:], err_msg=name)
    for name in ("h_final", "c_final"):
        np.testing.assert_array_equal(dirty[name], clean[name], err_msg=name)


@pytest.mark.parametrize("cell", FORWARD[::2], ids=str)
def test_carry_of_zero_stops_the_gradient_of_the_new_episode(backend: Backend, cell: Cell) -> None:
    given, poisoned = _with_reset(cell, 3), _with_reset(cell, 3)
    poisoned.call.x[3:] = np.nan
    clean, dirty = run(backend, given), run(backend, poisoned)
    assert np.isnan(dirty["d_x"][3:]).all()
    np.testing.assert_array_equal(dirty["d_x"][:3], clean["d_x"][:3])
    for name in ("d_h0", "d_c0"):
        np.testing.assert_array_equal(dirty[name], clean[name], err_msg=name)


@pytest.mark.parametrize("cell", FORWARD, ids=str)
def test_steps_of_a_stream_equal_the_whole(backend: Backend, cell: Cell) -> None:
    steps, batch = 7, 4
    given = problem(cell, Shape(3, 5, (steps,) * batch))
    call, packed = given.call, backend.pack(given.spec, given.weights)
    whole = backend.forward(packed, call, with_cells=True)
    h, c = call.h0, call.c0
    for t in range(steps):
        rows = call.sequences[:, 0] + t
        carries = (None if carry is None else carry[rows] for carry in (call.carry_h, call.carry_c))
        h, c = backend.step(packed, call.x[rows], h, c, *carries)
        assert_same_bits({"h": h, "c": c}, {"h": whole.h[rows], "c": whole.c[rows]})  # type: ignore[index]


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_split_stream_equals_the_whole(backend: Backend, cell: Cell) -> None:
    given = problem(cell, Shape(3, 5, (9,)))
    call, packed = given.call, backend.pack(given.spec, given.weights)
    whole = backend.forward(packed, call)
    pieces = [slice(0, 4), slice(4, 4), slice(4, 5), slice(5, 9)]
    h, c = call.h0, call.c0
    for rows in reversed(pieces) if cell.reverse else pieces:
        x = call.x[rows]
        carry_h, carry_c = (None if carry is None else carry[rows] for carry in (call.carry_h, call.carry_c))
        piece = np.array([[0, len(x), 1]])
        result = backend.forward(packed, LstmCall(x, h, c, piece, carry_h, carry_c, cell.reverse))
        np.testing.assert_array_equal(result.h, whole.h[rows])
        h, c = result.h_final, result.c_final
    assert_same_bits({"h": h, "c": c}, {"h": whole.h_final, "c": whole.c_final})


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_where_the_rows_lie_does_not_matter(backend: Backend, cell: Cell) -> None:
    """Sequences end to end, time-major with padding between, the same bits; rows of no sequence are 0."""
    given = problem(cell, Shape(3, 21, (3, 0, 5, 1)))
    call, batch, steps = given.call, 4, 6
    length = call.sequences[:, 1]
    place = np.concatenate([b + batch * np.arange(length[b]) for b in range(batch)])  # of each row, time-major
    unused = np.setdiff1d(np.arange(batch * steps), place)

    def spread(array: Any) -> Any:
        if array is None:
            return None
        padded = np.full((batch * steps, *array.shape[1:]), np.nan, array.dtype)
        padded[place] = array
        return padded

    by_row = {name: spread(getattr(call, name)) for name in ("x", "carry_h", "carry_c")}
    for carry in (by_row["carry_h"], by_row["carry_c"]):
        if carry is not None:
            carry[unused] = 1.0
    sequences = np.stack([np.arange(batch), length, np.full(batch, batch)], axis=1)
    padded = replace(
        given, call=replace(call, sequences=sequences, **by_row), d_h=spread(given.d_h), d_c=spread(given.d_c)
    )
    wanted, got = run(backend, given), run(backend, padded)
    for name in set(OF_ROWS) & set(got):
        if name != "gates":
            np.testing.assert_array_equal(got[name][unused], 0, err_msg=name)
        got[name] = got[name][place]
    assert_same_bits(got, wanted)


OUTSIDE = [
    [[0, 5, 1]], [[3, 2, 1], [4, 1, 1]], [[1, 3, -1]], [[-1, 1, 1]], [[0, -1, 1]], [[0, 2**62 + 1, 4]],
    [[0, 3, 2**63 - 1]],
]  # fmt: skip


@pytest.mark.parametrize("sequences", OUTSIDE)
def test_sequences_outside_the_rows_are_refused(backend: Backend, sequences: list[list[int]]) -> None:
    given = problem(FORWARD[0], Shape(3, 5, (4,) if len(sequences) == 1 else (2, 2)))
    call = replace(given.call, sequences=np.array(sequences))
    with pytest.raises(InputError, match=r"`sequences\[\d\]` is .* outside 4 rows"):
        backend.forward(backend.pack(given.spec, given.weights), call)
