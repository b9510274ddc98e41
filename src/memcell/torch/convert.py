"""A model of somebody else's with its LSTMs on the compiled core, and back."""

import warnings
import weakref
from typing import Any

from torch import nn

from memcell.contract import InputError
from memcell.torch.cell import LSTMCell
from memcell.torch.module import LSTM

__all__ = ["convert"]

_OPTIONS = ("input_size", "hidden_size", "num_layers", "bias", "batch_first", "dropout", "bidirectional", "proj_size")
_CELL_OPTIONS = ("input_size", "hidden_size", "bias")
_TWINS: dict[Any, tuple[Any, tuple[str, ...]]] = {
    nn.LSTM: (LSTM, _OPTIONS), LSTM: (nn.LSTM, _OPTIONS),
    nn.LSTMCell: (LSTMCell, _CELL_OPTIONS), LSTMCell: (nn.LSTMCell, _CELL_OPTIONS),
}  # fmt: skip
_OURS = (LSTM, LSTMCell)


def convert(module: nn.Module, *, back: bool = False) -> nn.Module:
    """The module, in which every ``torch.nn.LSTM`` and ``LSTMCell`` has become one of memcell without peepholes.

    In place, with the parameters themselves, so that an optimiser goes on; names, hooks, the state of training and
    what comes out are as before. Left alone are classes that derive from ``nn.LSTM``, for what they add is not known,
    and modules whose weights something else makes, as pruning or a norm of weights does.

    Args:
        module: any module; one that is an LSTM itself is not changed, and its twin comes back.
        back: turn memcell's modules into PyTorch's.

    Raises:
        InputError: ``back`` with a module that PyTorch has no twin of; it is named, and nothing was changed.

    Example:
        >>> import torch
        >>> convert(nn.Sequential(nn.LSTM(3, 5)))
        Sequential(
          (0): LSTM(3, 5, peephole='none', output_peek='previous')
        )
    """
    wanted = [kind for kind in _TWINS if (kind in _OURS) == back]
    found = {name: one for name, one in module.named_modules(remove_duplicate=False) if type(one) in wanted}
    for name, one in found.items():
        if back and (reason := _beyond(one)):
            raise InputError(f"The module {name!r} has {reason}, which torch.nn has not; nothing was converted.")
    found = {name: one for name, one in found.items() if _is_plain(one)}
    twins = {id(one): _twin(one) for one in found.values()}
    for name, one in found.items():
        if not name:
            return twins[id(one)]
        parent, _, attribute = name.rpartition(".")
        setattr(module.get_submodule(parent), attribute, twins[id(one)])
    return module


def _beyond(one: Any) -> str:
    """What a module of ours has that PyTorch's has not; nothing where they are the same."""
    kind: Any = type(one)
    options = {name: getattr(one, name) for name in _TWINS[kind][1]}
    plain = kind(**options, device="meta", peephole="none")
    return ", ".join(sorted(set(one.extra_repr().split(", ")) - set(plain.extra_repr().split(", "))))


def _is_plain(one: nn.Module) -> bool:
    """Whether the weights are parameters of the module and nothing else makes them, as pruning or a norm would."""
    twin = _new_twin(one)
    own = {name for name, parameter in one._parameters.items() if parameter is not None}
    return own == {name for name, _ in twin.named_parameters()} and not one._buffers and not one._modules


def _new_twin(one: Any) -> Any:
    kind: Any = _TWINS[type(one)][0]
    options = {name: getattr(one, name) for name in _TWINS[type(one)][1]}
    plain: dict[str, Any] = {"peephole": "none"} if type(one) not in _OURS else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # said when the first was built
        return kind(**options, device="meta", **plain)


def _twin(one: Any) -> Any:
    twin = _new_twin(one)
    for name, parameter in one._parameters.items():
        if parameter is not None:
            setattr(twin, name, parameter)
    for name, value in vars(one).items():
        # The dictionaries of hooks themselves, so that whoever holds a handle can still remove one.
        if "hook" in name or name not in vars(twin):
            object.__setattr__(twin, name, value)
    for hook in twin._load_state_dict_pre_hooks.values():
        if getattr(hook, "with_module", False):  # which holds the module, weakly
            hook.module = weakref.ref(twin)
    if isinstance(twin, nn.RNNBase):
        twin.flatten_parameters()
    return twin.train(one.training)
