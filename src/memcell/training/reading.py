"""Linear maps of the features of whole series, each fitted by the loss of the head that it stands beside."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from memcell.heads import Head
from memcell.training.batches import Batch

__all__ = ["Wide", "by_strength", "fits", "fits_of_many"]

_PRIORS = (0.003, 0.03, 0.3, 3.0, 30.0, 300.0)  # variances of the weights
_LEAST_SPREAD = 0.005  # of a share of rows; what differs by less in training says nothing, and much when it does later
_MOST_STEPS, _HISTORY = 100, 20  # of the optimiser


@dataclass(frozen=True)
class Wide:
    """What some series' answers can be linear in, [B, .] as ``linear.weight`` reads it; what the answers should be, and
    how much each counts [B]."""

    features: Tensor
    target: Tensor
    weight: Tensor

    @classmethod
    def of(cls, batches: Iterable[Batch]) -> "Wide":
        wide: list[Tensor] = []
        targets: list[Tensor] = []
        weights: list[Tensor] = []
        for batch in batches:
            steps: Any = batch.parts[0].steps
            wide.append(torch.cat([steps.summary, steps.facts, steps.wide], dim=1))
            targets.append(batch.target)
            weights.append(torch.ones(len(batch.target)) if batch.weight is None else batch.weight)
        return cls(torch.cat(wide), torch.cat(targets), torch.cat(weights))


_Fit = tuple[Tensor, Tensor]
"""Weights [K, .] and bias [K]."""


def fits(head: Head, features: Tensor, training: Wide, known: Tensor | None = None) -> list[_Fit]:
    """Weights and bias of each prior, each sought from where the one before it led; ``known`` as for ``_fit``."""
    found: list[_Fit] = []
    for prior in _PRIORS:
        found.append(_fit(head, features, training, prior, found[-1] if found else None, known))
    return found


def fits_of_many(head: Head, features: Tensor, training: Wide) -> list[_Fit]:
    """The same fit to standardised features: products, rows that all series have, and shares of rows with a shape, have
    much in common and differ little.

    Weights are sought in the space that the series span: where these are fewer than features, no others are better.
    """
    center, scale = _scaling(features)
    basis, places = torch.linalg.qr(((features - center) * scale).T)
    as_they_come = [(weight @ basis.T * scale, bias) for weight, bias in fits(head, places.T, training)]
    return [(weight, bias - weight @ center) for weight, bias in as_they_come]


def _fit(
    head: Head,
    features: Tensor,
    training: Wide,
    prior: float,
    start: _Fit | None,
    known: Tensor | None = None,
) -> _Fit:
    """Weights [K, .] and bias [K] of the least loss, with a normal prior on the weights, beside what is ``known`` to be
    said [B, K]; L-BFGS.

    How sure an answer is does not depend on the features: of few series a line through these would learn how close it
    comes to each of them.
    """
    shapes = head.weight_shapes(features.shape[1], 0)
    start = start or (torch.zeros(shapes["head.weight"]), torch.zeros(shapes["head.bias"]))
    linear, bias = (one.clone().requires_grad_() for one in start)
    optimizer = torch.optim.LBFGS(
        [linear, bias], max_iter=_MOST_STEPS, history_size=_HISTORY, line_search_fn="strong_wolfe"
    )
    read = torch.ones(len(bias), 1)
    read[len(bias) - head.spreads :] = 0.0
    weight = training.weight
    count = float(weight.sum() ** 2 / weight.square().sum())
    shrinkage = 0.5 / (prior * max(1.0, count))

    def loss() -> Tensor:
        optimizer.zero_grad()
        says = features @ (read * linear).T + bias
        value = head.loss(says if known is None else says + known, training.target, weight)
        value = value + shrinkage * linear.square().sum()
        value.backward()
        return value

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    return linear.detach(), bias.detach()


def by_strength(head: Head, features: Tensor, training: Wide) -> NDArray[np.int64]:
    """Places of the features [B, .] by how much each of them alone would lessen the loss, the most first.

    By the score test (Rao, 1948): the slope of the loss along the weight of a standardised feature, at the bias that is
    best for all series alike.
    """
    _, bias = _fit(head, features[:, :0], training, _PRIORS[0], None)
    answers = bias.expand(len(features), -1).clone().requires_grad_()
    (slope,) = torch.autograd.grad(head.loss(answers, training.target, training.weight), answers)
    center, scale = _scaling(features)
    strength = (((features - center) * scale).T @ slope[:, : len(bias) - head.spreads]).square().sum(dim=1)
    return np.argsort(-strength.numpy(), kind="stable")


def _scaling(features: Tensor) -> tuple[Tensor, Tensor]:
    """Mean of each feature, and what it is multiplied with to be standard."""
    return features.mean(dim=0), 1 / features.std(dim=0, correction=0).clamp(min=_LEAST_SPREAD)
