"""What bounds a layer on this machine, and how near to the bound memcell and nn.LSTM come, as Markdown.

    python benchmarks/roofline.py [--threads 1 2] [--seconds 1]

A layer cannot take less time than its products at the peak of multiply-adds, nor less than reading its weights from the
cache they fit into once a step, both measured before (Williams, Waterman and Patterson, "Roofline", 2009). What the
gates' nonlinearities take, and what a step waits for the one before it, comes on top of that and is not counted.
"""

import argparse
import os

import torch
from cases import SHAPES, Setting, Shape, turns_with_torch
from timing import fma_peak, geometric_mean, machine, markdown, read_rate

from memcell.backends import _core

__all__ = ["least_seconds"]


def least_seconds(shape: Shape, passes: int, setting: Setting) -> tuple[float, float]:
    """Seconds of the products at the peak, and of reading the weights.

    Args:
        shape: of the layer, without peepholes.
        passes: 1 for forward, 3 with backward, which has twice the products and reads the weights once more.
        setting: threads, and the peak of these.
    """
    products = passes * shape.flops() / setting.peak / 1e9
    weights = 4 * 4 * shape.units * (shape.inputs + shape.units)  # bytes
    readers = min(setting.threads, shape.batch)  # of all weights; a lone sequence's units are shared out instead
    own = weights * readers // setting.threads
    reading = shape.steps * own * setting.threads / read_rate(setting.threads, _core.instruction_set(), own) / 1e9
    return products, reading * (1 if passes == 1 else 2)


def table(setting: Setting, passes: int) -> str:
    """Forward, or forward and backward, of the shapes of ``cases.py``."""
    rows, could, does = [], [], []
    for shape in SHAPES:
        timing = turns_with_torch(shape, passes, setting)
        bounds = least_seconds(shape, passes, setting)
        least = max(bounds)
        could.append(timing.theirs / least)
        does.append(timing.ratio)
        rows.append([str(shape), *(f"{1e3 * seconds:.3g}" for seconds in (*bounds, timing.ours, timing.theirs)),
                     f"{least / timing.ours:.0%}", f"{could[-1]:.2f}", f"{timing.ratio:.2f}"])  # fmt: skip
    rows.append(["geometric mean", *[""] * 5, f"**{geometric_mean(could):.2f}**", f"**{geometric_mean(does):.2f}**"])
    title = "forward" if passes == 1 else "forward and backward"
    header = [
        f"{title}, {setting.threads} thread{'s' * (setting.threads > 1)}", "products [ms]", "weights read [ms]",
        "memcell [ms]", "nn.LSTM [ms]", "memcell, of the bound", "nn.LSTM / bound", "nn.LSTM / memcell",
    ]  # fmt: skip
    return markdown(header, rows)


def main() -> None:
    """Print the tables as they are done."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, nargs="+", default=sorted({1, min(2, os.cpu_count() or 1)}))
    parser.add_argument("--seconds", type=float, default=1.0, help="how long each pair is timed, about")
    options = parser.parse_args()
    print(f"{machine('torch')}; {_core.instruction_set()}.\n", flush=True)
    for threads in options.threads:
        torch.set_num_threads(threads)
        setting = Setting(threads, options.seconds, fma_peak(threads, _core.instruction_set()))
        rates = {size: read_rate(threads, _core.instruction_set(), size << 10) for size in (20, 256, 2048, 16384)}
        read = ", ".join(f"{size} KiB {rate:.0f}" for size, rate in rates.items())
        print(f"{threads} thread{'s' * (threads > 1)}: FMA peak {setting.peak:.0f} GFLOP/s; GB/s read of {read}.\n")
        for passes in (1, 3):
            print(table(setting, passes) + "\n", flush=True)


if __name__ == "__main__":
    main()
