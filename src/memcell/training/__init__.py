"""Training, from series to a ``Model``."""

from memcell.training.classifier import fit_classifier
from memcell.training.forecaster import fit_forecaster
from memcell.training.settings import TrainingSettings

__all__ = ["TrainingSettings", "fit_classifier", "fit_forecaster"]
