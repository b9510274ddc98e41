"""Estimators of sequences in scikit-learn's manner."""

from memcell.sklearn.classifier import SequenceClassifier
from memcell.sklearn.forecaster import SequenceForecaster
from memcell.sklearn.regressor import SequenceRegressor
from memcell.sklearn.tagger import SequenceTagger

__all__ = ["SequenceClassifier", "SequenceForecaster", "SequenceRegressor", "SequenceTagger"]
