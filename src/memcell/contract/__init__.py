"""The contract between the cell's equations, the backends that compute them and everything above."""

from memcell.contract.arrays import (
    LstmCall,
    LstmGradients,
    LstmResult,
    LstmTape,
    LstmWeights,
    check_call,
    check_offsets,
    check_sequences,
    check_weights,
    sequences_of,
)
from memcell.contract.backend import Backend
from memcell.contract.errors import DataWarning, InputError, OutputError, warn
from memcell.contract.spec import LstmSpec

__all__ = [
    "Backend",
    "DataWarning",
    "InputError",
    "LstmCall",
    "LstmGradients",
    "LstmResult",
    "LstmSpec",
    "LstmTape",
    "LstmWeights",
    "OutputError",
    "check_call",
    "check_offsets",
    "check_sequences",
    "check_weights",
    "sequences_of",
    "warn",
]
