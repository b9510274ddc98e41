"""A training step of the classifier: how long it takes, and how much of it the compiled core.

`python benchmarks/training.py`: batches of 32 series of 100 steps, 8 channels with a fifth of the values missing, 64
units, full peepholes; medians over the steps of a fit whose first epoch is not counted.
"""

import time
from typing import Any

import numpy as np
import torch
from timing import machine, markdown

from memcell.backends import decays, native
from memcell.sklearn import SequenceClassifier
from memcell.training.module import SequenceModule

BATCH, STEPS, CHANNELS, BATCHES, EPOCHS = 32, 100, 8, 40, 4


def series() -> tuple[Any, Any]:
    random = np.random.default_rng(0)
    x = random.standard_normal((BATCH * BATCHES * 5 // 4, STEPS, CHANNELS))  # a fifth is held out
    y = x[:, :, 0].mean(axis=1) > 0
    x[random.random(x.shape) < 0.2] = np.nan
    return x, y.astype(int)


class Watch:
    """Moments at which training steps end, and the seconds spent in the core until then."""

    def __init__(self) -> None:
        self.in_core = 0.0
        self.moments: list[tuple[float, float]] = []
        for functions in (native._FUNCTIONS, decays._FUNCTIONS):
            for key, function in list(functions.items()):
                functions[key] = self._timed(function)
        average = SequenceModule.average

        def step_ends(module: SequenceModule, step: int) -> None:
            average(module, step)
            self.moments.append((time.perf_counter(), self.in_core))

        SequenceModule.average = step_ends  # type: ignore[method-assign]

    def _timed(self, function: Any) -> Any:
        def run(*arguments: Any) -> Any:
            start = time.perf_counter()
            result = function(*arguments)
            self.in_core += time.perf_counter() - start
            return result

        return run


def main() -> None:
    watch, rows = Watch(), []
    x, y = series()
    for threads in (1, 2):
        torch.set_num_threads(threads)
        watch.moments.clear()
        SequenceClassifier(epochs=EPOCHS, progress=False).fit(x, y)
        steps = np.diff(np.array(watch.moments[BATCHES:]), axis=0)
        step, core = np.median(steps, axis=0)
        share = np.median(steps[:, 1] / steps[:, 0])
        rows.append([str(threads), f"{step * 1e3:.1f}", f"{core * 1e3:.1f}", f"{share:.0%}"])
    print(machine(), "\n")
    print(markdown(["threads", "step, ms", "in the core, ms", "share"], rows))


if __name__ == "__main__":
    main()
