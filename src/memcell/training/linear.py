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
from memcell.training.batches import Batches
from memcell.training.judging import Losses, beyond_doubt, doubted_loss, each_loss
from memcell.training.module import SequenceModule
from memcell.training.reading import Wide, by_strength, fits, fits_of_many
from memcell.training.train import Trained

__all__ = ["Linear", "fit_linear", "with_blank", "with_linear"]

_STRONGEST = (8, 64)  # statistics that are tried alone
_SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)  # of what is linear
_FEWEST = 16  # held-out series below which losses are doubted, where others are never held out


def _places(config: ModelConfig) -> list[dict[str, NDArray[np.int64]]]:
    """Of each kind of features that there is, where they stand in ``linear.weight``, which reads summaries (products
    and the aligned rows last), facts, shapes, words and fine pieces.

    Kinds are statistics and facts, products of channels, the values of aligned rows, each kind of shapes, and words.
    The first comes in two ways where there are fine pieces, one of which is read; ways go by their names.
    """
    statistics = config.summary - config.products - config.aligned
    names, widths = [name for name, _ in config.shapes], [width for _, width in config.shapes]
    sizes = statistics, config.products, config.aligned, config.facts, config.blank, *widths, config.fine
    first, products, aligned, facts, _, *shapes, fine = np.split(np.arange(sum(sizes)), np.cumsum(sizes)[:-1])
    ways = {"statistics": np.concatenate([first, facts])}
    if len(fine):
        ways["statistics in fine pieces"] = np.concatenate([fine, facts])
    others = zip(("products", "aligned rows", *names), (products, aligned, *shapes), strict=True)
    return [ways, *({name: one} for name, one in others if len(one))]


@dataclass(frozen=True)
class _Reading:
    """A linear map of the features at some places, and what it says of the held-out series."""

    name: str
    places: NDArray[np.int64]
    weight: Tensor
    bias: Tensor
    says: Tensor


@dataclass(frozen=True)
class Linear:
    """Linear readings beside one network, and what there is to judge them by.

    Attributes:
        readings: of each kind of features, one a way and prior.
        few: of the strongest statistics alone, one a number of them and prior; none where there are not more.
        deep: what the network says of the series that it held out.
        target, weight: of these series.
        series: how many there are, with those that it was trained on.
    """

    readings: list[list[_Reading]]
    few: list[_Reading]
    deep: Tensor
    target: Tensor
    weight: Tensor
    series: int

    def losses(self, head: Head) -> Losses:
        """Of the network alone."""
        return each_loss(head, self.deep, self.target), self.weight.numpy()


def fit_linear(config: ModelConfig, run: Trained, batches: Batches, selection: bool = True) -> Linear | None:
    """Readings of what a network was trained on, each ridge or logistic regression by the head's own loss.

    None for a network that has nothing to read linearly, holds out no series that counts, or was interrupted.

    Args:
        config, run, batches: the network, and the series that it was trained on and held out.
        selection: whether the strongest statistics are read alone too, by how strong they are in training.
    """
    if run.interrupted or not ((config.summary or config.shapes) and config.head.whole and batches.validation):
        return None
    held, training = (Wide.of(some) for some in (batches.validation, batches.draw(np.random.default_rng(0))))
    if not held.weight.any():
        return None

    def read(name: str, places: NDArray[np.int64]) -> list[_Reading]:
        learn = fits if name == "statistics" else fits_of_many
        found = learn(config.head, training.features[:, places], training)
        features = held.features[:, places]
        return [_Reading(name, places, weight, bias, features @ weight.T + bias) for weight, bias in found]

    kinds = _places(config)
    readings = [[one for way in ways.items() for one in read(*way)] for ways in kinds]
    places = kinds[0]["statistics"]
    counts = [count for count in _STRONGEST if selection and count < len(places)]
    strongest = places[by_strength(config.head, training.features[:, places], training)] if counts else places
    few = [one for count in counts for one in read(f"{count} strongest statistics", strongest[:count])]
    module = SequenceModule(config, 0.0, {name: torch.from_numpy(one) for name, one in run.weights.items()})
    deep = torch.cat([module.answers(batch) for batch in batches.validation])
    return Linear(readings, few, deep, held.target, held.weight, len(held.weight) + len(training.weight))


def with_linear(head: Head, runs: Sequence[Trained], linear: Sequence[Linear | None]) -> list[Trained]:
    """The networks with linear readings beside them, where there are any.

    In which way features of a kind are read, and how strongly the weights are kept small, is what gives the least
    loss on the series that each network held out, taken together; the strongest statistics alone are read only
    where their loss there is less by more than two standard errors. Where the networks together held out very few
    series, and not all that there are, one of many readings would be right, and sure, of all of them by chance:
    then each loss has a part of what the same answers would lose on the other series. The shares of networks and
    readings in the answer are the mean of all those whose loss there is not larger than the least by more than two
    standard errors: a network has stopped by these series, and of few of them alone it would always seem the best.

    Args:
        head: whose loss it is.
        runs: training of the networks.
        linear: what ``fit_linear`` found beside each.
    """
    beside = [one for one in linear if one is not None]
    judged = sum(len(one.weight) for one in beside)
    if not beside:
        return list(runs)
    doubtful = judged < min(_FEWEST, beside[0].series)
    weight = np.concatenate([one.weight.numpy() for one in beside]).astype(np.float64)

    def losses(answers: Iterable[Tensor]) -> list[NDArray[np.float32]]:
        """Of each network, of each series that it held out."""
        each = zip(answers, beside, strict=True)
        return [(doubted_loss if doubtful else each_loss)(head, says, one.target) for says, one in each]

    def mean(reading: Sequence[_Reading]) -> float:
        loss = float(np.average(np.concatenate(losses(one.says for one in reading)), weights=weight))
        return loss if np.isfinite(loss) else np.inf

    kinds = zip(*(one.readings for one in beside), strict=True)
    readings = [min(zip(*of_kind, strict=True), key=mean) for of_kind in kinds]
    few = min(zip(*(one.few for one in beside), strict=True), key=mean, default=readings[0])
    loss_of_all, loss_of_few = (np.concatenate(losses(one.says for one in some)) for some in (readings[0], few))
    with np.errstate(invalid="ignore"):  # of losses that are infinite
        if beyond_doubt(loss_of_all - loss_of_few, weight):
            readings[0] = few
    says = [torch.stack([one.deep, *(of_kind[k].says for of_kind in readings)]) for k, one in enumerate(beside)]

    def mixed(shares: NDArray[np.float64]) -> Iterator[Tensor]:
        return (torch.einsum("k,kno->no", torch.tensor(shares, dtype=torch.float32), one) for one in says)

    possible = np.array([(1 - sum(rest), *rest) for rest in product(_SHARES, repeat=len(readings)) if sum(rest) <= 1])
    shares = _mean_of_best(possible, np.array([np.concatenate(losses(mixed(one))) for one in possible]), weight)
    own = zip(zip(*readings, strict=True), beside, losses(mixed(shares)), strict=True)
    return [run if one is None else _mixed(run, *next(own), shares) for run, one in zip(runs, linear, strict=True)]


def _mean_of_best(
    possible: NDArray[np.float64], losses: NDArray[np.float32], weight: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The mean of those whose losses [possible, series] cannot be told from the least; the first if none is finite."""
    finite = np.isfinite(losses).all(axis=1)
    if not finite.any():
        return possible[0]
    possible, losses = possible[finite], losses[finite]
    worse = losses - losses[np.argmin(np.average(losses, axis=1, weights=weight))]
    return np.mean(possible[~beyond_doubt(worse, weight)], axis=0)


def with_blank(config: ModelConfig, run: Trained, batches: Batches) -> Trained:
    """The network with what it adds to its answer where nothing is seen of a series: so much that what it says by the
    facts alone fits what it was trained on. Without facts it says how frequent each answer is.

    Args:
        config, run: the network.
        batches: the series that it was trained on and those that it held out, of none of which anything is seen.
    """
    if run.interrupted or not (config.blank and batches.validation):
        return run
    module = SequenceModule(config, 0.0, {name: torch.from_numpy(one) for name, one in run.weights.items()})
    held, training = list(batches.validation), list(batches.draw(np.random.default_rng(0)))
    says, known = (torch.cat([module.answers(batch) for batch in some]) for some in (held, training))
    check, learn = Wide.of(held), Wide.of(training)
    if not check.weight.any():
        return run
    place = config.summary + config.facts
    facts = slice(place + 1, place + config.blank)

    def loss(fit: tuple[Tensor, Tensor]) -> float:
        weight, bias = fit
        return float(config.head.loss(says + check.features[:, facts] @ weight.T + bias, check.target, check.weight))

    weight, bias = min(fits(config.head, learn.features[:, facts], learn, known), key=loss)
    linear = run.weights["linear.weight"].copy()
    linear[:, place] = bias.numpy()
    linear[:, facts] = weight.numpy()
    return replace(run, weights=run.weights | {"linear.weight": linear})


def _mixed(
    run: Trained, readings: tuple[_Reading, ...], beside: Linear, losses: NDArray[Any], shares: NDArray[np.float64]
) -> Trained:
    """With the weights whose answer is this mixture of the network's and the readings', and the losses of that."""
    own, *others = shares.astype(np.float32)
    linear = [share * one.weight.numpy() for share, one in zip(others, readings, strict=True)]
    bias = [share * one.bias.numpy() for share, one in zip(others, readings, strict=True)]
    wide = np.zeros_like(run.weights["linear.weight"])
    for one, weight in zip(readings, linear, strict=True):
        wide[:, one.places] = weight
    weights = run.weights | {
        "head.weight": own * run.weights["head.weight"],
        "head.bias": own * run.weights["head.bias"] + np.sum(bias, axis=0),
        "linear.weight": wide,
    }
    each = {"network": float(own)} | {one.name: float(share) for one, share in zip(readings, others, strict=True)}
    loss = float(np.average(losses, weights=beside.weight))
    return replace(run, weights=weights, validation_loss=loss, shares=each)
