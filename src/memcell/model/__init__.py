"""Trained models: saved, loaded and run on NumPy and the native core alone."""

from memcell.model.artifact import load, save
from memcell.model.config import MECHANISMS, ModelConfig
from memcell.model.model import Forecast, Model
from memcell.model.stream import Stream

__all__ = ["MECHANISMS", "Forecast", "Model", "ModelConfig", "Stream", "load", "save"]
