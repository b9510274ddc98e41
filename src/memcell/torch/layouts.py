"""From the ways people hold a batch of sequences to rows and sequences, and back, without a copy where one can do."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from memcell.contract import InputError, check_offsets
from memcell.contract import sequences_of as of_arrays

__all__ = ["Layout", "knows_values", "rows_of", "sequences_of"]


@dataclass(frozen=True)
class Layout:
    """How a batch came, so that what is computed on its rows can be given back the same way."""

    kind: str  # "dense" | "unbatched" | "packed" | "nested"
    sequences: Tensor  # int64 [B, 3]: first row, length, stride
    steps: int = 0  # T of a dense batch
    batch_first: bool = True
    time_major: bool = False  # whether the rows of a step lie together, rather than those of a sequence
    ragged: bool = False  # whether lengths were given
    origin: Any = None  # the packed sequence, or offsets and lengths of the nested tensor

    @property
    def batch_size(self) -> int:
        return self.sequences.shape[0]

    def restore(self, rows: Tensor) -> Any:
        """rows [N, F] in the form of the input; positions past a length are 0."""
        if self.kind == "unbatched":
            return rows
        if self.kind == "nested":
            offsets, lengths = self.origin
            counts = self.sequences[:, 1]
            longest = int(counts.amax()) if knows_values(counts) and len(counts) else None
            return torch.nested.nested_tensor_from_jagged(rows, offsets, lengths, max_seqlen=longest)
        if self.kind == "packed":
            lengths, order = self.sequences[:, 1].cpu(), self.origin.sorted_indices
            dense = rows.view(self.steps, self.batch_size, rows.shape[1])
            if order is not None:
                dense, lengths = dense[:, order], lengths[order.cpu()]
            data = pack_padded_sequence(dense, lengths).data
            return PackedSequence(data, self.origin.batch_sizes, order, self.origin.unsorted_indices)
        dense = rows.view(*self._rows_shape, rows.shape[1])
        if self.batch_first != self.time_major:
            return dense
        # As from nn.LSTM, what is time first lies so in memory too, whatever the input did.
        return dense.transpose(0, 1) if self.batch_first else dense.transpose(0, 1).contiguous()

    @property
    def _rows_shape(self) -> tuple[int, int]:
        return (self.steps, self.batch_size) if self.time_major else (self.batch_size, self.steps)

    def of_steps(self, name: str, values: Tensor, widths: tuple[int, ...], following: bool = False) -> Tensor:
        """Numbers of each step, in the first dimensions of the input with or without one for features, as rows [N, F].

        Args:
            name: of the argument, for an error.
            values: [B, T], [B, T, F], [T, B] or [T, B, F] as the input is; [T] or [T, F] of one sequence.
            widths: what F may be.
            following: each row gets the number of the step after it, and the last of a sequence gets 0.

        Raises:
            InputError: the shape is another, or the input is packed or nested.
        """
        if self.kind not in ("dense", "unbatched"):
            raise InputError(
                f"`{name}` was given with a {self.kind} input, which has no place for it. Give the input dense, with "
                "`lengths`."
            )
        one = self.kind == "unbatched"
        steps = self.steps
        shape = (steps,) if one else (self.batch_size, steps) if self.batch_first else (steps, self.batch_size)
        if values.shape == shape:
            values = values.unsqueeze(-1)
        if values.shape[:-1] != shape or values.shape[-1] not in widths:
            allowed = " or ".join(str([*shape, width]) for width in widths)
            raise InputError(f"`{name}` has shape {list(values.shape)}; it must be {list(shape)} or {allowed}.")
        values = values[None] if one else values if self.batch_first else values.transpose(0, 1)  # [B, T, F]
        if following:
            inside = torch.arange(1, steps + 1, device=values.device) < self.sequences[:, 1:2]
            values = torch.cat([values[:, 1:], torch.zeros_like(values[:, :1])], dim=1)
            values = torch.where(inside[..., None], values, torch.zeros_like(values))
        return (values.transpose(0, 1) if self.time_major else values).reshape(-1, values.shape[-1])

    def inside(self) -> Tensor | None:
        """bool [N, 1], whether a row belongs to a sequence; None where every row does."""
        if self.kind == "nested":
            offsets, lengths = self.origin
            if lengths is None:
                return None
            ends = (offsets[:-1] + lengths).repeat_interleave(offsets.diff())
            return (torch.arange(len(ends), device=ends.device) < ends)[:, None]
        if self.kind == "unbatched" or not self.ragged:
            return None
        steps = torch.arange(self.steps, device=self.sequences.device)
        inside = steps[:, None] < self.sequences[:, 1] if self.time_major else steps < self.sequences[:, 1:2]
        return inside.reshape(-1, 1)

    def of_sequences(self, values: Tensor) -> Tensor:
        """Numbers of each sequence [B, F] at every row of it, [N, F]."""
        if self.kind == "nested":
            offsets = self.origin[0]
            return values.repeat_interleave(offsets.diff(), dim=0)
        if self.kind == "unbatched":
            return values.expand(self.steps, -1)
        rows = values[None] if self.time_major else values[:, None]
        return rows.expand(*self._rows_shape, -1).reshape(-1, values.shape[1])


def sequences_of(offsets: Tensor, rows: int) -> Tensor:
    """[B, 3] of sequences laid end to end over ``rows`` rows, from their offsets [B + 1].

    Raises:
        InputError: the offsets do not cut the rows into sequences, one after another.
    """
    if _is_plain(offsets):
        check_offsets(offsets.numpy(), rows)
        return torch.from_numpy(of_arrays(offsets.numpy()))
    return torch.stack([offsets[:-1], offsets.diff(), torch.ones_like(offsets[1:])], dim=1)


def rows_of(batch: Any, batch_first: bool, lengths: Any = None) -> tuple[Tensor, Layout]:
    """Rows [N, I] of a dense tensor, an unbatched one, a ``PackedSequence`` or a jagged ``torch.nested`` tensor, as
    ``check_input`` lets them pass.

    Raises:
        InputError: lengths do not fit.
    """
    if lengths is not None and (isinstance(batch, PackedSequence) or getattr(batch, "is_nested", False)):
        raise InputError("`lengths` was given beside an input that carries its own. Leave it out.")
    if isinstance(batch, PackedSequence):
        dense, lengths = pad_packed_sequence(batch)
        rows, layout = rows_of(dense, False, lengths)
        return rows, Layout("packed", layout.sequences, layout.steps, time_major=True, ragged=True, origin=batch)
    if batch.is_nested:
        values, offsets, own = batch.values(), batch.offsets(), batch.lengths()  # pyright: ignore[reportAttributeAccessIssue]
        if own is None:
            sequences = sequences_of(offsets, len(values))
        else:  # with holes between the sequences
            sequences = torch.stack([offsets[:-1], own, torch.ones_like(own)], dim=1)
        return values, Layout("nested", sequences, origin=(offsets, own))
    if batch.dim() == 2:
        if lengths is not None:
            raise InputError("`lengths` was given with an input of two dimensions, which is one sequence.")
        steps = batch.shape[0]
        return batch, Layout("unbatched", _dense_sequences(batch, 1, steps, False), steps)
    count, steps = (batch.shape[0], batch.shape[1]) if batch_first else (batch.shape[1], batch.shape[0])
    # The order of the rows follows the memory: either order of the first two dimensions may be the contiguous one.
    swapped = not batch.is_contiguous() and batch.transpose(0, 1).is_contiguous()
    rows = (batch.transpose(0, 1) if swapped else batch).reshape(count * steps, batch.shape[2])
    time_major = batch_first == swapped
    sequences = _dense_sequences(batch, count, steps, time_major)
    if lengths is not None:
        lengths = _checked_lengths(lengths, count, steps, batch.device)
        sequences = torch.stack([sequences[:, 0], lengths, sequences[:, 2]], dim=1)
    return rows, Layout("dense", sequences, steps, batch_first, time_major, lengths is not None)


def _checked_lengths(lengths: Any, count: int, steps: int, device: torch.device) -> Tensor:
    wanted = f"`lengths` must be {count} whole numbers from 0 to {steps}"
    try:
        lengths = torch.as_tensor(lengths, device=device)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"{wanted}; got {lengths!r}.") from error
    if lengths.dtype.is_floating_point or lengths.dtype.is_complex or lengths.dtype == torch.bool:
        raise InputError(f"{wanted}; got numbers of {lengths.dtype}. Count steps, and convert with .long().")
    lengths = lengths.to(torch.int64)
    if lengths.shape != (count,):
        raise InputError(f"{wanted}; got shape {list(lengths.shape)}.")
    if torch.compiler.is_compiling():
        # No error can name them here, and a length beyond its steps would read the next sequence.
        _assert_async(((lengths >= 0) & (lengths <= steps)).all(), f"{wanted}.")
    elif knows_values(lengths) and count and (lengths.min() < 0 or lengths.max() > steps):
        raise InputError(f"{wanted}; got numbers from {int(lengths.min())} to {int(lengths.max())}.")
    return lengths


_assert_async: Any = torch._assert_async  # pyright: ignore[reportPrivateImportUsage]


def knows_values(tensor: Tensor) -> bool:
    """Whether there are numbers to look at: not while a program is traced or transformed, nor on a meta device."""
    traced = torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active()
    return not traced and tensor.device.type != "meta"


def _dense_sequences(like: Tensor, count: int, steps: int, time_major: bool) -> Tensor:
    if _is_plain(like):
        return _known_sequences(count, steps, time_major)
    return _new_sequences(count, steps, time_major, like.device)


def _is_plain(tensor: Tensor) -> bool:
    """Whether it is on a CPU, and nothing records what becomes of it."""
    traced = torch.compiler.is_compiling() or torch._C._get_tracing_state()
    return type(tensor) is Tensor and tensor.device.type == "cpu" and not traced


@lru_cache(maxsize=256)
def _known_sequences(count: int, steps: int, time_major: bool) -> Tensor:
    with torch.inference_mode(False):  # an inference tensor could not be saved for a backward pass later
        return _new_sequences(count, steps, time_major, torch.device("cpu"))


def _new_sequences(count: int, steps: int, time_major: bool, device: torch.device) -> Tensor:
    first = torch.arange(count, device=device) * (1 if time_major else steps)
    lengths, strides = torch.full_like(first, steps), torch.full_like(first, count if time_major else 1)
    return torch.stack([first, lengths, strides], dim=1)
