"""The layer under DistributedDataParallel: two processes get the gradients of the whole batch."""

import os
from pathlib import Path

import torch
from torch import Tensor, distributed
from torch.multiprocessing.spawn import spawn
from torch.nn.parallel import DistributedDataParallel

from memcell.torch import LSTM


def _layer() -> LSTM:
    torch.manual_seed(0)
    return LSTM(3, 4, bidirectional=True, batch_first=True, dtype=torch.float64)


def _batch() -> Tensor:
    return torch.randn(6, 5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def _train(rank: int, folder: str) -> None:
    distributed.init_process_group("gloo", f"file://{folder}/meeting", rank=rank, world_size=2)
    layer = DistributedDataParallel(_layer())
    layer(_batch()[3 * rank : 3 * rank + 3])[0].square().mean().backward()
    torch.save([p.grad for p in layer.parameters()], f"{folder}/{rank}.pt")
    distributed.barrier()  # or the one may be gone while the other still waits for it
    distributed.destroy_process_group()
    # Gloo's threads may still hold tensors while the interpreter is taken down, and then abort
    # the process (pytorch/pytorch pull request 179291): it ends here, without that.
    os._exit(0)


def test_two_processes_share_a_batch(tmp_path: Path) -> None:
    spawn(_train, (str(tmp_path),), nprocs=2)
    layer = _layer()
    layer(_batch())[0].square().mean().backward()
    for rank in range(2):
        for got, parameter in zip(torch.load(tmp_path / f"{rank}.pt"), layer.parameters(), strict=True):
            torch.testing.assert_close(got, parameter.grad, rtol=1e-10, atol=1e-12)
