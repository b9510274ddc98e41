"""What is linear in the summaries, learnt by itself and mixed with a network as held-out series say."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from memcell.heads import Head
from memcell.model import ModelConfig
from memcell.model.stack import wide_of
from memcell.training.batches import Batch, Batches
from memcell.training.module import SequenceModule
from memcell.training.train import Trained

__all__ = ["with_linear"]

_PRIORS = (0.003, 0.03, 0.3)  # variances of the weights
_SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)  # of what is linear
_MOST_STEPS = 200  # of the optimiser


def with_linear(config: ModelConfig, run: Trained, batches: Batches) -> Trained:
    """The network with a linear reading of summaries and facts beside it.

    The linear part alone is ridge or logistic regression, by the head's own loss, on features that are piecewise linear
    in each summary. How strongly its weights are kept small, and its share of the answer, are what gives the least loss
    on the held-out series; a share of 0 leaves the network as it is.
    """
    if not (config.summary and config.head.whole and batches.validation) or run.interrupted:
        return run
    module = SequenceModule(config, 0.0, {name: torch.from_numpy(one) for name, one in run.weights.items()})
    deep = torch.cat([module.answers(batch) for batch in batches.validation])
    held = _everything(batches.validation)
    training = _everything(batches.draw(np.random.default_rng(0)))
    best = run
    for prior in _PRIORS:
        linear, bias = _fit(config.head, *training, prior)
        alone = held[0] @ linear.T + bias
        for share in _SHARES:
            loss = float(config.head.loss(torch.lerp(deep, alone, share), *held[1:]))
            if loss < best.validation_loss:
                best = replace(run, weights=_mixed(run, linear, bias, share), validation_loss=loss)
    return best


def _everything(batches: Iterable[Batch]) -> tuple[Tensor, Tensor, Tensor | None]:
    """Summaries and facts, targets and weights of all batches."""
    parts = [(wide_of(batch.parts[0].steps), batch.target, batch.weight) for batch in batches]
    wide, target, weight = zip(*parts, strict=True)
    return torch.cat(wide), torch.cat(target), None if weight[0] is None else torch.cat(weight)


def _fit(head: Head, wide: Tensor, target: Tensor, weight: Tensor | None, prior: float) -> tuple[Tensor, Tensor]:
    """Weights [K, .] and bias [K] of the least loss, with a normal prior on the weights; L-BFGS."""
    shapes = head.weight_shapes(wide.shape[1], 0)
    linear, bias = (torch.zeros(shapes[name], requires_grad=True) for name in ("head.weight", "head.bias"))
    optimizer = torch.optim.LBFGS([linear, bias], max_iter=_MOST_STEPS, line_search_fn="strong_wolfe")
    count = len(target) if weight is None else float(weight.sum() ** 2 / weight.square().sum())
    shrinkage = 0.5 / (prior * max(1.0, count))

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = head.loss(wide @ linear.T + bias, target, weight) + shrinkage * linear.square().sum()
        value.backward()
        return value

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    return linear.detach(), bias.detach()


def _mixed(run: Trained, linear: Tensor, bias: Tensor, share: float) -> dict[str, np.ndarray]:
    """The weights whose answer is this mixture of the network's and the linear part's."""
    rest = 1 - share
    return run.weights | {
        "head.weight": rest * run.weights["head.weight"],
        "head.bias": rest * run.weights["head.bias"] + share * bias.numpy(),
        "linear.weight": share * linear.numpy(),
    }
