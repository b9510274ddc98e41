"""The stack and its head as a PyTorch module."""

import math
from collections.abc import Mapping
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from memcell.model.config import ModelConfig
from memcell.model.stack import State, answer_rows, answer_whole, run
from memcell.training.batches import Batch, Part
from memcell.training.engine import TorchEngine

__all__ = ["SequenceModule", "initial_weights"]

_AVERAGING = 0.98  # of the weights over steps; the average is what is validated and kept
_FORGETTING = (0.05, 3.0)  # of the cell's units over the usual duration of a series, from the slowest to the fastest
_LONGEST = 150.0  # steps that count as that duration at most
_SUMMARY_GAIN = 3.0  # of the weights over summaries: features deviate by about a third, and what is made of them by one
_DECAY = 2.4  # of the weights that ``SequenceModule.decay`` shrinks, for a learning rate of 1
_DECAYED = ("summary.weight", "summary.bias", "head.weight")
_FROM_ZERO = ("state_decay.bias", "events.gate", "summary.bias")


def initial_weights(
    config: ModelConfig, duration: float, chrono: float | None = None, seed: int = 0
) -> dict[str, Tensor]:
    """Weights to start from: the cell uniform in ±1/sqrt(H), decays slow and of many speeds, the head at zero.

    Args:
        config: the model's shape.
        duration: usual length of a series in steps of time, which sets the speeds of forgetting.
        chrono: rows over which to remember: biases of forget gates are logarithms of numbers uniform in 1 to this,
            those of input gates the opposite (Tallec and Ollivier, arXiv 1804.11188, eq. 16).
        seed: of the draw.
    """
    random = torch.Generator().manual_seed(seed)
    speeds = torch.logspace(*(math.log10(speed / min(max(duration, 1.0), _LONGEST)) for speed in _FORGETTING),
                            steps=config.hidden_size)  # fmt: skip
    weights: dict[str, Tensor] = {}
    for name, shape in config.weight_shapes().items():
        part = name.rpartition(".")[2]
        if name.startswith(("head.", "linear.")) or part == "facts" or name in _FROM_ZERO:
            weights[name] = torch.zeros(shape)
        elif part == "forgetting":
            weights[name] = torch.log(torch.expm1(speeds))  # the inverse of softplus
        elif name.startswith(("layers.", "local.")) and part != "bias":
            bound = 1 / math.sqrt(config.hidden_size if name.startswith("layers.") else config.local_shapes()["w_h"][1])
            weights[name] = torch.empty(shape).uniform_(-bound, bound, generator=random)
        elif part == "bias":
            weights[name] = torch.zeros(shape)
            if name == "local.bias":
                _set_chrono(config, weights[name], config.patch, random)
            elif chrono is not None:
                _set_chrono(config, weights[name], chrono, random)
        elif name == "summary.weight":
            weights[name] = torch.randn(shape, generator=random) * _unit_of(shape[1])
        elif name.startswith("events."):
            weights[name] = torch.randn(shape, generator=random)
        elif name == "state_decay.weight":
            # Their sum must not erase the state.
            weights[name] = torch.empty(shape).uniform_(0.0, 0.05, generator=random) / shape[1]
        else:
            weights[name] = torch.empty(shape).uniform_(0.0, 0.05, generator=random)
    return weights


def _unit_of(inputs: int) -> float:
    """The unit in which weights over so many features of summaries are trained, and about 1 to begin with."""
    return _SUMMARY_GAIN / math.sqrt(inputs)


def _set_chrono(config: ModelConfig, bias: Tensor, longest: float, random: torch.Generator) -> None:
    size = len(bias) // (3 if config.spec.coupled else 4)
    remember = torch.log(torch.empty(size).uniform_(1.0, max(longest - 1.0, 1.0 + 1e-3), generator=random))
    if not config.spec.coupled:
        bias[:size] = -remember
        bias[size : 2 * size] = remember
    else:
        bias[:size] = remember


def _dropped(x: Tensor, share: float, random: torch.Generator) -> Tensor:
    """With a share of the numbers 0, and the others so much larger."""
    return x * torch.empty_like(x).bernoulli_(1 - share, generator=random).div_(1 - share) if share else x


class SequenceModule(nn.Module):
    """The weights of a ``ModelConfig`` in training, and a running average of them, which is what counts.

    All weights are one vector, of which each is a view: an optimiser, a norm and the average then take one operation
    where they would take one for each weight. What is linear beside the head stays as it starts, see
    ``memcell.training.linear``.
    """

    def __init__(
        self,
        config: ModelConfig,
        dropout: float,
        start: Mapping[str, Tensor],
        center: Tensor | None = None,
        seed: int = 0,
    ) -> None:
        """A module that starts from these weights.

        Args:
            config: the model's shape.
            dropout: on what the head reads.
            start: the weights, by name.
            center: [summary + facts], means over training series, around which the layer over summaries is trained, in
                units of its first weights; None: as it is. Adam moves each weight by as much, and features that are
                thousands and not around 0 would all move the answer one way (LeCun et al., "Efficient BackProp", 1998,
                sections 4.3 and 4.6).
            seed: of what is dropped.
        """
        super().__init__()
        self.config, self.dropout = config, dropout
        self.random = torch.Generator().manual_seed(seed)  # of its own: other threads train too
        self._engine = TorchEngine()
        self._shapes = config.weight_shapes()
        self._linear = {name: start[name] for name in ("linear.weight",) if self._shapes.pop(name, None)}
        self._read_linear = any(one.any() for one in self._linear.values())  # where they are 0, nothing is read
        self._center = center
        if center is not None:
            weight, bias = start["summary.weight"], start["summary.bias"]
            own = {"summary.weight": weight / _unit_of(len(center)), "summary.bias": bias + weight @ center}
            start = {**start, **own}
        self.vector = nn.Parameter(torch.cat([start[name].flatten() for name in self._shapes]))
        self.averaged_vector = self.vector.detach().clone()
        views = self._views(self.vector.detach())
        self._decayed = [] if center is None else [views[name] for name in _DECAYED]

    def _parts(self, vector: Tensor) -> dict[str, Tensor]:
        """The weights that a vector of trained ones stands for."""
        parts = self._views(vector)
        if self._center is not None:
            weight = parts["summary.weight"] * _unit_of(len(self._center))
            bias = torch.addmv(parts["summary.bias"], weight, self._center, alpha=-1)
            parts |= {"summary.weight": weight, "summary.bias": bias}
        return parts | self._linear if self._read_linear else parts

    def _views(self, vector: Tensor) -> dict[str, Tensor]:
        parts = vector.split([math.prod(shape) for shape in self._shapes.values()])
        return {name: part.view(shape) for (name, shape), part in zip(self._shapes.items(), parts, strict=True)}

    @torch.no_grad()
    def decay(self, rate: float) -> None:
        """Shrink the layer over summaries and the head after a step at a learning rate, where there is the former.

        Weight decay apart from the gradient (AdamW, arXiv 1711.05101), far stronger than that of the cell: summaries
        are many, and without it they are learnt by heart within a few epochs.
        """
        for weight in self._decayed:
            weight.mul_(math.exp(-_DECAY * rate))

    def averaged(self) -> dict[str, NDArray[np.float32]]:
        """A copy of the averaged weights, by name."""
        parts = self._parts(self.averaged_vector.clone()) | self._linear
        return {name: weight.numpy() for name, weight in parts.items()}

    def average(self, step: int) -> None:
        """Take the weights after optimiser step ``step``, from 1, into the average."""
        keep = min(_AVERAGING, (step + 1) / (step + 10))
        self.averaged_vector.lerp_(self.vector.detach(), 1 - keep)

    def loss(self, batch: Batch) -> Tensor:
        """The head's loss with the weights in training."""
        return self._loss(self._answers(self._parts(self.vector), batch, self.dropout), batch)

    @torch.no_grad()
    def validation_loss(self, batch: Batch) -> float:
        """The head's loss with the averaged weights."""
        return float(self._loss(self.answers(batch), batch))

    @torch.no_grad()
    def answers(self, batch: Batch) -> Tensor:
        """What the head says with the averaged weights, in the order of the batch's target, before it is decoded."""
        return self._answers(self._parts(self.averaged_vector), batch, 0.0)

    def _loss(self, answers: Tensor, batch: Batch) -> Tensor:
        return self.config.head.loss(answers, batch.target, batch.weight)

    def _answers(self, weights: Mapping[str, Tensor], batch: Batch, dropout: float) -> Tensor:
        config, head = self.config, self.config.head
        steps = batch.parts[0].steps
        state = State.begin(config, weights, steps.facts)
        answers: list[Tensor] = []
        for part in batch.parts:
            answer, state = self._pass(weights, part, state, dropout, len(batch.parts) > 1)
            answers += [] if answer is None else [answer]
        if head.whole:
            return answer_whole(config, weights, state, steps, partial(_dropped, share=dropout, random=self.random))
        return torch.cat(answers)

    def _pass(
        self, weights: Mapping[str, Tensor], part: Part, state: State, dropout: float, several: bool
    ) -> tuple[Tensor | None, State]:
        """The head's answers at the rows of a part, and the state after it.

        Where there are several parts, a part keeps nothing but the state it began with and is run again when gradients
        come back (Chen et al., arXiv 1604.06174): memory is that of one part, and gradients are exact over all rows.
        """

        seed = int(torch.randint(2**62, (), generator=self.random)) if dropout else 0

        def forward(state: State) -> tuple[Tensor | None, State]:
            x, h, after = run(self.config, weights, part.steps, self._engine, state)
            if part.rows is None:
                return None, after
            drop = partial(_dropped, share=dropout, random=torch.Generator().manual_seed(seed))  # the same again
            return answer_rows(self.config, weights, x, h, part.steps, part.rows, drop), after

        again = partial(checkpoint, forward, use_reentrant=False, preserve_rng_state=False)
        return again(state) if several else forward(state)  # type: ignore[no-any-return]
