"""What the layer is asked for on every backend of Keras. Read by the tests and by the programs they start."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

UNITS, BATCH, STEPS, FEATURES = 5, 3, 6, 4

_CELLS = [
    {"peephole": "none"},
    *({"peephole": p, "output_peek": o} for p in ("diagonal", "full") for o in ("previous", "current")),
]
_CALLS: dict[str, dict[str, Any]] = {
    "states": {"return_state": True, "return_sequences": True},
    "backwards": {"go_backwards": True, "return_sequences": True, "return_state": True},
    "mask": {"return_sequences": True, "return_state": True},
}
# What a cell has no part in: asked of the default cell and of Keras's own, because each layer costs JAX a compilation.
_CALLS_OF_TWO: dict[str, dict[str, Any]] = {
    "last": {},
    "no bias": {"use_bias": False},
    "dropout": {"dropout": 0.5, "recurrent_dropout": 0.5},  # at inference: nothing
    "clip": {"cell_clip": 0.25, "return_sequences": True},
    "mask backwards": {"go_backwards": True, "return_sequences": True},
}
# name -> options of the layer
CASES: dict[str, dict[str, Any]] = {
    f"{'-'.join(cell.values())} {name}": {**cell, **call}
    for cells, calls in ((_CELLS, _CALLS), ([_CELLS[0], _CELLS[3]], _CALLS_OF_TWO))
    for cell in cells
    for name, call in calls.items()
}


def inputs_of(name: str) -> tuple[NDArray[np.float32], NDArray[np.bool_] | None]:
    """Sequences and, where the case's name says so, a mask with holes and padding."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((BATCH, STEPS, FEATURES)).astype(np.float32)
    if "mask" not in name:
        return x, None
    mask = np.ones((BATCH, STEPS), bool)
    mask[0, 4:] = mask[1, 2] = False
    return x, mask


def weights_like(shapes: list[tuple[int, ...]]) -> list[NDArray[np.float32]]:
    rng = np.random.default_rng(1)
    return [(0.5 * rng.standard_normal(shape)).astype(np.float32) for shape in shapes]
