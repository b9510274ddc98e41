"""Training, from series to a ``Model``."""

from memcell.training.checkpoint import Checkpoint, fingerprint
from memcell.training.forecaster import fit_forecaster
from memcell.training.settings import Design, TrainingSettings
from memcell.training.tagger import fit_tagger
from memcell.training.whole import Partial, fit_classifier, fit_multilabel, fit_regressor

__all__ = [
    "Checkpoint", "Design", "Partial", "TrainingSettings", "fingerprint", "fit_classifier",
    "fit_forecaster", "fit_multilabel", "fit_regressor", "fit_tagger",
]  # fmt: skip
