"""A forecaster of sequences in scikit-learn's manner."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from memcell.contract import InputError, warn
from memcell.evaluation import evaluate_forecaster
from memcell.sklearn.estimator import SequenceEstimator
from memcell.sklearn.inputs import schema_of, series_for_fit
from memcell.training import fit_forecaster

__all__ = ["SequenceForecaster"]


class SequenceForecaster(SequenceEstimator):
    """Quantiles of the steps to come, from series with missing values.

    A forecast runs on the series' usual step; steps without a row count as missing.

    Args:
        horizon: K, steps to forecast.
        target: the channel to forecast; None takes the only one.
        hidden_size: units of each layer; None: 48.
        num_layers: layers, each reading the one below.
        peephole, output_peek: the cell, see ``memcell.LstmSpec``.
        without: mechanisms to leave out, of ``memcell.model.MECHANISMS`` and ``FIT_MECHANISMS``.
        cycles: periods whose phase is a feature, in the unit of time; ``"calendar"`` or ``"detect"``.
        epochs: at most, of 20 steps each; training stops early when the loss on the last part of the time no longer
            falls, and is then repeated on everything for as long. None: 30.
        batch_size: four times the stretches of series a step. None: 32.
        learning_rate: of AdamW, at its peak. None: 0.004.
        dropout: on what the head reads.
        patience: epochs without a lower validation loss before training stops. None: 12.
        validation: share of the time that is held out to decide when to stop and how wide the band is.
        seed: of every random draw.
        progress: show a progress bar.
        checkpoint: a file that holds the state of training after every epoch.
        resume: go on from that file, if it is there; the result is that of the unbroken run.

    Attributes:
        model_: the trained ``memcell.model.Model``.

    Example:
        >>> wave = np.sin(np.arange(200) / 4)[None, :, None]
        >>> forecaster = SequenceForecaster(horizon=5, epochs=2, progress=False).fit(wave)
        >>> forecaster.predict(wave).shape, forecaster.predict_quantiles(wave).shape
        ((1, 5), (1, 5, 3))
    """

    def __init__(
        self,
        horizon: int = 1,
        target: str | None = None,
        hidden_size: int | None = None,
        num_layers: int = 1,
        peephole: str = "full",
        output_peek: str = "previous",
        without: Sequence[str] = (),
        cycles: str | Sequence[float] = (),
        epochs: int | None = None,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        dropout: float = 0.1,
        patience: int | None = None,
        validation: float = 0.15,
        seed: int = 0,
        progress: bool = True,
        checkpoint: Any = None,
        resume: bool = False,
    ) -> None:
        self.horizon = horizon
        self.target = target
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.peephole = peephole
        self.output_peek = output_peek
        self.without = without
        self.cycles = cycles
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

    def fit(self, X: Any, y: None = None) -> "SequenceForecaster":  # noqa: ARG002
        """Train on n series, each to its end.

        Args:
            X: what ``memcell.read`` gives, or what ``memcell.as_series`` takes.
            y: not used; the series' own future is what is learnt.

        Raises:
            InputError: names what does not fit.
        """
        series = series_for_fit(X)
        channels = series[0].channels
        if self.target is None and len(channels) != 1:
            raise InputError(f"`target` is missing: say which of {', '.join(map(repr, channels))} to forecast.")
        target = self.target or next(iter(channels))
        self.model_ = fit_forecaster(
            series, target, self._plain("horizon"), schema_of(series), self._settings(), self._design(),
            self._checkpoint(series),
        )  # fmt: skip
        self._remember(series)
        return self

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Medians [n, K] of the steps after each series."""
        return self.predict_quantiles(X)[:, :, 1]

    def predict_quantiles(self, X: Any) -> NDArray[np.float64]:
        """Quantiles 0.1, 0.5 and 0.9, [n, K, 3], of the steps after each series."""
        check_is_fitted(self)
        every = [forecast.quantiles for forecast in self.model_.predict(X)]
        return np.stack(every) if every else np.empty((0, self.horizon, 3))

    def score(self, X: Any, y: None = None) -> float:  # noqa: ARG002
        """Minus the mean absolute scaled error over the last K steps of each series, forecast from the rows before.

        Scaled by the mean absolute change over K steps in those rows (Hyndman and Koehler, "Another look at measures of
        forecast accuracy", 2006, with K as the season).
        """
        check_is_fitted(self)
        score = -evaluate_forecaster(self.model_, series_for_fit(X), origins=1).mase
        if np.isnan(score):
            told = "No series has two horizons of rows with a change to scale errors by: there is no score."
            warn(told)
        return score
