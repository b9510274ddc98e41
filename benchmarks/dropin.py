"""What users of the originals have asked for, side by side with what they do today.

`python benchmarks/dropin.py`: packed batches, resets within a batch, a mask in Keras on torch, recurrent dropout in
Keras on torch, double backward; numbers are compared before anything is timed, contenders take turns, medians.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

os.environ["KERAS_BACKEND"] = "torch"

import keras
import torch
from timing import machine, markdown, peak_memory, take_turns
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import memcell.keras
from memcell.torch import LSTM


class Case(NamedTuple):
    """Two calls that give the same: ours, and what one does today."""

    name: str
    today: str
    ours: Callable[[], Any]
    theirs: Callable[[], Any]
    alike: bool = True  # False where each draws its own random numbers


def pair(inputs: int, units: int, **options: Any) -> tuple[LSTM, nn.LSTM]:
    torch.manual_seed(0)
    theirs = nn.LSTM(inputs, units, batch_first=True, **options)
    ours = LSTM(inputs, units, batch_first=True, peephole="none", **options)
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def gradients(module: nn.Module, loss: Callable[[], Tensor]) -> Callable[[], list[Tensor]]:
    parameters = list(module.parameters())
    return lambda: [*torch.autograd.grad(loss(), parameters)]


def packed() -> Iterator[Case]:
    """pytorch/pytorch#149194: lengths up to 4,000."""
    ours, theirs = pair(16, 64)
    batch, steps = 16, 4000
    lengths = torch.randint(1, steps + 1, (batch,), generator=torch.Generator().manual_seed(0))
    x = torch.randn(batch, steps, 16)

    def by_packing() -> Tensor:
        rows = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        return pad_packed_sequence(theirs(rows)[0], batch_first=True, total_length=steps)[0]

    def by_lengths() -> Tensor:
        return ours(x, lengths=lengths)[0]

    name = f"lengths up to {steps}, batch {batch}, 16 x 64"
    yield Case(f"{name}: forward", "PackedSequence", torch.no_grad()(by_lengths), torch.no_grad()(by_packing))
    yield Case(
        f"{name}: and backward", "PackedSequence", gradients(ours, lambda: by_lengths().square().sum()),
        gradients(theirs, lambda: by_packing().square().sum()),
    )  # fmt: skip


def resets() -> Iterator[Case]:
    """Episodes that end within a batch: a loop over time, as reinforcement learning libraries run it."""
    ours, theirs = pair(32, 128)
    batch, steps = 32, 128
    x = torch.randn(batch, steps, 32)
    ends = torch.rand(batch, steps, generator=torch.Generator().manual_seed(0)) < 0.02

    def by_loop() -> Tensor:
        state = torch.zeros(1, batch, 128), torch.zeros(1, batch, 128)
        outputs = []
        for t in range(steps):
            kept = (~ends[:, t]).float()[None, :, None]
            output, state = theirs(x[:, t : t + 1], (kept * state[0], kept * state[1]))
            outputs.append(output)
        return torch.cat(outputs, dim=1)

    def by_resets() -> Tensor:
        return ours(x, resets=ends)[0]

    name = f"resets, batch {batch} x {steps}, 32 x 128"
    yield Case(f"{name}: forward", "nn.LSTM step by step", torch.no_grad()(by_resets), torch.no_grad()(by_loop))
    yield Case(
        f"{name}: and backward", "nn.LSTM step by step", gradients(ours, lambda: by_resets().square().sum()),
        gradients(theirs, lambda: by_loop().square().sum()),
    )  # fmt: skip


def in_keras() -> Iterator[Case]:
    """keras-team/keras#20902, #22275: Keras on the torch backend."""
    x = torch.randn(32, 100, 16)
    mask = torch.arange(100) < torch.randint(1, 101, (32, 1), generator=torch.Generator().manual_seed(0))
    holes = mask & (torch.rand(32, 100, generator=torch.Generator().manual_seed(1)) < 0.8)
    for name, options, call in (
        ("plain", {}, {}),
        ("a padding mask", {}, {"mask": mask}),
        ("a mask with holes", {}, {"mask": holes}),
        ("recurrent dropout", {"recurrent_dropout": 0.3}, {"mask": mask, "training": True}),
    ):
        ours = memcell.keras.LSTM(64, peephole="none", return_sequences=True, **options)
        theirs = keras.layers.LSTM(64, return_sequences=True, **options)
        for layer in (ours, theirs):
            layer.build(x.shape)
        theirs.set_weights(ours.get_weights()[: len(theirs.get_weights())])

        def run(layer: Any, call: dict[str, Any] = call) -> list[Tensor]:
            weights = [weight.value for weight in layer.trainable_weights]
            return [*torch.autograd.grad(layer(x, **call).square().sum(), weights)]

        yield Case(
            f"Keras, {name}, 32 x 100 x 16 x 64: both ways", "keras.layers.LSTM",
            lambda run=run, layer=ours: run(layer), lambda run=run, layer=theirs: run(layer), not options,
        )  # fmt: skip


def twice() -> Iterator[Case]:
    """pytorch/pytorch#2691: a penalty on the gradient."""
    ours, theirs = pair(8, 32)
    x = torch.randn(16, 50, 8, requires_grad=True)

    def penalty(module: nn.Module) -> Callable[[], Tensor]:
        def loss() -> Tensor:
            (d_x,) = torch.autograd.grad(module(x)[0].square().sum(), x, create_graph=True)
            return d_x.square().sum()

        return loss

    yield Case("gradient penalty, 16 x 50 x 8 x 32", "nn.LSTM", gradients(ours, penalty(ours)),
               gradients(theirs, penalty(theirs)))  # fmt: skip


def peak_rise(who: str) -> float:
    """MiB by which the largest resident set grows over a training step of the first case, in this process."""
    _, both_ways = packed()
    before = peak_memory()
    (both_ways.ours if who == "memcell" else both_ways.theirs)()
    return peak_memory() - before


def memory(threads: int) -> str:
    """The same, in fresh processes."""
    rises = []
    for who in ("memcell", "PackedSequence"):
        command = [sys.executable, __file__, "--threads", str(threads), "--worker", who]
        rises.append(float(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    ours, theirs = rises
    share = f"{ours / theirs:.2f}"
    return f"Memory of a training step of the first: memcell {ours:.0f} MiB, PackedSequence {theirs:.0f} MiB ({share})."


def agree(case: Case) -> None:
    got, want = case.ours(), case.theirs()
    for one, other in zip(*([r] if isinstance(r, Tensor) else r for r in (got, want)), strict=True):
        scale = max(1.0, float(other.abs().max()))
        torch.testing.assert_close(one / scale, other / scale, rtol=0, atol=1e-4, msg=lambda m: f"{case.name}: {m}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each comparison, about")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.worker:
        print(peak_rise(options.worker))
        return
    print(machine("torch", "keras"), f"\n{options.threads} threads\n")
    rows = []
    for group in (packed, resets, in_keras, twice):
        for case in group():
            if case.alike:
                agree(case)
            timing = take_turns(case.ours, case.theirs, options.seconds, least=3)
            rows.append([case.name, case.today, f"{timing.ours * 1e3:.1f}", f"{timing.theirs * 1e3:.1f}",
                         f"{timing.ratio:.1f}x"])  # fmt: skip
    print(markdown(["", "today", "memcell, ms", "today, ms", "ratio"], rows), "\n")
    print(memory(options.threads))


if __name__ == "__main__":
    main()
