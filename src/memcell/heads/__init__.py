"""What is read from the stack: one file a head, with its weights, loss and decoding, written over the array API."""

from typing import Any

from memcell.heads.classification import Classification
from memcell.heads.forecast import QUANTILES, QuantileForecast

Head = Classification | QuantileForecast
HEADS: dict[str, Any] = {head.task: head for head in (Classification, QuantileForecast)}

__all__ = ["HEADS", "QUANTILES", "Classification", "Head", "QuantileForecast"]
