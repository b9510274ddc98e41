"""What the columns of a table mean: stated once, saved with the model, applied unchanged at prediction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, cast

from memcell.contract.errors import InputError
from memcell.data.dates import TIME_KINDS, TimeKind


@dataclass(frozen=True)
class TableSchema:
    """The role of each column of a table.

    Attributes:
        id: the column that names the series, or None where the table is one series.
        time: the column of times, or None where the order of the rows is the time.
        label: the column with one class or number a series, or None.
        channels: the columns that are measured over time, in the order of the model's inputs.
        time_kind: what the times are: ``"order"``, ``"number"`` or ``"date"``.
        date_only: whether the times are dates without a time of day.

    Raises:
        InputError: no channel, a column in two roles, or a kind of time that does not fit `time`.

    Example:
        >>> schema = TableSchema(None, "date", None, ("co2",), "date", date_only=True)
        >>> TableSchema.from_json(schema.to_json()) == schema
        True
    """

    id: str | None
    time: str | None
    label: str | None
    channels: tuple[str, ...]
    time_kind: TimeKind
    date_only: bool

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        columns = [*(name for name in (self.id, self.time, self.label) if name is not None), *self.channels]
        twice = sorted({name for name in columns if columns.count(name) > 1})
        if twice:
            raise InputError(f"The schema gives a column two roles: {twice}.")
        if not self.channels:
            raise InputError("The schema has no channel; a model needs at least one.")
        if self.time_kind not in TIME_KINDS:
            raise InputError(f"`time_kind` of the schema must be one of {TIME_KINDS}; got {self.time_kind!r}.")
        if (self.time is None) != (self.time_kind == "order"):
            raise InputError(
                f"`time_kind` of the schema is {self.time_kind!r} with time column {self.time!r}; "
                "it is 'order' where there is no time column, and only there."
            )
        if self.date_only and self.time_kind != "date":
            raise InputError(f"`date_only` of the schema needs dates; its time_kind is {self.time_kind!r}.")

    def to_json(self) -> dict[str, Any]:
        """The schema as values that `json.dumps` takes."""
        return {**asdict(self), "channels": list(self.channels)}

    @classmethod
    def from_json(cls, data: object) -> TableSchema:
        """The schema that `to_json` gave `data` for.

        Raises:
            InputError: a field that lacks, is unknown or has the wrong type, or a contradiction.
        """
        if not isinstance(data, Mapping):
            raise InputError(f"A schema must be an object with fields; got {type(data).__name__}.")
        record = cast("Mapping[object, object]", data)
        wanted = {field.name for field in fields(cls)}
        if set(record) != wanted:
            raise InputError(f"A schema has the fields {sorted(wanted)}; got {sorted(map(str, record))}.")
        for name in ("id", "time", "label"):
            if not isinstance(record[name], str | None):
                raise InputError(f"{name!r} of a schema must be text or null; got {record[name]!r}.")
        channels = record["channels"]
        if not isinstance(channels, list) or not all(isinstance(name, str) for name in cast("list[object]", channels)):
            raise InputError(f"'channels' of a schema must be a list of text; got {channels!r}.")
        date_only = record["date_only"]
        if not isinstance(date_only, bool):
            raise InputError(f"'date_only' of a schema must be true or false; got {record['date_only']!r}.")
        return cls(
            id=cast("str | None", record["id"]),
            time=cast("str | None", record["time"]),
            label=cast("str | None", record["label"]),
            channels=tuple(cast("list[str]", channels)),
            time_kind=cast("TimeKind", record["time_kind"]),
            date_only=date_only,
        )
