"""What is linear in summaries and shapes, learnt by itself and mixed with the networks as held-out series say."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from memcell.heads import Head
from memcell.model import ModelConfig
from memcell.training.batches import Batch, Batches
from memcell.training.module import SequenceModule
from memcell.training.train import Trained

__all__ = ["with_linear"]

_PRIORS = (0.003, 0.03, 0.3, 3.0, 30.0)  # variances of the weights
_SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)  # of what is linear
_ERRORS = 2  # standard errors within which one loss cannot be told from another
_LEAST_SPREAD = 0.005  # of a share of rows; what differs by less in training says nothing, and much when it does later
_MOST_STEPS = 200  # of the optimiser


@dataclass(frozen=True)
class _Wide:
    """What some series' answers can be linear in: summaries and facts [B, .] and shapes [B, .]; what the answers should
    be, and how much each counts [B]."""

    known: Tensor
    shapes: Tensor
    target: Tensor
    weight: Tensor

    @classmethod
    def of(cls, batches: Iterable[Batch]) -> "_Wide":
        known: list[Tensor] = []
        shapes: list[Tensor] = []
        targets: list[Tensor] = []
        weights: list[Tensor] = []
        for batch in batches:
            steps: Any = batch.parts[0].steps
            known.append(torch.cat([steps.summary, steps.facts], dim=1))
            shapes.append(steps.shapes)
            targets.append(batch.target)
            weights.append(torch.ones(len(batch.target)) if batch.weight is None else batch.weight)
        return cls(torch.cat(known), torch.cat(shapes), torch.cat(targets), torch.cat(weights))


@dataclass(frozen=True)
class _Reading:
    """A linear map and what it says of the held-out series."""

    linear: Tensor
    bias: Tensor
    says: Tensor


def with_linear(config: ModelConfig, runs: list[Trained], batches: Sequence[Batches]) -> list[Trained]:
    """The networks with linear readings beside them, one of summaries and facts and one of shapes.

    Each is ridge or logistic regression by itself, by the head's own loss; how strongly its weights are kept small is
    what gives the least loss on the series that each network held out, taken together. The shares of networks and
    readings in the answer are the mean of all those whose loss there is not larger than the least by more than two
    standard errors: a network has stopped by these series, and of few of them alone it would always seem the best.

    Args:
        config: of the networks.
        runs: their training.
        batches: what each was trained and validated on.
    """
    held = [_Wide.of(one.validation) for one in batches if one.validation]
    counts = all(one.weight.any() for one in held) and len(held) == len(runs)
    if not (config.summary and config.head.whole and counts):
        return runs
    weight = np.concatenate([one.weight.numpy() for one in held]).astype(np.float64)
    each = torch.func.vmap(lambda says, target: config.head.loss(says[None], target[None], None))

    def losses(answers: Iterable[Tensor]) -> list[NDArray[np.float32]]:
        """Of each network, of each series that it held out."""
        return [each(says, one.target).numpy() for says, one in zip(answers, held, strict=True)]

    def mean(reading: list[_Reading]) -> float:
        return float(np.average(np.concatenate(losses(one.says for one in reading)), weights=weight))

    readings = [min(by_prior, key=mean) for by_prior in _fitted(config, batches, held)]
    deep = [_answers(config, run, one.validation) for run, one in zip(runs, batches, strict=True)]
    says = [torch.stack([one, *(reading[k].says for reading in readings)]) for k, one in enumerate(deep)]

    def mixed(shares: NDArray[np.float64]) -> Iterator[Tensor]:
        return (torch.einsum("k,kno->no", torch.tensor(shares, dtype=torch.float32), one) for one in says)

    possible = np.array([(1 - sum(rest), *rest) for rest in product(_SHARES, repeat=len(readings)) if sum(rest) <= 1])
    shares = _mean_of_best(possible, np.array([np.concatenate(losses(mixed(one))) for one in possible]), weight)
    return [
        replace(run, weights=_mixed(run, [reading[k] for reading in readings], shares),
                validation_loss=float(np.average(loss, weights=held[k].weight)))
        for k, (run, loss) in enumerate(zip(runs, losses(mixed(shares)), strict=True))
    ]  # fmt: skip


def _mean_of_best(
    possible: NDArray[np.float64], losses: NDArray[np.float32], weight: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The mean of those whose losses [possible, series] cannot be told from the least."""
    worse = losses - losses[np.argmin(np.average(losses, axis=1, weights=weight))]
    by = np.average(worse, axis=1, weights=weight)
    error = np.sqrt((worse - by[:, None]) ** 2 @ weight**2) / weight.sum()
    return np.mean(possible[by <= _ERRORS * error], axis=0)


def _answers(config: ModelConfig, run: Trained, batches: Iterable[Batch]) -> Tensor:
    module = SequenceModule(config, 0.0, {name: torch.from_numpy(one) for name, one in run.weights.items()})
    return torch.cat([module.answers(batch) for batch in batches])


def _fitted(config: ModelConfig, batches: Sequence[Batches], held: list[_Wide]) -> list[list[list[_Reading]]]:
    """Of each kind of features, of each prior, a reading by each network's training series."""
    fitted = [[_by_known(config.head, one, there) for one, there in zip(batches, held, strict=True)]]
    if config.shapes:
        fitted.append([_by_shapes(config.head, one, there) for one, there in zip(batches, held, strict=True)])
    return [[list(by_network) for by_network in zip(*of_kind, strict=True)] for of_kind in fitted]


def _by_known(head: Head, batches: Batches, held: _Wide) -> list[_Reading]:
    training = _Wide.of(batches.draw(np.random.default_rng(0)))
    pairs = [_fit(head, training.known, training, prior) for prior in _PRIORS]
    return [_Reading(linear, bias, held.known @ linear.T + bias) for linear, bias in pairs]


def _by_shapes(head: Head, batches: Batches, held: _Wide) -> list[_Reading]:
    """The same of shapes, standardised: shares of rows have much in common and differ little.

    Series are fewer than shapes, so that weights are sought in the space that the series span; no others are better.
    """
    training = _Wide.of(batches.draw(np.random.default_rng(0)))
    center, spread = training.shapes.mean(dim=0), training.shapes.std(dim=0, correction=0)
    scale = 1 / spread.clamp(min=_LEAST_SPREAD)
    basis, places = torch.linalg.qr(((training.shapes - center) * scale).T)
    pairs = [_fit(head, places.T, training, prior) for prior in _PRIORS]
    pairs = [(linear @ basis.T * scale, bias - linear @ basis.T @ (center * scale)) for linear, bias in pairs]
    return [_Reading(linear, bias, held.shapes @ linear.T + bias) for linear, bias in pairs]


def _fit(head: Head, features: Tensor, training: _Wide, prior: float) -> tuple[Tensor, Tensor]:
    """Weights [K, .] and bias [K] of the least loss, with a normal prior on the weights; L-BFGS."""
    shapes = head.weight_shapes(features.shape[1], 0)
    linear, bias = (torch.zeros(shapes[name], requires_grad=True) for name in ("head.weight", "head.bias"))
    optimizer = torch.optim.LBFGS([linear, bias], max_iter=_MOST_STEPS, line_search_fn="strong_wolfe")
    weight = training.weight
    count = float(weight.sum() ** 2 / weight.square().sum())
    shrinkage = 0.5 / (prior * max(1.0, count))

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = head.loss(features @ linear.T + bias, training.target, weight) + shrinkage * linear.square().sum()
        value.backward()
        return value

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    return linear.detach(), bias.detach()


def _mixed(run: Trained, readings: list[_Reading], shares: NDArray[np.float64]) -> dict[str, NDArray[np.float32]]:
    """The weights whose answer is this mixture of the network's and the readings'."""
    own, *others = shares.astype(np.float32)
    linear = [share * one.linear.numpy() for share, one in zip(others, readings, strict=True)]
    bias = [share * one.bias.numpy() for share, one in zip(others, readings, strict=True)]
    return run.weights | {
        "head.weight": own * run.weights["head.weight"],
        "head.bias": own * run.weights["head.bias"] + np.sum(bias, axis=0),
        "linear.weight": np.concatenate(linear, axis=1),
    }
