"""What a state is multiplied with before it enters a step: resets, time gaps, the caller's own factors, dropout."""

import functools
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from memcell.contract import InputError
from memcell.torch.layouts import Layout, knows_values

__all__ = ["Carries"]


@dataclass(frozen=True)
class Carries:
    """Factors of each row, as far as all layers share them; None for 1.

    Attributes:
        carry_h, carry_c: [N, 1] or [N, H], the caller's.
        kept: [N, 1] for each direction, 0 where a reset cuts off the state that enters the row and 1 elsewhere.
        gaps: [N, 1] for each direction, the time between the row and the one processed before.
    """

    carry_h: Tensor | None = None
    carry_c: Tensor | None = None
    kept: tuple[Tensor, ...] | None = None
    gaps: tuple[Tensor, ...] | None = None

    @classmethod
    def of(
        cls, layout: Layout, like: Tensor, hidden_size: int, directions: int, *, carry_h: Any, carry_c: Any,
        resets: Any, gaps: Any,
    ) -> "Carries":  # fmt: skip
        """From the arguments of ``LSTM.forward``.

        Raises:
            InputError: a shape, a dtype or a value that does not fit.
        """
        own_h, own_c = (
            None if factors is None else layout.of_steps(name, _numbers(name, factors, like), (1, hidden_size))
            for name, factors in (("carry_h", carry_h), ("carry_c", carry_c))
        )
        if resets is not None:
            resets = torch.as_tensor(resets, device=like.device)
            if resets.dtype != torch.bool:
                raise InputError(f"`resets` is {resets.dtype}; it must be torch.bool. Convert it with .bool().")
        if gaps is not None:
            gaps = _numbers("gaps", gaps, like)
        # Between t - 1 and t lies one reset or gap, whichever way it is crossed: backwards it is met at t - 1.
        cut, between = (
            None if values is None else [layout.of_steps(name, values, (1,), bool(d)) for d in range(directions)]
            for name, values in (("resets", resets), ("gaps", gaps))
        )
        kept = None if cut is None else tuple(rows.logical_not().to(like.dtype) for rows in cut)
        return cls(own_h, own_c, kept, None if between is None else tuple(between))

    def entering(
        self, direction: int, rate: Tensor | None, dropout: Tensor | None
    ) -> tuple[Tensor | None, Tensor | None]:
        """carry_h and carry_c of one layer and direction.

        Args:
            rate: [H], of forgetting in a unit of time; the cell is multiplied with exp(-rate * gap).
            dropout: [N, H], factors of h.
        """
        decay = None if self.gaps is None or rate is None else torch.exp(-rate * self.gaps[direction])
        kept = None if self.kept is None else self.kept[direction]
        return _product(kept, self.carry_h, dropout), _product(kept, self.carry_c, decay)


def _numbers(name: str, values: Any, like: Tensor) -> Tensor:
    values = torch.as_tensor(values, device=like.device).to(like.dtype)
    if (
        knows_values(values)
        and values.numel()
        and not (values.detach().min() >= 0 and values.detach().max() < torch.inf)
    ):
        raise InputError(f"`{name}` must be finite and not negative; it has values that are not.")
    return values


def _product(*factors: Tensor | None) -> Tensor | None:
    given = [factor for factor in factors if factor is not None]
    return functools.reduce(torch.mul, given) if given else None
