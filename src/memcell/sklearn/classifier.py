"""A classifier of sequences that scikit-learn can clone, search and cross-validate."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from memcell.contract import InputError
from memcell.sklearn.estimator import SequenceEstimator
from memcell.sklearn.inputs import schema_of, series_for_fit
from memcell.training import fit_classifier

__all__ = ["SequenceClassifier"]


class SequenceClassifier(ClassifierMixin, SequenceEstimator):
    """One label a series, from sequences with missing values, uneven times and any length.

    Args:
        hidden_size: units of each layer.
        num_layers: layers, each reading the one below.
        peephole, output_peek: the cell, see ``memcell.LstmSpec``.
        epochs: at most; training stops early when the loss on held-out series no longer falls.
        batch_size: series a step.
        learning_rate: of AdamW, at its peak.
        dropout: on what the head reads.
        patience: epochs without a lower validation loss before training stops.
        validation: share of the series that is held out to decide when to stop.
        seed: of every random draw.
        progress: show a progress bar.

    Attributes:
        classes_: labels, in the order of ``predict_proba``'s columns.
        model_: the trained ``memcell.model.Model``.

    Example:
        >>> x = [np.full((5, 1), label) + [[0.0], [1.0], [np.nan], [0.5], [1.0]] for label in (0.0, 3.0) * 10]
        >>> SequenceClassifier(epochs=20, progress=False).fit(x, ["low", "high"] * 10).predict(x[:2]).tolist()
        ['low', 'high']
    """

    def __init__(
        self,
        hidden_size: int = 64,
        num_layers: int = 1,
        peephole: str = "full",
        output_peek: str = "previous",
        epochs: int = 60,
        batch_size: int = 32,
        learning_rate: float = 4e-3,
        dropout: float = 0.1,
        patience: int = 12,
        validation: float = 0.2,
        seed: int = 0,
        progress: bool = True,
    ) -> None:
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.peephole = peephole
        self.output_peek = output_peek
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.dropout = dropout
        self.patience = patience
        self.validation = validation
        self.seed = seed
        self.progress = progress

    def fit(self, X: Any, y: Any = None) -> "SequenceClassifier":
        """Train on n series.

        Args:
            X: what ``memcell.read`` gives, or what ``memcell.as_series`` takes: a list of arrays [T_i, C] or one array
                [n, T, C], NaN where missing.
            y: n labels; None takes those the series carry.

        Raises:
            InputError: names what does not fit.
        """
        series = series_for_fit(X)
        labels = [one.label for one in series] if y is None else list(y)
        if any(label is None for label in labels):
            raise InputError("`y` is missing: the series carry no labels. Give `y`, or read the table with `label=`.")
        self.model_ = fit_classifier(series, labels, schema_of(series), self._settings(), **self._stack())
        self.classes_ = np.array(self.model_.classes)
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Probabilities [n, classes]."""
        check_is_fitted(self)
        return self.model_.predict_proba(X)

    def predict(self, X: Any) -> NDArray[Any]:
        """Labels [n]."""
        check_is_fitted(self)
        return self.model_.predict(X)
