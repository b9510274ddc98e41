"""``memcell.torch.LSTM``: the module of PyTorch with peepholes, over dense and ragged batches."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from memcell.backends import Step
from memcell.contract import InputError, LstmSpec, LstmWeights
from memcell.torch.carries import Carries
from memcell.torch.checks import check_input, check_together, checked_states, computed_in, has_kernel
from memcell.torch.direction import run_direction
from memcell.torch.functional import LayerWeights
from memcell.torch.layouts import Layout, rows_of
from memcell.torch.parameters import block_diagonal, chrono_biases_, gap_rates_

__all__ = ["LSTM"]

States = tuple[Tensor, Tensor]


class LSTM(nn.RNNBase):
    r"""A multi-layer LSTM whose gates see the cell: ``torch.nn.LSTM`` and what it leaves out.

    The equations are those of ``memcell.LstmSpec``. With ``peephole="none"`` and no option of those after ``dtype``,
    it is ``torch.nn.LSTM``: parameters, their order and first values, ``state_dict``, outputs, gradients, errors.

    Args:
        input_size: I, features of a step.
        hidden_size: H, units of the cell.
        num_layers: layers, each reading the output of the one below.
        bias: whether there are ``bias_ih_l*`` and ``bias_hh_l*``, which add up.
        batch_first: dense input is [B, T, I] instead of [T, B, I].
        dropout: probability of zeroing an output between layers while training; from one seed the draws are those of
            ``torch.nn.LSTM`` where a batch is dense and time comes first, and as many, but other ones, elsewhere.
        bidirectional: a second set of weights reads every sequence from its end; outputs are put side by side.
        proj_size: R, features of the output, W_hr (o tanh c); 0: H, the output as it is. The core runs W_hh W_hr as
            one matrix.
        device, dtype: of the parameters. float32 and float64 are computed as they are, others in float32.
        peephole: ``"full"``, ``"diagonal"`` or ``"none"``.
        output_peek: whether the output gate sees the ``"previous"`` or the ``"current"`` cell.
        coupled: i = 1 - f; the weights then have the three row blocks f, g, o.
        cell_clip: the cell stays within ±this; None: free.
        layer_norm, zoneout_h, zoneout_c: see ``memcell.LstmSpec``; no kernel has them yet.
        fallback: run a cell without a kernel as a loop over time in PyTorch, more slowly, rather than refuse it.
        heads: groups of H / heads units; ``weight_hh`` joins the units of a group only (the block-diagonal recurrence
            of xLSTM, arXiv 2405.04517, section 2.2) and is [G*H, H / heads].
        gap_rates: each unit learns a rate, and its cell is multiplied with exp(-rate * gap) before each step; see
            ``gaps`` in ``forward``.
        time_scale: steps, or units of time, that the memory should span. Biases of the forget and the input gates
            start as the chrono initialisation has it (Tallec and Ollivier, arXiv 1804.11188, eq. 16), and the rates so
            that the cells halve within 1 to 10 time scales.
        variational_dropout: probability of zeroing a feature of a layer's input for all steps of a sequence (Gal and
            Ghahramani, arXiv 1512.05287).
        recurrent_dropout: the same for the h that a layer hands on to its next step; one mask for all gates.
        weight_dropout: probability of zeroing a weight of ``weight_hh`` for a pass (Merity et al., arXiv 1708.02182).

    Attributes (D = 2 directions if bidirectional, G = 4 gates i, f, g, o, R = H without projection):
        weight_ih_l{k}{_reverse}: [G*H, I], above the first layer [G*H, D*R].
        weight_hh_l{k}{_reverse}: [G*H, R].
        bias_ih_l{k}{_reverse}, bias_hh_l{k}{_reverse}: [G*H].
        weight_hr_l{k}{_reverse}: [R, H], with a projection.
        weight_peephole_l{k}{_reverse}: [3*H, H] full or [3, H] diagonal; rows in the order i, f, o.
        layer_norm_l{k}{_reverse}: [G+2, H], gains of the gates and of the cell, and the bias of the cell.
        gap_rate_l{k}{_reverse}: [H], softplus of which is the rate.

    All but the last two start uniform in ±1/sqrt(H).

    Raises:
        ValueError, TypeError: an option of ``nn.LSTM`` that does not fit, in its words.
        InputError: another option that does not fit.

    Example:
        >>> layer = LSTM(3, 5, batch_first=True)
        >>> output, (h, c) = layer(torch.zeros(2, 7, 3), lengths=[7, 4])
        >>> output.shape, h.shape
        (torch.Size([2, 7, 5]), torch.Size([1, 2, 5]))
    """

    weight_ih_l0: Tensor
    spec: LstmSpec
    time_scale: float | None = None  # before the constructor of nn.RNNBase draws the first weights

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
        *,
        peephole: str = "full",
        output_peek: str = "previous",
        coupled: bool = False,
        cell_clip: float | None = None,
        heads: int = 1,
        gap_rates: bool = False,
        time_scale: float | None = None,
        variational_dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        weight_dropout: float = 0.0,
        layer_norm: bool = False,
        zoneout_h: float = 0.0,
        zoneout_c: float = 0.0,
        fallback: bool = False,
    ) -> None:
        spec = LstmSpec(peephole, output_peek, coupled, cell_clip, layer_norm, zoneout_h, zoneout_c)  # type: ignore[arg-type]
        has_kernel(spec, fallback)  # or a refusal, before any parameter is drawn
        super().__init__(
            "LSTM", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, proj_size, device,
            dtype,
        )  # fmt: skip
        self.spec, self.heads, self.gap_rates, self.time_scale = spec, heads, gap_rates, time_scale
        self.variational_dropout, self.recurrent_dropout = variational_dropout, recurrent_dropout
        self.weight_dropout, self.fallback = weight_dropout, fallback
        self._check_options()
        for suffix, shapes in self._shapes_beyond().items():
            for name, shape in shapes.items():
                parameter = nn.Parameter(self.weight_ih_l0.new_empty(shape))
                nn.init.uniform_(parameter, -(hidden_size**-0.5), hidden_size**-0.5)
                setattr(self, name + suffix, parameter)
        self._start()

    def _check_options(self) -> None:
        for name in ("variational_dropout", "recurrent_dropout", "weight_dropout"):
            value = getattr(self, name)
            if not isinstance(value, int | float) or not 0 <= value < 1:
                raise InputError(f"`{name}` is {value!r}; it must be a probability of at least 0 and below 1.")
        if not isinstance(self.heads, int) or self.heads < 1 or self.hidden_size % self.heads:
            raise InputError(f"`heads` is {self.heads!r}; it must divide hidden_size, {self.hidden_size}.")
        if not isinstance(self.gap_rates, bool):
            raise InputError(f"`gap_rates` is {self.gap_rates!r}; it must be True or False.")
        known = isinstance(self.time_scale, int | float) and 1 < self.time_scale < float("inf") and self.bias
        if self.time_scale is not None and not known:
            raise InputError(
                f"`time_scale` is {self.time_scale!r}; it must be more than 1 step and finite, in a module with "
                "bias=True."
            )
        if self.proj_size and (self.heads > 1 or self.recurrent_dropout or self.spec.zoneout_h):
            raise InputError(
                "`proj_size` goes neither with `heads` nor with `recurrent_dropout` or `zoneout_h`: with a projection "
                "the core runs W_hh W_hr as one matrix. Use `weight_dropout`, or leave the projection out."
            )

    def _shapes_beyond(self) -> dict[str, dict[str, tuple[int, ...]]]:
        """By suffix, the parameters that ``nn.LSTM`` has not, or has in another shape."""
        found: dict[str, dict[str, tuple[int, ...]]] = {}
        outputs = self.proj_size or self.hidden_size
        for layer in range(self.num_layers):
            width = self.input_size if layer == 0 else outputs * len(self._suffixes)
            shapes = self.spec.weight_shapes(width, self.hidden_size)
            (gates,) = shapes["bias"]
            own: dict[str, tuple[int, ...]] = {}
            if self.spec.coupled or self.heads > 1:
                own |= {"weight_ih": (gates, width), "weight_hh": (gates, outputs // self.heads)}
                own |= {"bias_ih": (gates,), "bias_hh": (gates,)} if self.bias else {}
            if "peephole" in shapes:
                own["weight_peephole"] = shapes["peephole"]
            if "norm" in shapes:
                own["layer_norm"] = shapes["norm"]
            if self.gap_rates:
                own["gap_rate"] = (self.hidden_size,)
            for suffix in self._suffixes:
                found[f"_l{layer}{suffix}"] = own
        return found

    @property
    def _suffixes(self) -> tuple[str, ...]:
        return ("", "_reverse") if self.bidirectional else ("",)

    def reset_parameters(self) -> None:
        """Draw every parameter anew."""
        super().reset_parameters()
        self._start()

    @torch.no_grad()
    def _start(self) -> None:
        """What does not start uniform in ±1/sqrt(H)."""
        for name, parameter in self.named_parameters():
            if name.startswith("layer_norm"):
                parameter.fill_(1.0)[-1] = 0.0
            if name.startswith("gap_rate"):
                gap_rates_(parameter, self.time_scale)
            if self.time_scale is not None and name.startswith("bias_hh"):
                biases = parameter, getattr(self, name.replace("_hh", "_ih"))
                chrono_biases_(*biases, self.spec.gates, self.time_scale)

    def get_expected_cell_size(self, input: Tensor, batch_sizes: Tensor | None) -> tuple[int, int, int]:
        """[layers * D, B, H] for a dense or packed input, as ``nn.LSTM`` has it."""
        layers, batch, _ = self.get_expected_hidden_size(input, batch_sizes)
        return layers, batch, self.hidden_size

    def check_forward_args(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, input: Tensor, hidden: States, batch_sizes: Tensor | None
    ) -> None:
        """Refuse input or states of the wrong size, as ``nn.LSTM`` does."""
        self.check_input(input, batch_sizes)
        for k, wanted in enumerate((self.get_expected_hidden_size, self.get_expected_cell_size)):
            self.check_hidden_size(hidden[k], wanted(input, batch_sizes), f"Expected hidden[{k}] size {{}}, got {{}}")

    def flatten_parameters(self) -> None:
        """Nothing: the parameters need not lie together."""

    def layer_weights(self, layer: int, reverse: bool = False, *, dropped: bool = False) -> LayerWeights:
        """Weights of one layer and direction as ``memcell.torch.lstm`` takes them: the biases summed, the recurrent
        matrix whole ([G*H, R] with a projection), and with ``weight_dropout`` if ``dropped``."""
        suffix = f"_l{layer}_reverse" if reverse else f"_l{layer}"
        w_x, w_h = getattr(self, "weight_ih" + suffix), getattr(self, "weight_hh" + suffix)
        if self.weight_dropout and dropped:
            w_h = functional.dropout(w_h, self.weight_dropout)
        if self.heads > 1:
            w_h = block_diagonal(w_h, self.heads)
        biases = [getattr(self, name + suffix) for name in ("bias_ih", "bias_hh")] if self.bias else []
        bias = biases[0] + biases[1] if biases else w_x.new_zeros(len(w_x))
        return w_x, w_h, bias, None if self.spec.peephole == "none" else getattr(self, "weight_peephole" + suffix)

    def stepper(self, batch: int | None = None) -> Step:
        """The layers as they are now, to be fed one step at a time without PyTorch.

        Args:
            batch: streams that advance together; None is one, whose arrays have no batch axis.

        Raises:
            InputError: the module is bidirectional, so that there is no output before the end is known, or has a
                projection; ``batch`` is no number of streams.

        Example:
            >>> LSTM(3, 5).stepper()([0.0, 1.0, 2.0]).shape
            (5,)
        """
        if self.bidirectional:
            raise InputError("`bidirectional` is True; a step gives outputs that do not wait for the end.")
        if self.proj_size:
            raise InputError("`proj_size` is not 0; a step has no projection. Feed the module step by step instead.")
        if not has_kernel(self.spec, self.fallback):
            raise InputError("No kernel runs this cell; a step has no fallback. Feed the module step by step instead.")
        layers = [self.layer_weights(layer) for layer in range(self.num_layers)]
        dtype = computed_in(self.weight_ih_l0.dtype)
        arrays = [[None if w is None else w.detach().cpu().to(dtype).numpy() for w in layer] for layer in layers]
        return Step(self.spec, [LstmWeights(*layer) for layer in arrays], batch)  # type: ignore[arg-type]

    def forward(
        self,
        input: Any,
        hx: States | None = None,
        *,
        lengths: Any = None,
        resets: Any = None,
        gaps: Any = None,
        carry_h: Any = None,
        carry_c: Any = None,
        return_cells: bool = False,
    ) -> Any:
        """Output at every step, in the form of the input, and the final states: ``output, (h, c)``.

        Args:
            input: dense [T, B, I] ([B, T, I] with ``batch_first``), one sequence [T, I], a ``PackedSequence``, or a
                jagged ``torch.nested`` tensor.
            hx: initial states (h0, c0), [layers * D, B, R] and [layers * D, B, H] ([layers * D, .] for one sequence);
                zeros if None.
            lengths: of a dense batch, B whole numbers from 0 to T in any order, on any device; what lies past a length
                is not read, outputs there are 0 and their gradients ignored.
            resets: bool, the first two dimensions of the input; True at t starts a new episode: no state crosses from
                t - 1 to t, in either direction.
            gaps: numbers of the same shape, the time between t - 1 and t; for a module with ``gap_rates``.
            carry_h, carry_c: factors of the states that enter step t in processing order, finite and not negative, of
                the same shape or with H (or 1) features besides; for every layer and direction.
            return_cells: give c at every step of the last layer too, in the form of the output, [.., D*H].

        Returns:
            ``output, (h, c)``, or ``output, (h, c), cells``. Output [.., D*R] in the dtype of the input, h
            [layers * D, B, R], c [layers * D, B, H].

        Raises:
            ValueError, RuntimeError: input or states that do not fit, in the words of ``nn.LSTM``.
            InputError: another argument that does not fit.
        """
        check_input(self, input)
        rows, layout = rows_of(input, self.batch_first, lengths)
        initial = None if hx is None else checked_states(self, input, hx, layout.batch_size)
        check_together(rows, self.weight_ih_l0, initial or ())
        if gaps is not None and not self.gap_rates:
            raise InputError("`gaps` was given to a module without rates. Build it with gap_rates=True.")
        given, dtype = rows.dtype, computed_in(self.weight_ih_l0.dtype)
        rows, directions = rows.to(dtype), len(self._suffixes)
        carries = None
        if not (carry_h is None and carry_c is None and resets is None and gaps is None):
            carries = Carries.of(
                layout, rows, self.hidden_size, directions, carry_h=carry_h, carry_c=carry_c, resets=resets, gaps=gaps
            )
        h_finals: list[Tensor] = []
        c_finals: list[Tensor] = []
        cells: list[Tensor] = []
        for layer in range(self.num_layers):
            outputs, cells = [], []
            rows = self._dropped(rows, layout)
            for direction in range(directions):
                at = layer * directions + direction
                state = None if initial is None else (initial[0][at].to(dtype), initial[1][at].to(dtype))
                h, c, h_final, c_final = run_direction(
                    self, rows, layout, carries, layer, bool(direction), state, with_cells=return_cells
                )
                outputs.append(h)
                cells.append(c)
                h_finals.append(h_final)
                c_finals.append(c_final)
            rows = outputs[0] if directions == 1 else torch.cat(outputs, dim=1)
            if self.dropout and layer + 1 < self.num_layers:
                rows = functional.dropout(rows, self.dropout, self.training)
        states = tuple((s[0][None] if len(s) == 1 else torch.stack(s)).to(self.weight_ih_l0.dtype)
                       for s in (h_finals, c_finals))  # fmt: skip
        if layout.kind == "unbatched":
            states = tuple(state[:, 0] for state in states)
        output = layout.restore(rows.to(given))
        if return_cells:
            last = cells[0] if directions == 1 else torch.cat(cells, dim=1)
            return output, states, layout.restore(last.to(given))
        return output, states

    def _dropped(self, rows: Tensor, layout: Layout) -> Tensor:
        if not (self.variational_dropout and self.training):
            return rows
        ones = rows.new_ones((layout.batch_size, rows.shape[1]))
        return rows * layout.of_sequences(functional.dropout(ones, self.variational_dropout))

    def _load_from_state_dict(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, state_dict: dict[str, Any], prefix: str, *rest: Any
    ) -> None:
        super()._load_from_state_dict(state_dict, prefix, *rest)
        missing = [name for name in rest[2] if name.startswith(prefix + "weight_peephole")]
        if missing and prefix + "weight_ih_l0" in state_dict:
            rest[-1].append(
                f"These weights have no peepholes ({missing[0]} ...), as those of torch.nn.LSTM. Load them into a "
                "module with peephole='none'."
            )

    def extra_repr(self) -> str:
        shown = [super().extra_repr(), f"peephole={self.spec.peephole!r}", f"output_peek={self.spec.output_peek!r}"]
        usual = {"coupled": False, "cell_clip": None, "layer_norm": False, "zoneout_h": 0.0, "zoneout_c": 0.0}
        shown += [f"{k}={getattr(self.spec, k)}" for k, v in usual.items() if getattr(self.spec, k) != v]
        usual = {"heads": 1, "gap_rates": False, "time_scale": None, "variational_dropout": 0.0,
                 "recurrent_dropout": 0.0, "weight_dropout": 0.0}  # fmt: skip
        shown += [f"{name}={getattr(self, name)}" for name, value in usual.items() if getattr(self, name) != value]
        return ", ".join(shown)
