"""From series to what the stack reads: saved with the model, applied unchanged."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from memcell.contract import InputError
from memcell.data.cadence import Cadence
from memcell.data.schema import TableSchema
from memcell.data.series import Series
from memcell.features.channels import Channel, channel_from_json, channel_to_json
from memcell.features.encoding import Encoding
from memcell.features.recipe_state import RecipeState
from memcell.features.shape_counts import AnyShapes, shapes_from_json
from memcell.features.sources import categories_from_json, sources_from_json
from memcell.features.steps import Steps
from memcell.features.summary import SummaryScaling, pairs_of
from memcell.features.target import TargetRecipe
from memcell.features.windows import FADING

__all__ = ["Recipe"]

Array = NDArray[Any]

LARGE = 50_000_000
"""Values and observations from which on prepared series lie in files."""


@dataclass(frozen=True)
class Recipe:
    """What columns mean and how their values are scaled.

    Attributes:
        schema: the columns' roles.
        cadence: the usual step between rows; time gaps are counted in it.
        channels: what each channel means, in the order of the schema.
        facts: the same of each static fact.
        sources: numbers whose sources have a column each, and the channel that names them, see
            ``memcell.features.sources``.
        categories: those of whose words each has a column of 1 and 0.
        cycles: periods in the unit of time whose phase is a feature.
        target: of a forecast, how its channel is made relative; None otherwise.
        summary: how statistics of each column become features that a series comes with, see
            ``memcell.features.summary``; None for none.
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
            ``memcell.features.windows``; 0 for neither.

    Example:
        >>> from memcell.data import as_series
        >>> from memcell.features.learning import learn_recipe
        >>> series = as_series([np.array([[1.0], [np.nan], [3.0]])])
        >>> recipe = learn_recipe(series, TableSchema(None, None, (), ("x0",), "order", False))
        >>> recipe.apply(series).mask[:, 0].tolist()
        [1.0, 0.0, 1.0]
    """

    schema: TableSchema
    cadence: Cadence
    channels: tuple[Channel, ...]
    facts: tuple[Channel, ...] = ()
    sources: tuple[tuple[str, str], ...] = ()
    categories: tuple[str, ...] = ()
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

    @cached_property
    def encoding(self) -> Encoding:
        """How observations and facts become the features of steps."""
        return Encoding(self.channels * self.patch, self.facts, self.sources, self.categories)

    @cached_property
    def row_encoding(self) -> Encoding:
        """The same of single rows."""
        return self.encoding if self.patch == 1 else Encoding(self.channels, self.facts, self.sources, self.categories)

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
        widths = self.widths
        each, whole = (
            widths["channels"] + widths["so_far"],
            widths["summary"] + sum(size for _, size in widths["shapes"]),
        )
        cells = sum(len(one) * each + len(one.observations) + whole for one in series)
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
            "categories": list(self.categories),
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
        categories = categories_from_json(record["categories"], channels)
        columns = len(Encoding(channels, facts, sources, categories).columns)
        products = record["products"] is True
        words = record["words"] is True
        shapes = tuple(shapes_from_json(one, columns) for one in record["shapes"])
        summary = None if record["summary"] is None else SummaryScaling.from_json(record["summary"], columns + gaps)
        by_row = record["by_row"] is True
        if by_row and (shapes or words or products or counts["aligned"] or counts["patch"] > 1 or span):
            raise InputError("The recipe has summaries by row, which do not go with merged rows, shapes or products.")
        if (sources or categories) and (target is not None or counts["patch"] > 1 or span):
            raise InputError("The recipe has sources or categories, which do not go with merged rows or forecasts.")
        if counts["windows"] > 2 or (counts["windows"] and not by_row):
            raise InputError("The recipe's windows are lately and soon, of rows that come with summaries.")
        if (shapes or words or products or by_row) and summary is None:
            raise InputError("The recipe has shapes or products but no summaries, which these come with.")
        return cls(
            schema, cadence, channels, facts, sources, categories, cycles, target, summary, span, **counts,
            shapes=shapes, words=words, products=products, by_row=by_row, gaps=gaps,
        )  # fmt: skip
