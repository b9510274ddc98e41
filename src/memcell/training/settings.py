"""How to train, and what to train."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from memcell.contract import InputError, LstmSpec
from memcell.model.mechanisms import FIT_MECHANISMS, MECHANISMS

_MANY = 1000  # series from which on steps are smaller, networks more, and less is held out for each
_LARGEST = 10_000  # units, of which weights take about 3 GB
_CHEAP, _BEARABLE = 500_000, 2_000_000  # rows up to which so many networks are trained, or three

STRETCH = 300
"""Rows of a series with labels by row that a training step sees at once."""

_STEPS = 2000  # that training takes at least, as far as so many epochs suffice:
_EPOCHS, _EPOCHS_OF_ROWS = 300, 1500  # of series with labels by row, which are few and long at times, more

__all__ = ["STRETCH", "Design", "TrainingSettings"]


@dataclass(frozen=True)
class TrainingSettings:
    """What training is told beside the data and the model's shape.

    Attributes:
        epochs: at most; training stops early when the validation loss no longer falls. None: chosen from the data.
        batch_size: series, or segments of series, a step. None: chosen from the data.
        learning_rate: at its peak; it rises over the first steps and falls as a cosine. None: chosen from the data.
        dropout: probability of zeroing an output that the head reads.
        patience: epochs without a lower validation loss before training stops. None: chosen from the data.
        validation: share of the series (of the time, for a forecast) that is held out to decide when to stop. None:
            chosen from the data.
        seed: of every random draw.
        progress: show a progress bar.

    Raises:
        InputError: a value out of range.
    """

    epochs: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    dropout: float = 0.4
    patience: int | None = None
    validation: float | None = None
    seed: int = 0
    progress: bool = True

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "patience"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
                raise InputError(f"`{name}` is {value!r}; it must be a whole number of at least 1.")
        rate, share = self.learning_rate, self.validation
        if rate is not None and not (_is_number(rate) and 0 < rate <= 1):
            raise InputError(f"`learning_rate` is {rate!r}; it must be a number above 0 and at most 1.")
        if not (_is_number(self.dropout) and 0 <= self.dropout < 1):
            raise InputError(f"`dropout` is {self.dropout!r}; it must be a number of at least 0 and below 1.")
        if share is not None and not (_is_number(share) and 0 < share < 1):
            raise InputError(f"`validation` is {share!r}; it must be a number between 0 and 1.")
        if not isinstance(self.progress, bool):
            raise InputError(f"`progress` is {self.progress!r}; it must be True or False.")
        if not isinstance(self.seed, int) or isinstance(self.seed, bool) or not 0 <= self.seed < 2**32:
            raise InputError(f"`seed` is {self.seed!r}; it must be a whole number from 0 to {2**32 - 1}.")

    def for_data(self, series: int, rows: int | None = None) -> "TrainingSettings":
        """The same with nothing left open, for so many training series, and rows where these have labels: few are seen
        more often, a few at a time."""
        batch_size = self.batch_size or min(32, max(8, series // 10))
        steps = -(-series // batch_size)
        epochs = min(_EPOCHS, max(12, _STEPS // steps))
        if rows is not None:
            epochs = max(epochs, min(_EPOCHS_OF_ROWS, _STEPS // max(steps, -(-rows // (batch_size * STRETCH)))))
        epochs = self.epochs or epochs
        rate = self.learning_rate or (4e-3 if series < _MANY else 2e-3)
        patience = self.patience or max(10, epochs // 6)
        share = self.validation or (0.2 if series < _MANY else 0.1)
        return replace(
            self, batch_size=batch_size, epochs=epochs, patience=patience, learning_rate=rate, validation=share
        )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


@dataclass(frozen=True)
class Design:
    """What is built: the cell, its size, and which mechanisms work around it.

    Attributes:
        hidden_size: units of each layer in each direction; None: chosen from the amount of data.
        num_layers: layers, each reading the one below.
        spec: the cell.
        bidirectional: whether layers also run from the end; for tags that may look ahead.
        members: networks, each with another part of the data held out, whose predictions are averaged. None: five,
            ten of many series, fewer of many rows.
        without: mechanisms to leave out, of ``memcell.model.MECHANISMS`` and ``FIT_MECHANISMS``.
        events: whether numbers enter as events; None: where channels are many and sparse, or hold sets.
        cycles: periods whose phase is a feature, ``"calendar"`` or ``"detect"``.
        chrono: whether gates start out remembering over the length of a series; None: where series are long.

    Raises:
        InputError: a value out of range.
    """

    hidden_size: int | None = None
    num_layers: int = 1
    spec: LstmSpec = field(default_factory=LstmSpec)
    bidirectional: bool = False
    members: int | None = None
    without: tuple[str, ...] = ()
    events: bool | None = None
    cycles: str | Sequence[float] = ()
    chrono: bool | None = None

    def __post_init__(self) -> None:
        known = (*MECHANISMS, *FIT_MECHANISMS)
        if not isinstance(self.without, list | tuple) or not set(map(str, self.without)) <= set(known):
            raise InputError(f"`without` is {self.without!r}; it must be a list of some of {', '.join(known)}.")
        if not isinstance(self.cycles, str):
            try:
                object.__setattr__(self, "cycles", tuple(map(float, self.cycles)))
            except (TypeError, ValueError) as error:
                raise InputError(f"`cycles` is {self.cycles!r}; give periods, 'calendar' or 'detect'.") from error
        for name in ("events", "chrono"):
            value = getattr(self, name)
            if value not in (None, True, False) or isinstance(value, float):
                raise InputError(f"`{name}` is {value!r}; it must be True, False, or None, which lets the data say.")
        if self.hidden_size is not None and not (type(self.hidden_size) is int and 1 <= self.hidden_size <= _LARGEST):
            raise InputError(
                f"`hidden_size` is {self.hidden_size!r}; it must be a whole number from 1 to {_LARGEST:,}."
            )
        if self.members is not None and (not isinstance(self.members, int) or self.members < 1):
            raise InputError(f"`members` is {self.members!r}; it must be a whole number of at least 1.")

    def members_for(self, series: int, rows: int) -> int:
        """How many networks to train on so many series and rows."""
        if rows >= _CHEAP:
            return self.members or (3 if rows < _BEARABLE else 1)
        return self.members or (5 if series < _MANY else 10)

    @property
    def without_in_model(self) -> tuple[str, ...]:
        """Those of ``without`` that concern the model, not the recipe."""
        return tuple(name for name in self.without if name in MECHANISMS)
