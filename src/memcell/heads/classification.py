"""One label a series."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import NDArray

from memcell.contract import InputError

__all__ = ["Classification"]


@dataclass(frozen=True)
class Classification:
    """Probabilities of classes from the state after a series' last row.

    Attributes:
        classes: the labels, in the order of the probabilities.
    """

    task: ClassVar[str] = "classify"
    classes: tuple[Any, ...]

    def weight_shapes(self, hidden_size: int, inputs: int) -> dict[str, tuple[int, ...]]:  # noqa: ARG002
        """Shape of each weight by name."""
        return {"head.weight": (len(self.classes), hidden_size), "head.bias": (len(self.classes),)}

    def readout(self, weights: Mapping[str, Any], h: Any, x: Any) -> Any:  # noqa: ARG002
        """Logits [B, K] from final outputs h [B, H]."""
        return h @ weights["head.weight"].T + weights["head.bias"]

    def loss(self, logits: Any, target: Any) -> Any:
        """Mean cross-entropy; target [B, K] sums to 1 in each row."""
        xp = array_namespace(logits)
        shifted = logits - xp.max(logits, axis=1, keepdims=True)
        log_total = xp.log(xp.sum(xp.exp(shifted), axis=1, keepdims=True))
        return -xp.mean(xp.sum(target * (shifted - log_total), axis=1))

    def decode(self, logits: NDArray[Any]) -> NDArray[np.float64]:
        """Probabilities [B, K] that sum to 1."""
        shifted = np.exp(np.float64(logits) - logits.max(axis=1, keepdims=True))
        return shifted / shifted.sum(axis=1, keepdims=True)

    def to_json(self) -> dict[str, Any]:
        """The head as values that ``json.dumps`` takes."""
        return {"classes": list(self.classes)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Classification":
        """The head that ``to_json`` gave ``data`` for.

        Raises:
            InputError: fewer than two classes, or one that is no text, number or flag.
        """
        classes = data.get("classes")
        if not isinstance(classes, list) or len(classes) < 2 or len(set(classes)) < len(classes):
            raise InputError("A classifier has a list of at least two different classes.")
        if not all(isinstance(label, str | int | float | bool) for label in classes):
            raise InputError("Classes are text, numbers or flags.")
        return cls(tuple(classes))
