"""`choose` takes the first backend that runs a spec, and otherwise says why none does."""

import importlib

import pytest

from memcell.backends import BACKENDS, ReferenceBackend, choose
from memcell.contract import InputError, LstmSpec


class Picky(ReferenceBackend):
    """A backend that runs one kind of peephole."""

    def __init__(self, name: str, peephole: str) -> None:
        self.name = name
        self.peephole = peephole

    def refusals(self, spec: LstmSpec) -> list[str]:
        refused = [f"it has no peephole={spec.peephole!r}"] if spec.peephole != self.peephole else []
        return refused + (["it has no coupled gates"] if spec.coupled else [])


@pytest.fixture
def _picky(monkeypatch: pytest.MonkeyPatch) -> None:
    # The package's attribute of this name is the function.
    module = importlib.import_module("memcell.backends.choose")
    table = {name: Picky(name, peephole) for name, peephole in (("first", "diagonal"), ("second", "none"))}
    monkeypatch.setattr(module, "BACKENDS", table)


def test_native_comes_first() -> None:
    assert choose(LstmSpec()).name == "native"


def test_backend_by_name() -> None:
    assert choose(LstmSpec(), "reference") is BACKENDS["reference"]


def test_every_backend_bears_its_own_name() -> None:
    assert {name: backend.name for name, backend in BACKENDS.items()} == {name: name for name in BACKENDS}


@pytest.mark.usefixtures("_picky")
def test_a_backend_that_refuses_is_passed_over() -> None:
    assert choose(LstmSpec("none")).name == "second"


@pytest.mark.usefixtures("_picky")
def test_refusals_of_every_backend_are_named() -> None:
    with pytest.raises(InputError) as error:
        choose(LstmSpec("full", coupled=True))
    for part in ("first", "second", "it has no peephole='full'", "it has no coupled gates"):
        assert part in str(error.value)


@pytest.mark.usefixtures("_picky")
def test_named_backend_refuses_with_its_reasons_only() -> None:
    with pytest.raises(InputError, match="it has no peephole='none'") as error:
        choose(LstmSpec("none"), "first")
    assert "second" not in str(error.value)


def test_unknown_backend_names_those_there_are() -> None:
    with pytest.raises(InputError, match="'cuda'") as error:
        choose(LstmSpec(), "cuda")
    assert "native" in str(error.value)
    assert "reference" in str(error.value)
