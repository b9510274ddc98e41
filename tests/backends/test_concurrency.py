"""The native core from several Python threads at once, in a forked child, and what it leaves behind."""

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection

import numpy as np
import pytest
from backends.cases import CELLS, Shape, assert_same_bits, problem, run

from memcell.backends import BACKENDS, _core
from memcell.contract.arrays import Array

WIDE = Shape(5, 40, (30, 7, 0, 30, 12, 30, 3, 30, 30, 30))
LONE = Shape(5, 64, (80,))  # its units are shared out among the threads of a team
PLACES = [(cell, shape) for cell in CELLS[::5] for shape in (WIDE, LONE)]


@pytest.fixture(autouse=True)
def _small_cases_are_shared_out() -> Iterator[None]:
    usual = _core.set_work_of_a_thread(1)
    yield
    _core.set_work_of_a_thread(usual)


def _answers() -> list[dict[str, Array]]:
    return [run(BACKENDS["native"], problem(cell, shape, "float32")) for cell, shape in PLACES]


def test_many_python_threads_get_what_one_gets() -> None:
    wanted = _answers()
    with ThreadPoolExecutor(6) as pool:
        for _ in range(3):
            for got in pool.map(lambda _: _answers(), range(6)):
                for one, want in zip(got, wanted, strict=True):
                    # A gradient of the weights is summed in another order by another number of threads.
                    for name, array in want.items():
                        np.testing.assert_allclose(one[name], array, rtol=0, atol=2e-5 * max(1, np.abs(array).max()))
                    assert_same_bits(_per_sequence(one), _per_sequence(want))


def _per_sequence(outputs: dict[str, Array]) -> dict[str, Array]:
    return {name: a for name, a in outputs.items() if name not in ("d_w_x", "d_w_h", "d_bias", "d_peephole")}


def _answer_in_a_child(there: Connection) -> None:
    there.send(_answers())


def test_a_forked_child_computes_the_same() -> None:
    wanted = _answers()  # the parent's threads now exist, and the child will not have them
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe()
    child = context.Process(target=_answer_in_a_child, args=(there,))
    child.start()
    got = here.recv() if here.poll(60) else None
    child.terminate()
    child.join()
    assert got is not None, "the child did not answer within a minute"
    for one, want in zip(got, wanted, strict=True):
        assert_same_bits(_per_sequence(one), _per_sequence(want))


def test_the_callers_arithmetic_keeps_its_smallest_numbers() -> None:
    """The core takes numbers below the normal range for 0 while it runs; its threads must not go on so."""
    _answers()
    smallest = np.float32(1e-40)
    assert (np.full(100, smallest) * np.float32(0.5) > 0).all()
