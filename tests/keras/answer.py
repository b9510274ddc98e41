"""Program: everything the tests ask of one Keras backend (KERAS_BACKEND), written to the .npz file named."""

import sys
import tempfile
from pathlib import Path
from typing import Any

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
    np.savez(sys.argv[1], **answers)
