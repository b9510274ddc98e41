"""Messy series, and models with random weights: what prediction needs, without training."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from memcell import LstmSpec, Series
from memcell.data import TableSchema
from memcell.data.dates import TimeKind
from memcell.features.channels import Channel, NumberChannel
from memcell.features.learning import learn_recipe
from memcell.features.recipe import Recipe
from memcell.features.shapes import Shapes
from memcell.heads import Classification, QuantileForecast
from memcell.model import Model, ModelConfig

CHANNELS = ("pulse", "pressure", "ph")
TARGET = "pressure"
HORIZON = 3
WEEK = 7 * 86400.0

Spacing = Literal["even", "holes", "jitter", "uneven"]


def times_of(rng: np.random.Generator, length: int, spacing: Spacing) -> NDArray[np.float64]:
    """[length], in steps: every step, some of them, near them, or anywhere, several in one step too."""
    if spacing == "uneven":
        return np.cumsum(rng.exponential(1.0, length) + 1e-3)
    steps = np.arange(length) if spacing == "even" else np.cumsum(rng.integers(1, 4, length))
    return steps + (rng.uniform(-0.4, 0.4, length) if spacing == "jitter" else 0.0)


def series_of(
    rng: np.random.Generator,
    length: int,
    kind: TimeKind = "number",
    spacing: Spacing = "holes",
    missing: float = 0.4,
    id: object = None,
) -> Series:
    """A random walk in each channel, with values and rows missing; the target's first value is there."""
    values = rng.normal(size=(length, len(CHANNELS))).cumsum(axis=0) * [5.0, 1.0, 0.1] + [80.0, -3.0, 7.4]
    values[rng.random(values.shape) < missing] = np.nan
    values[:1, CHANNELS.index(TARGET)] = -3.0
    times = np.arange(length) if kind == "order" else times_of(rng, length, spacing)
    scale = WEEK if kind == "date" else 1.0
    return Series(values, times * scale, CHANNELS, id, time_kind=kind)


def schema_of(kind: TimeKind) -> TableSchema:
    """The roles of the columns that ``series_of`` would be read from."""
    return TableSchema("stay", None if kind == "order" else "time", (), CHANNELS, kind, date_only=False)


def classifier(
    kind: TimeKind = "number",
    num_layers: int = 2,
    spec: LstmSpec | None = None,
    seed: int = 0,
    patch: int = 1,
    shapes: bool = False,
) -> Model:
    """Three classes, random weights; ``shapes``: with summaries, of gaps too, products and one feature a shape; with
    these, and in patches, values come in pieces."""
    rng = np.random.default_rng(seed)
    training = [series_of(rng, 30, kind) for _ in range(4)]
    recipe = replace(learn_recipe(training, schema_of(kind), summary=shapes, gaps=shapes), patch=patch)
    if shapes or patch > 1:
        recipe = replace(recipe, channels=tuple(map(_with_knots, recipe.channels)))
    if shapes:
        scaled = [np.nan_to_num(recipe.scaled(recipe.encoding.columns_of(one))) for one in training]
        found = (Shapes.learn(scaled, changes=changes) for changes in (False, True))
        few = tuple(replace(one, thresholds=tuple(levels[:1] for levels in one.thresholds)) for one in found)
        recipe = replace(recipe, products=True, shapes=few)
    head = Classification(("low", "middle", "high"))
    config = ModelConfig(head=head, hidden_size=7, num_layers=num_layers, spec=spec or LstmSpec(), **recipe.widths)
    return _with_random_weights(rng, recipe, config)


def forecaster(kind: TimeKind = "number", num_layers: int = 2, spec: LstmSpec | None = None, seed: int = 0) -> Model:
    """Quantiles of three steps of ``TARGET``, random weights."""
    rng = np.random.default_rng(seed)
    training = [series_of(rng, 40, kind, "even") for _ in range(3)]
    recipe = learn_recipe(training, schema_of(kind), TARGET, HORIZON)
    head = QuantileForecast(HORIZON, 1.25)
    return _with_random_weights(
        rng, recipe, ModelConfig(len(CHANNELS), recipe.extra, head, 7, num_layers, spec or LstmSpec())
    )


MAKERS: dict[str, Callable[..., Model]] = {
    "classify": classifier, "forecast": forecaster, "patches": partial(classifier, patch=3),
    "shapes": partial(classifier, shapes=True),
}  # fmt: skip


def predictions(model: Model, series: list[Series]) -> NDArray[np.float64]:
    """Numbers of every kind of model: probabilities [n, classes], or quantiles [n, K, 3]."""
    if model.task == "classify":
        return model.predict_proba(series)
    return np.array([forecast.quantiles for forecast in model.predict(series)])


def _with_knots(channel: Channel) -> Channel:
    assert isinstance(channel, NumberChannel)
    return replace(channel, knots=tuple(channel.center + channel.scale * np.array([-1.0, 0.0, 0.5])))


def _with_random_weights(rng: np.random.Generator, recipe: Recipe, config: ModelConfig) -> Model:
    weights = {
        name: rng.normal(0.1, 0.4, shape).astype(np.float32) for name, shape in sorted(config.weight_shapes().items())
    }
    if "linear.weight" in weights:  # of hundreds of features, whose sum is to be about as large as one of them
        weights["linear.weight"] /= np.float32(weights["linear.weight"].shape[1] ** 0.5)
    return Model(recipe, config, (weights,), {"series": 4, "interrupted": False})
