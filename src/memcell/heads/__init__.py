"""What is read from the stack: one file a head, with its weights, loss and decoding, written over the array API."""

from typing import Any

from memcell.heads.classification import Classification, MultiLabel, Tagging
from memcell.heads.forecast import QUANTILES, QuantileForecast
from memcell.heads.regression import Regression

Head = Classification | MultiLabel | Regression | QuantileForecast
HEADS: dict[str, Any] = {
    head.task: head for head in (Classification, MultiLabel, Regression, Tagging, QuantileForecast)
}

__all__ = ["HEADS", "QUANTILES", "Classification", "Head", "MultiLabel", "QuantileForecast", "Regression", "Tagging"]
