"""What the estimators share: how their parameters reach the training, and saving."""

from dataclasses import fields
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from memcell.contract import LstmSpec
from memcell.model import Model, save
from memcell.training import TrainingSettings

__all__ = ["SequenceEstimator"]


class SequenceEstimator(BaseEstimator):
    """An estimator whose parameters include those of ``TrainingSettings`` and of the stack, by their names."""

    model_: Model
    hidden_size: int
    num_layers: int
    peephole: Any
    output_peek: Any

    def _settings(self) -> TrainingSettings:
        return TrainingSettings(**{field.name: getattr(self, field.name) for field in fields(TrainingSettings)})

    def _stack(self) -> dict[str, Any]:
        spec = LstmSpec(self.peephole, self.output_peek)
        return {"hidden_size": self.hidden_size, "num_layers": self.num_layers, "spec": spec}

    def save(self, path: Any, overwrite: bool = False) -> None:
        """Write the model to one file that ``memcell.load`` reads without torch."""
        check_is_fitted(self)
        save(self.model_, path, overwrite)
