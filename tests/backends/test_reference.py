"""Central finite differences in float64 judge every gradient of the reference."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from backends.cases import CELLS, CELLS_WITHOUT_KERNEL, Cell, Problem, Shape, problem, run

from memcell.backends import ReferenceBackend
from memcell.contract import LstmSpec
from memcell.contract.arrays import Array

TINY = Shape(2, 3, (0, 3, 1))
STEP = 1e-6


def loss(given: Problem) -> float:
    """Everything that comes out, weighed with its cotangent."""
    backend = ReferenceBackend()
    result = backend.forward(backend.pack(given.spec, given.weights), given.call, with_cells=True)
    outputs = result.h, result.c, result.h_final, result.c_final
    return sum(float((output * d).sum()) for output, d in zip(outputs, given.cotangents, strict=True))  # type: ignore[operator]


def differences(given: Problem, array: Array) -> Array:
    """(loss(a + STEP) - loss(a - STEP)) / (2 STEP) for every element a of one of the problem's arrays."""
    found = np.empty_like(array)
    for at in np.ndindex(array.shape):
        value = array[at]
        losses = []
        for moved in (value + STEP, value - STEP):
            array[at] = moved
            losses.append(loss(given))
        array[at] = value
        found[at] = (losses[0] - losses[1]) / (2 * STEP)
    return found


@pytest.mark.parametrize("masks", [False, True])
@pytest.mark.parametrize("cell", CELLS_WITHOUT_KERNEL, ids=str)
def test_gradients_of_cells_without_a_kernel(cell: Cell, masks: bool) -> None:
    given = problem(cell, TINY, zero_carries=False)
    if masks:
        rng = np.random.default_rng(0)
        rows, units = len(given.call.x), TINY.units
        given = replace(given, call=replace(given.call, keep_h=rng.integers(0, 2, (rows, units)).astype(float),
                                            keep_c=rng.uniform(size=(rows, 1))))  # fmt: skip
    check_gradients(given)


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_gradients_are_finite_differences(cell: Cell) -> None:
    check_gradients(problem(cell, TINY, zero_carries=False))


def check_gradients(given: Problem) -> None:
    gradients = run(ReferenceBackend(), given)
    holders: list[tuple[Any, tuple[str, ...]]] = [
        (given.call, ("x", "h0", "c0", "carry_h", "carry_c")),
        (given.weights, ("w_x", "w_h", "bias", "peephole", "norm")),
    ]  # fmt: skip
    for holder, names in holders:
        for name in names:
            array = getattr(holder, name)
            if array is None:
                assert f"d_{name}" not in gradients
                continue
            np.testing.assert_allclose(gradients[f"d_{name}"], differences(given, array), atol=2e-8, err_msg=name)


def test_gradient_of_a_carry_of_zero_looks_upwards() -> None:
    """A factor cannot be negative; at 0 its gradient is the slope towards larger factors."""
    given = problem(Cell(LstmSpec(), "unit", "step", False), TINY, zero_carries=False)
    gradients = {}
    for name in ("carry_h", "carry_c"):
        carry = getattr(given.call, name)
        carry[1] = 0
        gradients[name] = run(ReferenceBackend(), given)[f"d_{name}"][1, 0]
        at_zero = loss(given)
        carry[1, 0] = STEP
        np.testing.assert_allclose(gradients[name], (loss(given) - at_zero) / STEP, atol=1e-5, err_msg=name)
        carry[1, 0] = 0
    assert all(gradients.values())


def test_nothing_flows_to_a_state_cut_off() -> None:
    given = problem(Cell(LstmSpec(), "step", "step", False), Shape(2, 3, (3,)), zero_carries=False)
    for carry in (given.call.carry_h, given.call.carry_c):
        assert carry is not None
        carry[0] = 0
    got = run(ReferenceBackend(), given)
    assert not got["d_h0"].any()
    assert not got["d_c0"].any()
    other = replace(given, call=replace(given.call, h0=given.call.h0 + 1, c0=given.call.c0 - 1))
    np.testing.assert_array_equal(run(ReferenceBackend(), other)["h"], got["h"])
