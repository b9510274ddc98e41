"""``memcell.keras.LSTM``: the layer of Keras with peepholes, on the native core where Keras runs on PyTorch."""

from typing import Any

import keras
from keras import layers, ops, saving

from memcell.keras.cell import LSTMCell

__all__ = ["LSTM"]


@saving.register_keras_serializable(package="memcell")
class LSTM(layers.RNN):
    """An LSTM layer whose gates see the cell; arguments and call as ``keras.layers.LSTM``.

    Input [batch, steps, features]; output [batch, units], or [batch, steps, units] with ``return_sequences``. On the
    torch backend of Keras a CPU runs the compiled core; on the other backends, and with a mask, recurrent dropout or
    activations other than tanh and sigmoid, the steps run through ``keras.ops``: the same numbers, more slowly.

    Args:
        units: H, units of the output and the cell.
        peephole: ``"full"`` (every gate sees every unit's cell), ``"diagonal"`` or ``"none"`` (``keras.layers.LSTM``).
        output_peek: whether the output gate sees the ``"previous"`` or the ``"current"`` cell.
        cell_clip: the cell stays within ±this; None: free.
        return_sequences, return_state, go_backwards, stateful, unroll: as in ``keras.layers.RNN``.
        **options: of ``memcell.keras.LSTMCell`` (``dropout``, ``recurrent_dropout``, initializers, regularizers,
            constraints, ``seed``) and of ``keras.layers.Layer``.

    Raises:
        InputError: an option of the cell has a value that is not listed.

    Example:
        >>> tuple(LSTM(4, return_sequences=True)(keras.ops.zeros((2, 3, 5))).shape)
        (2, 3, 4)
    """

    def __init__(
        self,
        units: int,
        *,
        peephole: str = "full",
        output_peek: str = "previous",
        cell_clip: float | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        **options: Any,
    ) -> None:
        of_layer = {name: options.pop(name) for name in _LAYER_OPTIONS if name in options}
        shared = {name: of_layer[name] for name in ("dtype", "trainable") if name in of_layer}
        of_cell = {"peephole": peephole, "output_peek": output_peek, "cell_clip": cell_clip}
        cell = LSTMCell(units, **of_cell, name="lstm_cell", **shared, **options)
        super().__init__(
            cell,
            return_sequences=return_sequences,
            return_state=return_state,
            go_backwards=go_backwards,
            stateful=stateful,
            unroll=unroll,
            **of_layer,
        )
        self.input_spec = layers.InputSpec(ndim=3)

    @property
    def units(self) -> int:
        """Units of the output and the cell."""
        return self.cell.units

    def inner_loop(self, sequences: Any, initial_state: Any, mask: Any, training: bool = False) -> Any:
        if keras.backend.backend() != "torch" or mask is not None or not self._is_plain(training):
            return super().inner_loop(sequences, initial_state, mask=mask, training=training)
        from memcell.keras.torch_loop import run

        if training and 0.0 < self.cell.dropout < 1.0:
            mask_of_inputs = self.cell.get_dropout_mask(sequences[:, 0, :])
            sequences = sequences * ops.expand_dims(mask_of_inputs, axis=1)
        return run(self.cell, sequences, initial_state, self.go_backwards)

    def _is_plain(self, training: bool) -> bool:
        cell = self.cell
        dropping = training and cell.recurrent_dropout > 0
        usual = cell.activation is keras.activations.tanh and cell.recurrent_activation is keras.activations.sigmoid
        return usual and not dropping and cell.compute_dtype in ("float32", "float64")

    def get_config(self) -> dict[str, Any]:
        of_layer = super().get_config()
        of_layer.pop("cell")
        of_cell = {k: v for k, v in self.cell.get_config().items() if k not in ("name", "dtype", "trainable")}
        return {**of_layer, **of_cell}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "LSTM":  # noqa: ARG003
        return cls(**config)


_LAYER_OPTIONS = (
    "name", "dtype", "trainable", "activity_regularizer", "zero_output_for_mask",
    "input_shape", "batch_shape", "batch_input_shape", "batch_size", "input_dim", "input_length",
)  # fmt: skip
