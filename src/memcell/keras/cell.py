"""The cell as a Keras layer of one step, in ``keras.ops``: every backend of Keras runs it."""

from typing import Any

import keras
from keras import constraints, initializers, layers, regularizers, saving

from memcell.contract import LstmSpec

__all__ = ["LSTMCell", "one_mask"]

ops: Any = keras.ops  # Keras annotates its results as if they could be None


@saving.register_keras_serializable(package="memcell")
class LSTMCell(layers.LSTMCell):
    """One step of ``memcell.keras.LSTM``: ``keras.layers.LSTMCell`` whose gates see the cell.

    The equations are those of ``memcell.LstmSpec``. With ``recurrent_dropout`` one mask serves all gates, as in Gal and
    Ghahramani (arXiv 1512.05287).

    Args:
        units: H, units of the output and the cell.
        activation, recurrent_activation, use_bias: as in ``keras.layers.LSTMCell``.
        peephole: ``"full"``, ``"diagonal"`` or ``"none"``.
        output_peek: whether the output gate sees the ``"previous"`` or the ``"current"`` cell.
        cell_clip: the cell stays within ±this; None: free.
        peephole_initializer, peephole_regularizer, peephole_constraint: of ``peephole_kernel``, [H, 3 H] full or
            [3, H] diagonal; blocks in the order i, f, o.
        unit_forget_bias: start the forget gate's bias at 1. By default as Keras does (yes) with ``peephole="none"``
            and no otherwise: gates that see the cell learn faster from 0 (0.917 against 0.884 on the digits program).
        **options: of ``keras.layers.LSTMCell``.

    Raises:
        InputError: an option has a value that is not listed.
    """

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        *,
        peephole: str = "full",
        output_peek: str = "previous",
        cell_clip: float | None = None,
        peephole_initializer: Any = "glorot_uniform",
        peephole_regularizer: Any = None,
        peephole_constraint: Any = None,
        unit_forget_bias: bool | None = None,
        **options: Any,
    ) -> None:
        spec = LstmSpec(peephole, output_peek, cell_clip=cell_clip)  # type: ignore[arg-type]
        if unit_forget_bias is None:
            unit_forget_bias = peephole == "none"
        super().__init__(
            units, activation, recurrent_activation, use_bias, unit_forget_bias=unit_forget_bias, **options
        )
        self.spec = spec
        # An initializer draws a seed when it is made: without peepholes a seeded program goes on as with Keras's layer.
        self.peephole_initializer = initializers.get("zeros" if peephole == "none" else peephole_initializer)
        self.peephole_regularizer = regularizers.get(peephole_regularizer)
        self.peephole_constraint = constraints.get(peephole_constraint)
        self.peephole_kernel = None

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        if self.spec.peephole == "none":
            return
        self.peephole_kernel = self.add_weight(
            shape=(self.units, 3 * self.units) if self.spec.peephole == "full" else (3, self.units),
            name="peephole_kernel",
            initializer=self.peephole_initializer,
            regularizer=self.peephole_regularizer,
            constraint=self.peephole_constraint,
        )

    def _peek(self, gate: int, cell: Any) -> Any:
        """What gate i, f or o (0, 1, 2) sees of the cell."""
        if self.peephole_kernel is None:
            return 0.0
        if self.spec.peephole == "diagonal":
            return self.peephole_kernel[gate] * cell
        return ops.matmul(cell, self.peephole_kernel[:, gate * self.units : (gate + 1) * self.units])

    def call(self, inputs: Any, states: Any, training: bool = False) -> tuple[Any, list[Any]]:
        h, c = states
        if training and 0.0 < self.dropout < 1.0:
            inputs = inputs * one_mask(self.get_dropout_mask(inputs))
        if training and 0.0 < self.recurrent_dropout < 1.0:
            h = h * one_mask(self.get_recurrent_dropout_mask(h))
        z = ops.matmul(inputs, self.kernel) + ops.matmul(h, self.recurrent_kernel)
        if self.use_bias:
            z = z + self.bias
        z_i, z_f, z_g, z_o = ops.split(z, 4, axis=1)
        i: Any = self.recurrent_activation(z_i + self._peek(0, c))
        f: Any = self.recurrent_activation(z_f + self._peek(1, c))
        new_c = f * c + i * self.activation(z_g)
        if (clip := self.spec.cell_clip) is not None:
            new_c = ops.where(ops.abs(new_c) >= clip, ops.stop_gradient(ops.clip(new_c, -clip, clip)), new_c)
        o: Any = self.recurrent_activation(z_o + self._peek(2, new_c if self.spec.output_peek == "current" else c))
        new_h = o * self.activation(new_c)
        return new_h, [new_h, new_c]

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "peephole": self.spec.peephole,
            "output_peek": self.spec.output_peek,
            "cell_clip": self.spec.cell_clip,
            "peephole_initializer": initializers.serialize(self.peephole_initializer),
            "peephole_regularizer": regularizers.serialize(self.peephole_regularizer),
            "peephole_constraint": constraints.serialize(self.peephole_constraint),
        }


def one_mask(mask: Any) -> Any:
    """Keras hands out one mask a gate where a cell has recurrent dropout."""
    return mask[0] if isinstance(mask, list | tuple) else mask
