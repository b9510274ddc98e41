"""The shape of a model: how many inputs, layers and units, which cell, which head."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from memcell.contract import InputError, LstmSpec
from memcell.heads import HEADS, Head

__all__ = ["ModelConfig"]


@dataclass(frozen=True)
class ModelConfig:
    """What, with the weights, makes a model.

    Attributes:
        channels: C, channels of the recipe.
        extra: E, further features of the recipe.
        head: what is read from the stack.
        hidden_size: H, units of each layer.
        num_layers: layers, each reading the one below.
        spec: the cell.
    """

    channels: int
    extra: int
    head: Head
    hidden_size: int = 64
    num_layers: int = 1
    spec: LstmSpec = field(default_factory=LstmSpec)

    def __post_init__(self) -> None:
        for name, least in (("channels", 1), ("extra", 0), ("hidden_size", 1), ("num_layers", 1)):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < least:
                raise InputError(f"`{name}` is {value!r}; it must be a whole number of at least {least}.")

    @property
    def inputs(self) -> int:
        """Width of what enters the first layer: values, mask and time since seen of each channel, and the extra."""
        return 3 * self.channels + self.extra

    def layer_shapes(self, layer: int) -> dict[str, tuple[int, ...]]:
        """Shape of each weight of a layer's cell, by its name in ``LstmWeights``."""
        return self.spec.weight_shapes(self.inputs if layer == 0 else self.hidden_size, self.hidden_size)

    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of every weight of the model, by name."""
        shapes: dict[str, tuple[int, ...]] = {
            "input_decay.rate": (self.channels,),
            "state_decay.weight": (self.hidden_size, self.channels),
            "state_decay.bias": (self.hidden_size,),
        }
        for layer in range(self.num_layers):
            shapes |= {f"layers.{layer}.{name}": shape for name, shape in self.layer_shapes(layer).items()}
            shapes[f"layers.{layer}.forgetting"] = (self.hidden_size,)
        return shapes | self.head.weight_shapes(self.hidden_size, self.inputs)

    def to_json(self) -> dict[str, Any]:
        """The config as values that ``json.dumps`` takes."""
        return {
            "channels": self.channels,
            "extra": self.extra,
            "hidden_size": self.hidden_size,
            "num_layers": self.num_layers,
            "spec": asdict(self.spec),
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
            return cls(head=head, spec=LstmSpec(**record.pop("spec")), **record)
        except (AssertionError, KeyError, TypeError) as error:
            raise InputError(f"The model's configuration does not have the fields it should have: {error}.") from error
