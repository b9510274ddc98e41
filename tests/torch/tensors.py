"""Problems of the shared table as tensors."""

from typing import Any

import torch
from backends.cases import CELLS, Cell, Shape, problem
from torch import Tensor

TINY = Shape(2, 3, (0, 3, 1))
# One cell of the table for every spec, with carries and both directions among them.
ONE_OF_EACH = CELLS[1::3]

Arguments = tuple[Tensor | None, ...]  # x, w_x, w_h, bias, peephole, h0, c0, carry_h, carry_c


def arguments_of(
    cell: Cell, shape: Shape = TINY, *, requires_grad: bool = True, zero_carries: bool = False
) -> tuple[Arguments, Tensor]:
    """The differentiable arguments of the operators in float64, and the sequences."""
    given = problem(cell, shape, zero_carries=zero_carries)
    w, call = given.weights, given.call
    arrays = call.x, w.w_x, w.w_h, w.bias, w.peephole, call.h0, call.c0, call.carry_h, call.carry_c
    tensors = tuple(None if a is None else torch.tensor(a, requires_grad=requires_grad) for a in arrays)
    return tensors, torch.from_numpy(call.sequences)


def call_layer(layer: Any, cell: Cell, tensors: Arguments, offsets: Tensor) -> tuple[Tensor, ...]:
    """``memcell.torch.lstm`` or ``lstm_loop`` on the operators' arguments."""
    x, w_x, w_h, bias, peephole, h0, c0, carry_h, carry_c = tensors
    weights = w_x, w_h, bias, peephole
    carries = {"carry_h": carry_h, "carry_c": carry_c}
    return layer(cell.spec, x, weights, h0, c0, offsets, **carries, reverse=cell.reverse)


def of_given(layer: Any, cell: Cell, tensors: Arguments, offsets: Tensor) -> tuple[Any, list[Tensor]]:
    """The layer as a function of the arguments that were given, and these, as gradcheck wants them."""
    given = [tensor for tensor in tensors if tensor is not None]

    def function(*given: Tensor) -> tuple[Tensor, ...]:
        rest = iter(given)
        return call_layer(layer, cell, tuple(None if t is None else next(rest) for t in tensors), offsets)

    return function, given
