"""Series of every kind of data at once, and a model with random weights for every task that reads them."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memcell import Series
from memcell.data import TableSchema
from memcell.data.observations import Observations
from memcell.features.choices import summary_of
from memcell.features.learning import learn_recipe
from memcell.heads import Classification, Head, MultiLabel, Regression, Tagging
from memcell.model import MECHANISMS, Model, ModelConfig

CHANNELS = ("pulse", "ph", "ward", "note")
FACTS = ("age", "sex")
LEVELS = {"ward": ("er", "icu", "surgery"), "note": ("calm", "fever", "pain", "stable")}
FACT_LEVELS = {"sex": ("f", "m")}
SOURCES = (("pulse", "ward"), ("ph", "ward"))
SCHEMA = TableSchema(
    "stay", "hour", (), CHANNELS, "number", False, facts=FACTS, kinds={"ward": "category", "note": "text"},
    fact_kinds={"sex": "category"},
)  # fmt: skip


def mixed_series(rng: np.random.Generator, rows: int, id: object = None, known: bool = True) -> Series:
    """Numbers with sets, categories and words at uneven times; facts, some of them missing."""
    count = int(rng.integers(0, 4 * rows + 1)) if rows else 0
    channel = rng.integers(0, 4, count)
    value = np.where(channel == 0, rng.normal(80, 9, count), rng.normal(7.4, 0.1, count))
    value = np.where(channel == 2, rng.integers(0, 3, count), value)
    value = np.where(channel == 3, rng.integers(0, 4, count), value)
    seen = Observations.of(rng.integers(0, max(rows, 1), count), channel, value)
    facts = np.array([rng.normal(60, 9), float(rng.integers(0, 2))]) if known else np.full(2, np.nan)
    times = np.cumsum(rng.exponential(0.3, rows) + 1e-3).round(6)
    return Series(
        seen, times, CHANNELS, id, None, "number", SCHEMA, facts, FACTS, LEVELS, FACT_LEVELS  # type: ignore[arg-type]
    )  # fmt: skip


def _model(head: Head, seed: int = 0, members: int = 2, **options: Any) -> Model:
    rng = np.random.default_rng(seed)
    recipe_options = {name: options.pop(name) for name in ("cycles", "summary", "by_row") if name in options}
    recipe_options["events"] = options.pop("events", False)
    training = [mixed_series(rng, 40) for _ in range(6)]
    recipe = learn_recipe(training, SCHEMA, **recipe_options)
    changes = {name: options.pop(name) for name in ("span", "products", "sources", "categories") if name in options}
    recipe = replace(recipe, **changes)
    if changes and recipe.summary:
        of_all = summary_of(training, recipe.cadence, recipe.encoding, by_row=recipe.by_row, gaps=False, fine=False)
        recipe = replace(recipe, summary=of_all)
    config = ModelConfig(head=head, hidden_size=6, event_size=5, members=members, **recipe.widths, **options)
    networks = tuple(
        {name: rng.normal(0.1, 0.4, shape).astype(np.float32) for name, shape in sorted(config.weight_shapes().items())}
        for _ in range(members)
    )
    return Model(recipe, config, networks, {"series": 6, "interrupted": False})


def _regressor(**options: Any) -> Model:
    return _model(
        Regression(("los", "cost"), (3.0, 10.0), (2.0, 4.0), ((-1.8, 0.1, 2.0, 0.2), (-1.0, 0.0, 1.5, 0.1))),
        summary=True,
        products=True,
        **options,
    )


MIXED: dict[str, Callable[..., Model]] = {
    "classify": lambda **options: _model(Classification(("no", "yes")), summary=True, span=0.5, **options),
    "classify-events": lambda **options: _model(Classification((0, 1, 2)), events=True, **options),
    "multilabel": lambda **options: _model(MultiLabel(("fever", "pain")), cycles=(24.0, 3.0), num_layers=2, **options),
    "regress": _regressor,
    "tag": lambda **options: _model(
        Tagging(("a", "b", "c")), summary=True, by_row=True, sources=SOURCES, categories=("ward",), **options
    ),
    "tag-both-ways": lambda **options: _model(
        Tagging(("a", "b")), bidirectional=True, num_layers=2, categories=("ward",), **options
    ),
    "without": lambda **options: _model(
        Classification(("no", "yes")), without=MECHANISMS,
        **options,
    ),
}  # fmt: skip


def answers(model: Model, series: list[Series]) -> list[NDArray[np.float64]]:
    """What a model says of each series: probabilities, or quantiles."""
    return list(model.predict_quantiles(series) if model.task == "regress" else model.predict_proba(series))
