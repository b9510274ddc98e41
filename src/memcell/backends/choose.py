"""Which backend runs a spec."""

from memcell.backends.native import NativeBackend
from memcell.backends.reference import ReferenceBackend
from memcell.contract import Backend, InputError, LstmSpec

__all__ = ["BACKENDS", "choose"]

BACKENDS: dict[str, Backend] = {"native": NativeBackend(), "reference": ReferenceBackend()}


def choose(spec: LstmSpec, name: str | None = None) -> Backend:
    """The first backend that runs the spec, or the one named.

    Raises:
        InputError: no such backend, or none runs the spec; the message gives every backend's reasons.

    Example:
        >>> choose(LstmSpec()).name
        'native'
    """
    if name is not None and name not in BACKENDS:
        raise InputError(f"There is no backend {name!r}; there are {', '.join(BACKENDS)}.")
    candidates = BACKENDS if name is None else {name: BACKENDS[name]}
    reasons: list[str] = []
    for backend in candidates.values():
        refusals = backend.refusals(spec)
        if not refusals:
            return backend
        reasons.append(f"{backend.name}: {'; '.join(refusals)}")
    raise InputError(f"No backend runs {spec}. " + ". ".join(reasons))
