"""The Keras program of the introduction, with memcell's layer and with Keras's own: accuracy and time, as Markdown.

    python benchmarks/keras_program.py [--quick]

Each measurement runs in a process of its own, because Keras chooses its backend once, and the contenders take turns,
so that a busy minute of the machine meets them all. No time is printed before the layers' numbers agreed.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from timing import load, machine

Array = NDArray[np.float64]

UNITS, BATCH = 128, 32
PROGRAM_EPOCHS = 10
LONG_SHAPE, LONG_CLASSES = (512, 200, 16), 10
PACKAGES = "keras", "torch", "jax"
TOLERANCE = 1e-5  # between layers in float32; outputs are below 1


class Contender(NamedTuple):
    """What stands in the program's first line, and the backend of Keras below it."""

    name: str
    backend: str
    layer: str


CONTENDERS = (
    Contender("memcell.keras.LSTM on torch", "torch", "memcell"),
    Contender("keras.layers.LSTM on torch", "torch", "keras"),
    Contender("keras.layers.LSTM on JAX", "jax", "keras"),
    Contender("keras.layers.Flatten on torch", "torch", "flatten"),
)
MEMCELL, KERAS_TORCH, KERAS_JAX, _ = CONTENDERS


# What runs in a process of its own. Keras is imported there alone, after the backend is chosen.


def build(layer: str, shape: tuple[int, int], classes: int) -> Any:
    """The program's model, compiled, over inputs of ``shape`` (steps, features)."""
    from keras.layers import Dense, Flatten
    from keras.models import Sequential

    if layer == "memcell":
        from memcell.keras import LSTM
    else:
        from keras.layers import LSTM
    model = Sequential()
    model.add(Flatten(input_shape=shape) if layer == "flatten" else LSTM(UNITS, input_shape=shape))
    model.add(Dense(classes, activation="softmax"))
    model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    return model


def digits() -> tuple[Any, Any, Any, Any]:
    """X_train, X_test [n, 8 steps, 8 pixels] and y_train, y_test [n, 10] of scikit-learn's digits."""
    from keras.utils import to_categorical
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    data = load_digits()
    x, y = (data.images / 16).astype("float32"), to_categorical(data.target)
    return train_test_split(x, y, test_size=0.25, random_state=0)


def accuracy(layer: str, seeds: int) -> list[float]:
    """Test accuracies of the program, seed by seed."""
    import keras

    x, x_test, y, y_test = digits()
    results = []
    for seed in range(seeds):
        keras.utils.set_random_seed(seed)
        model = build(layer, x.shape[1:], y.shape[1])
        model.fit(x, y, epochs=PROGRAM_EPOCHS, batch_size=BATCH)
        predictions = model.predict(x_test)
        results.append(float((predictions.argmax(axis=1) == y_test.argmax(axis=1)).mean()))
    return results


def fit_seconds(layer: str) -> list[float]:
    """Seconds of the program's ``fit``: the first one in a process, and one of a fresh model after it."""
    x, _, y, _ = digits()
    results = []
    for _ in range(2):
        model = build(layer, x.shape[1:], y.shape[1])
        start = time.perf_counter()
        model.fit(x, y, epochs=PROGRAM_EPOCHS, batch_size=BATCH)
        results.append(time.perf_counter() - start)
    return results


def epoch_seconds(layer: str, epochs: int) -> list[float]:
    """Seconds of each epoch on the longer input, from the second on."""
    import keras

    class Clock(keras.callbacks.Callback):
        def __init__(self) -> None:
            super().__init__()
            self.ends: list[float] = []

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002
            self.ends.append(time.perf_counter())

    random = np.random.default_rng(0)
    x = random.standard_normal(LONG_SHAPE).astype("float32")
    y = np.eye(LONG_CLASSES, dtype="float32")[random.integers(0, LONG_CLASSES, len(x))]
    clock = Clock()
    build(layer, x.shape[1:], LONG_CLASSES).fit(x, y, epochs=epochs, batch_size=BATCH, callbacks=[clock])
    return np.diff(clock.ends).tolist()


def outputs(layer: str) -> list[list[float]]:
    """What a plain LSTM with given weights says before and after one step of gradient descent."""
    import keras

    if layer == "memcell":
        from memcell.keras import LSTM

        lstm = LSTM(UNITS, peephole="none")
    else:
        lstm = keras.layers.LSTM(UNITS)
    random = np.random.default_rng(0)
    x, y = (random.standard_normal(shape).astype("float32") for shape in ((BATCH, 40, 16), (BATCH, UNITS)))
    model = keras.Sequential([keras.Input(x.shape[1:]), lstm])
    model.set_weights([0.1 * random.standard_normal(weight.shape) for weight in model.get_weights()])
    model.compile(loss="mean_squared_error", optimizer=keras.optimizers.SGD(10.0))  # a step that can be seen
    before = model.predict(x)
    model.train_on_batch(x, y)
    return [before.ravel().tolist(), model.predict(x).ravel().tolist()]


WORK = {work.__name__: work for work in (accuracy, fit_seconds, epoch_seconds, outputs)}


# What runs here.


def measure(contender: Contender, work: str, **options: int) -> list[Any]:
    """The result of a piece of work in a process of its own."""
    call = json.dumps({"work": work, "layer": contender.layer, "options": options})
    environment = {**os.environ, "KERAS_BACKEND": contender.backend}
    command = [sys.executable, __file__, "--worker", call]
    print(f"{contender.name}: {work}", file=sys.stderr, flush=True)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{contender.name} failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def take_turns(work: str, rounds: int, **options: int) -> dict[Contender, Array]:
    """The results of some work by every contender, [rounds, results] each, in turns A B C A B C."""
    results: dict[Contender, list[list[float]]] = {contender: [] for contender in CONTENDERS}
    for _ in range(rounds):
        for contender in CONTENDERS:
            results[contender].append(measure(contender, work, **options))
    return {contender: np.array(result) for contender, result in results.items()}


def check_agreement() -> float:
    """The largest difference between the layers on identical weights, before and after a training step.

    Raises:
        SystemExit: it is above TOLERANCE, or the training step changed nothing.
    """
    wanted = np.array(measure(KERAS_TORCH, "outputs"))
    if np.abs(wanted[1] - wanted[0]).max() < 100 * TOLERANCE:
        raise SystemExit("The training step moved the outputs too little to compare gradients.")
    others = np.array([measure(contender, "outputs") for contender in (MEMCELL, KERAS_JAX)])
    difference = float(np.abs(others - wanted).max())
    if not difference <= TOLERANCE:
        raise SystemExit(f"The layers differ by {difference:.1e} on identical weights; timings would mean nothing.")
    return difference


def table(title: str, results: dict[Contender, Array], columns: dict[str, Callable[[Array], Any]]) -> str:
    """A Markdown table: what each column makes of a contender's results and, in brackets, over memcell's."""
    lines = [f"| {title} | {' | '.join(columns)} |", f"|---|{'---:|' * len(columns)}"]
    for contender, result in results.items():
        cells = [f"{of(result):.2f} ({of(result) / of(results[MEMCELL]):.2f}x)" for of in columns.values()]
        lines.append(f"| {contender.name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Measure everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one seed, one round: shows that it runs, measures little")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        call = json.loads(options.worker)
        print("\n" + json.dumps(WORK[call["work"]](call["layer"], **call["options"])))
        return
    seeds, rounds, long_rounds = (1, 1, 1) if options.quick else (5, 5, 3)
    load_before = load()
    difference = check_agreement()
    accuracies = measure(MEMCELL, "accuracy", seeds=seeds)
    fits = take_turns("fit_seconds", rounds)
    epochs = take_turns("epoch_seconds", long_rounds, epochs=3)

    shape = " x ".join(map(str, LONG_SHAPE))
    of_fits = {
        "first in the process": lambda seconds: np.median(seconds[:, 0]),
        "second": lambda seconds: np.median(seconds[:, 1]),
        "second, fastest": lambda seconds: seconds[:, 1].min(),
    }
    print(f"{machine('keras', 'torch', 'jax')}; load {load_before:.1f} before, {load():.1f} after.\n")
    print(f"Largest difference on identical weights, before and after a training step: {difference:.1e}.\n")
    listed = ", ".join(f"{value:.3f}" for value in accuracies)
    print(f"Test accuracy of {MEMCELL.name}: mean {np.mean(accuracies):.3f} ({listed}).\n")
    print(table(f"`fit` of the program [s], median of {rounds}", fits, of_fits))
    print()
    print(table(f"epoch on {shape} [s], second on", epochs, {"median": np.median, "fastest": np.min}))


if __name__ == "__main__":
    main()
