"""``export``: a layer or a trained model as one ONNX file."""

import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

from memcell.contract import InputError
from memcell.data import check_output, replacing
from memcell.model import Model
from memcell.onnx.layer import layer_graph
from memcell.onnx.model import model_graph
from memcell.torch import LSTM

__all__ = ["export"]

_OPTIONAL = ("lengths", "states", "resets", "gaps", "carry_h", "carry_c")


def export(
    source: Any, path: str | os.PathLike[str], *, inputs: Collection[str] = ("lengths",), overwrite: bool = False
) -> None:
    """Nothing; afterwards ``path`` holds the layer or the model as ONNX (opset 18, float32).

    A layer without peepholes, or with diagonal ones and ``output_peek="current"``, becomes the standard LSTM operator
    with P, sequence lengths and both directions; full peepholes, the previous peek, coupled gates, carries, projections
    and clipping become a Scan of standard operators. Dropout is left out, as after ``eval()``.

    (ONNX Runtime's operators want at least one sequence, and its Scan at least one step.)

    A ``memcell.torch.LSTM`` reads ``input`` and gives ``output``, ``h_n`` and ``c_n`` in the shapes of the module. A
    trained ``Model`` reads what ``inputs_of`` makes of series, padded [B, T, .], and gives ``probabilities``
    [B, classes], or ``quantiles`` [B, K, 3] of 0.1, 0.5 and 0.9 in the target's unit (of a regression also their
    ``mean`` [B, K]), after each series' last row; of a tagger ``probabilities`` [B, T,
    classes]. With "states", for a stream that goes on, it also reads ``h_0`` and ``c_0`` [layers, B, H] and gives
    ``h_n`` and ``c_n``.

    Args:
        source: a ``memcell.torch.LSTM`` or a ``memcell.model.Model``.
        path: of the file; nothing is left of it if anything fails.
        inputs: what else the graph reads: "lengths" (int64 [B]), "states" (``h_0`` and ``c_0`` of a layer), and of a
            layer "resets" (bool), "gaps", "carry_h", "carry_c" (float32), as ``LSTM.forward`` takes them, with one
            feature, [.., 1].
        overwrite: replace a file that exists.

    Raises:
        InputError: the source is neither, an input that it cannot have, or a file that must not be written.

    Example:
        >>> import tempfile, numpy as np, onnxruntime
        >>> from memcell.torch import LSTM
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     export(LSTM(3, 5), f"{folder}/lstm.onnx")
        ...     session = onnxruntime.InferenceSession(f"{folder}/lstm.onnx")
        >>> feeds = {"input": np.zeros((7, 2, 3), np.float32), "lengths": np.array([7, 4])}
        >>> [array.shape for array in session.run(None, feeds)]
        [(7, 2, 5), (1, 2, 5), (1, 2, 5)]
    """
    for name in inputs:
        if name not in _OPTIONAL:
            raise InputError(f"`inputs` has {name!r}; it may have {', '.join(map(repr, _OPTIONAL))}.")
    if isinstance(source, Model):
        if more := [name for name in inputs if name not in ("lengths", "states")]:
            raise InputError(f"`inputs` has {more[0]!r}, which a trained model makes itself. Leave it out.")
        graph = model_graph(source, inputs)
    elif isinstance(source, LSTM):
        graph = layer_graph(source, inputs)
    else:
        raise InputError(f"The source is a {type(source).__name__}; it must be a memcell.torch.LSTM or a Model.")
    check_output(Path(path), overwrite, suffixes=None)
    content = graph.model("memcell", {"memcell": type(source).__name__}).SerializeToString()
    with replacing(Path(path)) as aside:
        aside.write_bytes(content)
