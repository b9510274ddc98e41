"""The shape of a model: how many inputs, layers and units, which cell, which head."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from memcell.contract import InputError, LstmSpec
from memcell.heads import HEADS, Head
from memcell.model.mechanisms import MECHANISMS

__all__ = ["ModelConfig"]

_LOCAL_SIZE = 32  # units of the cell within patches
_SUMMARY_SIZE = 128  # units of the layer that reads summaries


@dataclass(frozen=True)
class ModelConfig:
    """What, with the weights, makes a model.

    Attributes:
        channels: D, channels that are columns of the recipe's steps.
        extra: E, further features of the recipe.
        head: what is read from the stack.
        hidden_size: H, units of each layer in each direction.
        num_layers: layers, each reading the one below.
        spec: the cell.
        events: of each channel that enters as events, what it holds and how many features it has.
        patch: rows that one row of the steps holds side by side, so that channels are as many times those of a row.
        event_size: width of the embedding of events.
        facts: S, features of static facts.
        summary: features of the recipe's summaries; of whole series they are read through a layer of their own, and
            beside the head.
        products: how many of them, before the aligned ones, are products of channels.
        aligned: how many of them, the last, it also reads as they are: values of rows that all series have alike.
        blank: features of what is not seen at all: one, and the facts; they come first of what is linear alone.
        shapes: of each kind of the recipe's shapes, and of words, its name and how many features it has; the head reads
            them not, what is linear beside it does.
        fine: statistics in fine pieces, which are read there too, after these.
        so_far: features that a row comes with of the rows so far; a head of rows reads them and the facts through a
            layer of their own.
        bidirectional: whether each layer also runs from the end, and its outputs see the whole series.
        without: mechanisms left out, of ``MECHANISMS``.
        members: networks of this shape whose predictions are averaged.
    """

    channels: int
    extra: int
    head: Head
    hidden_size: int = 64
    num_layers: int = 1
    spec: LstmSpec = field(default_factory=LstmSpec)
    events: tuple[tuple[str, int], ...] = ()
    event_size: int = 32
    patch: int = 1
    facts: int = 0
    summary: int = 0
    products: int = 0
    aligned: int = 0
    blank: int = 0
    shapes: tuple[tuple[str, int], ...] = ()
    fine: int = 0
    so_far: int = 0
    bidirectional: bool = False
    without: tuple[str, ...] = ()
    members: int = 1

    def __post_init__(self) -> None:
        for name, least in (
            ("channels", 0), ("extra", 0), ("hidden_size", 1), ("num_layers", 1), ("event_size", 1), ("patch", 1),
            ("facts", 0), ("summary", 0), ("products", 0), ("aligned", 0), ("blank", 0), ("fine", 0), ("so_far", 0),
            ("members", 1),
        ):  # fmt: skip
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise InputError(f"`{name}` is {value!r}; it must be a whole number of at least {least}.")
        if not all(type(name) is str and type(size) is int and size > 0 for name, size in self.shapes):
            raise InputError(f"`shapes` is {self.shapes!r}; it must be names, each with a whole number of at least 1.")
        if isinstance(self.without, str) or not set(self.without) <= set(MECHANISMS):
            raise InputError(f"`without` is {self.without!r}; it must be a list of some of {', '.join(MECHANISMS)}.")
        object.__setattr__(self, "without", tuple(sorted(set(self.without))))

    def has(self, mechanism: str) -> bool:
        """Whether the model has one of ``MECHANISMS``, and something for it to work on.

        Raises:
            InputError: there is no such mechanism of the network; those of the recipe are seen in it.
        """
        if mechanism not in MECHANISMS:
            raise InputError(f"`mechanism` is {mechanism!r}; it must be one of {', '.join(MECHANISMS)}.")
        on_columns = mechanism in ("mask", "since", "input_decay", "state_decay")
        needs = {"facts_state": self.facts > 0, "local": self.patch > 1}
        return needs.get(mechanism, self.channels > 0 or not on_columns) and mechanism not in self.without

    @property
    def directions(self) -> tuple[str, ...]:
        """What is put before the names of a layer's weights, for each direction it runs in."""
        return ("", "reverse.") if self.bidirectional else ("",)

    @property
    def outputs(self) -> int:
        """Width of what comes out of a layer."""
        return len(self.directions) * self.hidden_size

    @property
    def event_kinds(self) -> tuple[str, ...]:
        """What events hold, each kind once; each has a gate."""
        return tuple(dict.fromkeys(kind for kind, _ in self.events))

    @property
    def inputs(self) -> int:
        """Width of what enters the first layer, see ``memcell.model.stack.run``."""
        columns = self.channels * (1 + self.has("mask") + self.has("since"))
        events = self.event_size + len(self.event_kinds) + 1 if self.events else 0
        return columns + events + self.extra + (2 * _LOCAL_SIZE if self.has("local") else 0)

    @property
    def summarised(self) -> int:
        """Width of the summaries that the head reads: of whole series, or of the rows so far."""
        return self.summary if self.head.whole else self.so_far

    @property
    def wide(self) -> int:
        """Width of what is read beside the head alone."""
        return self.blank + sum(size for _, size in self.shapes) + self.fine

    @property
    def read_size(self) -> int:
        """Width of what a head reads of a whole series, or of each row."""
        aligned = self.aligned if self.head.whole else 0
        return self.outputs + self.facts + aligned + (_SUMMARY_SIZE if self.summarised else 0)

    def layer_shapes(self, layer: int) -> dict[str, tuple[int, ...]]:
        """Shape of each weight of a layer's cell in one direction, by its name in ``LstmWeights``."""
        return self.spec.weight_shapes(self.inputs if layer == 0 else self.outputs, self.hidden_size)

    def local_shapes(self) -> dict[str, tuple[int, ...]]:
        """The same of the cell within patches, which reads values and whether they are there."""
        return self.spec.weight_shapes(2 * self.channels // self.patch, _LOCAL_SIZE)

    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of every weight of a member, by name."""
        shapes: dict[str, tuple[int, ...]] = {}
        if self.has("input_decay"):
            shapes["input_decay.rate"] = (self.channels,)
        if self.has("state_decay"):
            shapes["state_decay.weight"] = (self.hidden_size, self.channels)
            shapes["state_decay.bias"] = (self.hidden_size,)
        if self.events:
            features = sum(size for _, size in self.events)
            shapes["events.base"] = shapes["events.slope"] = (features, self.event_size)
            shapes["events.gate"] = (len(self.event_kinds), self.event_size)
        if self.has("local"):
            shapes |= {f"local.{name}": shape for name, shape in self.local_shapes().items()}
        for layer in range(self.num_layers):
            for direction in self.directions:
                prefix = f"layers.{layer}.{direction}"
                shapes |= {f"{prefix}{name}": shape for name, shape in self.layer_shapes(layer).items()}
                if self.has("time_decay"):
                    shapes[f"{prefix}forgetting"] = (self.hidden_size,)
                if self.has("facts_state"):
                    shapes[f"{prefix}facts"] = (2 * self.hidden_size, self.facts)
        of_head = self.head.weight_shapes(self.read_size, self.inputs)
        if self.summarised:
            shapes["summary.weight"] = (_SUMMARY_SIZE, self.summarised + self.facts)
            shapes["summary.bias"] = (_SUMMARY_SIZE,)
        if self.head.whole and (self.summary or self.wide):
            shapes["linear.weight"] = (of_head["head.weight"][0], self.summary + self.facts + self.wide)
        return shapes | of_head

    def to_json(self) -> dict[str, Any]:
        """The config as values that ``json.dumps`` takes."""
        return {
            "channels": self.channels,
            "extra": self.extra,
            "hidden_size": self.hidden_size,
            "num_layers": self.num_layers,
            "spec": asdict(self.spec),
            "events": [list(one) for one in self.events],
            "event_size": self.event_size,
            "patch": self.patch,
            "facts": self.facts,
            "summary": self.summary,
            "products": self.products,
            "aligned": self.aligned,
            "blank": self.blank,
            "shapes": [list(one) for one in self.shapes],
            "fine": self.fine,
            "so_far": self.so_far,
            "bidirectional": self.bidirectional,
            "without": list(self.without),
            "members": self.members,
            "task": self.head.task,
            "head": self.head.to_json(),
        }

    @classmethod
    def from_json(cls, data: object) -> "ModelConfig":
        """The config that ``to_json`` gave ``data`` for.

        Raises:
            InputError: a field lacks, is unknown or has a value that does not fit.
        """
        try:
            assert isinstance(data, Mapping)
            record: dict[str, Any] = dict(data)
            head = HEADS[record.pop("task")].from_json(dict(record.pop("head")))
            events = tuple((str(kind), int(size)) for kind, size in record.pop("events"))
            shapes = tuple((name, size) for name, size in record.pop("shapes"))
            return cls(head=head, spec=LstmSpec(**record.pop("spec")), events=events, shapes=shapes, **record)
        except (AssertionError, KeyError, TypeError, ValueError) as error:
            raise InputError(f"The model's configuration does not have the fields it should have: {error}.") from error
