"""The layer inside the workers of a DataLoader."""

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from memcell.torch import LSTM


class Encoded(Dataset[Tensor]):
    """Sequences that a layer reads before they are handed out."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.layer = LSTM(16, 64, batch_first=True)
        self.x = torch.randn(8, 8, 100, 16)

    def __len__(self) -> int:
        return len(self.x)

    @torch.no_grad()
    def __getitem__(self, index: int) -> Tensor:
        return self.layer(self.x[index])[0]


def test_workers_compute_the_same() -> None:
    data = Encoded()
    wanted = torch.stack([data[k] for k in range(len(data))])  # the parent's threads exist when the workers fork
    loader = DataLoader(data, batch_size=4, num_workers=2, multiprocessing_context="fork", timeout=60)
    assert torch.equal(torch.cat(list(loader)), wanted)
