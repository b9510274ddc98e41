"""How to train."""

from dataclasses import dataclass

from memcell.contract import InputError

__all__ = ["TrainingSettings"]


@dataclass(frozen=True)
class TrainingSettings:
    """What training is told beside the data and the model's shape.

    Attributes:
        epochs: at most; training stops early when the validation loss no longer falls.
        batch_size: series, or segments of series, a step.
        learning_rate: at its peak; it rises over the first steps and falls as a cosine.
        dropout: probability of zeroing an output that the head reads.
        patience: epochs without a lower validation loss before training stops.
        validation: share of the series (of the time, for a forecast) that is held out to decide when to stop.
        seed: of every random draw.
        progress: show a progress bar.

    Raises:
        InputError: a value out of range.
    """

    epochs: int = 60
    batch_size: int = 32
    learning_rate: float = 4e-3
    dropout: float = 0.1
    patience: int = 12
    validation: float = 0.2
    seed: int = 0
    progress: bool = True

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "patience"):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise InputError(f"`{name}` is {value!r}; it must be a whole number of at least 1.")
        if not 0 < self.learning_rate <= 1:
            raise InputError(f"`learning_rate` is {self.learning_rate!r}; it must be above 0 and at most 1.")
        if not 0 <= self.dropout < 1:
            raise InputError(f"`dropout` is {self.dropout!r}; it must be at least 0 and below 1.")
        if not 0 < self.validation < 1:
            raise InputError(f"`validation` is {self.validation!r}; it must lie between 0 and 1.")
        if not isinstance(self.seed, int) or isinstance(self.seed, bool) or not 0 <= self.seed < 2**32:
            raise InputError(f"`seed` is {self.seed!r}; it must be a whole number from 0 to {2**32 - 1}.")
