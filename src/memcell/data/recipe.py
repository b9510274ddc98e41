"""From series to what the stack reads: learnt from training rows, saved with the model, applied unchanged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from memcell.contract import InputError
from memcell.data.cadence import Cadence, step_of
from memcell.data.channels import Channel, channel_from_json, channel_to_json
from memcell.data.choices import (
    aligned_rows,
    learn_channel,
    patch_of,
    products_of,
    shapes_of,
    span_of,
    sparse_or_sets,
    summary_of,
    uneven,
    values_by_channel,
)
from memcell.data.cycles import periods_of
from memcell.data.encoding import Encoding
from memcell.data.grid import on_grid
from memcell.data.pieces import Stepwise
from memcell.data.recipe_state import RecipeState
from memcell.data.schema import TableSchema
from memcell.data.series import Series
from memcell.data.shape_counts import AnyShapes, shapes_from_json
from memcell.data.sources import sources_from_json, sources_of
from memcell.data.steps import Steps
from memcell.data.summary import SummaryScaling, pairs_of
from memcell.data.target import TargetRecipe
from memcell.data.windows import FADING

__all__ = ["Recipe"]

Array = NDArray[Any]

LARGE = 50_000_000
"""Values and observations from which on prepared series lie in files."""

_MOST_COUNTS = 20_000_000  # words times series up to which they are counted
_MOST_BY_ROW = 100  # columns up to which rows come with summaries, which are nine times as many


@dataclass(frozen=True)
class Recipe:
    """What columns mean and how their values are scaled.

    Attributes:
        schema: the columns' roles.
        cadence: the usual step between rows; time gaps are counted in it.
        channels: what each channel means, in the order of the schema.
        facts: the same of each static fact.
        sources: numbers whose sources have a column each, and the channel that names them, see
            ``memcell.data.sources``.
        cycles: periods in the unit of time whose phase is a feature.
        target: of a forecast, how its channel is made relative; None otherwise.
        summary: how statistics of each column become features that a series comes with, see ``memcell.data.summary``;
            None for none.
        span: the time over which rows become one, 0 for none: rows that each see little become fewer that see more.
        patch: how many rows of a nearly even and complete series become one with as many times the channels.
        aligned: rows of which each value is a feature of the summary, where all series have the same rows; 0 for none.
        shapes: shapes within series, brought to even times and without gaps, how often each comes being a feature, and
            contests, how often each kernel wins being one: of rows, and of changes.
        words: whether it comes with how often each word and category was there.
        products: whether the mean products of each two columns are among the summary.
        by_row: whether every row comes with a summary of the rows so far, and no series with one of all its rows.
        gaps: whether summaries are also of the time between rows, as of a column more.
        windows: whether it also comes with what channels did lately (1), and what they do soon (2), see
            ``memcell.data.windows``; 0 for neither.

    Example:
        >>> from memcell.data import as_series
        >>> series = as_series([np.array([[1.0], [np.nan], [3.0]])])
        >>> recipe = Recipe.learn(series, TableSchema(None, None, (), ("x0",), "order", False))
        >>> recipe.apply(series).mask[:, 0].tolist()
        [1.0, 0.0, 1.0]
    """

    schema: TableSchema
    cadence: Cadence
    channels: tuple[Channel, ...]
    facts: tuple[Channel, ...] = ()
    sources: tuple[tuple[str, str], ...] = ()
    cycles: tuple[float, ...] = ()
    target: TargetRecipe | None = None
    summary: SummaryScaling | None = None
    span: float = 0.0
    patch: int = 1
    aligned: int = 0
    shapes: tuple[AnyShapes, ...] = ()
    words: bool = False
    products: bool = False
    by_row: bool = False
    gaps: bool = False
    windows: int = 0

    @classmethod
    def learn(
        cls,
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
        others: list[Series] | None = None,
    ) -> "Recipe":
        """Statistics of the series, which must be training series and, for a forecast, end where training ends.

        Args:
            series: to learn from.
            schema: the columns' roles.
            target, horizon: of a forecast, its channel and how many steps.
            clipping: whether outliers are cut, and impossible values not seen.
            events: whether numbers enter as events; None: where channels are many and sparse, or hold sets.
            cycles: as in ``memcell.data.cycles.periods_of``.
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
            learn_channel(
                name, schema.fact_kinds.get(name), seen, [one.fact_levels for one in which], clipping, of_facts
            )
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
        encoding = Encoding(channels, facts, of_sources)
        whole = summary and not by_row
        rows = aligned_rows(series, cadence, channels) if whole and aligned else 0
        found = shapes_of(series, cadence, encoding, shapes=shapes, contests=contests) if whole else ()
        words = whole and words and 0 < len(encoding.words) * len(series) <= _MOST_COUNTS
        pairs = whole and products and products_of(series, channels)
        apart = summary and gaps and uneven(series, cadence)
        scaling = summary_of(series, cadence, encoding, by_row=by_row, gaps=apart, fine=fine) if summary else None
        return cls(
            schema, cadence, channels, facts, of_sources, periods, target_recipe, scaling, span, patch, rows, found,
            words, pairs, by_row, apart, windows * by_row,
        )  # fmt: skip

    @cached_property
    def encoding(self) -> Encoding:
        """How observations and facts become the features of steps."""
        return Encoding(self.channels * self.patch, self.facts, self.sources)

    @cached_property
    def row_encoding(self) -> Encoding:
        """The same of single rows."""
        return self.encoding if self.patch == 1 else Encoding(self.channels, self.facts, self.sources)

    @property
    def extra(self) -> int:
        """E, features of a row beside its channels."""
        of_target = 0 if self.target is None else self.target.features
        return 2 * len(self.cycles) + self.encoding.piece_width + of_target

    @property
    def whole(self) -> bool:
        """Whether a series comes with what it is as a whole."""
        return self.summary is not None and not self.by_row

    @cached_property
    def widths(self) -> dict[str, Any]:
        """What a model must expect, by the names of ``ModelConfig``."""
        encoding = self.encoding
        columns = len(encoding.columns)
        single = columns // self.patch
        told = single + self.gaps
        statistics = 0 if self.summary is None else self.summary.per_column * told
        products = len(pairs_of(told)[0]) if self.products else 0
        return {
            "channels": columns, "extra": self.extra, "events": encoding.event_kinds, "facts": encoding.fact_width,
            "patch": self.patch,
            "summary": self.whole * (statistics + products + self.aligned * single),
            "so_far": self.by_row * (statistics + 2 * len(FADING) * self.windows * told),
            "products": products,
            "aligned": self.aligned * single,
            "blank": self.whole * (1 + encoding.fact_width),
            "shapes": (
                *((one.name, one.each * len(one.kernels.dilations)) for one in self.shapes),
                *((("words", len(encoding.words)),) if self.words else ()),
            ),
            "fine": 0 if self.summary is None else self.summary.fine_size,
        }  # fmt: skip

    @cached_property
    def target_column(self) -> int:
        """The forecast channel's place among the columns."""
        assert self.target is not None
        return int(np.searchsorted(self.encoding.columns, self.target.channel))

    def scaled(self, values: Array) -> Array:
        """[T, D], values of the columns, scaled; a forecast's target is kept whatever it is: it may well have grown."""
        result = self.encoding.scaled(values)
        if self.target is not None:
            result[:, self.target_column] = self.encoding.scaled(values, keep_all=True)[:, self.target_column]
        return result

    def apply(self, series: list[Series]) -> Steps:
        """The series as the stack reads them; what is too large for memory lies in files."""
        each = len(self.encoding.columns) + self.widths["so_far"]
        cells = sum(len(one) * each + len(one.observations) for one in series)
        steps = map(self.steps_of, series)
        return Steps.in_files(steps) if cells > LARGE else Steps.concatenate(list(steps))

    def steps_of(self, one: Series) -> Steps:
        """A series as the stack reads it; where it is read as a whole, up to the last row that has a value: those after
        it may be padding. One of which nothing is seen is as one without rows."""
        if self.whole:
            one = one.up_to_last_value()
        state = self.begin()
        steps = state.advance(one)
        return self.begin().advance(one.between(0, 0)) if self.whole and state.blank and len(one) else steps

    def begin(self) -> "RecipeState":
        """The start of a series."""
        return RecipeState(self)

    def to_json(self) -> dict[str, Any]:
        """The recipe as values that ``json.dumps`` takes."""
        return {
            "schema": self.schema.to_json(),
            "cadence": self.cadence.to_json(),
            "channels": [channel_to_json(one) for one in self.channels],
            "facts": [channel_to_json(one) for one in self.facts],
            "sources": [list(one) for one in self.sources],
            "cycles": list(self.cycles),
            "target": None if self.target is None else self.target.to_json(),
            "summary": None if self.summary is None else self.summary.to_json(),
            "span": self.span,
            "patch": self.patch,
            "aligned": self.aligned,
            "shapes": [one.to_json() for one in self.shapes],
            "words": self.words,
            "products": self.products,
            "by_row": self.by_row,
            "gaps": self.gaps,
            "windows": self.windows,
        }

    @classmethod
    def from_json(cls, data: object) -> "Recipe":
        """The recipe that ``to_json`` gave ``data`` for.

        Raises:
            InputError: a field lacks, is unknown or has a value that does not fit.
        """
        record = cast("Mapping[str, Any]", data)
        if not isinstance(data, Mapping) or set(record) != {one.name for one in fields(cls)}:
            raise InputError("The recipe does not have the fields it should have.")
        schema = TableSchema.from_json(record["schema"])
        channels, facts = (tuple(map(channel_from_json, record[name])) for name in ("channels", "facts"))
        for known, wanted in ((channels, schema.channels), (facts, schema.facts)):
            if tuple(one.name for one in known) != wanted:
                raise InputError("The recipe's channels are not those of its schema.")
        target = None if record["target"] is None else TargetRecipe.from_json(record["target"])
        if target is not None and target.channel >= len(channels):
            raise InputError(f"The recipe forecasts channel {target.channel}, but has {len(channels)} channels only.")
        cycles = tuple(map(float, record["cycles"]))
        cadence = Cadence.from_json(record["cadence"])
        span = record["span"]
        if not isinstance(span, float) or not 0 <= span < np.inf:
            raise InputError(f"The recipe's span is {span!r}; it must be a number of at least 0.")
        counts = {name: record[name] for name in ("patch", "aligned", "windows")}
        if any(type(count) is not int or count < 0 for count in counts.values()) or not counts["patch"]:
            raise InputError(f"The recipe's patch, aligned rows and windows are {counts}; they must be counts.")
        gaps = record["gaps"] is True
        sources = sources_from_json(record["sources"], channels)
        columns, products = len(Encoding(channels, facts, sources).columns), record["products"] is True
        words = record["words"] is True
        shapes = tuple(shapes_from_json(one, columns) for one in record["shapes"])
        summary = None if record["summary"] is None else SummaryScaling.from_json(record["summary"], columns + gaps)
        by_row = record["by_row"] is True
        if by_row and (shapes or words or products or counts["aligned"] or counts["patch"] > 1 or span):
            raise InputError("The recipe has summaries by row, which do not go with merged rows, shapes or products.")
        if sources and (target is not None or counts["patch"] > 1 or span):
            raise InputError("The recipe has sources, which do not go with merged rows or forecasts.")
        if counts["windows"] > 2 or (counts["windows"] and not by_row):
            raise InputError("The recipe's windows are lately and soon, of rows that come with summaries.")
        if (shapes or words or products or by_row) and summary is None:
            raise InputError("The recipe has shapes or products but no summaries, which these come with.")
        return cls(
            schema, cadence, channels, facts, sources, cycles, target, summary, span, **counts, shapes=shapes,
            words=words, products=products, by_row=by_row, gaps=gaps,
        )  # fmt: skip
