"""The cell as a loop over time of PyTorch's own operations: for devices without a kernel and for second derivatives."""

import torch
from torch import Tensor
from torch.nn import functional

from memcell.contract import LstmSpec

__all__ = ["lstm_loop"]


def _carry_over(factor: Tensor | None, state: Tensor) -> Tensor:
    if factor is None:
        return state
    # At a factor of 0 the state gets no gradient, but the factor still gets its own: dL/da = d~ * state.
    cut = state.detach().nan_to_num(nan=0.0, posinf=0.0, neginf=0.0)
    return factor * torch.where(factor == 0, cut, state)


def _zoned_out(probability: float, mask: Tensor | None, row: Tensor, before: Tensor, new: Tensor) -> Tensor:
    if mask is None and not probability:
        return new
    keep = probability if mask is None else mask[row]
    return keep * before + (1 - keep) * new


class _Cell:
    def __init__(
        self, spec: LstmSpec, weights: tuple[Tensor, Tensor, Tensor, Tensor | None], norm: Tensor | None
    ) -> None:
        self.spec, self.norm = spec, norm
        self.w_x, self.w_h, self.bias, peephole = weights
        names = spec.peephole_gates
        self.peepholes = {} if peephole is None else dict(zip(names, peephole.chunk(len(names)), strict=True))

    def peek(self, gate: str, cell: Tensor) -> Tensor | float:
        if gate not in self.peepholes:
            return 0.0
        p = self.peepholes[gate]
        return p * cell if self.spec.peephole == "diagonal" else cell @ p.T

    def normed(self, k: int, v: Tensor) -> Tensor:
        return v if self.norm is None else functional.layer_norm(v, v.shape[-1:], self.norm[k])

    def step(self, from_x: Tensor, h_in: Tensor, c_in: Tensor) -> tuple[Tensor, Tensor]:
        gates = self.spec.gates
        sums = (from_x + h_in @ self.w_h.T).chunk(len(gates), dim=1)
        biases = self.bias.chunk(len(gates))

        def z(gate: str, cell: Tensor) -> Tensor:
            k = gates.index(gate)
            return self.normed(k, sums[k] + self.peek(gate, cell)) + biases[k]

        f = torch.sigmoid(z("f", c_in))
        i = 1 - f if self.spec.coupled else torch.sigmoid(z("i", c_in))
        c = f * c_in + i * torch.tanh(z("g", c_in))
        if (clip := self.spec.cell_clip) is not None:
            c = torch.where(c.abs() >= clip, c.detach().clamp(-clip, clip), c)
        o = torch.sigmoid(z("o", c if self.spec.output_peek == "current" else c_in))
        shown = c if self.norm is None else self.normed(len(gates), c) + self.norm[-1]
        return o * torch.tanh(shown), c


def lstm_loop(
    spec: LstmSpec,
    x: Tensor,
    weights: tuple[Tensor, Tensor, Tensor, Tensor | None],
    h0: Tensor,
    c0: Tensor,
    sequences: Tensor,
    *,
    carry_h: Tensor | None = None,
    carry_c: Tensor | None = None,
    reverse: bool = False,
    norm: Tensor | None = None,
    keep_h: Tensor | None = None,
    keep_c: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """As ``memcell.torch.lstm``, arguments and results alike, on any device and differentiable any number of times.

    Args:
        norm: [G + 2, H], see ``LstmWeights``.
        keep_h, keep_c: [N, 1] or [N, H], see ``LstmCall``.
    """
    cell = _Cell(spec, weights, norm)
    lengths = sequences[:, 1]
    order = lengths.argsort(descending=True, stable=True)
    first, running, stride = sequences[order].unbind(1)
    if reverse:
        first, stride = first + (running - 1) * stride, -stride
    h, c = h0[order], c0[order]
    rows: list[Tensor] = []
    for s in range(int(lengths.max()) if len(lengths) else 0):
        count = int((running > s).sum())
        rows.append(first[:count] + s * stride[:count])
    nothing = x.new_zeros((len(x), h0.shape[1]))  # what rows of no sequence keep
    if not rows:
        return nothing, nothing, h0, c0
    places = torch.cat(rows)
    read = x.new_zeros(len(x), dtype=torch.bool).index_fill(0, places, True)[:, None]
    from_x = torch.where(read, x, torch.zeros_like(x)) @ cell.w_x.T
    outputs: list[Tensor] = []
    cells: list[Tensor] = []
    for row in rows:
        count = len(row)
        h_in = _carry_over(None if carry_h is None else carry_h[row], h[:count])
        c_in = _carry_over(None if carry_c is None else carry_c[row], c[:count])
        h_new, c_new = cell.step(from_x[row], h_in, c_in)
        h_new = _zoned_out(spec.zoneout_h, keep_h, row, h_in, h_new)
        c_new = _zoned_out(spec.zoneout_c, keep_c, row, c_in, c_new)
        h, c = torch.cat([h_new, h[count:]]), torch.cat([c_new, c[count:]])
        outputs.append(h_new)
        cells.append(c_new)
    back = order.argsort()
    all_h, all_c = (nothing.index_copy(0, places, torch.cat(steps)) for steps in (outputs, cells))
    return all_h, all_c, h[back], c[back]
