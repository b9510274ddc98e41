"""PyTorch as training needs it, whatever the caller has set."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["usual_torch"]


@contextmanager
def usual_torch() -> Iterator[None]:
    """A context with gradients, in float32, without autocast; also a decorator."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        with torch.inference_mode(mode=False), torch.enable_grad(), torch.autocast("cpu", enabled=False):
            yield
    finally:
        torch.set_default_dtype(before)
