"""What goes into a layer and what comes out, with the checks that every backend shares."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memcell.contract.errors import InputError
from memcell.contract.spec import LstmSpec

__all__ = [
    "LstmCall",
    "LstmGradients",
    "LstmResult",
    "LstmTape",
    "LstmWeights",
    "check_call",
    "check_offsets",
    "check_weights",
]

Array = NDArray[Any]


@dataclass(frozen=True)
class LstmWeights:
    """Weights of one layer and direction; G = 4 gates (3 if coupled), P = 3 peepholes (2 if coupled)."""

    w_x: Array  # [G*H, I]
    w_h: Array  # [G*H, H]
    bias: Array  # [G*H]
    peephole: Array | None = None  # None | [P, H] | [P*H, H]
    norm: Array | None = None  # None | [G + 2, H]: gains of the gates and of the cell, bias of the cell


@dataclass(frozen=True)
class LstmCall:
    """One layer, one direction, over B sequences in N rows.

    A sequence is a first row, a length and a stride: sequences laid end to end have stride 1, a time-major batch has
    stride B, a padded one lengths below its steps. No row belongs to two sequences; rows of none are not read, and
    what is computed for them is 0.
    """

    x: Array  # [N, I]
    h0: Array  # [B, H]
    c0: Array  # [B, H]
    sequences: NDArray[np.int64]  # [B, 3]: first row, length, stride; see ``sequences_of``
    carry_h: Array | None = None  # None | [N, 1] | [N, H]
    carry_c: Array | None = None
    reverse: bool = False
    keep_h: Array | None = None  # None | [N, 1] | [N, H], from 0 to 1; zoneout's k in place of its probability
    keep_c: Array | None = None


@dataclass(frozen=True)
class LstmTape:
    """What a backward pass needs of its forward pass."""

    call: LstmCall
    weights: LstmWeights
    h: Array  # [N, H]
    c: Array  # [N, H]
    gates: Array  # [N, 4, H]: i, f, g, o after their nonlinearities


@dataclass(frozen=True)
class LstmResult:
    """Output and cell after every step, and the states after the last one (of an empty sequence: the first ones)."""

    h: Array  # [N, H]
    c: Array | None  # [N, H]; None if only the output was asked for
    h_final: Array  # [B, H]
    c_final: Array  # [B, H]
    tape: LstmTape | None = None


@dataclass(frozen=True)
class LstmGradients:
    """Gradient of every argument, shaped like it; None where the argument was None, or x where it was not asked for."""

    x: Array | None
    w_x: Array
    w_h: Array
    bias: Array
    peephole: Array | None
    h0: Array
    c0: Array
    carry_h: Array | None
    carry_c: Array | None
    norm: Array | None = None


_WEIGHTS = tuple(field.name for field in fields(LstmWeights))


def _expect(name: str, array: Any, shape: tuple[int | None, ...], dtype: np.dtype[Any]) -> None:
    if not isinstance(array, np.ndarray):
        raise InputError(f"`{name}` is a {type(array).__name__}; it must be a NumPy array.")
    if array.shape == shape and array.dtype == dtype:  # the usual case, told apart first because it is on every call
        return
    if array.ndim != len(shape) or any(want not in (None, got) for want, got in zip(shape, array.shape, strict=True)):
        wanted = "[" + ", ".join("any" if size is None else str(size) for size in shape) + "]"
        raise InputError(f"`{name}` has shape {list(array.shape)}; it must be {wanted}.")
    if array.dtype != dtype:
        raise InputError(f"`{name}` is {array.dtype}; it must be {dtype}, like the weights. Convert it with astype.")


def check_weights(spec: LstmSpec, weights: LstmWeights) -> tuple[int, int]:
    """Input size I and hidden size H of the weights.

    Raises:
        InputError: a shape or dtype does not fit the spec.
    """
    w_x, w_h = weights.w_x, weights.w_h
    for name, array in (("w_x", w_x), ("w_h", w_h)):
        if not isinstance(array, np.ndarray) or array.ndim != 2:
            raise InputError(f"`{name}` must be a NumPy array of two dimensions, [gates * H, inputs].")
    if w_x.dtype not in (np.float32, np.float64):
        raise InputError(f"`w_x` is {w_x.dtype}; weights are float32 or float64.")
    input_size, hidden_size = w_x.shape[1], w_h.shape[1]
    if hidden_size == 0:
        raise InputError("`w_h` has no columns; the hidden size must be at least 1.")
    shapes = spec.weight_shapes(input_size, hidden_size)
    for name in _WEIGHTS:
        array, shape = getattr(weights, name), shapes.get(name)
        if (array is None) == (shape is None):
            if shape is not None:
                _expect(name, array, shape, w_x.dtype)
            continue
        peephole = name == "peephole"
        option = f"peephole={spec.peephole!r}" if peephole else f"layer_norm={spec.layer_norm}"
        if shape is None:
            raise InputError(f"`{name}` was given, but {option} has none. Leave it out.")
        without = "peephole='none'" if peephole else "layer_norm=False"
        raise InputError(
            f"`{name}` is missing; {option} needs one of shape {list(shape)}. Give it, or build the spec with "
            f"{without}."
        )
    return input_size, hidden_size


def check_call(sizes: tuple[int, int], dtype: np.dtype[Any], call: LstmCall) -> None:
    """Refuse a call whose arrays do not fit the weights or each other; ``check_sequences`` has the sequences.

    Args:
        sizes: what ``check_weights`` returned.
        dtype: of the weights.

    Raises:
        InputError: names the argument, what came and what is wanted.
    """
    input_size, hidden_size = sizes
    _expect("x", call.x, (None, input_size), dtype)
    rows, batch = call.x.shape[0], len(call.sequences)
    _expect("h0", call.h0, (batch, hidden_size), dtype)
    _expect("c0", call.c0, (batch, hidden_size), dtype)
    for name, carry in (("carry_h", call.carry_h), ("carry_c", call.carry_c)):
        if carry is None:
            continue
        wide = isinstance(carry, np.ndarray) and carry.shape[-1:] == (hidden_size,)
        _expect(name, carry, (rows, hidden_size if wide else 1), dtype)
        if not _finite_and_not_negative(carry):
            raise InputError(f"`{name}` must be finite and not negative; it has values that are not.")


def _finite_and_not_negative(array: Array) -> bool:
    """Of float32 or float64. Bits of numbers from 0 on rise up to those of infinity; beyond are NaN and whatever has a
    sign, of which the numbers themselves tell -0 apart."""
    bits = np.uint32 if array.dtype == np.float32 else np.uint64
    if array.flags.c_contiguous and array.view(bits).max(initial=0) < np.array(np.inf, array.dtype).view(bits):
        return True
    return not array.size or bool(array.min() >= 0 and array.max() < np.inf)


def sequences_of(offsets: NDArray[np.int64]) -> NDArray[np.int64]:
    """Sequences laid end to end, int64 [B, 3] (first row, length, stride), from their offsets [B + 1].

    Example:
        >>> sequences_of(np.array([0, 4, 4, 5])).tolist()
        [[0, 4, 1], [4, 0, 1], [4, 1, 1]]
    """
    sequences = np.empty((len(offsets) - 1, 3), np.int64)
    sequences[:, 0] = offsets[:-1]
    sequences[:, 1] = offsets[1:] - sequences[:, 0]
    sequences[:, 2] = 1
    return sequences


def check_sequences(sequences: Any, rows: int) -> None:
    """Refuse sequences that are no [B, 3] int64 or leave the ``rows`` rows.

    Raises:
        InputError: names the first sequence that is wrong.
    """
    if not isinstance(sequences, np.ndarray) or sequences.dtype != np.int64 or sequences.shape[1:] != (3,):
        raise InputError("`sequences` must be a NumPy array of int64, [B, 3]. Build it with `sequences_of`.")
    first, length, stride = sequences.T
    sane = (length > 0) & (length <= rows) & (stride >= -rows) & (stride <= rows)  # so nothing overflows
    last = first + (np.where(sane, length, 1) - 1) * np.where(sane, stride, 0)
    outside = (length != 0) & (~sane | (first < 0) | (first >= rows) | (last < 0) | (last >= rows))
    if outside.any():
        b = int(outside.argmax())
        raise InputError(f"`sequences[{b}]` is {sequences[b].tolist()} (first, length, stride), outside {rows} rows.")


def check_offsets(offsets: Any, rows: int) -> None:
    """Refuse offsets that do not cut ``rows`` rows into sequences, one after another.

    Raises:
        InputError: names the first place that is wrong.
    """
    if not isinstance(offsets, np.ndarray) or offsets.ndim != 1 or offsets.dtype != np.int64 or len(offsets) == 0:
        raise InputError("`offsets` must be a NumPy array of int64, [B + 1]. Build it with `RaggedBatch.from_list`.")
    if offsets[0] != 0:
        raise InputError(f"`offsets` must start at 0; got offsets[0]={offsets[0]}.")
    falls = offsets[1:] < offsets[:-1]
    if falls.any():
        at = int(falls.argmax()) + 1
        raise InputError(
            f"`offsets` must not decrease; got offsets[{at}]={offsets[at]} after {offsets[at - 1]}. "
            "Build it with `RaggedBatch.from_list`."
        )
    if offsets[-1] != rows:
        raise InputError(f"`offsets` must end at the number of rows, {rows}; got {offsets[-1]}.")
