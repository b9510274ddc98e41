"""`torch.func`, forward mode and `torch.compile` over the layer: by value, against the loop over time."""

from typing import Any

import pytest
import torch
from backends.cases import Cell, Shape
from tensors import ONE_OF_EACH, arguments_of, of_given
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.func import functional_call, grad, hessian, jacfwd, jacrev, jvp, vjp, vmap

from memcell import LstmSpec
from memcell.torch import LSTM, lstm, lstm_loop

CELLS = [Cell(LstmSpec(), "none", "none", False), Cell(LstmSpec("diagonal", "current"), "step", "unit", True)]
SHAPE = Shape(2, 3, (3, 0, 2))

of_cells = pytest.mark.parametrize("cell", CELLS, ids=str)


def both(cell: Cell) -> tuple[Any, Any, list[Tensor]]:
    """The operator and the loop as functions of what is given."""
    tensors, sequences = arguments_of(cell, SHAPE, requires_grad=False)
    fast, given = of_given(lstm, cell, tensors, sequences)
    slow, _ = of_given(lstm_loop, cell, tensors, sequences)
    return fast, slow, given


def loss_of(function: Any) -> Any:
    return lambda *tensors: sum(output.pow(3).sum() for output in function(*tensors))


def assert_equal(got: Any, want: Any) -> None:
    torch.testing.assert_close(got, want, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("cell", ONE_OF_EACH, ids=str)
def test_forward_mode(cell: Cell) -> None:
    fast, slow, given = both(cell)
    tangents = tuple(torch.randn_like(tensor) for tensor in given)
    wanted = jvp(slow, tuple(given), tangents)
    assert_equal(jvp(fast, tuple(given), tangents), wanted)
    with forward_ad.dual_level():
        duals = fast(*(forward_ad.make_dual(t, d) for t, d in zip(given, tangents, strict=True)))
        assert_equal(tuple(forward_ad.unpack_dual(output).tangent for output in duals), wanted[1])


@of_cells
@pytest.mark.parametrize(
    "transform", [grad, jacrev, jacfwd, hessian, lambda f, k: grad(lambda *t: grad(f, k)(*t).sum(), k)]
)
def test_transforms_of_a_loss(cell: Cell, transform: Any) -> None:
    fast, slow, given = both(cell)
    for k in range(len(given)):
        assert_equal(transform(loss_of(fast), k)(*given), transform(loss_of(slow), k)(*given))


@of_cells
def test_jacobians(cell: Cell) -> None:
    fast, slow, given = both(cell)
    everything = tuple(range(len(given)))
    wanted = jacrev(slow, everything)(*given)
    assert_equal(jacrev(fast, everything)(*given), wanted)
    assert_equal(jacfwd(fast, everything)(*given), wanted)


@of_cells
def test_vmap_over_everything_and_over_each(cell: Cell) -> None:
    fast, slow, given = both(cell)
    many = [torch.stack([tensor + 0.1 * k for k in range(4)], dim=-1) for tensor in given]
    choices = [range(len(given)), *[[k] for k in range(len(given))]]
    for chosen in choices:
        in_dims = tuple(-1 if k in chosen else None for k in range(len(given)))
        tensors = [many[k] if k in chosen else tensor for k, tensor in enumerate(given)]
        assert_equal(vmap(fast, in_dims)(*tensors), vmap(slow, in_dims)(*tensors))
        gradients = (vmap(grad(loss_of(f), tuple(range(len(given)))), in_dims)(*tensors) for f in (fast, slow))
        assert_equal(*gradients)


def test_gradients_of_each_sample() -> None:
    torch.manual_seed(0)
    layer = LSTM(3, 4, bidirectional=True, num_layers=2, batch_first=True, dtype=torch.float64)
    x = torch.randn(5, 6, 3, dtype=torch.float64)
    parameters = {name: p.detach() for name, p in layer.named_parameters()}

    def loss(parameters: dict[str, Tensor], sample: Tensor) -> Tensor:
        return functional_call(layer, parameters, (sample[None],))[0].square().sum()

    each = vmap(grad(loss), (None, 0))(parameters, x)
    for k in range(5):
        layer.zero_grad()
        layer(x[k : k + 1])[0].square().sum().backward()
        for name, parameter in layer.named_parameters():
            assert parameter.grad is not None
            assert_equal(each[name][k], parameter.grad)


def test_ensemble_of_layers() -> None:
    layers = [LSTM(3, 4, dtype=torch.float64) for _ in range(3)]
    parameters, buffers = torch.func.stack_module_state(layers)  # type: ignore[arg-type]
    x = torch.randn(5, 2, 3, dtype=torch.float64)
    together = vmap(lambda p, b: functional_call(layers[0], (p, b), (x,))[0])(parameters, buffers)
    assert_equal(together, torch.stack([layer(x)[0] for layer in layers]))


def test_vector_jacobian_product_twice() -> None:
    fast, slow, given = both(CELLS[0])

    def twice(function: Any) -> Any:
        outputs, back = vjp(function, *given)
        first, again = vjp(back, tuple(torch.ones_like(o) for o in outputs))
        return first, again(tuple(torch.ones_like(f) for f in first))

    assert_equal(twice(fast), twice(slow))


@pytest.mark.parametrize("options", [{}, {"bidirectional": True, "num_layers": 2}, {"peephole": "none"}], ids=str)
def test_penalty_on_the_gradient(options: dict[str, Any]) -> None:
    """Double backward through a module (pytorch/pytorch#2691)."""
    layer = LSTM(3, 4, dtype=torch.float64, **options)
    x = torch.randn(5, 2, 3, dtype=torch.float64, requires_grad=True)

    def penalty(x: Tensor) -> Tensor:
        (d_x,) = torch.autograd.grad(layer(x)[0].square().sum(), x, create_graph=True)
        return d_x.square().sum()

    assert torch.autograd.gradcheck(penalty, [x], fast_mode=True)
    penalty(x).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in layer.parameters())


@pytest.mark.parametrize("batch_first", [False, True])
def test_compiles_into_one_graph_of_any_batch_and_time(batch_first: bool) -> None:
    layer = nn.Sequential(LSTM(3, 4, num_layers=2, bidirectional=True, batch_first=batch_first, dtype=torch.float64))
    torch._dynamo.reset()
    graphs = 0

    def count(graph: Any, _: Any) -> Any:
        nonlocal graphs
        graphs += 1
        return graph.forward

    compiled = torch.compile(layer, fullgraph=True, dynamic=True, backend=count)
    trained = torch.compile(layer, fullgraph=True, dynamic=True, backend="aot_eager")
    for batch, steps in ((5, 7), (6, 9), (2, 8)):
        x = torch.randn(batch, steps, 3, dtype=torch.float64, requires_grad=True)
        output, (h, c) = layer(x)
        assert_equal(compiled(x), (output, (h, c)))
        (d_x,) = torch.autograd.grad(output.square().sum() + c.sum(), x)
        traced, (_, c) = trained(x)
        (traced_d_x,) = torch.autograd.grad(traced.square().sum() + c.sum(), x)
        assert_equal(traced_d_x, d_x)
    assert graphs == 1


def test_exports_with_any_batch_and_time() -> None:
    layer = LSTM(3, 4, bidirectional=True, batch_first=True).eval()
    batch, steps = torch.export.Dim("batch", min=2), torch.export.Dim("steps", min=2)
    program = torch.export.export(layer, (torch.randn(3, 5, 3),), dynamic_shapes={"input": {0: batch, 1: steps}})
    x = torch.randn(7, 11, 3)
    assert_equal(program.module()(x), layer(x))
