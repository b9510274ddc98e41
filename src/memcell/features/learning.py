"""What training series teach a recipe."""

from collections.abc import Sequence

import numpy as np

from memcell.data.cadence import step_of
from memcell.data.observations import values_by_channel
from memcell.data.schema import TableSchema
from memcell.data.series import Series
from memcell.features.choices import (
    aligned_rows,
    learn_channel,
    patch_of,
    products_of,
    shapes_of,
    span_of,
    sparse_or_sets,
    summary_of,
    uneven,
)
from memcell.features.cycles import periods_of
from memcell.features.encoding import Encoding
from memcell.features.grid import on_grid
from memcell.features.pieces import Stepwise
from memcell.features.recipe import Recipe
from memcell.features.sources import categories_of, sources_of
from memcell.features.target import TargetRecipe

__all__ = ["learn_recipe"]

_MOST_COUNTS = 20_000_000  # words times series up to which they are counted
_MOST_BY_ROW = 100  # columns up to which rows come with summaries, which are nine times as many


def learn_recipe(
    series: list[Series],
    schema: TableSchema,
    target: str | None = None,
    horizon: int | None = None,
    *,
    clipping: bool = True,
    events: bool | None = None,
    cycles: str | Sequence[float] = (),
    summary: bool = False,
    aligned: bool = True,
    shapes: bool = False,
    contests: bool = False,
    words: bool = False,
    products: bool = True,
    fine: bool = False,
    merging: bool = False,
    by_row: bool = False,
    gaps: bool = False,
    windows: int = 0,
    pieces: bool = False,
    sources: bool = False,
    categories: bool = False,
    others: list[Series] | None = None,
) -> Recipe:
    """Statistics of the series, which must be training series and, for a forecast, end where training ends.

    Args:
        series: to learn from.
        schema: the columns' roles.
        target, horizon: of a forecast, its channel and how many steps.
        clipping: whether outliers are cut, and impossible values not seen.
        events: whether numbers enter as events; None: where channels are many and sparse, or hold sets.
        cycles: as in ``memcell.features.cycles.periods_of``.
        summary: whether a series comes with a summary of each column.
        aligned: whether the values of rows that all series have alike are among it.
        shapes, contests: whether it comes with how often each shape is there, or each kernel wins, where series say
            enough of what lies between their rows.
        words: whether it comes with how often each word and category is there.
        products: whether products of channels are among the summary, where these are few and complete.
        fine: whether statistics come in fine pieces too, where series are enough and columns few.
        merging: whether rows may become one, where they are many: within spans of time where each sees few of the
            channels, in patches where they are nearly even and complete.
        gaps: whether summaries are also of the time between rows, where that differs.
        windows: of rows that come with summaries, as the attribute.
        pieces: whether codes, and where rows come with summaries all values of columns, also come in pieces.
        sources: whether sources that a channel names have columns of their own, where rows stay as they are.
        categories: whether each word of a category of few has one, where rows come with summaries and stay as they are.
        others: more series, of which channels that ``series`` have no value of are learnt.
        by_row: whether summaries are of the rows up to each one, where columns are not too many; of whole series
            otherwise.

    Raises:
        InputError: values too large to be scaled, or times too uneven for a forecast.
    """
    cadence = step_of(series)
    numbers = np.array([name not in schema.kinds for name in schema.channels], bool)
    if events is None:
        events = target is None and sparse_or_sets(series, numbers)
    if by_row and not events and numbers.sum() > _MOST_BY_ROW:
        summary = False
    by_row &= summary
    split = values_by_channel([one.observations for one in series], len(schema.channels))
    facts_split = values_by_channel([one.facts for one in series], len(schema.facts))
    known, facts_known = ([(seen, series) for seen in each] for each in (split, facts_split))
    if others and not all(map(all, (split, facts_split))):
        more = values_by_channel([one.observations for one in others], len(schema.channels))
        more_facts = values_by_channel([one.facts for one in others], len(schema.facts))
        known, facts_known = (
            [(seen, which) if seen else (instead, others) for (seen, which), instead in zip(own, rest, strict=True)]
            for own, rest in ((known, more), (facts_known, more_facts))
        )
    stepwise: Stepwise = "none" if not pieces else "every" if by_row else "codes"
    channels = tuple(
        learn_channel(name, schema.kinds.get(name), seen, [one.levels for one in which], clipping, stepwise, events)
        for name, (seen, which) in zip(schema.channels, known, strict=True)
    )
    of_facts: Stepwise = "codes" if pieces else "none"
    facts = tuple(
        learn_channel(name, schema.fact_kinds.get(name), seen, [one.fact_levels for one in which], clipping, of_facts)
        for name, (seen, which) in zip(schema.facts, facts_known, strict=True)
    )
    target_recipe = None
    if target is not None and horizon is not None:
        channel = schema.channels.index(target)
        grids = [on_grid(one, cadence).values[:, channel] for one in series]
        target_recipe = TargetRecipe.learn(grids, channel, horizon)
    there = sum(bool(seen) for seen in split)
    span = span_of(series, there) if merging else 0.0
    patch = patch_of(series, cadence, channels) if merging and not span else 1
    periods = periods_of(series, cycles)
    as_they_are = target is None and not span and patch == 1
    of_sources = sources_of(series, channels) if sources and as_they_are else ()
    of_words = categories_of(channels, of_sources) if categories and by_row and as_they_are else ()
    encoding = Encoding(channels, facts, of_sources, of_words)
    whole = summary and not by_row
    rows = aligned_rows(series, cadence, channels) if whole and aligned else 0
    found = shapes_of(series, cadence, encoding, shapes=shapes, contests=contests) if whole else ()
    words = whole and words and 0 < len(encoding.words) * len(series) <= _MOST_COUNTS
    pairs = whole and products and products_of(series, channels)
    apart = summary and gaps and uneven(series, cadence)
    scaling = summary_of(series, cadence, encoding, by_row=by_row, gaps=apart, fine=fine) if summary else None
    return Recipe(
        schema, cadence, channels, facts, of_sources, of_words, periods, target_recipe, scaling, span, patch, rows,
        found, words, pairs, by_row, apart, windows * by_row,
    )  # fmt: skip
