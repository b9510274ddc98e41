"""memcell on a CPU against what a user would pick instead, as Markdown. Numbers are compared before any is timed.

    python benchmarks/cpu.py [part ...] [--threads 1 2] [--seconds 1]

Parts: layer (nn.LSTM), onnx (ONNX Runtime), peephole (full peepholes), step (one step at a time), stream (one row of a
trained model at a time), ragged (PackedSequence), memory (of a training step); all of them if none is named.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import chain, cycle
from typing import Any

import numpy as np
import torch
from baselines import Full, onnx_layer, onnx_session
from cases import SHAPES, Setting, Shape, agree, inference, layers, random_input, training, turns_with_torch
from timing import Timing, fma_peak, geometric_mean, in_blocks, load, machine, markdown, peak_memory, take_turns
from torch import Tensor, nn

from memcell import Step
from memcell.backends import _core
from memcell.sklearn import SequenceClassifier
from memcell.torch import LSTM

STEP_SIZES = [(8, 32), (64, 128), (256, 256)]


def milliseconds(timing: Timing) -> list[str]:
    return [f"{1e3 * timing.ours:.3g}", f"{1e3 * timing.theirs:.3g}", f"{timing.ratio:.2f}"]


def shares(flops: float, timing: Timing, setting: Setting) -> str:
    return " / ".join(f"{flops / 1e7 / setting.peak / seconds:.0f} %" for seconds in (timing.ours, timing.theirs))


def compared(
    title: str,
    theirs: str,
    setting: Setting,
    rows: list[tuple[str, list[tuple[Timing, float]]]],
    groups: tuple[str, ...] = ("forward", "forward and backward"),
) -> str:
    """A table of groups of columns; the other's share of the peak says how much faster anything could be."""
    groups = groups[: len(rows[0][1])]
    header = [f"{title}, {setting.threads} thread{'s' * (setting.threads > 1)}"]
    for group in groups:
        header += [f"{group} [ms]", f"{theirs} [ms]", "ratio", "of FMA peak, both"]
    body = []
    for name, timings in rows:
        cells = [[*milliseconds(timing), shares(flops, timing, setting)] for timing, flops in timings]
        body.append([name, *chain.from_iterable(cells)])
    means = [geometric_mean([timings[k][0].ratio for _, timings in rows]) for k in range(len(groups))]
    body.append(["geometric mean", *chain.from_iterable(["", "", f"**{mean:.2f}**", ""] for mean in means)])
    return markdown(header, body)


def against_torch(setting: Setting) -> Iterator[str]:
    """The cell of nn.LSTM in both."""
    rows = [
        (str(shape), [(turns_with_torch(shape, passes, setting), passes * shape.flops()) for passes in (1, 3)])
        for shape in SHAPES
    ]
    yield compared("B x T x I x H", "nn.LSTM", setting, rows)


def against_onnx(setting: Setting) -> Iterator[str]:
    """Diagonal peepholes in both; the module, which may be trained on, and weights packed once, as a session has them.

    With several threads not in turns, for ONNX Runtime's go on spinning in ours.
    """
    rows = []
    for shape in SHAPES:
        # ONNX's output gate reads the current cell.
        ours, x = LSTM(shape.inputs, shape.units, peephole="diagonal", output_peek="current"), random_input(shape)
        step, values = ours.stepper(shape.batch), x.numpy()

        def run(step: Step = step, values: Any = values) -> Any:
            step.reset()
            return step.run(values)

        timings = []
        for a in (inference(ours, x), run):

            def session(a: Any = a, ours: LSTM = ours, values: Any = values, shape: Shape = shape) -> Any:
                b = onnx_layer(ours, values, setting.threads)
                agree(f"ONNX Runtime {shape}", [a()], [b()])
                return b

            one = setting.threads == 1
            timing = take_turns(a, session(), setting.seconds) if one else in_blocks(a, session, setting.seconds)
            timings.append((timing, shape.flops()))
        rows.append((str(shape), timings))
    yield compared("B x T x I x H, diagonal peepholes", "ONNX Runtime", setting, rows, ("module", "Step.run"))


def full_peepholes(setting: Setting) -> Iterator[str]:
    """Full peepholes against a Python loop of the same cell, and against nn.LSTM, which has none."""
    small = [shape for shape in SHAPES if shape.units <= 128]
    for other in ("Python loop", "nn.LSTM without peepholes"):
        rows = []
        for shape in small:
            if other == "Python loop" and shape.steps > 1000:
                continue
            ours, x = layers(shape, "full"), random_input(shape)
            theirs = Full(ours) if other == "Python loop" else nn.LSTM(shape.inputs, shape.units)
            timings = []
            for make, passes in ((inference, 1), (training, 3)):
                a, b = make(ours, x), make(theirs, x)
                if other == "Python loop":
                    agree(f"Python loop {shape}", [a() if passes == 1 else a()[0]], [b() if passes == 1 else b()[0]])
                timings.append((take_turns(a, b, setting.seconds), passes * shape.flops(peepholes=3)))
            rows.append((str(shape), timings))
        yield compared("B x T x I x H, full peepholes", other, setting, rows)


def single_steps(setting: Setting) -> Iterator[str]:
    """One step of one stream from Python, state kept: microseconds."""
    rows, ratios = [], {}
    for inputs, units in STEP_SIZES:
        torch.manual_seed(0)
        x = torch.randn(1, inputs)
        cell, whole = nn.LSTMCell(inputs, units), nn.LSTM(inputs, units)
        whole.load_state_dict({f"{name}_l0": value for name, value in cell.state_dict().items()})
        ours = LSTM(inputs, units, peephole="none")
        ours.load_state_dict(whole.state_dict())
        graves = LSTM(inputs, units, peephole="diagonal", output_peek="current")
        session = onnx_session(graves, setting.threads)
        mine, mine_graves = ours.stepper(), graves.stepper()
        state: dict[str, Any] = {"cell": None, "whole": None, "onnx": (np.zeros((1, 1, units), np.float32),) * 2}
        row = x.numpy()[0]

        def by_cell() -> Any:
            with torch.inference_mode():
                state["cell"] = cell(x, state["cell"])  # noqa: B023
            return state["cell"][0]  # noqa: B023

        def by_whole() -> Any:
            with torch.inference_mode():
                output, state["whole"] = whole(x[None], state["whole"])  # noqa: B023
            return output[0]

        def by_onnx() -> Any:
            feeds = {"x": x.numpy()[None], "h0": state["onnx"][0], "c0": state["onnx"][1]}  # noqa: B023
            y, *state["onnx"] = session.run(None, feeds)  # noqa: B023
            return y[0, 0]

        pairs = {"LSTMCell": (mine, by_cell), "nn.LSTM": (mine, by_whole), "ONNX Runtime": (mine_graves, by_onnx)}
        cells = []
        for name, (step, theirs) in pairs.items():
            step.reset()
            state.update(cell=None, whole=None, onnx=(np.zeros((1, 1, units), np.float32),) * 2)
            for _ in range(3):
                agree(f"{name} step {inputs}/{units}", [step(row)[None]], [theirs()])
            timing = take_turns(lambda step=step: step(row), theirs, setting.seconds)  # noqa: B023
            ratios.setdefault(name, []).append(timing.ratio)
            cells += [f"{1e6 * timing.ours:.1f}", f"{1e6 * timing.theirs:.1f}", f"{timing.ratio:.1f}"]
        rows.append([f"{inputs} / {units}", *cells])
    means = (["", "", f"**{geometric_mean(of_one):.1f}**"] for of_one in ratios.values())
    rows.append(["geometric mean", *chain.from_iterable(means)])
    header = [f"I / H, {setting.threads} thread{'s' * (setting.threads > 1)}"]
    for name in ratios:
        header += ["step [us]", f"{name} [us]", "ratio"]
    yield markdown(header, rows)


def streams(setting: Setting) -> Iterator[str]:
    """A row of a trained classifier, a fifth of the values missing: taken, and taken and answered; microseconds."""
    body = []
    for inputs, units in STEP_SIZES:
        random = np.random.default_rng(0)
        many = [random.normal(size=(30, inputs)) for _ in range(40)]
        for series in many:
            series[random.random(series.shape) < 0.2] = np.nan
        learner = SequenceClassifier(hidden_size=units, members=1, epochs=1, progress=False)
        model = learner.fit(many, [k % 2 for k in range(len(many))]).model_
        rows = cycle(np.concatenate(many))
        taken, asked = model.stream(), model.stream()
        for row in many[0]:
            asked.observe(row)
        agree(f"stream {inputs}/{units}", [torch.tensor(asked.predict_proba())],
              [torch.tensor(model.predict_proba(many[:1])[0])])  # fmt: skip
        cell, x = nn.LSTMCell(inputs, units), torch.randn(1, inputs)
        state: dict[str, Any] = {"cell": None}

        def by_cell() -> None:
            with torch.inference_mode():
                state["cell"] = cell(x, state["cell"])  # noqa: B023

        def answered() -> None:
            asked.observe(next(rows))  # noqa: B023
            asked.predict_proba()  # noqa: B023

        cells = [take_turns(lambda: taken.observe(next(rows)), by_cell, setting.seconds)]  # noqa: B023
        cells.append(take_turns(answered, by_cell, setting.seconds))
        body.append([f"{inputs} / {units}", *(f"{1e6 * seconds:.0f}" for seconds in
                                              (cells[0].ours, cells[1].ours, cells[0].theirs))])  # fmt: skip
    header = [f"I / H, {setting.threads} thread{'s' * (setting.threads > 1)}"]
    yield markdown([*header, "stream.observe [us]", "and predict_proba [us]", "LSTMCell alone [us]"], body)


def ragged(setting: Setting) -> Iterator[str]:
    """64 sequences of lengths uniform in 1..500 against pack, nn.LSTM and unpack."""
    from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

    shape = Shape(64, 500, 64, 128)
    lengths = torch.randint(1, shape.steps + 1, (shape.batch,), generator=torch.Generator().manual_seed(0))
    lengths[0] = shape.steps
    ours, theirs, x = layers(shape, "none"), nn.LSTM(shape.inputs, shape.units), random_input(shape)
    theirs.load_state_dict(ours.state_dict())

    class Packed(nn.Module):
        hidden_size = shape.units

        def __init__(self) -> None:
            super().__init__()
            self.lstm = theirs

        def forward(self, x: Tensor) -> Tensor:
            packed = pack_padded_sequence(x, lengths, enforce_sorted=False)
            return pad_packed_sequence(self.lstm(packed)[0], total_length=len(x))[0]

    class Ours(nn.Module):
        hidden_size = shape.units

        def __init__(self) -> None:
            super().__init__()
            self.lstm = ours

        def forward(self, x: Tensor) -> Tensor:
            return self.lstm(x, lengths=lengths)[0]

    flops = shape.flops() * int(lengths.sum()) / (shape.batch * shape.steps)
    timings = []
    for make, passes in ((inference, 1), (training, 3)):
        a, b = make(Ours(), x), make(Packed(), x)
        agree("PackedSequence", *((r if passes == 3 else [r]) for r in (a(), b())))
        timings.append((take_turns(a, b, setting.seconds), passes * flops))
    yield compared("lengths 1..500", "PackedSequence", setting, [("64 x 500 x 64 x 128", timings)])


def peak_rise(who: str, shape: Shape) -> float:
    """MiB by which the largest resident set grows over a training step; run in a process of its own."""
    module = layers(shape, "none") if who == "memcell" else nn.LSTM(shape.inputs, shape.units)
    training(module, random_input(shape._replace(steps=1, batch=1)))()
    call = training(module, random_input(shape))
    before = peak_memory()
    call()
    return peak_memory() - before


def memory(setting: Setting) -> Iterator[str]:
    """Rise of the peak resident set over one training step, fresh processes."""
    rows = []
    for shape in SHAPES:
        if shape.batch * shape.steps * shape.units < 1e6:
            continue
        rises = []
        for who in ("memcell", "torch"):
            command = [sys.executable, __file__, "--worker", json.dumps([who, shape, setting.threads])]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            rises.append(float(done.stdout.splitlines()[-1]))
        rows.append([str(shape), *(f"{rise:.0f}" for rise in rises), f"{rises[0] / rises[1]:.2f}"])
    header = [f"B x T x I x H, {setting.threads} thread{'s' * (setting.threads > 1)}"]
    yield markdown([*header, "memcell [MiB]", "nn.LSTM [MiB]", "memcell / nn.LSTM"], rows)


PARTS = {
    "layer": against_torch, "onnx": against_onnx, "peephole": full_peepholes, "step": single_steps, "stream": streams,
    "ragged": ragged, "memory": memory,
}  # fmt: skip


def main() -> None:
    """Measure the parts and print them as they are done."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", help="which parts; all if none is named")
    parser.add_argument("--threads", type=int, nargs="+", default=sorted({1, min(2, os.cpu_count() or 1)}))
    parser.add_argument("--seconds", type=float, default=1.0, help="how long each pair is timed, about")
    parser.add_argument(
        "--instructions", choices=_core.instruction_sets(), help="instead of the widest of this machine"
    )
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        who, shape, threads = json.loads(options.worker)
        torch.set_num_threads(threads)
        print(peak_rise(who, Shape(*shape)))
        return
    if options.instructions:
        _core.use_instruction_set(options.instructions)
    unknown = [part for part in options.parts if part not in PARTS]
    if unknown:
        parser.error(f"there is no part {unknown[0]!r}; choose from {', '.join(PARTS)}")
    print(f"{machine('torch', 'onnxruntime')}; {_core.instruction_set()}, load {load():.1f} before.\n", flush=True)
    for threads in options.threads:
        torch.set_num_threads(threads)
        setting = Setting(threads, options.seconds, fma_peak(threads, _core.instruction_set()))
        print(f"FMA peak of {threads} thread{'s' * (threads > 1)}: {setting.peak:.0f} GFLOP/s.\n", flush=True)
        for part in options.parts or PARTS:
            for text in PARTS[part](setting):
                print(text + "\n", flush=True)
    print(f"Load after: {load():.1f}.")


if __name__ == "__main__":
    main()
