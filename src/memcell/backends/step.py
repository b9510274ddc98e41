"""A stack of layers that is fed one step at a time, or many: weights packed once, state kept."""

import copy
import operator
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from memcell.backends.native import NativeBackend
from memcell.contract import InputError, LstmSpec, LstmWeights
from memcell.contract.arrays import Array

__all__ = ["Step"]


class Step:
    """LSTM layers that run a step at a time, or many at once, with as little around the arithmetic as can be.

    Steps give what the whole sequence at once gives, bit for bit. The weights are copied when it is made. A copy, and
    what is read from a pickle, goes on by itself.

    Args:
        spec: the cell of every layer.
        weights: of the layers, the first one first; float32 or float64 (see ``LstmSpec.weight_shapes``).
        batch: streams that advance together; None is one stream, whose arrays have no batch axis.

    Attributes:
        h, c: states after the last step, one array [H] a layer, with a batch [B, H]. Copies; ``reset`` sets them.

    Raises:
        InputError: the weights do not fit the spec or each other, or ``batch`` is no number of streams.

    Example:
        >>> weights = LstmWeights(np.ones((8, 3)), np.ones((8, 2)), np.zeros(8))
        >>> step = Step(LstmSpec("none"), [weights])
        >>> step(np.ones(3)).shape
        (2,)
        >>> step.run(np.ones((7, 3))).shape
        (7, 2)
    """

    def __init__(self, spec: LstmSpec, weights: Sequence[LstmWeights], batch: int | None = None) -> None:
        if not weights:
            raise InputError("`weights` is empty; at least one layer is wanted.")
        self._backend, self._spec = NativeBackend(), spec
        packed = [self._backend.pack(spec, layer) for layer in weights]
        self._layers = [replace(one, weights=copy.deepcopy(one.weights)) for one in packed]
        self._dtype = self._layers[0].dtype
        for below, above in zip(self._layers, self._layers[1:], strict=False):
            if above.sizes[0] != below.sizes[1] or above.dtype != below.dtype:
                raise InputError(
                    f"`weights`: a layer reads {above.sizes[0]} inputs in {above.dtype}, but the one below gives "
                    f"{below.sizes[1]} in {below.dtype}."
                )
        self._batch = batch = _checked(batch)
        self._rows = 1 if batch is None else batch
        streams = () if batch is None else (batch,)
        self._shape, self._out_shape = ((*streams, self._layers[k].sizes[k]) for k in (0, -1))
        self._h, self._c = (
            [np.zeros((self._rows, layer.sizes[1]), self._dtype) for layer in self._layers] for _ in ("h", "c")
        )
        self._advance = self._backend.stack(self._layers, self._h, self._c).step
        self._length, self._sequences = -1, np.empty((0, 3), np.int64)  # of the last run, which may come again

    def __getstate__(self) -> dict[str, Any]:
        """States of its own and plain weights, of which the core makes the rest anew."""
        kept = {name: value for name, value in vars(self).items() if name != "_advance"}
        own = {name: [state.copy() for state in kept[name]] for name in ("_h", "_c")}
        return kept | own | {"_layers": [layer.weights for layer in self._layers]}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._layers = [self._backend.pack(self._spec, weights) for weights in state["_layers"]]
        self._advance = self._backend.stack(self._layers, self._h, self._c).step

    def reset(self, h: Array | None = None, c: Array | None = None) -> None:
        """Set the states, shaped as the attributes h and c; None is zeros.

        Raises:
            InputError: a shape does not fit, or they are no numbers.
        """
        given = self._states("h", h), self._states("c", c)
        for states, values in zip((self._h, self._c), given, strict=True):
            for state, value in zip(states, values, strict=True):
                state[:] = value

    def __call__(self, x: Array) -> Array:
        """Output of the last layer after one more step: x [I] to [H], with a batch [B, I] to [B, H].

        Raises:
            InputError: x has another shape, or is no numbers.
        """
        x = self._array("x", x)
        if x.shape != self._shape:
            raise InputError(f"`x` has shape {list(x.shape)}; it must be {list(self._shape)}.")
        out = np.empty(self._out_shape, self._dtype)
        self._advance(x, out)
        return out

    def run(self, x: Array) -> Array:
        """Outputs of the last layer at many more steps: x [T, I] to [T, H], with a batch [T, B, I] to [T, B, H].

        Raises:
            InputError: x has another shape, or is no numbers.
        """
        x = self._array("x", x)
        if x.shape[1:] != self._shape:
            raise InputError(f"`x` has shape {list(x.shape)}; it must be [T, {', '.join(map(str, self._shape))}].")
        if len(x) != self._length:
            first = np.arange(self._rows)
            self._length = len(x)
            self._sequences = np.stack([first, np.full_like(first, len(x)), np.full_like(first, self._rows)], axis=1)
        rows = x.reshape(len(x) * self._rows, self._shape[-1])
        for packed, h, c in zip(self._layers, self._h, self._c, strict=True):
            rows = self._backend.advance_many(packed, rows, h, c, self._sequences)
        return rows.reshape(*x.shape[:-1], rows.shape[1])

    @property
    def h(self) -> list[Array]:
        """Outputs of the layers after the last step."""
        return self._given(self._h)

    @property
    def c(self) -> list[Array]:
        """Cells of the layers after the last step."""
        return self._given(self._c)

    def _array(self, name: str, given: Any) -> Array:
        try:
            return np.ascontiguousarray(given, self._dtype)
        except (TypeError, ValueError) as error:
            raise InputError(f"`{name}` must be numbers of one shape: {error}.") from None

    def _given(self, states: list[Array]) -> list[Array]:
        return [state[0].copy() if self._batch is None else state.copy() for state in states]

    def _states(self, name: str, given: Sequence[Array] | Array | None) -> list[Any]:
        if given is None:
            return [0.0] * len(self._layers)
        shapes = [(self._rows, layer.sizes[1]) for layer in self._layers]
        wanted = [shape[1:] if self._batch is None else shape for shape in shapes]
        if len(given) != len(shapes) or any(np.shape(g) != w for g, w in zip(given, wanted, strict=True)):
            raise InputError(f"`{name}` must be {len(shapes)} arrays, one a layer, of shapes {wanted}.")
        return [self._array(name, g).reshape(shape) for g, shape in zip(given, shapes, strict=True)]


def _checked(batch: Any) -> int | None:
    try:
        count = None if batch is None else operator.index(batch)
    except TypeError:
        count = -1
    if isinstance(batch, bool) or (count is not None and count < 0):
        raise InputError(
            f"`batch` is {batch!r}; it must be how many streams advance together, a whole number of at least 0, or "
            "None for one stream without a batch axis."
        )
    return count
