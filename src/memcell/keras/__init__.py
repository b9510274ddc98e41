"""The cell for Keras 3: the layer ``LSTM`` and its cell ``LSTMCell``."""

from memcell.keras.cell import LSTMCell
from memcell.keras.layer import LSTM

__all__ = ["LSTM", "LSTMCell"]
