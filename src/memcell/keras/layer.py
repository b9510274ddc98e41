"""``memcell.keras.LSTM``: the layer of Keras with peepholes, on the native core where Keras runs on PyTorch."""

from typing import Any

import keras
from keras import layers, saving

from memcell.contract import InputError
from memcell.keras.cell import LSTMCell, one_mask

__all__ = ["LSTM"]

ops: Any = keras.ops  # Keras annotates its results as if they could be None


@saving.register_keras_serializable(package="memcell")
class LSTM(layers.LSTM):
    """An LSTM layer whose gates see the cell: ``keras.layers.LSTM``, its arguments and its call.

    Input [batch, steps, features]; output [batch, units], or [batch, steps, units] with ``return_sequences``. On the
    torch backend of Keras a CPU runs the compiled core, also with masks, dropout, states and half precision (computed
    in float32); on the other backends, and with activations other than tanh and sigmoid, the steps run through
    ``keras.ops``: the same numbers, more slowly.

    Args:
        units: H, units of the output and the cell.
        activation, recurrent_activation, use_bias, kernel_initializer, recurrent_initializer, bias_initializer: as in
            ``keras.layers.LSTM``.
        peephole: ``"full"`` (every gate sees every unit's cell), ``"diagonal"`` or ``"none"`` (``keras.layers.LSTM``).
        output_peek: whether the output gate sees the ``"previous"`` or the ``"current"`` cell.
        cell_clip: the cell stays within ±this; None: free.
        return_sequences, return_state, go_backwards, stateful, unroll, use_cudnn: as in ``keras.layers.LSTM``.
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
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
        *,
        peephole: str = "full",
        output_peek: str = "previous",
        cell_clip: float | None = None,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        use_cudnn: Any = "auto",
        **options: Any,
    ) -> None:
        of_layer = {name: options.pop(name) for name in _LAYER_OPTIONS if name in options}
        shared = {name: of_layer[name] for name in ("dtype", "trainable", "autocast") if name in of_layer}
        options |= {"kernel_initializer": kernel_initializer, "recurrent_initializer": recurrent_initializer}
        options["bias_initializer"] = bias_initializer
        of_cell = {"peephole": peephole, "output_peek": output_peek, "cell_clip": cell_clip, **shared, **options}
        cell = LSTMCell(units, activation, recurrent_activation, use_bias, name="lstm_cell", **of_cell)
        # Past the constructor of keras.layers.LSTM, which would build its own cell.
        layers.RNN.__init__(
            self,
            cell,
            return_sequences=return_sequences,
            return_state=return_state,
            go_backwards=go_backwards,
            stateful=stateful,
            unroll=unroll,
            **of_layer,
        )
        self.input_spec = layers.InputSpec(ndim=3)
        if use_cudnn not in ("auto", True, False):
            raise InputError(f"`use_cudnn` is {use_cudnn!r}; it must be 'auto', True or False. Nothing depends on it.")
        self.use_cudnn = use_cudnn

    def inner_loop(self, sequences: Any, initial_state: Any, mask: Any, training: bool = False) -> Any:
        if isinstance(mask, list | tuple):
            mask = mask[0]
        if keras.backend.backend() != "torch" or not self._is_usual():
            return layers.RNN.inner_loop(self, sequences, initial_state, mask=mask, training=training)
        from memcell.keras.torch_loop import is_exporting, run, unrolled

        if is_exporting():  # into a format that knows no operator of ours
            if mask is None:  # Keras's loop says of the length what ONNX does not take
                return unrolled(self.cell, sequences, initial_state, go_backwards=self.go_backwards, training=training)
            return layers.RNN.inner_loop(self, sequences, initial_state, mask=mask, training=training)
        if self.stateful:  # the states are written over before anybody asks for gradients
            initial_state = [ops.copy(state) for state in initial_state]
        if mask is not None:
            mask = ops.cast(ops.convert_to_tensor(mask), "bool")
            mask = mask[..., 0] if len(mask.shape) == 3 else mask
        recurrent_mask = None
        if training and 0.0 < self.cell.dropout < 1.0:
            mask_of_inputs = one_mask(self.cell.get_dropout_mask(sequences[:, 0, :]))
            sequences = sequences * ops.expand_dims(mask_of_inputs, axis=1)
        if training and 0.0 < self.cell.recurrent_dropout < 1.0:
            recurrent_mask = one_mask(self.cell.get_recurrent_dropout_mask(initial_state[0]))
        return run(
            self.cell,
            sequences,
            initial_state,
            go_backwards=self.go_backwards,
            mask=mask,
            zero_output_for_mask=self.zero_output_for_mask,
            recurrent_mask=recurrent_mask,
        )

    def _is_usual(self) -> bool:
        cell = self.cell
        usual = cell.activation is keras.activations.tanh and cell.recurrent_activation is keras.activations.sigmoid
        return usual and cell.compute_dtype in ("float16", "bfloat16", "float32", "float64")

    def get_config(self) -> dict[str, Any]:
        of_cell = self.cell.get_config()
        own = {name: of_cell[name] for name in of_cell if name.startswith("peephole")}
        own |= {name: of_cell[name] for name in ("output_peek", "cell_clip")}
        return {**super().get_config(), "use_cudnn": self.use_cudnn, **own}


_LAYER_OPTIONS = (
    "name", "dtype", "trainable", "autocast", "activity_regularizer", "zero_output_for_mask",
    "input_shape", "batch_shape", "batch_input_shape", "batch_size", "input_dim", "input_length",
)  # fmt: skip
