"""`LstmSpec`: what it accepts and the shapes it names."""

import dataclasses

import pytest

from memcell.contract import LstmSpec
from memcell.contract.errors import InputError, closest


def test_product_default_is_the_cell_of_the_introduction() -> None:
    assert LstmSpec() == LstmSpec("full", "previous", coupled=False)


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({"peephole": "Full"}, ["`peephole`", "'Full'", "'none', 'diagonal', 'full'"]),
        ({"peephole": None}, ["`peephole`", "None", "'none'"]),
        ({"output_peek": "next"}, ["`output_peek`", "'next'", "'previous', 'current'"]),
        ({"coupled": 1}, ["`coupled`", "1", "True or False"]),
        ({"cell_clip": 0}, ["`cell_clip`", "0", "positive"]),
        ({"cell_clip": -1.0}, ["`cell_clip`", "-1.0", "None"]),
        ({"cell_clip": float("nan")}, ["`cell_clip`", "nan", "positive"]),
        ({"cell_clip": "3"}, ["`cell_clip`", "'3'", "positive"]),
    ],
)
def test_refuses(options: dict[str, object], parts: list[str]) -> None:
    with pytest.raises(InputError) as error:
        LstmSpec(**options)  # type: ignore[arg-type]
    for part in parts:
        assert part in str(error.value)


def test_is_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        LstmSpec().peephole = "none"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("spec", "gates", "peephole_gates", "shapes"),
    [
        (LstmSpec("none"), "ifgo", "", {"w_x": (20, 3), "w_h": (20, 5), "bias": (20,)}),
        (LstmSpec("diagonal"), "ifgo", "ifo", {"w_x": (20, 3), "w_h": (20, 5), "bias": (20,), "peephole": (3, 5)}),
        (LstmSpec("full"), "ifgo", "ifo", {"w_x": (20, 3), "w_h": (20, 5), "bias": (20,), "peephole": (15, 5)}),
        (
            LstmSpec("full", coupled=True), "fgo", "fo",
            {"w_x": (15, 3), "w_h": (15, 5), "bias": (15,), "peephole": (10, 5)},
        ),
        (
            LstmSpec("diagonal", "current", coupled=True), "fgo", "fo",
            {"w_x": (15, 3), "w_h": (15, 5), "bias": (15,), "peephole": (2, 5)},
        ),
    ],
)  # fmt: skip
def test_gates_and_shapes(spec: LstmSpec, gates: str, peephole_gates: str, shapes: dict[str, tuple[int, ...]]) -> None:
    assert spec.gates == tuple(gates)
    assert spec.peephole_gates == tuple(peephole_gates)
    assert spec.weight_shapes(3, 5) == shapes


def test_input_error_is_a_value_error() -> None:
    assert issubclass(InputError, ValueError)


@pytest.mark.parametrize(("name", "found"), [("CO", " Did you mean 'co2'?"), ("xyzzy", "")])
def test_closest(name: str, found: str) -> None:
    assert closest(name, ["date", "co2"]) == found
