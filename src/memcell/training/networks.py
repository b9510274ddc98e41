"""The networks of a model: recipe, split, start and training of each, put together."""

from collections.abc import Callable
from dataclasses import replace
from itertools import compress

import numpy as np
import torch
from numpy.typing import NDArray

from memcell.contract import warn
from memcell.data import Series, TableSchema
from memcell.features.channels import NumberChannel
from memcell.features.learning import learn_recipe
from memcell.features.recipe import Recipe
from memcell.features.steps import Steps
from memcell.heads import Head
from memcell.model import FIT_MECHANISMS, Model, ModelConfig
from memcell.training.batches import Batches
from memcell.training.checkpoint import Checkpoint
from memcell.training.judging import Losses, learnt, losses_by_series
from memcell.training.linear import Linear, fit_linear, with_blank, with_linear
from memcell.training.module import initial_weights
from memcell.training.record import record_of_network, record_of_training
from memcell.training.settings import Design, TrainingSettings
from memcell.training.splits import held_out
from memcell.training.train import Trained, train
from memcell.training.usual import usual_torch

__all__ = ["begun", "config_of", "fit_members", "pass_once", "start_of"]

_FEW = 200  # series, below which networks are smaller
_LONG = 200  # rows of a series from which on gates start out remembering over its length

_CENTERED = 5000  # series at most, of which the means of summaries are taken
_ENOUGH = 20_000_000  # observations to learn a recipe from
_MOST_SERIES, _MOST_SHAPED = 2_000, 500_000  # series and their rows up to which shapes are sought
_COLUMNS_OF_A_ROW = 64  # wider rows count as several when there is to be chosen how many networks are trained
_FEW_COLUMNS = 32  # with which mask and time since seen stay, also where they are constant
_ABOUT = 0.01  # steps within which rows are even
_TRIALS = 3  # networks that decide between two recipes
_COLUMNS = 10_000_000  # values up to which sparse numbers are tried as columns

_Network = tuple[Trained, Linear | None, Losses | None]

BatchesOf = Callable[[Steps, NDArray[np.int64], NDArray[np.int64], int], Batches]
"""The batches of prepared series, those to train and to validate on, and a batch size."""


@usual_torch()
def fit_members(
    series: list[Series],
    head: Head,
    schema: TableSchema,
    settings: TrainingSettings,
    design: Design,
    batches_of: BatchesOf,
    codes: NDArray[np.int64] | None,
    checkpoint: Checkpoint | None,
) -> Model:
    """A model of one or several networks, each with a part of the series of its own held out to decide when to stop.

    The recipe is learnt from the series that the first network is trained on, of very many from every second, third,
    ..., so that they have about ``_ENOUGH`` observations.
    """
    groups = None if all(one.group is None for one in series) else [one.group for one in series]
    given, settings = settings, settings.for_data(len(series), None if head.whole else sum(map(len, series)))
    record = record_of_training(given, settings, design)
    observed = sum(len(one.observations) for one in series)
    count = design.members_for(len(series), max(sum(map(len, series)), observed // _COLUMNS_OF_A_ROW))
    splits = held_out(len(series), settings.validation or 0.2, settings.seed, codes, groups, count)
    training = splits[0][0]
    if codes is not None and any(len(np.unique(codes[kept])) < len(np.unique(codes)) for kept, _ in splits):
        warn(
            "A network is trained without any series of a class: whole groups are held out, and all of that class are "
            "in one of them. Give finer groups, or none."
        )
    if len(series) > _MOST_SERIES or sum(map(len, series)) > _MOST_SHAPED:
        design = replace(design, without=(*design.without, "shapes", "contests"))
    if not any(len(one.observations) for one in series):
        warn("No series has a value in any channel.")
    learnt_from = _enough([series[k] for k in training])
    every = _enough(series) if count > 1 else None  # a channel may be seen in what the first network holds out alone
    recipe = recipe_of(learnt_from, schema, design, head.whole, every)

    def train_on(recipe: Recipe, steps: Steps, design: Design, first: int, last: int, name: str) -> list[_Network]:
        """Networks on the splits from ``first`` up to ``last``; fewer where Ctrl-C came."""
        config = config_of(recipe, head, design, len(training))
        runs: list[_Network] = []
        for k in range(first, last):
            seeded = replace(settings, seed=(settings.seed + k) % 2**32)
            title = f"{name} {k + 1} of {count}" if count > 1 else name
            start = start_of(config, recipe, design, series, seeded.seed)
            batches = batches_of(steps, *splits[k], min(seeded.batch_size or 1, len(splits[k][0])))
            center = _center_of(steps, splits[k][0], head.whole) if config.summarised else None
            run = train(config, start, batches, seeded, title, checkpoint=checkpoint, center=center)
            linear = losses = None
            try:
                if "linear" not in design.without:
                    linear = fit_linear(config, run, batches, "selection" not in design.without)
                if linear is not None:
                    losses = linear.losses(head)
                elif not head.whole:
                    losses = losses_by_series(config, run, batches)
            except KeyboardInterrupt:
                run.interrupted = True
            runs.append((run, linear, losses))
            if run.interrupted:
                break
        return runs

    other, title = _another(recipe, learnt_from, design, head.whole, every)
    trials = min(count, _TRIALS) if other else count
    steps, name = recipe.apply(series), "Network"
    own = _without_constants(design, steps, training)
    runs = train_on(recipe, steps, own, 0, trials, name)
    if other and not runs[-1][0].interrupted:
        other_steps = other.apply(series)
        other_own = _without_constants(design, other_steps, training)
        others = train_on(other, other_steps, other_own, 0, trials, title)
        if not others[-1][0].interrupted:
            if _mean_loss(_together(head, others)) < _mean_loss(_together(head, runs)):
                recipe, steps, own, runs, name = other, other_steps, other_own, others, title
            runs += train_on(recipe, steps, own, trials, count, name)
    kept = learnt([losses for _, _, losses in runs])
    left_out = [round(run.validation_loss, 6) for run, *_ in compress(runs, (not one for one in kept))]
    runs, splits = list(compress(runs, kept)), list(compress(splits, kept))
    recipe, trained = _without_unread(recipe, _together(head, runs))
    config = config_of(recipe, head, own, len(training))
    if "linear" not in design.without and config.blank:
        blank = recipe.apply([one.between(0, 0) for one in series])
        size = settings.batch_size or 1
        trained = [
            with_blank(config, run, batches_of(blank, *split, min(size, len(split[0]))))
            for run, split in zip(trained, splits, strict=False)
        ]
    each = zip((run for run, *_ in runs), trained, (validation for _, validation in splits), strict=False)
    record |= {
        "learnt_from": len(learnt_from),
        "networks": [record_of_network(*one) for one in each],
        "left_out": left_out,
        "validation_series": len(splits[0][1]),
        "validation_loss": round(_mean_loss(trained), 6),
        "steps": sum(run.step for run in trained),
        "epochs": sum(len(run.history) for run in trained),
        "interrupted": trained[-1].interrupted,
        "held_out": [validation.tolist() for _, validation in splits[: len(trained)]],
        "history": [run.history for run in trained],
    }
    if record["interrupted"]:
        told = f"Training was interrupted: the best so far is kept, of {len(trained)} of {count} networks."
        warn(told)
    return Model(recipe, replace(config, members=len(trained)), tuple(run.weights for run in trained), record)


def _enough(series: list[Series]) -> list[Series]:
    return series[:: -(-sum(len(one.observations) for one in series) // _ENOUGH) or 1]


def _without_constants(design: Design, steps: Steps, index: NDArray[np.int64]) -> Design:
    """The design without mask and time since seen, where columns are many and some series say nothing by these: nothing
    is missing, and a row comes one step after the one before it.

    With few columns they cost little, and as constants that enter at every step they did no harm (log loss of inner
    folds of ItalyPowerDemand 0.094 with them, 0.102 without; of JapaneseVowels 0.059 and 0.063).
    """
    if steps.values.shape[1] <= _FEW_COLUMNS:
        return design
    for start, stop in zip(steps.offsets[index], steps.offsets[index + 1], strict=True):
        gap = steps.gap[start + 1 : stop]
        if not (steps.mask[start:stop].all() and (np.abs(gap - 1) <= _ABOUT).all()):
            return design
    return replace(design, without=(*design.without, "mask", "since"))


def _center_of(steps: Steps, index: NDArray[np.int64], whole: bool) -> torch.Tensor:
    """[summaries + facts], means over some series, of very many over every second, third, ...; of summaries by row the
    means over their rows."""
    some = index[:: -(-len(index) // _CENTERED) or 1]
    summary = steps.summary[some].mean(axis=0)
    if not whole:
        bounds = zip(steps.offsets[some], steps.offsets[some + 1], strict=True)
        summary = np.mean([steps.so_far[start:stop].mean(axis=0) for start, stop in bounds if stop > start], axis=0)
    return torch.from_numpy(np.concatenate([summary, steps.facts[some].mean(axis=0)]).astype(np.float32))


def _another(
    recipe: Recipe, series: list[Series], design: Design, whole: bool, every: list[Series] | None
) -> tuple[Recipe | None, str]:
    """Another recipe of which held-out series are to say whether it is the better one, and its name; or none.

    Whether rows that all series have alike also mean the same in each; whether sparse numbers do better as columns,
    where these do not take too much memory.
    """
    if recipe.aligned:
        return replace(recipe, aligned=0), "Not aligned"
    numbers = [isinstance(one, NumberChannel) and one.events for one in recipe.channels]
    few = sum(map(len, series)) * len(numbers) <= _COLUMNS
    if design.events is None and any(numbers) and few and not any(one.observations.surplus for one in series):
        return recipe_of(series, recipe.schema, replace(design, events=False), whole, every), "As columns"
    return None, ""


def _without_unread(recipe: Recipe, runs: list[Trained]) -> tuple[Recipe, list[Trained]]:
    """The recipe without the kinds of what is wide that no network reads, and networks without weights for these."""
    sizes = [*(size for _, size in recipe.widths["shapes"]), recipe.widths["fine"]]
    if not sum(sizes):
        return recipe, runs
    count = runs[0].weights["linear.weight"].shape[1]
    others, *places = np.split(np.arange(count), count - sum(sizes) + np.cumsum([0, *sizes[:-1]]))
    read = [any(run.weights["linear.weight"][:, own].any() for run in runs) for own in places]
    words = recipe.words and read[len(recipe.shapes)]
    kept = np.concatenate([others, *compress(places, read)])
    cut = [{"linear.weight": np.ascontiguousarray(run.weights["linear.weight"][:, kept])} for run in runs]
    runs = [replace(run, weights=run.weights | one) for run, one in zip(runs, cut, strict=True)]
    assert recipe.summary is not None
    summary = recipe.summary if read[-1] else recipe.summary.without_fine()
    return replace(recipe, shapes=tuple(compress(recipe.shapes, read)), words=words, summary=summary), runs


def _together(head: Head, runs: list[_Network]) -> list[Trained]:
    """The networks, each with what is linear beside it."""
    trained, linear, _ = zip(*runs, strict=True)
    return with_linear(head, trained, linear)


def _mean_loss(runs: list[Trained]) -> float:
    return float(np.mean([run.validation_loss for run in runs]))


@usual_torch()
def pass_once(series: list[Series], model: Model, settings: TrainingSettings, batches_of: BatchesOf) -> Model:
    """The model after one more pass over some series, nothing of which is held out; its recipe stays."""
    settings = replace(settings.for_data(len(series)), epochs=1)
    every, none = np.arange(len(series)), np.empty(0, np.int64)
    batches = batches_of(model.recipe.apply(series), every, none, min(settings.batch_size or 1, len(series)))
    runs = [
        train(model.config, {name: torch.from_numpy(one) for name, one in weights.items()}, batches,
              replace(settings, seed=(settings.seed + k) % 2**32), "One pass")
        for k, weights in enumerate(model.members)
    ]  # fmt: skip
    history = [{"history": [*before, *run.history], "steps": run.step}
               for before, run in zip(model.record["history"], runs, strict=True)]  # fmt: skip
    record = model.record | {
        "passes": model.record.get("passes", 0) + 1,
        "steps": model.record["steps"] + sum(one["steps"] for one in history),
        "history": [one["history"] for one in history],
        "interrupted": runs[-1].interrupted,
    }
    return replace(model, members=tuple(run.weights for run in runs), record=record)


def begun(series: list[Series], head: Head, schema: TableSchema, settings: TrainingSettings, design: Design) -> Model:
    """A model that has not been trained: its recipe learnt from the series, its weights as they start."""
    design = replace(design, without=(*design.without, "linear"))  # which single passes do not learn
    recipe, count = recipe_of(series, schema, design, head.whole), design.members or 1
    config = replace(config_of(recipe, head, design, len(series)), members=count)
    starts = [start_of(config, recipe, design, series, (settings.seed + k) % 2**32) for k in range(count)]
    members = tuple({name: one.numpy() for name, one in start.items()} for start in starts)
    record = record_of_training(settings, settings.for_data(len(series)), design)
    return Model(recipe, config, members, record | {"steps": 0, "history": [[] for _ in members], "held_out": []})


def recipe_of(
    series: list[Series], schema: TableSchema, design: Design, whole: bool, others: list[Series] | None = None
) -> Recipe:
    """The recipe learnt from some series as the design says; from others, what these have no value of."""
    on = {name: name not in design.without for name in FIT_MECHANISMS}
    return learn_recipe(
        series, schema, clipping=on["clipping"], events=design.events, cycles=design.cycles, summary=on["summary"],
        aligned=on["aligned"], shapes=on["linear"] and on["shapes"], contests=on["linear"] and on["contests"],
        words=on["linear"] and on["words"], products=on["products"], fine=on["linear"] and on["fine"],
        merging=whole and on["merging"], by_row=not whole, windows=on["windows"] * (1 + design.bidirectional),
        gaps=on["gaps"], pieces=on["pieces"], sources=on["sources"], categories=on["categories"], others=others,
    )  # fmt: skip


def config_of(recipe: Recipe, head: Head, design: Design, count: int) -> ModelConfig:
    """The shape of a network for a recipe; its size chosen from how many series there are, if it is not given."""
    hidden_size = design.hidden_size
    if hidden_size is None:
        hidden_size = 32 if count < _FEW else 64
    return ModelConfig(
        head=head, hidden_size=hidden_size, num_layers=design.num_layers, spec=design.spec,
        bidirectional=design.bidirectional, without=design.without_in_model, **recipe.widths,
    )  # fmt: skip


def start_of(
    config: ModelConfig, recipe: Recipe, design: Design, series: list[Series], seed: int
) -> dict[str, torch.Tensor]:
    """Weights to start from."""
    rows = float(np.median([len(one) for one in series])) if series else 1.0
    long = rows > _LONG if design.chrono is None else design.chrono
    chrono = rows / recipe.patch if long else None
    return initial_weights(config, _duration(series, recipe), chrono, seed)


def _duration(series: list[Series], recipe: Recipe) -> float:
    """The usual length of the series in steps of time."""
    spans = [recipe.cadence.steps_between(one.times[:1], one.times[-1:])[0] for one in series if len(one) > 1]
    return float(np.median(spans)) if spans else 1.0
