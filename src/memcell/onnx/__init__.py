"""Layers and trained models as ONNX graphs, and LSTM nodes of such graphs as layers (``pip install memcell[onnx]``)."""

from memcell.onnx.export import export
from memcell.onnx.load import load_lstm
from memcell.onnx.model import inputs_of

__all__ = ["export", "inputs_of", "load_lstm"]
