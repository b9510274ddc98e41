"""The layers that ``cpu.py`` and ``roofline.py`` time, and their passes, compared before they are timed."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from timing import Timing, take_turns
from torch import Tensor, nn

from memcell.torch import LSTM

__all__ = [
    "SHAPES", "Setting", "Shape", "agree", "inference", "layers", "random_input", "training", "turns_with_torch",
]  # fmt: skip


class Shape(NamedTuple):
    batch: int
    steps: int
    inputs: int
    units: int

    def __str__(self) -> str:
        return " x ".join(map(str, self))

    def flops(self, peepholes: int = 0) -> int:
        """Of a forward pass: gate products and, with full peepholes, three more."""
        return 2 * self.batch * self.steps * self.units * (4 * (self.inputs + self.units) + peepholes * self.units)


SHAPES = [
    Shape(1, 1, 64, 128), Shape(1, 100, 64, 128), Shape(1, 1000, 64, 128), Shape(32, 100, 64, 128),
    Shape(32, 100, 128, 512), Shape(64, 200, 256, 256), Shape(8, 2000, 256, 256), Shape(256, 50, 32, 64),
    Shape(32, 28, 28, 128), Shape(32, 1000, 8, 32), Shape(128, 168, 16, 64), Shape(1, 10000, 8, 32),
]  # fmt: skip
TOLERANCE = 1e-4  # largest difference over the largest number; float32 over up to 10,000 steps


class Setting(NamedTuple):
    """What the command line chose, and the machine's peak at that many threads."""

    threads: int
    seconds: float
    peak: float  # GFLOP/s


def agree(name: str, ours: Any, theirs: Any) -> None:
    """Raise SystemExit unless two results are the same numbers."""
    for a, b in zip(ours, theirs, strict=True):
        a, b = (np.asarray(v.detach() if isinstance(v, Tensor) else v, np.float64) for v in (a, b))
        worst = np.abs(a - b).max() / max(1e-3, np.abs(b).max())
        if a.shape != b.shape or not worst <= TOLERANCE:
            raise SystemExit(f"{name}: the results differ by {worst:.1e}; timings would mean nothing.")


def random_input(shape: Shape) -> Tensor:
    """[T, B, I], the default layout of nn.LSTM."""
    return torch.randn(shape.steps, shape.batch, shape.inputs, generator=torch.Generator().manual_seed(0))


def inference(module: nn.Module, x: Tensor) -> Callable[[], Tensor]:
    def call() -> Tensor:
        with torch.inference_mode():
            output = module(x)
        return output[0] if isinstance(output, tuple) else output

    return call


def training(module: nn.Module, x: Tensor) -> Callable[[], list[Tensor]]:
    """Forward and backward of every parameter and of x, as below a further layer."""
    x = x.clone().requires_grad_()
    wanted = [x, *module.parameters()]
    cotangent = torch.randn(*x.shape[:2], module.hidden_size, generator=torch.Generator().manual_seed(1))  # type: ignore[arg-type]

    def call() -> list[Tensor]:
        output = module(x)
        output = output[0] if isinstance(output, tuple) else output
        return [output, *torch.autograd.grad(output, wanted, cotangent)]

    return call


def layers(shape: Shape, peephole: str) -> LSTM:
    torch.manual_seed(0)
    return LSTM(shape.inputs, shape.units, peephole=peephole)


def turns_with_torch(shape: Shape, passes: int, setting: Setting) -> Timing:
    """The layer without peepholes and nn.LSTM in turns: forward (1 pass), or forward and backward (3)."""
    ours, theirs, x = layers(shape, "none"), nn.LSTM(shape.inputs, shape.units), random_input(shape)
    theirs.load_state_dict(ours.state_dict())
    a, b = (training(one, x) if passes == 3 else inference(one, x) for one in (ours, theirs))
    agree(f"nn.LSTM {shape}", *((r if passes == 3 else [r]) for r in (a(), b())))
    return take_turns(a, b, setting.seconds)
