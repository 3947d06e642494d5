import pytest
import torch
from torch import nn

from mer_lightning.models.layers import AveragePool2d, Dropout, Linear, use_cheap_layers

CASES = [(torch.float64, 1e-9), (torch.float32, 1e-5)]


def close(a, b, tol):
    a, b = a.double(), b.double()
    torch.testing.assert_close(a, b, atol=tol * max(1.0, b.abs().max().item()), rtol=0)


@pytest.mark.parametrize(("dtype", "tol"), CASES)
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize(("side", "size"), [(2, (10, 10)), (3, (10, 8)), (1, (4, 5))], ids=["whole", "rest", "single"])
def test_average_pool_equals_torch(dtype, tol, memory_format, side, size):
    torch.manual_seed(0)
    x = torch.randn(5, 4, *size, dtype=dtype).contiguous(memory_format=memory_format).requires_grad_()
    x_plain = x.detach().clone().requires_grad_()
    y, y_plain = AveragePool2d(side)(x), nn.AvgPool2d(side)(x_plain)
    close(y, y_plain, tol)
    upstream = torch.randn_like(y)
    y.backward(upstream)
    y_plain.backward(upstream)
    close(x.grad, x_plain.grad, tol)
    assert f"side={side}" in repr(AveragePool2d(side))


def test_average_pool_runs_under_vmap():
    x = torch.randn(3, 2, 4, 6, 6)
    close(torch.vmap(AveragePool2d(2))(x), torch.stack([AveragePool2d(2)(part) for part in x]), 1e-6)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("p", [0.5, 0.25, 0.1])
def test_dropout_drops_the_same_values_in_every_precision(dtype, p):
    masks = []
    for own in (torch.float32, dtype):
        torch.manual_seed(0)
        masks.append(Dropout(p).mask(torch.empty(100, 100, dtype=own)) > 0)
    assert torch.equal(*masks)


@pytest.mark.parametrize("p", [0.5, 0.25, 0.1, 1 / 3, 0.9])
def test_dropout_statistics(p):
    torch.manual_seed(0)
    mask = Dropout(p).mask(torch.empty(1000, 1000))
    sigma = (p * (1 - p) / mask.numel()) ** 0.5
    assert abs((mask == 0).double().mean().item() - p) < 5 * sigma
    assert set(mask.unique().tolist()) == {0.0, torch.tensor(1 / (1 - p)).item()}
    # neighbours, in either direction and at the lanes of a 64-bit word, are independent
    dropped = (mask == 0).double() - p
    for step in (1, 2, 4, 8):
        assert abs((dropped[:, step:] * dropped[:, :-step]).mean().item()) < 5 * p * (1 - p) / 990
    assert abs((dropped[1:] * dropped[:-1]).mean().item()) < 5 * p * (1 - p) / 990


def test_dropout_is_reproducible_and_off_in_evaluation():
    x = torch.randn(7, 5, 3, 3).contiguous(memory_format=torch.channels_last).requires_grad_()
    layer = Dropout(0.3)
    torch.manual_seed(3)
    y = layer(x)
    torch.manual_seed(3)
    mask = layer.mask(x)
    assert torch.equal(y, x * mask)
    assert y.stride() == x.stride()
    y.sum().backward()
    assert torch.equal(x.grad, mask)
    assert not torch.equal(layer(x), layer(x))
    assert layer.eval()(x) is x
    assert Dropout(0.0)(x) is x
    assert "p=0.3" in repr(layer)


@pytest.mark.parametrize("p", [-0.1, 1.0, 1.5])
def test_dropout_refuses_impossible_probabilities(p):
    with pytest.raises(ValueError, match="dropout probability"):
        Dropout(p)


def test_dropout_runs_under_vmap():
    y = torch.vmap(Dropout(0.5), randomness="different")(torch.ones(3, 1000))
    assert set(y.unique().tolist()) == {0.0, 2.0}


@pytest.mark.parametrize(("dtype", "tol"), CASES)
@pytest.mark.parametrize("leading", [(19,), (3, 5), (2, 3, 4), ()], ids=str)
def test_linear_equals_torch(dtype, tol, leading):
    torch.manual_seed(0)
    layer, plain = Linear(37, 11).to(dtype), nn.Linear(37, 11).to(dtype)
    plain.load_state_dict(layer.state_dict())
    x = torch.randn(*leading, 37, dtype=dtype, requires_grad=True)
    x_plain = x.detach().clone().requires_grad_()
    y, y_plain = layer(x), plain(x_plain)
    close(y, y_plain, tol)
    upstream = torch.randn_like(y)
    y.backward(upstream)
    y_plain.backward(upstream)
    for a, b in ((x, x_plain), (layer.weight, plain.weight), (layer.bias, plain.bias)):
        close(a.grad, b.grad, tol)


@pytest.mark.parametrize("leading", [(19,), (3, 5)], ids=str)
def test_linear_is_torchs_own_where_precision_is_mixed(leading):
    layer, x = Linear(37, 11), torch.randn(*leading, 37, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        y = layer(x)
        expected = nn.functional.linear(x, layer.weight, layer.bias)
    assert y.dtype == torch.bfloat16
    assert torch.equal(y, expected)
    y.float().sum().backward()
    assert x.grad is not None


def test_layers_of_a_library_are_replaced_and_keep_their_parameters():
    inner = nn.Sequential(nn.Linear(6, 6, bias=False), nn.Dropout(0.25), nn.ReLU())
    network = nn.Sequential(nn.Linear(8, 6), inner)
    parameters, x = dict(network.named_parameters()), torch.randn(4, 8)
    expected = network.eval()(x)
    use_cheap_layers(network)
    assert [type(layer) for layer in (network[0], *inner)] == [Linear, Linear, Dropout, nn.ReLU]
    assert inner[1].p == 0.25
    assert all(parameter is parameters[name] for name, parameter in network.named_parameters())
    assert len(parameters) == 3
    close(network(x), expected, 1e-6)
