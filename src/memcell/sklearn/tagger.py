"""A tagger of the rows of sequences, in scikit-learn's manner."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from memcell.contract import InputError
from memcell.data import Series
from memcell.data.series import is_unknown
from memcell.sklearn.estimator import SequenceEstimator
from memcell.sklearn.inputs import schema_of, series_for_fit
from memcell.training import fit_tagger
from memcell.training.tagger import check_tags

__all__ = ["SequenceTagger"]


class SequenceTagger(ClassifierMixin, SequenceEstimator):
    """A class of every row of series, from the rows so far or from all.

    Args:
        hidden_size: units of each layer; None: chosen from the amount of data.
        num_layers: layers, each reading the one below.
        peephole, output_peek: the cell, see ``memcell.LstmSpec``.
        members: networks, each with another part of the series held out, whose predictions are averaged; None: five,
            ten of many series, fewer of many rows.
        without: mechanisms to leave out, of ``memcell.model.MECHANISMS`` and ``FIT_MECHANISMS``.
        events: whether numbers enter as events, each with an embedding of its channel; None: where channels are many
            and sparse, or hold several values at a time.
        cycles: periods whose phase is a feature, in the unit of time; ``"calendar"`` or ``"detect"``.
        chrono: whether gates start out remembering over the length of a series; None: where series are long.
        bidirectional: whether a row's class may depend on later rows.
        class_weight: how much the rows of each class count: by class, ``"balanced"``, or None.
        epochs: at most; training stops early when the loss on held-out series no longer falls. None: chosen from the
            amount of data, as are batch_size, learning_rate and patience.
        batch_size: series a step.
        learning_rate: of AdamW, at its peak.
        dropout: on what the head reads.
        patience: epochs without a lower validation loss before training stops.
        validation: share of the series that is held out to decide when to stop; None: a fifth, a tenth of many.
        seed: of every random draw.
        progress: show a progress bar.
        checkpoint: a file that holds the state of training after every epoch.
        resume: go on from that file, if it is there; the result is that of the unbroken run.

    Attributes:
        classes_: labels, in the order of ``predict_proba``'s columns.
        model_: the trained ``memcell.model.Model``.

    Example:
        >>> x = [np.sign(np.sin(np.arange(40.0) / 5 + phase))[:, None] for phase in range(8)]
        >>> y = [np.where(one[:, 0] > 0, "up", "down") for one in x]
        >>> SequenceTagger(progress=False).fit(x, y).score(x, y) > 0.9
        True
    """

    def __init__(
        self,
        hidden_size: int | None = None,
        num_layers: int = 1,
        peephole: str = "full",
        output_peek: str = "previous",
        members: int | None = None,
        without: Sequence[str] = (),
        events: bool | None = None,
        cycles: str | Sequence[float] = "calendar",
        chrono: bool | None = None,
        bidirectional: bool = False,
        class_weight: Any = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        dropout: float = 0.3,
        patience: int | None = None,
        validation: float | None = None,
        seed: int = 0,
        progress: bool = True,
        checkpoint: Any = None,
        resume: bool = False,
    ) -> None:
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.peephole = peephole
        self.output_peek = output_peek
        self.members = members
        self.without = without
        self.events = events
        self.cycles = cycles
        self.chrono = chrono
        self.bidirectional = bidirectional
        self.class_weight = class_weight
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.dropout = dropout
        self.patience = patience
        self.validation = validation
        self.seed = seed
        self.progress = progress
        self.checkpoint = checkpoint
        self.resume = resume

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, groups: Any = None) -> "SequenceTagger":
        """Train on n series.

        Args:
            X: what ``memcell.read`` gives, or what ``memcell.as_series`` takes.
            y: n arrays [T_i] of labels, None or NaN where unknown; None takes the tags the series carry.
            sample_weight: [n], how much each series counts; None takes what the series carry.
            groups: [n], what the series of one subject share, so that they are held out together; None takes what the
                series carry.

        Raises:
            InputError: names what does not fit.
        """
        series = series_for_fit(X, sample_weight, groups)
        tags = _tags(series, y)
        self.model_ = fit_tagger(
            series, tags, schema_of(series), self._settings(), self._design(), self.class_weight,
            self._checkpoint(series, [list(row) for row in tags]),
        )  # fmt: skip
        self._remember(series)
        self.classes_ = np.array(self.model_.classes)
        return self

    def predict_proba(self, X: Any) -> list[NDArray[np.float64]]:
        """Of each series probabilities [T_i, classes]."""
        check_is_fitted(self)
        return self.model_.predict_proba(self._checked(X))

    def predict(self, X: Any) -> list[NDArray[Any]]:
        """Of each series labels [T_i]."""
        check_is_fitted(self)
        return self.model_.predict(self._checked(X))

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Share of the rows with a known label that get it; with ``sample_weight`` [n], rows count as their series."""
        series = series_for_fit(X, sample_weight)
        tags, found = _tags(series, y), self.predict(X)
        weights = [1.0 if sample_weight is None else one.weight for one in series]
        right = [
            (tag == guess, weight)
            for row, guesses, weight in zip(tags, found, weights, strict=True)
            for tag, guess in zip(row, guesses, strict=True)
            if not is_unknown(tag)
        ]
        if not any(weight for _, weight in right):
            raise InputError("No row that counts has a known label to score by.")
        hits, weight = zip(*right, strict=True)
        return float(np.average(hits, weights=weight))


def _tags(series: list[Series], y: Any) -> list[Any]:
    """Of each series its labels, as many as it has rows.

    Raises:
        InputError: they lack, or their numbers do not fit.
    """
    tags = [one.tags for one in series] if y is None else list(y)
    if any(row is None for row in tags):
        raise InputError("`y` is missing: the series carry no tags. Give `y`, or read the table with `tag=`.")
    check_tags(series, tags)
    return tags
