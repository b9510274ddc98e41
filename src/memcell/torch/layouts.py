"""From the ways people hold a batch of sequences to rows and offsets, and back."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from memcell.contract import InputError

__all__ = ["Layout", "rows_of"]


@dataclass(frozen=True)
class Layout:
    """How a batch came, so that what is computed on its rows can be given back the same way."""

    kind: str  # "dense" | "unbatched" | "packed" | "nested"
    batch_first: bool
    offsets: Tensor  # int64 [B + 1]
    steps: int = 0  # T of a dense batch
    places: Tensor | None = None  # row -> b * T + t, where lengths leave gaps
    packed: PackedSequence | None = None

    @property
    def batch_size(self) -> int:
        return len(self.offsets) - 1

    def restore(self, rows: Tensor) -> Any:
        """rows [N, F] in the form of the input; positions past a length are 0."""
        if self.kind == "unbatched":
            return rows
        if self.kind == "nested":
            return torch.nested.nested_tensor_from_jagged(rows, self.offsets)
        if self.places is not None:
            full = rows.new_zeros((self.batch_size * self.steps, rows.shape[1]))
            rows = full.index_copy(0, self.places, rows)
        dense = rows.view(self.batch_size, self.steps, rows.shape[1])
        if self.packed is not None:
            lengths, order = self.offsets.diff().cpu(), self.packed.sorted_indices
            if order is not None:
                dense, lengths = dense[order], lengths[order.cpu()]
            data = pack_padded_sequence(dense, lengths, batch_first=True).data
            return PackedSequence(data, self.packed.batch_sizes, order, self.packed.unsorted_indices)
        return dense if self.batch_first else dense.transpose(0, 1).contiguous()


def rows_of(batch: Any, batch_first: bool, lengths: Any = None) -> tuple[Tensor, Layout]:
    """Rows [N, I] of a dense tensor, an unbatched one, a ``PackedSequence`` or a jagged ``torch.nested`` tensor.

    Raises:
        InputError: the form is none of these, or lengths do not fit.
    """
    if lengths is not None and (isinstance(batch, PackedSequence) or getattr(batch, "is_nested", False)):
        raise InputError("`lengths` was given beside an input that carries its own. Leave it out.")
    if isinstance(batch, PackedSequence):
        dense, lengths = pad_packed_sequence(batch, batch_first=True)
        rows, layout = rows_of(dense, True, lengths)
        return rows, Layout("packed", True, layout.offsets, layout.steps, layout.places, batch)
    if not isinstance(batch, Tensor):
        raise InputError(f"The input is a {type(batch).__name__}; it must be a tensor or a PackedSequence.")
    if batch.is_nested:
        if batch.layout != torch.jagged:
            raise InputError("The nested tensor is not jagged. Build it with layout=torch.jagged.")
        return batch.values(), Layout("nested", True, batch.offsets())  # pyright: ignore[reportAttributeAccessIssue]
    if batch.dim() == 2:
        if lengths is not None:
            raise InputError("`lengths` was given with an input of two dimensions, which is one sequence.")
        return batch, Layout("unbatched", batch_first, torch.tensor([0, len(batch)], device=batch.device))
    if batch.dim() != 3:
        raise InputError(f"The input has shape {list(batch.shape)}; it must have 2 dimensions (one sequence) or 3.")
    dense = batch if batch_first else batch.transpose(0, 1)
    count, steps, _ = dense.shape
    rows = dense.reshape(count * steps, dense.shape[2])
    if lengths is None:
        offsets = torch.arange(count + 1, device=batch.device) * steps
        return rows, Layout("dense", batch_first, offsets, steps)
    lengths = torch.as_tensor(lengths, dtype=torch.int64, device=batch.device)
    if lengths.shape != (count,) or (count and (lengths.min() < 0 or lengths.max() > steps)):
        raise InputError(
            f"`lengths` must be {count} whole numbers from 0 to {steps}; got shape {list(lengths.shape)}"
            + (f", from {int(lengths.min())} to {int(lengths.max())}." if lengths.numel() else ".")
        )
    places = (torch.arange(steps, device=batch.device) < lengths[:, None]).flatten().nonzero()[:, 0]
    offsets = torch.cat([lengths.new_zeros(1), lengths.cumsum(0)])
    return rows[places], Layout("dense", batch_first, offsets, steps, places)
