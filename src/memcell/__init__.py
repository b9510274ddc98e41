"""LSTMs for sequences as they really come: missing values, uneven times, any length.

``import memcell`` is light: NumPy and the compiled core. What needs more loads when it is first used:
``memcell.torch``, ``memcell.keras``, ``memcell.sklearn``, and ``memcell.read`` for tables.
"""

import importlib
from typing import TYPE_CHECKING, Any

from memcell.contract import DataWarning, InputError, LstmSpec, LstmWeights, OutputError
from memcell.ragged import RaggedBatch

if TYPE_CHECKING:
    from memcell.backends import Step as Step
    from memcell.data import Series as Series
    from memcell.data import as_series as as_series
    from memcell.model import load as load
    from memcell.tables import read as read

__version__ = "0.1.0"
__all__ = [
    "DataWarning", "InputError", "LstmSpec", "LstmWeights", "OutputError", "RaggedBatch", "Series", "Step", "as_series",
    "load", "read",
]  # fmt: skip

_LAZY = {
    "Series": "memcell.data", "Step": "memcell.backends", "as_series": "memcell.data", "load": "memcell.model",
    "read": "memcell.tables",
}  # fmt: skip
_ROOMS = ("data", "evaluation", "heads", "keras", "model", "sklearn", "tables", "torch", "training")


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    if name in _ROOMS:
        return importlib.import_module(f"memcell.{name}")
    raise AttributeError(f"module 'memcell' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_ROOMS})
