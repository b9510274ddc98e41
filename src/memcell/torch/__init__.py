"""The cell for PyTorch: the modules ``LSTM`` and ``LSTMCell``, ``convert`` and the functions under it."""

from memcell.torch.cell import LSTMCell
from memcell.torch.convert import convert
from memcell.torch.functional import lstm
from memcell.torch.loop import lstm_loop
from memcell.torch.module import LSTM

__all__ = ["LSTM", "LSTMCell", "convert", "lstm", "lstm_loop"]
