"""A step at a time gives what the whole sequence gives, bit for bit; bad input changes nothing."""

import copy
import pickle
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from backends.cases import CELLS, SPECS, Cell, Shape, problem

from memcell import InputError, LstmSpec, LstmWeights, Step
from memcell.backends import NativeBackend
from memcell.contract import LstmCall, sequences_of


def _weights(spec: LstmSpec, *sizes: int, dtype: Any = np.float32) -> list[LstmWeights]:
    """Layers from sizes[0] inputs through the others as units."""
    return [
        problem(Cell(spec, "none", "none", False), Shape(inputs, units, (1,)), dtype).weights
        for inputs, units in pairwise(sizes)
    ]


@pytest.mark.parametrize("spec", SPECS, ids=str)
@pytest.mark.parametrize("batch", [None, 1, 5])
def test_steps_equal_the_whole(spec: LstmSpec, batch: int | None) -> None:
    rows, steps, weights = batch or 1, 6, _weights(spec, 3, 9, 17)
    x = np.random.default_rng(1).standard_normal((rows, steps, 3)).astype(np.float32)
    step = Step(spec, weights, batch)
    got = [np.array(step(x[0, t] if batch is None else x[:, t])) for t in range(steps)]
    backend, wanted = NativeBackend(), x.reshape(rows * steps, 3)
    for layer, h, c in zip(weights, step.h, step.c, strict=True):
        zeros = np.zeros((rows, layer.w_h.shape[1]), np.float32)
        sequences = sequences_of(np.arange(rows + 1) * steps)
        result = backend.forward(backend.pack(spec, layer), LstmCall(wanted, zeros, zeros, sequences))
        wanted = result.h
        np.testing.assert_array_equal(np.reshape(h, result.h_final.shape), result.h_final)
        np.testing.assert_array_equal(np.reshape(c, result.c_final.shape), result.c_final)
    np.testing.assert_array_equal(np.stack(got, axis=-2).reshape(rows * steps, -1), wanted)


@pytest.mark.parametrize("spec", SPECS, ids=str)
@pytest.mark.parametrize("batch", [None, 1, 5])
def test_many_steps_at_once_are_the_same_and_may_be_mixed_with_single_ones(spec: LstmSpec, batch: int | None) -> None:
    weights = _weights(spec, 3, 9, 17)
    one, other = Step(spec, weights, batch), Step(spec, weights, batch)
    x = np.random.default_rng(1).standard_normal((13, *([] if batch is None else [batch]), 3)).astype(np.float32)
    got = np.concatenate([one.run(x[:4]), one(x[4])[None], one.run(x[5:5]), one.run(x[5:9]), one.run(x[9:].tolist())])
    np.testing.assert_array_equal(got, np.stack([other(row) for row in x]))
    for mine, theirs in zip((*one.h, *one.c), (*other.h, *other.c), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_states_go_on_from_where_they_are_set_and_results_are_the_callers() -> None:
    spec = LstmSpec()
    first, second = (Step(spec, _weights(spec, 3, 9, 17)) for _ in range(2))
    x = np.ones(3)
    first(x)
    second.reset(first.h, first.c)
    given = first(x)
    np.testing.assert_array_equal(given, second(x))
    wanted = second(x)
    given[:] = np.nan  # the caller's own array
    first.h[0][:] = np.nan
    np.testing.assert_array_equal(first(x), wanted)
    first.reset()
    np.testing.assert_array_equal(first.c[0], np.zeros(9, np.float32))


@pytest.mark.parametrize("batch", [None, 2])
@pytest.mark.parametrize(
    "copied",
    [copy.copy, copy.deepcopy, lambda step: pickle.loads(pickle.dumps(step))],
    ids=["copy", "deepcopy", "pickle"],
)
def test_a_copy_goes_on_by_itself(copied: Any, batch: int | None) -> None:
    weights, x = _weights(LstmSpec(), 3, 9, 17), np.ones((3,) if batch is None else (batch, 3))
    step, wanted = (Step(LstmSpec(), weights, batch) for _ in range(2))
    weights[0].w_x[:] = np.nan  # the caller's, of which no step knows any more
    step(x), wanted(x)
    twin = copied(step)
    for _ in range(2):
        step(-x)
    np.testing.assert_array_equal(twin(x), wanted(x))
    np.testing.assert_array_equal(twin.run(x[None]), wanted.run(x[None]))
    np.testing.assert_array_equal(twin.h[0], wanted.h[0])
    assert (step.h[0] != twin.h[0]).any()


def test_what_does_not_fit_is_refused() -> None:
    spec = LstmSpec()
    step = Step(spec, _weights(spec, 3, 9))
    with pytest.raises(InputError, match=r"`x` has shape \[4\]; it must be \[3\]"):
        step(np.ones(4))
    with pytest.raises(InputError, match=r"`x` has shape \[3\]; it must be \[T, 3\]"):
        step.run(np.ones(3))
    with pytest.raises(InputError, match=r"`x` has shape \[2, 4\]; it must be \[T, 3\]"):
        step.run(np.ones((2, 4)))
    with pytest.raises(InputError, match=r"`h` must be 1 arrays"):
        step.reset([np.zeros(8)])
    words: Any
    for words in (["a", "b", "c"], [[1.0], [2.0, 3.0], 4.0], [None, object(), 1.0]):
        with pytest.raises(InputError, match="`x` must be numbers of one shape"):
            step(words)
    with pytest.raises(InputError, match="`h` must be numbers of one shape"):
        step.reset([np.array(["a"] * 9)])
    with pytest.raises(InputError, match="reads 3 inputs in float32, but the one below gives 9"):
        Step(spec, _weights(spec, 3, 9) * 2)
    with pytest.raises(InputError, match="`weights` is empty"):
        Step(spec, [])
    batch: Any
    for batch in (-1, 1.5, "2", True):
        with pytest.raises(InputError, match=f"`batch` is {batch!r}; it must be how many streams advance together"):
            Step(spec, _weights(spec, 3, 9), batch)
    assert Step(spec, _weights(spec, 3, 9), np.int64(2))(np.ones((2, 3))).shape == (2, 9)
    np.testing.assert_array_equal(step.h[0], 0)


@pytest.mark.parametrize("cell", CELLS[:1], ids=str)
def test_weights_are_copied(cell: Cell) -> None:
    weights = _weights(cell.spec, 3, 9)
    step = Step(cell.spec, weights)
    wanted = step(np.ones(3))
    weights[0].w_x[:] = np.nan
    step.reset()
    np.testing.assert_array_equal(step(np.ones(3)), wanted)
