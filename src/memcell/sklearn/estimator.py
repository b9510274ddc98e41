"""What the estimators share: how their parameters reach the training, resuming, and saving."""

import os
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from memcell.contract import InputError, LstmSpec
from memcell.data import Series
from memcell.model import Model, save
from memcell.sklearn.inputs import checked_array
from memcell.training import Checkpoint, Design, TrainingSettings, fingerprint

__all__ = ["SequenceEstimator"]

_SPEC = ("peephole", "output_peek")


class SequenceEstimator(BaseEstimator):
    """An estimator whose parameters are those of ``TrainingSettings`` and of ``Design``, by their names."""

    model_: Model
    checkpoint: Any = None
    resume: bool = False

    def _settings(self) -> TrainingSettings:
        if not isinstance(self.resume, bool):
            raise InputError(f"`resume` is {self.resume!r}; it must be True or False.")
        if self.resume and self.checkpoint is None:
            raise InputError("`resume` is True, but `checkpoint` names no file to go on from. Give one.")
        if not isinstance(self.checkpoint, str | os.PathLike | None):
            raise InputError(f"`checkpoint` is {self.checkpoint!r}; it must be the path of a file, or None.")
        return TrainingSettings(**{field.name: self._plain(field.name) for field in fields(TrainingSettings)})

    def _design(self) -> Design:
        given = {field.name for field in fields(Design)} & set(self.get_params(deep=False))
        spec = LstmSpec(*map(self._plain, _SPEC))
        values: dict[str, Any] = {name: self._plain(name) for name in given}
        without = values.get("without") or ()
        values["without"] = tuple(without) if isinstance(without, list | tuple | set) else without
        return Design(spec=spec, **values)

    def _plain(self, name: str) -> Any:
        """A parameter; a number of NumPy's, as grids of parameters have them, as Python's."""
        value = getattr(self, name)
        return value.item() if isinstance(value, np.generic) else value

    def _checkpoint(self, series: list[Series], *what: Any) -> Checkpoint | None:
        """Where a run that may be killed is kept, if that was asked for."""
        if self.checkpoint is None:
            return None
        parameters = {name: value for name, value in self.get_params().items() if name not in _NOT_DECISIVE}
        return Checkpoint(Path(self.checkpoint), fingerprint(series, parameters, *what), self.resume)

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn may expect: missing values are welcome, and series are learnt with a target."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.three_d_array = True
        tags.non_deterministic = False
        return tags

    def _remember(self, series: list[Series]) -> None:
        """What scikit-learn wants to know of the data: a series without times is a row of numbers to it."""
        if hasattr(self, "n_features_in_"):
            del self.n_features_in_
        if series[0].time_kind == "order" and len(series[0].channels) == 1 and len({len(one) for one in series}) == 1:
            self.n_features_in_ = len(series[0])

    def _checked(self, x: Any) -> Any:
        """X as it is, unless it is a table of numbers of another width than the one that was trained on."""
        x = checked_array(x)
        wanted = getattr(self, "n_features_in_", None)
        if isinstance(x, np.ndarray) and x.ndim == 2 and wanted is not None and x.shape[1] != wanted:
            name = type(self).__name__
            raise InputError(f"X has {x.shape[1]} features, but {name} is expecting {wanted} features as input.")
        return x

    def save(self, path: Any, overwrite: bool = False) -> None:
        """Write the model to one file that ``memcell.load`` reads without torch."""
        check_is_fitted(self)
        if not isinstance(path, str | os.PathLike):
            raise InputError(f"`path` is {path!r}; it must be the path of a file.")
        save(self.model_, path, overwrite)


_NOT_DECISIVE = ("checkpoint", "resume", "progress")
