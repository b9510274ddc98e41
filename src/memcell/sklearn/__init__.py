"""Estimators of sequences in scikit-learn's manner."""

from memcell.sklearn.classifier import SequenceClassifier
from memcell.sklearn.forecaster import SequenceForecaster

__all__ = ["SequenceClassifier", "SequenceForecaster"]
