"""How long series may be: what is learnt over a thousand rows, how gradients fade, what 100,000 rows cost.

A part of ``accuracy.py``, which yields Markdown.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import torch
from effort import SEEDS, Effort
from timing import markdown, peak_memory
from torch import nn

from memcell.sklearn import SequenceClassifier, SequenceRegressor, SequenceTagger
from memcell.torch import LSTM

__all__ = ["adding_problem", "long"]

LAGS = (1, 10, 100, 500, 1000)

Array = np.ndarray


def adding_problem(count: int, length: int, seed: int) -> tuple[Array, Array]:
    """Series [count, length, 2] of uniform numbers and two marks, one in each half, and the sums of the marked."""
    random = np.random.default_rng(seed)
    x = np.stack([random.random((count, length)), np.zeros((count, length))], axis=2)
    every, half = np.arange(count), length // 2
    marked = random.integers(0, half, count), random.integers(half, length, count)
    for place in marked:
        x[every, place, 1] = 1.0
    return x, sum(x[every, place, 0] for place in marked)


def long(effort: Effort) -> Iterator[str]:
    """The adding problem over 1,000 rows on two threads, gradients by lag, and 100,000 rows a series."""
    yield _adding(effort)
    yield _gradients()
    yield _hundred_thousand(effort)


def _adding(effort: Effort) -> str:
    train, test = adding_problem(effort.some(10_000), 1000, 0), adding_problem(1000, 1000, 1)
    torch.set_num_threads(2)
    rows = []
    for name, options in {"defaults": {}, "without chrono biases": {"chrono": False}}.items():
        start = time.perf_counter()
        estimator = SequenceRegressor(**effort.options | options).fit(*train)
        seconds = time.perf_counter() - start
        error = np.mean((estimator.predict(test[0]) - test[1]) ** 2)
        record = estimator.model_.record
        rows.append([name, f"{error:.5f}", f"{seconds:.0f}", estimator.model_.config.members, record["epochs"]])
    torch.set_num_threads(1)
    rows.append(["always the mean", f"{np.mean((test[1] - train[1].mean()) ** 2):.5f}", "", "", ""])
    return markdown(["adding problem, T=1000", "MSE", "seconds, 2 threads", "networks", "epochs"], rows)


def _gradients(units: int = 64, steps: int = 1001) -> str:
    """The Frobenius norm of d h_T / d x_{T-lag} of layers as they start, geometric mean over the seeds."""
    layers: dict[str, Callable[[], nn.Module]] = {
        f"memcell.torch.LSTM, time_scale={steps - 1}": lambda: LSTM(8, units, time_scale=steps - 1),
        "memcell.torch.LSTM": lambda: LSTM(8, units),
        "torch.nn.LSTM": lambda: nn.LSTM(8, units),
        "torch.nn.RNN": lambda: nn.RNN(8, units),
    }
    rows = []
    for name, layer in layers.items():
        norms = [_norms(layer, steps, seed) for seed in range(SEEDS)]
        with np.errstate(divide="ignore"):
            means = np.exp(np.mean(np.log(norms), axis=0))
        rows.append([name, *(f"{mean:.1e}" for mean in means)])
    return markdown([f"norm of d h_T / d x_(T-lag), {units} units, lag", *map(str, LAGS)], rows)


def _norms(layer: Callable[[], nn.Module], steps: int, seed: int) -> list[float]:
    torch.manual_seed(seed)
    module, x = layer(), torch.randn(steps, 1, 8, requires_grad=True)
    last = module(x)[0][-1, 0]
    rows = [torch.autograd.grad(unit, x, retain_graph=True)[0][:, 0] for unit in last]
    jacobian = torch.stack(rows).double()  # [H, T, I]
    return [float(jacobian[:, steps - 1 - lag].norm()) for lag in LAGS]


def _hundred_thousand(effort: Effort) -> str:
    """One epoch on 8 series of 100,000 rows and 3 channels, each estimator in a process of its own."""
    rows = []
    for name in ("SequenceTagger", "SequenceClassifier"):
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            before, after, seconds, score = pool.submit(_very_long, name, effort.some(100_000)).result()
        rows.append([name, f"{seconds:.0f}", f"{before:.0f}", f"{after - before:.0f}", f"{score:.3f}"])
    what = f"8 series of {effort.some(100_000):,} rows, 3 channels, 1 epoch"
    return markdown([what, "seconds, 1 thread", "MiB before", "peak rise, MiB", "accuracy in training"], rows)


def _very_long(name: str, length: int) -> tuple[float, float, float, float]:
    """Peak memory before and after fit and prediction, MiB, the seconds these took, and the accuracy."""
    torch.set_num_threads(1)
    random = np.random.default_rng(0)
    x = random.standard_normal((8, length, 3)).cumsum(axis=1) / 100
    up = x[:, :, 0] > 0
    before, start = peak_memory(), time.perf_counter()
    if name == "SequenceTagger":
        score = SequenceTagger(epochs=1, progress=False).fit(x, up).score(x, up)
    else:
        labels = np.arange(8) % 2
        x[labels == 1] += 1.0
        score = SequenceClassifier(epochs=1, progress=False).fit(x, labels).score(x, labels)
    return before, peak_memory(), time.perf_counter() - start, float(score)
