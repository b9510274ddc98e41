"""`convert` and `LSTMCell`: a model of somebody else's, there and back."""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import prune

from memcell import InputError
from memcell.torch import LSTM, LSTMCell, convert


class Tagger(nn.Module):
    """Somebody's model: an LSTM in a list, one used twice, a cell in a loop."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.ModuleList([nn.LSTM(3, 4, bidirectional=True, batch_first=True), nn.Dropout(0.1)])
        self.shared = nn.LSTM(8, 4, 2, dropout=0.2, proj_size=2, batch_first=True)
        self.again = self.shared
        self.cell = nn.LSTMCell(2, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.encoder[0](x)[0]
        x = self.shared(x)[0] + self.again(x)[0]
        state = None
        for t in range(x.shape[1]):
            state = self.cell(x[:, t], state)
        assert state is not None
        return state[0]


X = torch.randn(5, 6, 3, generator=torch.Generator().manual_seed(0))


def test_a_model_gives_the_same_with_its_lstms_swapped() -> None:
    torch.manual_seed(0)
    model = Tagger().eval()
    wanted, parameters, names = model(X), list(model.parameters()), list(model.state_dict())
    assert convert(model) is model
    assert [type(m) for m in (model.encoder[0], model.shared, model.cell)] == [LSTM, LSTM, LSTMCell]
    assert model.again is model.shared
    assert not model.shared.training
    assert all(a is b for a, b in zip(model.parameters(), parameters, strict=True))
    assert list(model.state_dict()) == names
    torch.testing.assert_close(model(X), wanted, rtol=0, atol=1e-6)
    convert(model, back=True)
    assert [type(m) for m in (model.encoder[0], model.shared, model.cell)] == [nn.LSTM, nn.LSTM, nn.LSTMCell]
    assert all(a is b for a, b in zip(model.parameters(), parameters, strict=True))
    torch.testing.assert_close(model(X), wanted, rtol=0, atol=0)


def test_an_optimiser_and_hooks_go_on() -> None:
    model = Tagger()
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    seen: list[Any] = []
    model.shared.register_forward_hook(lambda *_: seen.append("after"))
    model.shared.register_forward_pre_hook(lambda *_, **__: seen.append("before"), with_kwargs=True)
    convert(model)
    before = copy.deepcopy(model.state_dict())
    model(X).sum().backward()
    optimiser.step()
    assert seen == ["before", "after"] * 2
    assert all((before[name] != p).any() for name, p in model.state_dict().items())


@pytest.mark.parametrize("back", [False, True])
def test_hooks_before_a_state_is_loaded_go_on(back: bool) -> None:
    model: nn.Module = nn.Sequential(LSTM(3, 4, peephole="none") if back else nn.LSTM(3, 4))
    loaded: list[Any] = []
    model[0].register_load_state_dict_pre_hook(lambda module, *_: loaded.append(module))  # type: ignore[index]
    state = copy.deepcopy(model.state_dict())
    model = convert(model, back=back)
    model.load_state_dict(state)
    assert loaded == [model[0]]  # type: ignore[index]


@pytest.mark.parametrize(
    "make",
    [
        lambda one: prune.l1_unstructured(one, "weight_hh_l0", 0.5),
        lambda one: nn.utils.weight_norm(one, "weight_hh_l0"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*weight_norm")
def test_what_makes_weights_is_left_alone_both_ways(make: Any) -> None:
    for back, kind in ((False, nn.LSTM), (True, LSTM)):
        model = nn.Sequential(LSTM(3, 4, peephole="none") if back else nn.LSTM(3, 4))
        make(model[0])
        wanted = model(X[..., :3])[0]
        converted = convert(model, back=back)
        assert type(converted[0]) is kind  # type: ignore[index]
        torch.testing.assert_close(converted(X[..., :3])[0], wanted, rtol=0, atol=0)


def test_an_lstm_itself_comes_back_as_its_twin() -> None:
    theirs = nn.LSTM(3, 4, dtype=torch.float64)
    ours = convert(theirs)
    assert isinstance(ours, LSTM)
    assert ours.weight_ih_l0 is theirs.weight_ih_l0
    assert type(convert(ours, back=True)) is nn.LSTM


def test_converting_draws_no_random_numbers() -> None:
    torch.manual_seed(0)
    wanted = torch.rand(3)
    torch.manual_seed(0)
    convert(nn.Sequential(nn.Identity()))
    model = nn.ModuleDict()
    state = torch.get_rng_state()
    model["lstm"] = nn.LSTM(3, 4)
    torch.set_rng_state(state)
    convert(model)
    assert torch.equal(torch.rand(3), wanted)


def test_classes_that_derive_are_left_alone() -> None:
    class Mine(nn.LSTM):
        pass

    model = nn.Sequential(Mine(3, 4))
    assert type(convert(model)[0]) is Mine  # type: ignore[index]


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (LSTM(3, 4), "peephole='full'"),
        (LSTM(3, 4, peephole="none", cell_clip=2.0), "cell_clip=2.0"),
        (LSTM(3, 4, peephole="none", heads=2), "heads=2"),
        (LSTMCell(3, 4, peephole="diagonal"), "peephole='diagonal'"),
    ],
)
def test_what_has_no_twin_is_refused_before_anything_changes(one: nn.Module, reason: str) -> None:
    model = nn.ModuleDict({"first": LSTM(3, 4, peephole="none"), "other": one})
    with pytest.raises(InputError, match=f"'other' has {reason}"):
        convert(model, back=True)
    assert isinstance(model["first"], LSTM)


def test_converts_under_torch_compile() -> None:
    torch._dynamo.reset()
    model = convert(Tagger()).eval()
    torch.testing.assert_close(torch.compile(model, fullgraph=True, backend="aot_eager")(X), model(X))


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("batched", [False, True])
@pytest.mark.parametrize("with_state", [False, True])
def test_cell_is_the_cell_of_pytorch(bias: bool, batched: bool, with_state: bool) -> None:
    torch.manual_seed(0)
    theirs = nn.LSTMCell(3, 4, bias, dtype=torch.float64)
    torch.manual_seed(0)
    ours = LSTMCell(3, 4, bias, dtype=torch.float64, peephole="none")
    assert {n: p.tolist() for n, p in ours.named_parameters()} == {n: p.tolist() for n, p in theirs.named_parameters()}
    shape = (2,) if batched else ()
    x, state = torch.randn(*shape, 3, dtype=torch.float64), None
    if with_state:
        state = tuple(torch.randn(*shape, 4, dtype=torch.float64) for _ in range(2))
    torch.testing.assert_close(ours(x, state), theirs(x, state), rtol=0, atol=1e-12)


def test_cells_make_a_layer() -> None:
    layer = LSTM(3, 4, dtype=torch.float64, output_peek="current", cell_clip=0.3)
    cell = LSTMCell(3, 4, dtype=torch.float64, output_peek="current", cell_clip=0.3)
    cell.load_state_dict({name.removesuffix("_l0"): p for name, p in layer.state_dict().items()})
    x, state = torch.randn(5, 2, 3, dtype=torch.float64), None
    for t in range(5):
        state = cell(x[t], state)
    h, c = layer(x)[1]
    torch.testing.assert_close(state, (h[0], c[0]), rtol=0, atol=1e-12)
