"""Arrays that do not fit are refused before any work: the argument, what came, what is wanted."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from backends.cases import SMALL, Cell, problem
from numpy.typing import NDArray

from memcell.backends import BACKENDS
from memcell.contract import InputError, LstmSpec, check_call, check_offsets, check_weights

SPEC = LstmSpec("diagonal")
GIVEN = problem(Cell(SPEC, "step", "unit", False), SMALL)  # I 3, H 5, B 6, N 13
WEIGHTS, CALL = GIVEN.weights, GIVEN.call
float64 = np.dtype(np.float64)


def assert_names(error: pytest.ExceptionInfo[InputError], parts: tuple[str, ...]) -> None:
    for part in parts:
        assert part in str(error.value)


def test_what_fits_passes() -> None:
    sizes = check_weights(SPEC, WEIGHTS)
    assert sizes == (3, 5)
    check_call(sizes, float64, CALL)


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ({"w_x": None}, ("`w_x`", "two dimensions")),
        ({"w_x": np.zeros(20)}, ("`w_x`", "two dimensions")),
        ({"w_h": [[0.0]]}, ("`w_h`", "NumPy array")),
        ({"w_x": WEIGHTS.w_x.astype(np.float16)}, ("`w_x`", "float16", "float32 or float64")),
        ({"w_x": WEIGHTS.w_x.astype(int)}, ("`w_x`", "int64", "float32 or float64")),
        ({"w_x": WEIGHTS.w_x[:15]}, ("`w_x`", "[15, 3]", "[20, 3]")),
        ({"w_h": np.zeros((20, 0))}, ("`w_h`", "at least 1")),
        ({"w_h": WEIGHTS.w_h[:19]}, ("`w_h`", "[19, 5]", "[20, 5]")),
        ({"w_h": WEIGHTS.w_h.astype(np.float32)}, ("`w_h`", "float32", "float64", "astype")),
        ({"bias": WEIGHTS.bias[None]}, ("`bias`", "[1, 20]", "[20]")),
        ({"bias": None}, ("`bias`", "missing", "[20]")),
        ({"peephole": np.zeros((15, 5))}, ("`peephole`", "[15, 5]", "[3, 5]")),
        ({"peephole": None}, ("`peephole`", "missing", "'diagonal'", "[3, 5]", "peephole='none'")),
        ({"peephole": [[0.0] * 5] * 3}, ("`peephole`", "list", "NumPy array")),
    ],
)
def test_weights(change: dict[str, Any], parts: tuple[str, ...]) -> None:
    with pytest.raises(InputError) as error:
        check_weights(SPEC, replace(WEIGHTS, **change))
    assert_names(error, parts)


def test_peephole_that_the_spec_has_not() -> None:
    with pytest.raises(InputError, match="`peephole` was given, but peephole='none'"):
        check_weights(LstmSpec("none"), WEIGHTS)


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ({"x": CALL.x.tolist()}, ("`x`", "list", "NumPy array")),
        ({"x": CALL.x[:, :2]}, ("`x`", "[13, 2]", "[any, 3]")),
        ({"x": CALL.x[None]}, ("`x`", "[1, 13, 3]", "[any, 3]")),
        ({"x": CALL.x.astype(np.float32)}, ("`x`", "float32", "float64")),
        ({"h0": CALL.h0[:5]}, ("`h0`", "[5, 5]", "[6, 5]")),
        ({"c0": CALL.c0.astype(np.float32)}, ("`c0`", "float32", "float64")),
        ({"carry_h": np.ones((13, 2))}, ("`carry_h`", "[13, 2]", "[13, 1]")),
        ({"carry_h": np.ones(13)}, ("`carry_h`", "[13]", "[13, 1]")),
        ({"carry_c": np.ones((12, 5))}, ("`carry_c`", "[12, 5]", "[13, 5]")),
        ({"carry_c": np.ones((13, 1), np.float32)}, ("`carry_c`", "float32", "float64")),
        ({"carry_c": np.full((13, 1), -1e-9)}, ("`carry_c`", "not negative")),
        ({"carry_h": np.full((13, 5), np.nan)}, ("`carry_h`", "finite")),
        ({"carry_h": np.full((13, 5), -np.nan)}, ("`carry_h`", "finite")),
        ({"carry_c": np.full((5, 13), -1e-30).T}, ("`carry_c`", "not negative")),
        ({"carry_h": np.full((13, 1), np.inf)}, ("`carry_h`", "finite")),
    ],
)
def test_call(change: dict[str, Any], parts: tuple[str, ...]) -> None:
    with pytest.raises(InputError) as error:
        check_call((3, 5), float64, replace(CALL, **change))
    assert_names(error, parts)


@pytest.mark.parametrize(
    "carry", [np.full((13, 1), -0.0), np.full((13, 5), np.finfo(float).max), np.zeros((13, 5))[::-1]]
)
def test_carries_that_pass(carry: NDArray[np.float64]) -> None:
    check_call((3, 5), float64, replace(CALL, carry_h=carry))


@pytest.mark.parametrize(
    ("offsets", "parts"),
    [
        ([0, 4], ("int64", "RaggedBatch.from_list")),
        (np.array([0, 4], np.int32), ("int64", "RaggedBatch.from_list")),
        (np.array([[0, 4]]), ("int64", "[B + 1]")),
        (np.array([], np.int64), ("int64", "[B + 1]")),
        (np.array([1, 4]), ("must start at 0", "offsets[0]=1")),
        (np.array([0, 3, 2, 4]), ("must not decrease", "offsets[2]=2 after 3", "RaggedBatch.from_list")),
        (np.array([0, 9, 4]), ("must not decrease", "offsets[2]=4 after 9")),
        (np.array([0, 3]), ("number of rows, 4", "got 3")),
        (np.array([0]), ("number of rows, 4", "got 0")),
    ],
)
def test_offsets(offsets: Any, parts: tuple[str, ...]) -> None:
    with pytest.raises(InputError) as error:
        check_offsets(offsets, 4)
    assert_names(error, ("`offsets`", *parts))


@pytest.mark.parametrize("name", BACKENDS)
def test_every_backend_checks(name: str) -> None:
    backend = BACKENDS[name]
    with pytest.raises(InputError, match="`bias`"):
        backend.pack(SPEC, replace(WEIGHTS, bias=WEIGHTS.bias[:1]))
    packed = backend.pack(SPEC, WEIGHTS)
    with pytest.raises(InputError, match="`h0`"):
        backend.forward(packed, replace(CALL, h0=CALL.h0[:1]))
    with pytest.raises(InputError, match="`x`"):
        backend.step(packed, CALL.x[:6, :1], CALL.h0, CALL.c0)
