"""The cell for PyTorch: the module ``LSTM`` and the functions under it."""

from memcell.torch.functional import lstm
from memcell.torch.loop import lstm_loop
from memcell.torch.module import LSTM

__all__ = ["LSTM", "lstm", "lstm_loop"]
