"""What a run leaves behind after every epoch, so that one that was killed goes on and ends where it would have."""

import hashlib
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from memcell.contract import InputError
from memcell.data import Series, replacing

__all__ = ["Checkpoint", "fingerprint"]

_SHARE = 0.1  # of the time that may go into writing


class Checkpoint:
    """A file with the state of every stage of a fit, replaced as a whole; nothing in it is executed.

    Args:
        path: of the file.
        key: what the fit depends on, see ``fingerprint``.
        resume: whether to go on from what is there; else it is begun anew.

    Raises:
        InputError: the file is no checkpoint, or one of another fit.
    """

    def __init__(self, path: Path, key: str, resume: bool) -> None:
        self.path, self._key = path, key
        self._info: dict[str, Any] = {}
        self._arrays: dict[str, NDArray[Any]] = {}
        self._next_write = 0.0
        if resume and path.exists():
            self._read()

    def _read(self) -> None:
        try:
            with safe_open(self.path, framework="numpy") as file:
                metadata = file.metadata() or {}
                self._arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            key, info = metadata["key"], json.loads(metadata["info"])
        except (SafetensorError, KeyError, ValueError) as error:
            raise InputError(f"{self.path} is no unfinished run, or is damaged: {error}. Delete it.") from error
        if key != self._key:
            raise InputError(
                f"{self.path} is of another run: the data or the settings have changed since. Give the same again, or "
                "begin anew with `resume=False` (on the command line, without `--resume`)."
            )
        self._info = info

    def restore(self, stage: str) -> tuple[dict[str, NDArray[Any]], dict[str, Any]] | None:
        """Arrays and the rest of what was kept of a stage; None if nothing."""
        if stage not in self._info:
            return None
        prefix = f"{stage}/"
        arrays = {name.removeprefix(prefix): one for name, one in self._arrays.items() if name.startswith(prefix)}
        return arrays, self._info[stage]

    def keep(self, stage: str, arrays: dict[str, NDArray[Any]], info: dict[str, Any]) -> None:
        """Replace what is kept of a stage, and write the file unless it was written but now: a large one takes time."""
        prefix = f"{stage}/"
        self._arrays = {name: one for name, one in self._arrays.items() if not name.startswith(prefix)}
        self._arrays |= {prefix + name: np.ascontiguousarray(one) for name, one in arrays.items()}
        self._info[stage] = info
        begin = time.monotonic()
        if begin < self._next_write:
            return
        content = save(self._arrays, {"key": self._key, "info": json.dumps(self._info)})
        with replacing(self.path) as aside:
            aside.write_bytes(content)
        end = time.monotonic()
        self._next_write = end + (end - begin) / _SHARE


def fingerprint(series: list[Series], *settings: Any) -> str:
    """A digest of the data and of everything else that decides how a fit ends."""
    digest, worded = hashlib.sha256(repr(settings).encode()), dict[int, bytes]()
    for one in series:
        names = (one.id, one.label, one.time_kind, one.channels, one.fact_names, one.group, one.weight)
        digest.update(repr(names).encode())
        for levels in (one.levels, one.fact_levels):
            if id(levels) not in worded:  # the series of one reading share their words
                worded[id(levels)] = hashlib.sha256(repr(sorted(levels.items())).encode()).digest()
            digest.update(worded[id(levels)])
        for part in (one.observations, one.facts):
            for array in (part.row, part.channel, part.value):
                digest.update(array.tobytes())
        digest.update(one.times.tobytes())
        digest.update(repr(None if one.tags is None else one.tags.tolist()).encode())
    return digest.hexdigest()
