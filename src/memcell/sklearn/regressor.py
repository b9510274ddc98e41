"""A regressor of sequences that scikit-learn can clone, search and cross-validate."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils.validation import check_is_fitted

from memcell.contract import InputError
from memcell.data import Series
from memcell.heads.regression import check_targets
from memcell.sklearn.estimator import SequenceEstimator
from memcell.sklearn.inputs import names_of, one_column, schema_of, series_for_fit
from memcell.training import Partial, fit_regressor

__all__ = ["SequenceRegressor"]


class SequenceRegressor(RegressorMixin, SequenceEstimator):
    """Numbers of series, one or several, with intervals, from sequences with missing values and any length.

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
        model_: the trained ``memcell.model.Model``.

    Example:
        >>> x = [np.full((5, 1), level) for level in np.linspace(0, 1, 20)]
        >>> regressor = SequenceRegressor(epochs=2, progress=False).fit(x, np.linspace(0, 1, 20))
        >>> regressor.predict(x).shape, regressor.predict_quantiles(x).shape
        ((20,), (20, 1, 3))
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

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None, groups: Any = None) -> "SequenceRegressor":
        """Train on n series.

        Args:
            X: what ``memcell.read`` gives, or what ``memcell.as_series`` takes.
            y: [n] or [n, K] numbers, NaN where unknown; None takes those the series carry.
            sample_weight: [n], how much each series counts; None takes what the series carry.
            groups: [n], what the series of one subject share, so that they are held out together; None takes what the
                series carry.

        Raises:
            InputError: names what does not fit.
        """
        series = series_for_fit(X, sample_weight, groups)
        targets = _targets(series, y)
        self.model_ = fit_regressor(
            series, targets, names_of(y, series, targets.shape[1]), schema_of(series), self._settings(), self._design(),
            self._checkpoint(series, targets.tolist()),
        )  # fmt: skip
        self._remember(series)
        return self

    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> "SequenceRegressor":
        """Go on training: one more pass over these series, none of them held out; arguments as for ``fit``.

        What is known of errors stays as ``fit`` found it; without ``fit`` it is what the t distribution says.
        """
        so_far = getattr(self, "model_", None)
        x = self._checked(X)
        series = series_for_fit(x if so_far is None else so_far.series_of(x), sample_weight, None)
        targets = _targets(series, y)
        schema = schema_of(series) if so_far is None else so_far.recipe.schema
        self.model_ = fit_regressor(
            series, targets, names_of(y, series, targets.shape[1]), schema, self._settings(), self._design(), None,
            Partial(so_far),
        )  # fmt: skip
        self._remember(series)
        return self

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Means [n], or [n, K] of several targets; the medians are among the quantiles."""
        check_is_fitted(self)
        return self.model_.predict(self._checked(X))

    def predict_quantiles(self, X: Any) -> NDArray[np.float64]:
        """Quantiles 0.1, 0.5 and 0.9 of each target, [n, K, 3]."""
        check_is_fitted(self)
        return self.model_.predict_quantiles(self._checked(X))

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Share of the variance that the means explain (R2), averaged over the targets.

        Series are left out where the target is unknown; arguments as for ``fit``.
        """
        check_is_fitted(self)
        series = series_for_fit(X, sample_weight)
        targets = _targets(series, y)
        found = self.predict(X).reshape(len(series), -1)
        if targets.shape != found.shape:
            raise InputError(
                f"`y` has the shape {targets.shape}; the model gives {found.shape[1]} numbers of {len(series)} series."
            )
        weights = np.ones(len(series)) if sample_weight is None else np.array([one.weight for one in series])
        scores = [
            r2_score(truth[known], guess[known], sample_weight=weights[known])
            for truth, guess in zip(targets.T, found.T, strict=True)
            if (known := ~np.isnan(truth)).any()
        ]
        return float(np.mean(scores))


def _culprit(series: list[Series], given: Any, error: Exception) -> str:
    """The first text among the targets, and what to do about it."""
    for one, label in zip(series, given, strict=False):
        several = label if isinstance(label, tuple | list | np.ndarray) else (label,)
        for k, value in enumerate(several):
            if isinstance(value, str) and not _is_number(value):
                names = () if one.schema is None else one.schema.label
                of = f"{names[k]!r} of " if len(names) == len(several) else ""
                return (
                    f"{of}series {one.id!r} is {value!r}. Write numbers plainly, decimals with a point, and leave "
                    "blank what is unknown; words are for a classifier."
                )
    return f"{error}."


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _targets(series: list[Series], y: Any) -> NDArray[np.float64]:
    """[n, K]."""
    given = [one.label for one in series] if y is None else one_column(y)
    dtype = np.asarray(given).dtype
    if dtype.kind in "mMc":
        raise InputError(f"The target is {dtype}; it must be real numbers. Convert it, dates to days for instance.")
    try:
        targets = np.array([np.nan if one is None else one for one in given] if y is None else given, np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"The target must be numbers: {_culprit(series, given, error)}") from error
    if targets.ndim > 2:
        raise InputError(f"`y` has the shape {targets.shape}; give one number a series, [n], or [n, K] of several.")
    if not targets.ndim or np.isnan(targets).all():
        raise InputError(
            "This estimator requires y to be passed, but the target y is None, or unknown throughout. Give one number "
            "a series, or [n, K], or read the table with `label=`."
        )
    targets = targets.reshape(len(targets), -1)
    if len(targets) == len(series):  # else it is said where they are put together
        check_targets(targets, [one.id for one in series])
    return targets
