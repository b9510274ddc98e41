"""Classes: one a series, several at once, or one a row."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import NDArray

from memcell.contract import InputError

__all__ = ["Classification", "MultiLabel", "Tagging", "weighted_mean"]


def weighted_mean(losses: Any, weight: Any) -> Any:
    """The mean of losses [R], weighted by ``weight`` [R] unless that is None."""
    xp = array_namespace(losses)
    if weight is None:
        return xp.mean(losses)
    return xp.sum(weight * losses) / xp.clip(xp.sum(weight), 1e-12)


@dataclass(frozen=True)
class Classification:
    """Probabilities of classes from what is read of a whole series.

    Attributes:
        classes: the labels, in the order of the probabilities.
    """

    task: ClassVar[str] = "classify"
    measure: ClassVar[str] = "log loss"
    whole: ClassVar[bool] = True
    spreads: ClassVar[int] = 0
    classes: tuple[Any, ...]

    def weight_shapes(self, read: int, inputs: int) -> dict[str, tuple[int, ...]]:  # noqa: ARG002
        """Shape of each weight by name."""
        return {"head.weight": (len(self.classes), read), "head.bias": (len(self.classes),)}

    def readout(self, weights: Mapping[str, Any], read: Any, x: Any) -> Any:  # noqa: ARG002
        """Logits [R, K] from what is read [R, .]."""
        return read @ weights["head.weight"].T + weights["head.bias"]

    def loss(self, logits: Any, target: Any, weight: Any = None) -> Any:
        """Mean cross-entropy; target [R, K] sums to 1 in each row."""
        xp = array_namespace(logits)
        shifted = logits - xp.max(logits, axis=1, keepdims=True)
        log_total = xp.log(xp.sum(xp.exp(shifted), axis=1, keepdims=True))
        return weighted_mean(-xp.sum(target * (shifted - log_total), axis=1), weight)

    def decode(self, logits: NDArray[Any]) -> NDArray[np.float64]:
        """Probabilities [R, K] that sum to 1."""
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


class Tagging(Classification):
    """Probabilities of classes at every row, from the outputs there."""

    task: ClassVar[str] = "tag"
    measure: ClassVar[str] = "log loss of rows"
    whole: ClassVar[bool] = False


@dataclass(frozen=True)
class MultiLabel:
    """Probabilities of labels that may hold at once, from what is read of a whole series.

    Attributes:
        labels: their names, in the order of the probabilities.
    """

    task: ClassVar[str] = "multilabel"
    measure: ClassVar[str] = "log loss, the mean of all labels"
    whole: ClassVar[bool] = True
    spreads: ClassVar[int] = 0
    labels: tuple[str, ...]

    def weight_shapes(self, read: int, inputs: int) -> dict[str, tuple[int, ...]]:  # noqa: ARG002
        """Shape of each weight by name."""
        return {"head.weight": (len(self.labels), read), "head.bias": (len(self.labels),)}

    def readout(self, weights: Mapping[str, Any], read: Any, x: Any) -> Any:  # noqa: ARG002
        """Logits [R, K] from what is read [R, .]."""
        return read @ weights["head.weight"].T + weights["head.bias"]

    def loss(self, logits: Any, target: Any, weight: Any = None) -> Any:
        """Mean over the rows and labels of the cross-entropy of each; target [R, K] of 0 and 1."""
        xp = array_namespace(logits)
        losses = xp.logaddexp(logits, xp.zeros_like(logits)) - target * logits
        return weighted_mean(xp.mean(losses, axis=1), weight)

    def decode(self, logits: NDArray[Any]) -> NDArray[np.float64]:
        """Probabilities [R, K]."""
        return np.exp(-np.logaddexp(0.0, -np.float64(logits)))

    def to_json(self) -> dict[str, Any]:
        """The head as values that ``json.dumps`` takes."""
        return {"labels": list(self.labels)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "MultiLabel":
        """The head that ``to_json`` gave ``data`` for.

        Raises:
            InputError: labels without different names.
        """
        labels = data.get("labels")
        if not isinstance(labels, list) or not labels or len({str(label) for label in labels}) < len(labels):
            raise InputError("A multi-label classifier has a list of different labels.")
        return cls(tuple(map(str, labels)))
