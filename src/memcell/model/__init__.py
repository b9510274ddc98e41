"""Trained models: saved, loaded and run on NumPy and the native core alone."""

from memcell.model.artifact import load, save
from memcell.model.config import ModelConfig
from memcell.model.mechanisms import FIT_MECHANISMS, MECHANISMS
from memcell.model.model import Forecast, Model
from memcell.model.stream import Stream

__all__ = ["FIT_MECHANISMS", "MECHANISMS", "Forecast", "Model", "ModelConfig", "Stream", "load", "save"]
