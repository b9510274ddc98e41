"""The backends under test, each with every instruction set it has here."""

from collections.abc import Iterator

import pytest

from memcell.backends import BACKENDS, _core
from memcell.contract import Backend

KERNELS = [("native", name) for name in _core.instruction_sets()] + [
    (name, "") for name in BACKENDS if name not in ("native", "reference")
]


def _use(name: str, instruction_set: str) -> Iterator[Backend]:
    before = _core.instruction_set()
    _core.use_instruction_set(instruction_set or before)
    usual = _core.set_work_of_a_thread(1)  # so that small cases are shared out among threads too
    _core.poison_scratch(True)
    yield BACKENDS[name]
    _core.poison_scratch(False)
    _core.set_work_of_a_thread(usual)
    _core.use_instruction_set(before)


@pytest.fixture(params=KERNELS, ids="-".join)
def kernel(request: pytest.FixtureRequest) -> Iterator[Backend]:
    """A backend that the reference judges."""
    yield from _use(*request.param)


@pytest.fixture(params=[("reference", ""), *KERNELS], ids="-".join)
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    """Any backend, the reference too."""
    yield from _use(*request.param)
