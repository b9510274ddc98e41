"""A model as one file: a safetensors file whose metadata holds the recipe, the configuration and the record as JSON.

Nothing in it is executed when it is read.
"""

import hashlib
import json
import math
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_bytes

from memcell.contract import InputError
from memcell.data import check_output, replacing
from memcell.features.recipe import Recipe
from memcell.model.config import ModelConfig
from memcell.model.model import Model

__all__ = ["FORMAT", "document_of", "load", "save"]

FORMAT = 10  # raised when an older memcell could not read a newer file


def save(model: Model, path: str | os.PathLike[str], overwrite: bool = False) -> None:
    """Nothing; afterwards ``path`` holds the model: one and the same model in the same bytes. An old file stays whole
    until the new one is complete.

    Args:
        path: any name; ``.memcell`` is customary.
        overwrite: whether a file that is there may be replaced.

    Raises:
        InputError: the path cannot be written or is taken.
        OutputError: writing failed, for lack of space for instance.
    """
    check_output(Path(path), overwrite, suffixes=None)
    text = json.dumps(document_of(model), allow_nan=False)
    arrays = {
        f"member.{k}.{name}": np.ascontiguousarray(array)
        for k, weights in enumerate(model.members)
        for name, array in weights.items()
    }
    metadata = {"memcell_format": str(FORMAT), "memcell": text, "sha256": _digest(text, arrays)}
    content = _in_order(to_bytes(arrays, metadata))
    with replacing(Path(path)) as aside:
        aside.write_bytes(content)


def document_of(model: Model) -> dict[str, Any]:
    """Recipe, configuration and record as values that ``json.dumps`` takes."""
    return {"recipe": model.recipe.to_json(), "config": model.config.to_json(), "record": _finite(model.record)}


def _finite(value: Any) -> Any:
    """The same with None in place of numbers that are none, such as losses of a training that came to nothing."""
    if isinstance(value, Mapping):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def load(path: str | os.PathLike[str]) -> Model:
    """The model in a file that ``save`` or ``memcell fit`` wrote; needs NumPy and the native core only.

    Raises:
        InputError: there is no such file, it is no model, it is damaged or altered, or a newer memcell wrote it.

    Example:
        >>> model = memcell.load("co2.memcell")                                            # doctest: +SKIP
    """
    if not isinstance(path, str | os.PathLike):
        raise InputError(f"`path` is {type(path).__name__}; give the path of a model's file.")
    path = Path(path)
    try:
        if not path.exists():
            raise InputError(f"There is no file {path}. Check the path, or make a model with `memcell fit`.")
        if path.is_dir():
            raise InputError(f"{path} is a folder; give the path of a model's file.")
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            if "memcell" not in metadata:
                raise InputError(f"{path} is a safetensors file, but no memcell model.")
            _check_format(path, metadata.get("memcell_format", ""))
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise InputError(
            f"{path} is no memcell model, or is cut short or damaged ({error}). Give a file that `memcell fit` wrote."
        ) from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from error
    if _digest(metadata["memcell"], weights) != metadata.get("sha256"):
        raise InputError(f"{path} was altered after it was written: its checksum does not match. Fit it again.")
    return _model_of(path, metadata["memcell"], weights)


def _in_order(content: bytes) -> bytes:
    """A safetensors file with its header in order, which otherwise comes in any."""
    size = int.from_bytes(content[:8], "little")
    header = json.dumps(json.loads(content[8 : 8 + size]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + content[8 + size :]


def _check_format(path: Path, written: str) -> None:
    if not re.fullmatch("[1-9][0-9]{0,98}", written):
        raise InputError(f"{path} does not say which format it has; it was altered. Fit it again.")
    if int(written) < FORMAT:
        raise InputError(f"{path} has format {written}, from an older memcell; this one reads {FORMAT}. Fit it again.")
    if int(written) > FORMAT:
        raise InputError(
            f"{path} has format {written}, from a newer memcell; this one reads {FORMAT}. "
            "Update it: pip install --upgrade memcell."
        )


def _model_of(path: Path, text: str, weights: dict[str, NDArray[Any]]) -> Model:
    try:
        document = json.loads(text)
        recipe, config = Recipe.from_json(document["recipe"]), ModelConfig.from_json(document["config"])
        record = dict(document["record"])
    except (InputError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise InputError(f"{path} does not describe a model: {error} Fit it again.") from error
    if any(getattr(config, name) != width for name, width in recipe.widths.items()):
        raise InputError(f"{path} contradicts itself: recipe and model differ in their channels. Fit it again.")
    shapes = config.weight_shapes()
    wanted = {f"member.{k}.{name}": shape for k in range(config.members) for name, shape in shapes.items()}
    for name in sorted({*wanted, *weights}):
        if name not in weights or name not in wanted or weights[name].shape != wanted[name]:
            raise InputError(f"{path} does not hold the weights it should: see {name!r}. Fit it again.")
        if weights[name].dtype != np.float32 or not np.isfinite(weights[name]).all():
            raise InputError(f"{path} holds weights that are not finite float32: see {name!r}. Fit it again.")
    members = tuple({name: weights[f"member.{k}.{name}"] for name in shapes} for k in range(config.members))
    return Model(recipe, config, members, record)


def _digest(text: str, weights: dict[str, NDArray[Any]]) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(weights):
        digest.update(f"{name} {weights[name].shape} {weights[name].dtype}".encode())
        digest.update(np.ascontiguousarray(weights[name]).tobytes())
    return digest.hexdigest()
