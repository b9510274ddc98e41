"""What the columns of a table mean: stated once, saved with the model, applied unchanged at prediction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, cast

from memcell.contract.errors import InputError
from memcell.data.dates import TIME_FORMS, TIME_KINDS, TimeForm, TimeKind

Kind = Literal["number", "category", "text", "vector"]
"""What a column holds: numbers and flags, one of a few words, running text, or lists of numbers of one length."""

KINDS: tuple[Kind, ...] = ("number", "category", "text", "vector")

_TEXTS = ("id", "time", "group", "weight", "channel", "value", "tag")
_LISTS = ("label", "channels", "facts")
_KINDS = ("kinds", "fact_kinds")


@dataclass(frozen=True)
class TableSchema:
    """The role of each column of a table, and of the tables of static facts and targets that go with it.

    Attributes:
        id: the column that names the series, or None where the table is one series.
        time: the column of times, or None where the order of the rows is the time.
        label: the columns with what is to be learnt of a series, classes or numbers; empty where there is none. One
            name may be given as text.
        channels: what is measured over time, in the order of the model's inputs: columns of a wide table, entries of
            the column ``channel`` of a long one, ``name[0]``, ``name[1]``, ... of a column of vectors.
        time_kind: what the times are: ``"order"``, ``"number"`` or ``"date"``.
        date_only: whether the times are dates without a time of day.
        channel, value: of a long table, one row an observation, the columns that name the channel and hold its value.
        tag: the column with what is to be learnt of each row, or None.
        facts: columns with what is known of a series as a whole.
        group: the column with the subject that several series may belong to, or None.
        weight: the column with how much a series counts in training, or None.
        kinds: of each channel that does not hold numbers, ``"category"``, ``"text"`` or, under the name of the column,
            ``"vector"``.
        fact_kinds: the same of facts; a fact may have the name of a channel.
        time_form: how the table has its times: ``"whole"`` numbers, a ``"clock"``, dates that are ``"zoned"``, or
            ``"plain"``.

    Raises:
        InputError: no channel, a column in two roles, or a kind of time that does not fit `time`.

    Example:
        >>> schema = TableSchema(None, "date", None, ("co2",), "date", date_only=True)
        >>> TableSchema.from_json(schema.to_json()) == schema
        True
    """

    id: str | None
    time: str | None
    label: tuple[str, ...]
    channels: tuple[str, ...]
    time_kind: TimeKind
    date_only: bool
    channel: str | None = None
    value: str | None = None
    tag: str | None = None
    facts: tuple[str, ...] = ()
    group: str | None = None
    weight: str | None = None
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    fact_kinds: Mapping[str, Kind] = field(default_factory=dict)
    time_form: TimeForm = "plain"

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        label = cast("object", self.label)
        object.__setattr__(self, "label", () if label is None else (label,) if isinstance(label, str) else self.label)
        columns = [name for name in (getattr(self, role) for role in _TEXTS) if name is not None]
        columns += self.label
        roles = [[*columns, *self.facts], [*columns, *(() if self.channel else self.channels)]]
        twice = sorted({name for names in roles for name, count in Counter(names).items() if count > 1})
        if twice:
            raise InputError(f"The schema gives a column two roles: {twice}.")
        if not self.channels and not self.facts:
            raise InputError("The schema has no channel; a model needs at least one.")
        if (self.channel is None) != (self.value is None):
            raise InputError("A schema has both `channel` and `value`, or neither.")
        if self.time_kind not in TIME_KINDS:
            raise InputError(f"`time_kind` of the schema must be one of {TIME_KINDS}; got {self.time_kind!r}.")
        if self.time_form not in TIME_FORMS:
            raise InputError(f"`time_form` of the schema must be one of {TIME_FORMS}; got {self.time_form!r}.")
        if (self.time is None) != (self.time_kind == "order"):
            raise InputError(
                f"`time_kind` of the schema is {self.time_kind!r} with time column {self.time!r}; "
                "it is 'order' where there is no time column, and only there."
            )
        if self.date_only and self.time_kind != "date":
            raise InputError(f"`date_only` of the schema needs dates; its time_kind is {self.time_kind!r}.")

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of a wide table that the channels are read from."""
        return tuple(dict.fromkeys(self._column_of(name) for name in self.channels))

    def _column_of(self, channel: str) -> str:
        vector = channel.rpartition("[")[0]
        return vector if self.kinds.get(vector) == "vector" else channel

    def to_json(self) -> dict[str, Any]:
        """The schema as values that `json.dumps` takes."""
        return {
            **asdict(self),
            **{name: list(getattr(self, name)) for name in _LISTS},
            **{name: dict(getattr(self, name)) for name in _KINDS},
        }

    @classmethod
    def from_json(cls, data: object) -> TableSchema:
        """The schema that `to_json` gave `data` for.

        Raises:
            InputError: a field that lacks, is unknown or has the wrong type, or a contradiction.
        """
        if not isinstance(data, Mapping):
            raise InputError(f"A schema must be an object with fields; got {type(data).__name__}.")
        record = dict(cast("Mapping[str, Any]", data))
        record.setdefault("time_form", "plain")  # which the first models did not have
        wanted = {field.name for field in fields(cls)}
        if set(record) != wanted:
            raise InputError(f"A schema has the fields {sorted(wanted)}; got {sorted(map(str, record))}.")
        for name in _TEXTS:
            if not isinstance(record[name], str | None):
                raise InputError(f"{name!r} of a schema must be text or null; got {record[name]!r}.")
        for name in _LISTS:
            items: Any = record[name]
            if not isinstance(items, list) or not all(isinstance(item, str) for item in cast("list[object]", items)):
                raise InputError(f"{name!r} of a schema must be a list of text; got {items!r}.")
            record[name] = tuple(cast("list[str]", items))
        for name in _KINDS:
            kinds: Any = record[name]
            if not isinstance(kinds, dict) or not all(kind in KINDS for kind in cast("dict[str, Any]", kinds).values()):
                raise InputError(f"{name!r} of a schema must give columns one of {KINDS}; got {kinds!r}.")
        if not isinstance(record["date_only"], bool):
            raise InputError(f"'date_only' of a schema must be true or false; got {record['date_only']!r}.")
        return cls(**record)
