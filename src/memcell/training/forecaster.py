"""Training of a forecast: one pass over each series, a forecast at every row."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from memcell.contract import InputError, warn
from memcell.data import Cadence, Series, TableSchema, step_of
from memcell.data.cadence import other_steps
from memcell.features.grid import on_grid
from memcell.features.learning import learn_recipe
from memcell.features.recipe import Recipe
from memcell.features.steps import Steps
from memcell.heads import QuantileForecast
from memcell.model import Model, ModelConfig
from memcell.training.batches import Batch, Batches
from memcell.training.checkpoint import Checkpoint
from memcell.training.networks import config_of, start_of
from memcell.training.record import record_of, record_of_network, record_of_training
from memcell.training.settings import Design, TrainingSettings
from memcell.training.train import Trained, train
from memcell.training.usual import usual_torch

__all__ = ["fit_forecaster"]

_STEPS_PER_EPOCH = 20
_HIDDEN_SIZE = 48
_COPIES = 2  # of each series with stretches taken out, so that a forecast over a gap has been practised
_HELD_OUT = 0.15  # of each series' time
_COVERAGE = 0.8  # what the band from the 0.1 to the 0.9 quantile claims


@dataclass(frozen=True)
class _Part:
    """Prepared series: steps and outcomes [N, K] (NaN where unknown)."""

    steps: Steps
    outcomes: NDArray[np.float32]


@usual_torch()
def fit_forecaster(
    series: list[Series],
    target: str,
    horizon: int,
    schema: TableSchema,
    settings: TrainingSettings,
    design: Design | None = None,
    checkpoint: Checkpoint | None = None,
) -> Model:
    """A model that forecasts ``target`` for each of ``horizon`` steps after a series' end.

    The last part of each series' time decides when to stop and how wide the band must be; then the model is trained
    anew on everything, as long as was best.

    Raises:
        InputError: the target is no channel, is hardly ever observed, or a series is shorter than the horizon.
    """
    if target not in schema.channels:
        raise InputError(f"The target {target!r} is no channel; there are {', '.join(map(repr, schema.channels))}.")
    if target in schema.kinds:
        raise InputError(f"The target {target!r} holds words; only numbers can be forecast.")
    if not isinstance(horizon, int) or isinstance(horizon, bool) or horizon < 1:
        raise InputError(f"`horizon` is {horizon!r}; it must be a whole number of at least 1.")
    design = _forecasting(design or Design())
    told = record_of_training(settings, _with_defaults(settings), design)
    settings = _with_defaults(settings)

    def learn(training: list[Series]) -> Recipe:
        return learn_recipe(
            training, schema, target, horizon, clipping="clipping" not in design.without, events=False,
            cycles=design.cycles,
        )  # fmt: skip

    cadence = step_of(series)
    channel = schema.channels.index(target)
    series, grids = _long_enough(series, [on_grid(one, cadence) for one in series], cadence, channel, target, horizon)
    cuts = [_cut(one.values[:, channel], settings.validation or _HELD_OUT) for one in grids]
    early = [one.between(0, cut) for one, cut in zip(grids, cuts, strict=True)]
    recipe = learn(early)
    config = config_of(recipe, QuantileForecast(horizon), design, len(series))
    held_out = _prepare(grids, recipe)
    for row, cut in zip(held_out.steps.offsets, cuts, strict=False):
        held_out.outcomes[row : row + cut - 1] = np.nan
    batches = Batches(_segments(early, recipe, settings), _STEPS_PER_EPOCH, [_everywhere(held_out)])
    start = start_of(config, recipe, design, early, settings.seed)
    first = train(config, start, batches, settings, "Training", checkpoint=checkpoint)
    band = _band(Model(recipe, config, (first.weights,)), held_out, horizon)

    weights, interrupted = first.weights, first.interrupted
    if not interrupted:
        everything = learn(grids)
        wider = config_of(everything, config.head, design, len(series))  # of words that came late
        batches = Batches(_segments(grids, everything, settings), _STEPS_PER_EPOCH, [])
        start = start_of(wider, everything, design, grids, settings.seed)
        final = _repeated(wider, start, batches, settings, first.step, checkpoint)
        interrupted = final is None
        if final is not None:
            weights, recipe, config = final.weights, everything, wider
    record = (
        record_of(series)
        | told
        | {
            "target": target,
            "networks": [record_of_network(first, first, np.empty(0, np.int64))],
            "validation_loss": round(first.validation_loss, 6),
            "steps": first.step,
            "epochs": len(first.history),
            "interrupted": interrupted,
            "history": [first.history],
        }
    )
    if interrupted:
        warn("Training was interrupted: the best so far is kept.")
    return Model(recipe, replace(config, head=QuantileForecast(horizon, band)), (weights,), record)


def _forecasting(design: Design) -> Design:
    """The design with nothing left open."""
    if design.bidirectional or design.members not in (None, 1):
        raise InputError(
            "A forecast is made by one network that runs forwards; leave out `bidirectional` and `members`."
        )
    return replace(
        design,
        hidden_size=_HIDDEN_SIZE if design.hidden_size is None else design.hidden_size,
        chrono=bool(design.chrono),
    )


def _with_defaults(settings: TrainingSettings) -> TrainingSettings:
    return replace(
        settings, epochs=settings.epochs or 30, batch_size=settings.batch_size or 32, patience=settings.patience or 12,
        learning_rate=settings.learning_rate or 4e-3, validation=settings.validation or _HELD_OUT,
    )  # fmt: skip


def _repeated(
    config: ModelConfig,
    start: dict[str, Tensor],
    batches: Batches,
    settings: TrainingSettings,
    steps: int,
    checkpoint: Checkpoint | None,
) -> Trained | None:
    """Training on all rows for so many steps; None where Ctrl-C cut it short, which has learnt less than the first."""
    try:
        final = train(config, start, batches, settings, "On all rows", max(1, steps), checkpoint)
    except KeyboardInterrupt:
        return None
    return None if final.interrupted else final


def _long_enough(
    series: list[Series], grids: list[Series], cadence: Cadence, channel: int, target: str, horizon: int
) -> tuple[list[Series], list[Series]]:
    """Those series, and on their grids, that something can be learnt from; a ``DataWarning`` tells of others.

    Raises:
        InputError: none is long enough.
    """
    refused: list[str] = []
    kept: list[tuple[Series, Series]] = []
    for one, grid in zip(series, grids, strict=True):
        name = "The series" if one.id is None else f"Series {one.id!r}"
        seen = int((~np.isnan(grid.values[:, channel])).sum())
        if len(grid) <= horizon:
            refused.append(f"{name} is {len(grid)} steps long, no longer than the horizon of {horizon}.")
        elif seen < 4:
            refused.append(f"{name} has values of {target!r} at {seen} steps; at least 4 are needed to learn from.")
        else:
            kept.append((one, grid))
    if (told := other_steps(series, cadence)) is not None:
        warn(told)
    if not kept:
        raise InputError(f"{refused[0]} Give more history, or ask for a shorter horizon.")
    if refused:
        others = f" So it is with {len(refused) - 1} more." if len(refused) > 1 else ""
        warn(f"Left out in training: {refused[0]}{others}")
    return [one for one, _ in kept], [grid for _, grid in kept]


def _cut(y: NDArray[np.float64], share: float) -> int:
    """The row from which on the last ``share`` of the time is held out, with values of the target on both sides."""
    known = np.flatnonzero(~np.isnan(y))
    end = int(known[-1]) + 1
    return min(max(end - max(1, round(share * end)), int(known[2]) + 1), int(known[-1]))


def _prepare(grids: list[Series], recipe: Recipe, truths: list[Series] | None = None) -> _Part:
    """Steps of the series; what should have been forecast comes from ``truths`` where the series have gaps made in."""
    assert recipe.target is not None
    steps = recipe.apply(grids)
    outcomes = [
        recipe.target.outcomes(truth.values[:, recipe.target.channel], steps.anchor[start:stop])
        for truth, start, stop in zip(truths or grids, steps.offsets, steps.offsets[1:], strict=False)
    ]
    return _Part(steps, np.concatenate(outcomes).astype(np.float32))


def _everywhere(part: _Part) -> Batch:
    """All series whole, read at the rows with a known outcome."""
    rows = np.flatnonzero(~np.isnan(part.outcomes).all(axis=1))
    return Batch.of(part.steps, rows, part.outcomes[rows])


def _with_gaps(one: Series, horizon: int, random: np.random.Generator) -> Series:
    kept, at = np.ones(len(one), bool), 0
    while at < len(one):
        at += int(random.integers(1, 3 * horizon + 1))
        length = int(random.integers(1, max(2, horizon // 2 + 1)))
        kept[at : at + length] = False
        at += length
    return replace(one, observations=one.observations.select(kept[one.observations.row]))


def _segments(grids: list[Series], recipe: Recipe, settings: TrainingSettings) -> Any:
    """Draws batches of random stretches of the series, half of them from copies with gaps."""
    assert recipe.target is not None
    horizon = recipe.target.horizon
    random = np.random.default_rng(settings.seed)
    copies = [[_with_gaps(one, horizon, random) for one in grids] for _ in range(_COPIES)]
    parts = [_prepare(grids, recipe), *(_prepare(copy, recipe, grids) for copy in copies)]
    longest = max(3 * horizon, 128)
    size = max(2, (settings.batch_size or 32) // 4)
    lengths = np.array([len(one) for one in grids])

    def one_batch(random: np.random.Generator) -> Batch:
        pieces: list[Steps] = []
        read: list[Any] = []
        outcomes: list[Any] = []
        begin = 0
        for k in range(size):
            part = parts[0] if k < size // 2 else parts[1 + k % _COPIES]
            b = int(random.choice(len(grids), p=lengths / lengths.sum()))
            length = int(min(longest, lengths[b]))
            start = int(random.integers(0, lengths[b] - length + 1))
            first = int(part.steps.offsets[b]) + start
            warm_up = min(horizon // 2, length // 3)
            pieces.append(part.steps.stretch(b, start, start + length))
            read.append(begin + np.arange(warm_up, length))
            outcomes.append(part.outcomes[first + warm_up : first + length])
            begin += length
        return Batch.of(Steps.concatenate(pieces), np.concatenate(read), np.concatenate(outcomes))

    def draw(random: np.random.Generator) -> Iterator[Batch]:
        for _ in range(_STEPS_PER_EPOCH):
            yield one_batch(random)

    return draw


def _band(model: Model, held_out: _Part, horizon: int) -> float:
    """The factor on the band's half-widths with which it covers the held-out rows as it claims.

    Split conformal prediction (Vovk et al., "Algorithmic learning in a random world", 2005), its level raised for the
    few independent stretches that overlapping forecasts amount to.
    """
    rows = np.flatnonzero(~np.isnan(held_out.outcomes).all(axis=1))
    if not len(rows):
        return 1.0
    quantiles, _ = model.quantiles_at(held_out.steps, rows)
    low, median, high = np.moveaxis(quantiles, 2, 0)
    truth = held_out.outcomes[rows]
    ratio = np.where(truth > median, (truth - median) / (high - median), (median - truth) / (median - low))
    level = min(0.9, _COVERAGE * (1 + horizon / len(rows)))
    return float(np.clip(np.quantile(ratio[~np.isnan(truth)], level), 0.7, 2.0))
