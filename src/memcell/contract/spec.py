"""The cell: which LSTM it is, and its equations."""

from dataclasses import dataclass
from math import inf
from typing import Literal

from memcell.contract.errors import InputError

__all__ = ["LstmSpec"]

Peephole = Literal["none", "diagonal", "full"]
OutputPeek = Literal["previous", "current"]


@dataclass(frozen=True)
class LstmSpec:
    r"""The options of one LSTM cell.

    Rows are vectors. Input ``x_t`` (I), previous output ``h_{t-1}`` (H), previous cell ``c_{t-1}`` (H), carry factors
    ``a^h_t``, ``a^c_t`` (finite, not negative; 1 where not given)::

        h~  = a^h_t * h_{t-1}                                  a factor of exactly 0 selects 0
        c~  = a^c_t * c_{t-1}
        i   = sigmoid(W_xi x_t + W_hi h~ + P_i(c~) + b_i)      coupled: i = 1 - f
        f   = sigmoid(W_xf x_t + W_hf h~ + P_f(c~) + b_f)
        g   = tanh   (W_xg x_t + W_hg h~           + b_g)
        c_t = f * c~ + i * g                                   with ``cell_clip`` k: kept within [-k, k]
        o   = sigmoid(W_xo x_t + W_ho h~ + P_o(peek) + b_o)    peek = c~ ("previous") or c_t ("current")
        h_t = o * tanh(c_t)

    With ``layer_norm`` each sum of products is normalised before its bias, and c_t before its tanh::

        LN(v) = gain * (v - mean(v)) / sqrt(var(v) + 1e-5),    mean and variance over the units
        h_t   = o * tanh(LN(c_t) + b_c)

    With ``zoneout_h`` and ``zoneout_c`` a part of the state stays as it entered, after everything above, which sees the
    new states: ``c_t <- k c~ + (1 - k) c_t`` and ``h_t <- k h~ + (1 - k) h_t``, where k is the probability itself or,
    while training, a random mask (``LstmCall.keep_h``, ``keep_c``).

    ``P`` is nothing (``"none"``), a vector, ``p * v`` (``"diagonal"``), or a matrix, ``W_c v`` (``"full"``).

    What is settled here holds everywhere: gates in the order i, f, g, o; one bias; the carry multiplies the states
    that *enter* a step, and peepholes see the cell after it; of coupled gates f survives, and the weights then have
    the three blocks f, g, o (peepholes f, o). In the reverse direction the carry at t multiplies the state that
    enters t in processing order.

    Gradients of the carry: ``dL/da^h = dh~ * h_{t-1}``, ``dL/da^c = dc~ * c_{t-1}``; none flows to a state that a
    factor of 0 cut off, and none through a cell that was clipped.

    Args:
        peephole: what the gates see of the cell. ``"none"`` is the cell of ``torch.nn.LSTM``.
        output_peek: which cell the output gate sees. ``"diagonal"`` with ``"current"`` is the cell of Graves,
            "Generating sequences with recurrent neural networks" (arXiv 1308.0850, eqs. 7 to 11).
        coupled: one gate decides what to forget and what to write (Greff et al., "LSTM: a search space odyssey",
            arXiv 1503.04069, variant CIFG).
        layer_norm: the normalised cell of Ba et al., "Layer normalization" (arXiv 1607.06450, supplement).
        zoneout_h, zoneout_c: probabilities of Krueger et al., "Zoneout" (arXiv 1606.01305, section 3.1).
        cell_clip: the cell stays within ±this, so that no state grows without bound (Sak et al., "Long short-term
            memory recurrent neural network architectures for large scale acoustic modeling", section 3); None: free.

    Raises:
        InputError: an option has a value that is not listed.

    Example:
        >>> LstmSpec(peephole="diagonal").peephole_gates
        ('i', 'f', 'o')
    """

    peephole: Peephole = "full"
    output_peek: OutputPeek = "previous"
    coupled: bool = False
    cell_clip: float | None = None
    layer_norm: bool = False
    zoneout_h: float = 0.0
    zoneout_c: float = 0.0

    def __post_init__(self) -> None:
        for name, allowed in (("peephole", ("none", "diagonal", "full")), ("output_peek", ("previous", "current"))):
            value = getattr(self, name)
            if value not in allowed:
                raise InputError(f"`{name}` is {value!r}; it must be one of {', '.join(map(repr, allowed))}.")
        for name in ("coupled", "layer_norm"):
            if not isinstance(value := getattr(self, name), bool):
                raise InputError(f"`{name}` is {value!r}; it must be True or False.")
        for name in ("zoneout_h", "zoneout_c"):
            value = getattr(self, name)
            if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < 1:
                raise InputError(f"`{name}` is {value!r}; it must be a probability of at least 0 and below 1.")
        number = isinstance(self.cell_clip, int | float) and not isinstance(self.cell_clip, bool)
        if self.cell_clip is not None and not (number and 0 < self.cell_clip < inf):
            raise InputError(f"`cell_clip` is {self.cell_clip!r}; it must be a positive number, or None not to clip.")

    @property
    def options(self) -> tuple[str, str, bool, float | None]:
        """What the kernels are told: the fields in their order, up to those that no kernel has."""
        return self.peephole, self.output_peek, self.coupled, self.cell_clip

    @property
    def gates(self) -> tuple[str, ...]:
        """Row blocks of ``w_x``, ``w_h`` and ``bias``, in order."""
        return ("f", "g", "o") if self.coupled else ("i", "f", "g", "o")

    @property
    def peephole_gates(self) -> tuple[str, ...]:
        """Row blocks of ``peephole``, in order; empty without peepholes."""
        if self.peephole == "none":
            return ()
        return ("f", "o") if self.coupled else ("i", "f", "o")

    def weight_shapes(self, input_size: int, hidden_size: int) -> dict[str, tuple[int, ...]]:
        """Shape of every weight of a layer, by its name in ``LstmWeights``.

        Example:
            >>> LstmSpec().weight_shapes(2, 3)["peephole"]
            (9, 3)
        """
        rows, peeking = len(self.gates) * hidden_size, len(self.peephole_gates)
        shapes: dict[str, tuple[int, ...]] = {
            "w_x": (rows, input_size), "w_h": (rows, hidden_size), "bias": (rows,),
        }  # fmt: skip
        if self.peephole == "diagonal":
            shapes["peephole"] = (peeking, hidden_size)
        elif self.peephole == "full":
            shapes["peephole"] = (peeking * hidden_size, hidden_size)
        if self.layer_norm:
            shapes["norm"] = (len(self.gates) + 2, hidden_size)
        return shapes
