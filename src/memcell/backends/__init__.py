"""The backends: the reference (NumPy loops, the oracle) and the native core (C++, what runs on a CPU)."""

from memcell.backends.choose import BACKENDS, choose
from memcell.backends.decays import decay, decay_gradients, fill, fill_gradient
from memcell.backends.native import NativeBackend
from memcell.backends.reference import ReferenceBackend
from memcell.backends.step import Step

__all__ = [
    "BACKENDS",
    "NativeBackend",
    "ReferenceBackend",
    "Step",
    "choose",
    "decay",
    "decay_gradients",
    "fill",
    "fill_gradient",
]
