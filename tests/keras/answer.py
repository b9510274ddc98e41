"""Program: everything the tests ask of one Keras backend (KERAS_BACKEND), written to the .npz file named."""

import sys
import tempfile
from pathlib import Path
from typing import Any
from unittest import mock

import keras
import numpy as np
from keras import ops
from layer_cases import CASES, FEATURES, STEPS, UNITS, inputs_of, weights_like

from memcell.keras import LSTM

Answers = dict[str, Any]


def built(layer: Any) -> Any:
    """The layer with the weights that all backends share."""
    layer.build((None, STEPS, FEATURES))
    layer.set_weights(weights_like([tuple(weight.shape) for weight in layer.weights]))
    return layer


def called(layer: Any, name: str) -> list[Any]:
    x, mask = inputs_of(name)
    outputs = layer(x, mask=None if mask is None else ops.convert_to_tensor(mask))
    return [ops.convert_to_numpy(o) for o in (outputs if isinstance(outputs, list | tuple) else [outputs])]


def layer_answers() -> Answers:
    answers: Answers = {}
    for name, options in CASES.items():
        layer = built(LSTM(UNITS, **options))
        kinds = {"ours": layer}
        if name.endswith(" states"):
            kinds["from_config"] = built(LSTM.from_config(layer.get_config()))
        if options["peephole"] == "none" and "cell_clip" not in options:
            plain = {name: value for name, value in options.items() if name != "peephole"}
            kinds["keras"] = built(keras.layers.LSTM(UNITS, **plain))
        for kind, one in kinds.items():
            for k, output in enumerate(called(one, name)):
                answers[f"{name}/{kind}/{k}"] = output
    return answers


def gradient_answers() -> Answers:
    """Gradients on the compiled core and, which an all-true mask asks for, step by step."""
    import torch

    from memcell.keras import torch_loop

    answers: Answers = {}
    for name in [name for name in CASES if name.endswith((" states", " backwards", " clip")) and "mask" not in name]:
        layer = built(LSTM(UNITS, **CASES[name]))
        for path, mask in (("core", None), ("steps", torch.ones(inputs_of("")[0].shape[:2], dtype=torch.bool))):
            x = torch.tensor(inputs_of("")[0], requires_grad=True)
            with mock.patch.object(torch_loop, "run", wraps=torch_loop.run) as core:
                outputs = layer(x, mask=mask)
            answers[f"calls of the core/{path}/{name}"] = core.call_count
            weights = [weight.value for weight in layer.weights]
            torch.manual_seed(0)
            loss = torch.stack([(o * torch.randn(o.shape)).sum() for o in outputs]).sum()
            for k, gradient in enumerate(torch.autograd.grad(loss, [x, *weights])):
                answers[f"{name}/{path}/{k}"] = gradient.numpy()
    return answers


def saved_answers() -> Answers:
    """Predictions of a trained model before it is saved and after it is loaded."""
    keras.utils.set_random_seed(0)
    x, _ = inputs_of("")
    model = keras.Sequential([
        keras.Input((STEPS, FEATURES)),
        LSTM(UNITS, peephole="diagonal", output_peek="current", return_sequences=True, dropout=0.1),
        LSTM(UNITS, recurrent_regularizer="l2", peephole_regularizer="l2"),
        keras.layers.Dense(1),
    ])  # fmt: skip
    model.compile(loss="mse", optimizer="adam")
    model.fit(x, np.ones((len(x), 1), np.float32), epochs=1, verbose=0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        loaded = keras.models.load_model(path)
    return {"saved/before": model.predict(x, verbose=0), "saved/after": loaded.predict(x, verbose=0)}


if __name__ == "__main__":
    answers = layer_answers() | saved_answers()
    if keras.backend.backend() == "torch":
        answers |= gradient_answers()
    np.savez(sys.argv[1], **answers)
