"""A classifier of sequences that scikit-learn can clone, search and cross-validate."""

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
from memcell.sklearn.inputs import names_of, one_column, schema_of, series_for_fit
from memcell.training import Partial, fit_classifier, fit_multilabel

__all__ = ["SequenceClassifier"]


class SequenceClassifier(ClassifierMixin, SequenceEstimator):
    """Classes of series, from sequences with missing values, uneven times and any length.

    One class a series, of two or many; or, where y is [n, K] of 0 and 1, several labels at once.

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
        class_weight: how much the series of each class count: by class, ``"balanced"``, or None; None where there are
            several labels.
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
        >>> x = [np.full((5, 1), label) + [[0.0], [1.0], [np.nan], [0.5], [1.0]] for label in (0.0, 3.0) * 10]
        >>> SequenceClassifier(epochs=20, progress=False).fit(x, ["low", "high"] * 10).predict(x[:2]).tolist()
        ['low', 'high']
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
        class_weight: Any = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        dropout: float = 0.4,
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

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, groups: Any = None) -> "SequenceClassifier":
        """Train on n series.

        Args:
            X: what ``memcell.read`` gives, or what ``memcell.as_series`` takes: a list of arrays [T_i, C] or one array
                [n, T, C], NaN where missing.
            y: n labels, or [n, K] of 0 and 1; None takes those the series carry.
            sample_weight: [n], how much each series counts; None takes what the series carry.
            groups: [n], what the series of one subject share, so that they are held out together; None takes what the
                series carry.

        Raises:
            InputError: names what does not fit.
        """
        series = series_for_fit(X, sample_weight, groups)
        labels, several = _labels(series, y, self.class_weight)
        common = schema_of(series), self._settings(), self._design()
        checkpoint = self._checkpoint(series, labels)
        if several:
            names = names_of(y, series, len(labels[0]))
            self.model_ = fit_multilabel(series, np.array(labels, object), names, *common, checkpoint)
        else:
            self.model_ = fit_classifier(series, labels, *common, self.class_weight, checkpoint)
        return self._fitted(series)

    def partial_fit(
        self, X: Any, y: Any = None, classes: Any = None, sample_weight: Any = None
    ) -> "SequenceClassifier":
        """Go on training: one more pass over these series, none of them held out.

        Args:
            X, y, sample_weight: as for ``fit``.
            classes: all classes that there will be; needed in the first call.

        Raises:
            InputError: no classes in the first call, an unknown class, or what ``fit`` refuses.
        """
        so_far = getattr(self, "model_", None)
        x = self._checked(X)
        series = series_for_fit(x if so_far is None else so_far.series_of(x), sample_weight, None)
        labels, several = _labels(series, y, self.class_weight)
        if so_far is None and classes is None and not several:
            raise InputError("`classes` is missing: the first call of `partial_fit` must say all that there will be.")
        names = names_of(y, series, len(labels[0])) if several else ()
        known = _classes(classes, names)
        names = known or names
        if so_far is not None:
            if known and known != so_far.classes:
                raise InputError(f"`classes` is {known}; the first call of `partial_fit` said {so_far.classes}.")
            known = so_far.classes
        partial = Partial(so_far, known)
        schema = schema_of(series) if so_far is None else so_far.recipe.schema
        common = schema, self._settings(), self._design()
        if several:
            self.model_ = fit_multilabel(series, np.array(labels, object), names, *common, None, partial)
        else:
            self.model_ = fit_classifier(series, labels, *common, self.class_weight, None, partial)
        return self._fitted(series)

    def _fitted(self, series: list[Series]) -> "SequenceClassifier":
        self._remember(series)
        self.classes_ = np.array(self.model_.classes)
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Probabilities [n, classes]."""
        check_is_fitted(self)
        return self.model_.predict_proba(self._checked(X))

    def predict(self, X: Any) -> NDArray[Any]:
        """Labels [n], or 0 and 1 [n, K]."""
        check_is_fitted(self)
        return self.model_.predict(self._checked(X))

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Share of the series that get their label, of several labels all of them; arguments as for ``fit``."""
        found = self.predict(X)
        series = series_for_fit(X, sample_weight)
        labels = np.array(_labels(series, y, None)[0], object)
        if labels.shape != found.shape:
            raise InputError(f"`y` has the shape {labels.shape}; the model gives {found.shape} of these series.")
        text = {isinstance(one, str) for one in self.model_.classes}
        if labels.ndim == 1 and {isinstance(one, str) for one in labels.tolist()} != text:
            kinds = {True: "text", False: "numbers"}
            raise InputError(
                f"`y` holds {kinds[text == {False}]}, the classes are {kinds[text == {True}]}. Write both alike."
            )
        right = (labels == found).reshape(len(series), -1).all(axis=1)
        weights = None if sample_weight is None else [one.weight for one in series]
        return float(np.average(right, weights=weights))


def _classes(given: Any, names: tuple[str, ...]) -> tuple[Any, ...]:
    """All classes that there will be, or the names of several labels in their order; () where nobody says."""
    if given is None:
        return ()
    classes = tuple(np.asarray(given).tolist())
    if names and len(set(classes)) != len(names):
        raise InputError(f"`classes` names {len(set(classes))} labels, {classes}; `y` has {len(names)} columns.")
    if not names and len(set(classes)) < 2:
        raise InputError(f"`classes` is {classes}; give at least two.")
    return tuple(map(str, classes)) if names else tuple(np.unique(np.asarray(given)).tolist())


def _labels(series: list[Series], y: Any, class_weight: Any) -> tuple[list[Any], bool]:
    """One label a series, or a row of them, which classes cannot weigh; and which of the two."""
    labels: list[Any] = [one.label for one in series] if y is None else list(one_column(y))
    if labels and all(label is None for label in labels):
        raise InputError(
            "This estimator requires y to be passed, but the target y is None and the series carry no labels. Give "
            "`y`, or read the table with `label=`."
        )
    unknown = next((one.id for one, label in zip(series, labels, strict=False) if is_unknown(label)), None)
    if unknown is not None:
        raise InputError(f"Series {unknown!r} has no label. Leave it out, or give it one.")
    several = bool(labels) and (isinstance(labels[0], tuple | list) or np.ndim(labels[0]) == 1)
    if several and all(len(label) == 1 for label in labels):
        return [label[0] for label in labels], False
    if several and class_weight is not None:
        raise InputError(
            f"`class_weight` is {class_weight!r}; series with several labels have no one class. Leave it out, or weigh "
            "series with `sample_weight`."
        )
    return labels, several
