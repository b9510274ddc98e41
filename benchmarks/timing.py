"""How every benchmark here measures: contenders take turns, and ratios are of neighbours in time."""

import os
import platform
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import date
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

__all__ = [
    "Timing",
    "fma_peak",
    "geometric_mean",
    "in_blocks",
    "load",
    "machine",
    "markdown",
    "peak_memory",
    "read_rate",
    "take_turns",
]

SLICE = 0.005  # seconds that one turn lasts at least, so that the clock and the call to it do not count
PAUSE = 0.02  # seconds before a turn, in which the threads of the other contender stop spinning on our cores


class Timing(NamedTuple):
    """Median seconds of a call of ours and of theirs, and the median of theirs over ours, turn by turn."""

    ours: float
    theirs: float
    ratio: float


def _turn(call: Callable[[], Any], repeats: int) -> float:
    time.sleep(PAUSE)
    call()  # wakes the threads and warms the caches
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - start) / repeats


def take_turns(ours: Callable[[], Any], theirs: Callable[[], Any], seconds: float = 1.0, least: int = 7) -> Timing:
    """Time two calls in turns for about ``seconds``, at least ``least`` turns each, after two calls of warming up."""
    repeats = []
    for call in (ours, theirs):
        call()
        repeats.append(max(1, int(SLICE / max(_turn(call, 1), 1e-7))))
    turns: list[tuple[float, float]] = []
    end = time.perf_counter() + seconds
    while len(turns) < least or time.perf_counter() < end:
        turns.append((_turn(ours, repeats[0]), _turn(theirs, repeats[1])))
    measured = np.array(turns)
    mine, other = np.median(measured, axis=0)
    return Timing(float(mine), float(other), float(np.median(measured[:, 1] / measured[:, 0])))


def in_blocks(
    ours: Callable[[], Any], make_theirs: Callable[[], Callable[[], Any]], seconds: float = 1.0, least: int = 7
) -> Timing:
    """As ``take_turns``, but all our turns come before theirs is built: for a contender whose threads go on spinning
    for long after a call, on the cores of whoever has the next turn."""

    def median(call: Callable[[], Any]) -> float:
        call()
        repeats = max(1, int(SLICE / max(_turn(call, 1), 1e-7)))
        turns: list[float] = []
        end = time.perf_counter() + seconds / 2
        while len(turns) < least or time.perf_counter() < end:
            turns.append(_turn(call, repeats))
        return float(np.median(turns))

    mine, other = median(ours), median(make_theirs())
    return Timing(mine, other, other / mine)


def geometric_mean(values: Sequence[float]) -> float:
    """Of ratios."""
    return float(np.exp(np.mean(np.log(values))))


def markdown(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A table, first column to the left, numbers to the right."""
    lines = [f"| {' | '.join(header)} |", f"|---|{'---:|' * (len(header) - 1)}"]
    return "\n".join([*lines, *(f"| {' | '.join(map(str, row))} |" for row in rows)])


_COMPILED_FOR = {
    "avx512": ("-mavx512f", "-DVECTOR_BYTES=64"),
    "avx2": ("-mavx2", "-mfma", "-DVECTOR_BYTES=32"),
}


def fma_peak(threads: int, instructions: str) -> float:
    """GFLOP/s of multiply-adds in the registers of an instruction set of the core (``_core.instruction_set()``) by that
    many threads, measured now; NaN without a compiler."""
    return _measured("fma_peak.cpp", instructions, threads)


@cache
def read_rate(threads: int, instructions: str, size: int) -> float:
    """GB/s at which that many threads together read ``size`` bytes each, over and over, measured when first asked; NaN
    without a compiler."""
    return _measured("read_rate.cpp", instructions, threads, size)


def _measured(source: str, instructions: str, *arguments: int) -> float:
    compiler = shutil.which(os.environ.get("CXX", "g++"))
    if compiler is None:
        return float("nan")
    with tempfile.TemporaryDirectory() as folder:
        program, path = str(Path(folder) / "program"), str(Path(__file__).with_name(source))
        flags = ("-O2", "-fopenmp", "-ffp-contract=fast", *_COMPILED_FOR.get(instructions, ("-DVECTOR_BYTES=16",)))
        subprocess.run([compiler, *flags, path, "-o", program], check=True)
        command = [program, *map(str, arguments)]
        return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def machine(*packages: str) -> str:
    """CPU, cores, date and versions in one line."""
    cpu = platform.processor() or platform.machine()
    described = Path("/proc/cpuinfo")
    if described.exists():
        names = [line.split(":", 1)[1].strip() for line in described.read_text().splitlines() if "model name" in line]
        cpu = names[0] if names else cpu
    versions = ", ".join(f"{name} {version(name)}" for name in ("memcell", *packages, "numpy"))
    return f"{cpu}, {os.cpu_count()} cores, {date.today()}, Python {platform.python_version()}, {versions}"


def load() -> float:
    """How many threads wanted to run over the last minute; a quiet machine has less than 1 before the start."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")


def peak_memory() -> float:
    """MiB of the largest resident set so far. Not ``ru_maxrss``, which a new program inherits from its parent."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024
