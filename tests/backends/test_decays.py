"""Decay factors and filled gaps by the core, against the equations in NumPy, on every instruction set."""

from typing import Any

import numpy as np
import pytest

from memcell.backends import _core, decay, decay_gradients, fill, fill_gradient
from memcell.contract import Backend
from memcell.contract.arrays import Array

SHAPES = [(0, 3, 5), (1, 1, 1), (7, 3, 5), (64, 1, 16), (65, 8, 64), (130, 37, 33), (300, 2, 70)]  # rows, inputs, units


def _given(shape: tuple[int, int, int], dtype: str) -> tuple[Array, Array, Array, Array]:
    rows, inputs, units = shape
    random = np.random.default_rng(rows)
    x = np.abs(random.standard_normal((rows, inputs))).round(1)
    weight, bias = random.standard_normal((units, inputs)), random.standard_normal(units)
    return tuple(one.astype(dtype) for one in (x, weight, bias, random.standard_normal((rows, units))))  # type: ignore[return-value]


def _exponents(x: Array, weight: Array, bias: Array | None) -> Array:
    return x.astype(float) @ weight.astype(float).T + (0 if bias is None else bias.astype(float))


def _close(got: Any, wanted: Any, dtype: str, tolerance: float) -> None:
    assert got.dtype == dtype
    assert np.abs(got - wanted).max(initial=0) <= tolerance * max(1, np.abs(wanted).max(initial=0))


@pytest.mark.parametrize("with_bias", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_factors_and_gradients(kernel: Backend, shape: tuple[int, int, int], dtype: str, with_bias: bool) -> None:
    tolerance = kernel.tolerance[dtype]
    x, weight, bias, d_factors = _given(shape, dtype)
    given = bias if with_bias else None
    z = _exponents(x, weight, given)
    factors = decay(x, weight, given)
    _close(factors, np.exp(-np.maximum(z, 0)), dtype, tolerance)
    d_weight, d_bias = decay_gradients(x, weight, given, factors, d_factors)
    d_z = np.where(z > 0, -d_factors * factors, 0).astype(float)
    _close(d_weight, d_z.T @ x, dtype, tolerance)
    assert (d_bias is None) == (given is None)
    if d_bias is not None:
        _close(d_bias, d_z.sum(axis=0), dtype, tolerance)


@pytest.mark.usefixtures("kernel")
def test_a_row_is_the_same_alone_and_among_others() -> None:
    x, weight, bias, _ = _given((130, 37, 33), "float32")
    together = decay(x, weight, bias)
    alone = np.concatenate([decay(x[k : k + 1], weight, bias) for k in range(len(x))])
    assert np.array_equal(together, alone)


@pytest.mark.usefixtures("kernel")
def test_weights_of_any_layout() -> None:
    x, weight, bias, d_factors = _given((65, 8, 64), "float64")
    turned = np.asfortranarray(weight)
    factors = decay(x, turned, bias)
    assert np.array_equal(factors, decay(x, weight, bias))
    got, wanted = (decay_gradients(x, one, bias, factors, d_factors)[0] for one in (turned, weight))
    assert np.array_equal(got, wanted)


@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_edges_of_the_exponential(dtype: str) -> None:
    tiny = np.finfo(dtype).tiny
    z = np.array([-np.inf, -1, -0.0, 0, 1e-30, 1, -np.log(tiny) - 1, -np.log(tiny) + 1, 1e30, np.inf, np.nan], dtype)
    factors = decay(z[:, None], np.ones((1, 1), dtype))[:, 0]
    assert np.array_equal(factors[:5], np.ones(5))
    assert np.allclose(factors[5:7], np.exp(-z[5:7]), rtol=1e-5, atol=0)
    assert np.array_equal(factors[7:10], np.zeros(3))
    assert np.isnan(factors[10])


@pytest.mark.usefixtures("kernel")
def test_gradients_pass_where_the_exponent_is_0_and_not_below() -> None:
    x, weight, bias = np.zeros((2, 1)), np.ones((2, 1)), np.array([0.0, -1.0])
    _, d_bias = decay_gradients(x, weight, bias, decay(x, weight, bias), np.ones((2, 2)))
    assert d_bias is not None
    assert d_bias.tolist() == [-2.0, 0.0]


@pytest.mark.usefixtures("kernel")
def test_threads() -> None:
    """Factors are the same on any number of threads; gradients each time on the same number."""
    x, weight, bias, d_factors = _given((300, 2, 70), "float32")
    factors = decay(x, weight, bias)
    first, again = (decay_gradients(x, weight, bias, factors, d_factors) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    _core.set_work_of_a_thread(1e12)  # too little for a second one
    assert np.array_equal(factors, decay(x, weight, bias))
    alone = decay_gradients(x, weight, bias, factors, d_factors)
    assert all(np.allclose(a, b, rtol=1e-4, atol=1e-4) for a, b in zip(first, alone, strict=True))


COLUMNS = [(0, 3), (1, 1), (1, 40), (5, 3), (15, 8), (16, 8), (17, 7), (33, 16), (100, 33)]  # rows, columns


def _gaps(shape: tuple[int, int], dtype: str) -> tuple[Array, ...]:
    """Values, last ones, times since, rates, gradients."""
    random = np.random.default_rng(shape[0])
    values, last, d_filled = random.standard_normal((3, *shape))
    missing = random.random(shape) < 0.5
    since = random.exponential(2.0, shape).round(1)
    rate = random.standard_normal(shape[1])
    rate[:1] = 0.0
    return tuple(one.astype(dtype) for one in (values * ~missing, last * missing, since, rate, d_filled))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", COLUMNS, ids=str)
def test_filled_gaps_and_gradients(kernel: Backend, shape: tuple[int, int], dtype: str) -> None:
    tolerance = kernel.tolerance[dtype]
    given = _gaps(shape, dtype)
    values, last, since, rate, d_filled = (one.astype(float) for one in given)
    faded = np.exp(-np.maximum(rate, 0) * since) * last
    _close(fill(*given[:4]), values + faded, dtype, tolerance)
    wanted = np.where(rate >= 0, -(d_filled * since * faded).sum(axis=0), 0)
    _close(fill_gradient(*given[1:]), wanted, dtype, tolerance)


@pytest.mark.usefixtures("kernel")
def test_a_filled_row_is_the_same_alone_and_among_others() -> None:
    values, last, since, rate, _ = _gaps((100, 33), "float32")
    alone = [fill(values[k : k + 1], last[k : k + 1], since[k : k + 1], rate) for k in range(100)]
    assert np.array_equal(fill(values, last, since, rate), np.concatenate(alone))


@pytest.mark.usefixtures("kernel")
def test_gaps_in_any_layout() -> None:
    given = _gaps((17, 7), "float64")
    turned = tuple(np.asfortranarray(one) for one in given)
    assert np.array_equal(fill(*turned[:4]), fill(*given[:4]))
    assert np.array_equal(fill_gradient(*turned[1:]), fill_gradient(*given[1:]))


@pytest.mark.usefixtures("kernel")
def test_what_is_not_seen_for_ever_is_forgotten_and_nan_stays_nan() -> None:
    last, since = np.array([[2.0], [2.0], [np.nan]]), np.array([[1e30], [np.inf], [1.0]])
    filled = fill(np.zeros((3, 1)), last, since, np.ones(1))[:, 0]
    assert filled[:2].tolist() == [0.0, 0.0]
    assert np.isnan(filled[2])


@pytest.mark.usefixtures("kernel")
def test_gaps_on_any_number_of_threads() -> None:
    given = _gaps((100, 33), "float32")
    filled, d_rate = fill(*given[:4]), fill_gradient(*given[1:])
    assert np.array_equal(d_rate, fill_gradient(*given[1:]))
    _core.set_work_of_a_thread(1e12)
    assert np.array_equal(filled, fill(*given[:4]))
    np.testing.assert_allclose(d_rate, fill_gradient(*given[1:]), rtol=1e-4, atol=1e-5)
