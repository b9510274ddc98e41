"""Pinball loss and quantiles, against their formulas."""

import numpy as np
import pytest
import torch

from memcell import InputError
from memcell.heads import HEADS, QUANTILES, QuantileForecast


def pinball(truth: float, quantile: float, level: float) -> float:
    """Koenker and Bassett's check function."""
    return level * (truth - quantile) if truth >= quantile else (1 - level) * (quantile - truth)


@pytest.fixture
def case() -> tuple[np.ndarray, np.ndarray]:
    """Quantiles [6, 4, 3] and targets [6, 4], some unknown and one row entirely so."""
    rng = np.random.default_rng(0)
    target = rng.normal(size=(6, 4))
    target[rng.random(target.shape) < 0.3] = np.nan
    target[2] = np.nan
    return rng.normal(size=(6, 4, 3)), target


def test_loss_is_the_mean_pinball_loss_of_known_outcomes(case: tuple[np.ndarray, np.ndarray]) -> None:
    quantiles, target = case
    terms = [
        sum(pinball(target[n, k], quantiles[n, k, q], QUANTILES[q]) for q in range(3))
        for n, k in np.argwhere(~np.isnan(target))
    ]
    head = QuantileForecast(4)
    assert float(head.loss(quantiles, target)) == pytest.approx(np.mean(terms), rel=1e-12)
    assert head.loss(*map(torch.tensor, case)).item() == pytest.approx(np.mean(terms), rel=1e-12)


def test_unknown_outcomes_send_no_gradient(case: tuple[np.ndarray, np.ndarray]) -> None:
    quantiles, target = torch.tensor(case[0], requires_grad=True), torch.tensor(case[1])
    QuantileForecast(4).loss(quantiles, target).backward()
    gradient = quantiles.grad
    assert gradient is not None
    assert (gradient[target.isnan()] == 0).all()
    assert (gradient[~target.isnan()] != 0).all()


def test_loss_without_any_known_outcome_is_zero() -> None:
    assert QuantileForecast(4).loss(np.zeros((2, 4, 3)), np.full((2, 4), np.nan)) == 0


@pytest.mark.parametrize("horizon", [1, 3, 40])
def test_quantiles_keep_their_order_and_the_band_widens_them(horizon: int) -> None:
    rng = np.random.default_rng(horizon)
    narrow, wide = QuantileForecast(horizon), QuantileForecast(horizon, 2.0)
    weights = {name: rng.normal(size=shape) for name, shape in narrow.weight_shapes(5, 7).items()}
    h, x = rng.normal(size=(6, 5)), rng.normal(size=(6, 7))
    found, wider = narrow.readout(weights, h, x), wide.readout(weights, h, x)
    assert found.shape == (6, horizon, 3)
    assert (np.diff(found, axis=2) > 0).all()
    np.testing.assert_array_equal(wider[:, :, 1], found[:, :, 1])
    np.testing.assert_allclose(np.diff(wider, axis=2), 2 * np.diff(found, axis=2), rtol=1e-6)


def test_readout_of_tensors_equals_that_of_arrays() -> None:
    rng = np.random.default_rng(3)
    head = QuantileForecast(12, 1.3)
    weights = {name: rng.normal(size=shape) for name, shape in head.weight_shapes(5, 7).items()}
    h, x = rng.normal(size=(6, 5)), rng.normal(size=(6, 7))
    tensors = {name: torch.tensor(weight) for name, weight in weights.items()}
    found = head.readout(tensors, torch.tensor(h), torch.tensor(x))
    np.testing.assert_allclose(found, head.readout(weights, h, x), rtol=1e-12)


def test_decode_changes_the_type_alone() -> None:
    quantiles = np.random.default_rng(4).normal(size=(2, 4, 3)).astype(np.float32)
    found = QuantileForecast(4).decode(quantiles)
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, quantiles)


def test_json_round_trip() -> None:
    head = QuantileForecast(52, 1.125)
    assert HEADS[head.task].from_json(head.to_json()) == head


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"horizon": 0, "band": 1.0},
        {"horizon": 2.0, "band": 1.0},
        {"horizon": True, "band": 1.0},
        {"horizon": 2, "band": 0.0},
        {"horizon": 2, "band": float("nan")},
        {"horizon": 2, "band": float("inf")},
        {"horizon": 2, "band": "1"},
    ],
)
def test_json_that_is_no_forecaster_is_refused(data: dict[str, object]) -> None:
    with pytest.raises(InputError, match="horizon of at least 1 and a positive band"):
        QuantileForecast.from_json(data)
