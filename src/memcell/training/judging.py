"""What series that were held out say of networks, and how sure that is."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from memcell.heads import Head
from memcell.model import ModelConfig
from memcell.training.batches import Batches
from memcell.training.module import SequenceModule
from memcell.training.train import Trained

__all__ = ["Losses", "beyond_doubt", "doubted_loss", "each_loss", "learnt", "losses_by_series"]

_ERRORS = 2  # standard errors within which one loss cannot be told from another
_FEWEST = 3  # series that tell of a network by their labels by row
_DOUBT = 3  # series, as many as are added where few tell
_HOPELESS = 4  # the same, beyond which a network has learnt nothing of what another one has

Losses = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Of each series that a network held out its loss, and how much it counts."""


def losses_by_series(config: ModelConfig, run: Trained, batches: Batches) -> Losses | None:
    """What a network with labels by row loses on the series that it held out, a batch each; None of too few to tell."""
    if run.interrupted or len(batches.validation) < _FEWEST:
        return None
    module = SequenceModule(config, 0.0, {name: torch.from_numpy(one) for name, one in run.weights.items()})
    every = [(module.validation_loss(batch), batch.size) for batch in batches.validation]
    losses, sizes = np.array(every, np.float32).T
    return losses, sizes


def learnt(found: Sequence[Losses | None]) -> list[bool]:
    """Which networks to keep: not those whose loss on the series that they held out, without what is linear, is by four
    standard errors larger than the least of all.

    Of a problem that is hard to begin with some networks never find out what others do, and would count as much as
    these.
    """
    known = [None if one is None else _mean_and_error(*one) for one in found]
    least, its = min((one for one in known if one is not None), default=(np.inf, 0.0))
    return [one is None or not one[0] - least > _HOPELESS * np.hypot(one[1], its) for one in known]


def each_loss(head: Head, answers: Tensor, target: Tensor) -> NDArray[np.float32]:
    """Of each series."""
    each = torch.func.vmap(lambda says, target: head.loss(says[None], target[None], None))
    return np.asarray(each(answers, target))


def doubted_loss(head: Head, answers: Tensor, target: Tensor) -> NDArray[np.float32]:
    """The same, as if there were ``_DOUBT`` series more, of which answers are right by no more than chance."""
    count = len(target)
    if count < 2:
        return each_loss(head, answers, target)
    every = torch.cat([target.roll(shift, 0) for shift in range(1, count)])
    others = each_loss(head, answers.repeat(count - 1, 1), every).reshape(count - 1, count)
    return (count * each_loss(head, answers, target) + _DOUBT * np.mean(others, axis=0)) / (count + _DOUBT)


def _mean_and_error(values: NDArray[np.float32], weight: Any) -> tuple[Any, Any]:
    """Weighted means of values [..., series], and their standard errors."""
    weight = np.asarray(weight, np.float64)
    mean = np.average(values, axis=-1, weights=weight)
    count = max(2, len(weight))
    return mean, np.sqrt((values - mean[..., None]) ** 2 @ weight**2 * count / (count - 1)) / weight.sum()


def beyond_doubt(more: NDArray[np.float32], weight: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether losses that are so much larger [..., series] are so by more than two standard errors of their mean."""
    mean, error = _mean_and_error(more, weight)
    return np.asarray(mean > _ERRORS * error)
