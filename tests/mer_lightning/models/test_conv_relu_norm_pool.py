"""Convolution to pooling as one step computes what torch's own modules do, one after another."""

import copy

import pytest
import torch
from torch import nn
from torch.autograd import gradcheck

from mer_lightning.models.conv_relu_norm_pool import ConvReluNormPool2d
from tests.mer_lightning.models.test_layers import CASES, close


def pair(dtype, scales, window=(3, 3, 1)):
    """The layer and its literal chain of torch.nn modules, with equal parameters."""
    layer = ConvReluNormPool2d(3, len(scales), 3, padding=2, window=window).to(dtype)
    with torch.no_grad():
        layer.norm.weight.copy_(torch.tensor(scales, dtype=dtype))
        layer.norm.bias.normal_()
    conv, norm = nn.Conv2d(3, len(scales), 3, padding=2).to(dtype), nn.BatchNorm2d(len(scales)).to(dtype)
    conv.load_state_dict(layer.conv.state_dict())
    norm.load_state_dict(layer.norm.state_dict())
    return layer, nn.Sequential(conv, nn.ReLU(), norm, nn.MaxPool2d(*window))


def same_gradients(layer, chain, tol):
    for ours, theirs in ((layer.conv, chain[0]), (layer.norm, chain[2])):
        close(ours.weight.grad, theirs.weight.grad, tol)
        close(ours.bias.grad, theirs.bias.grad, tol)


@pytest.mark.parametrize(("dtype", "tol"), CASES)
@pytest.mark.parametrize("scales", [(1.0, 0.5, 2.0), (1.0, -0.7, -0.2)], ids=["rising", "some falling"])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("window", [(3, 3, 1), (2, 2, 0), (3, 2, 1)], ids=["3/3", "2/2", "overlapping"])
def test_conv_relu_norm_pool_equals_the_chain(dtype, tol, scales, memory_format, window):
    torch.manual_seed(0)
    layer, chain = pair(dtype, scales, window)
    # in float32 torch's own chain is ten times further from the truth than the layer
    chain.double()
    # more samples than are worked on at a time, and fewer
    for batch in (75, 5):
        x = torch.randn(batch, 3, 20, 20, dtype=dtype).contiguous(memory_format=memory_format).requires_grad_()
        x_chain = x.detach().double().requires_grad_()
        y, y_chain = layer(x), chain(x_chain)
        close(y, y_chain, tol)
        upstream = torch.randn_like(y)
        y.backward(upstream)
        y_chain.backward(upstream.double())
        close(x.grad, x_chain.grad, tol)
    # two batches of gradients summed, as an optimizer would see them
    same_gradients(layer, chain, tol)
    for name, value in chain[2].state_dict().items():
        close(layer.norm.state_dict()[name], value, tol)
    layer.eval(), chain.eval()
    close(layer(x), chain(x.double()), tol)


def test_conv_relu_norm_pool_is_precise_where_the_mean_is_far_above_the_deviation():
    torch.manual_seed(0)
    layer, chain = pair(torch.float32, (1.0, 1.0))
    with torch.no_grad():
        for conv in (layer.conv, chain[0]):
            conv.bias.fill_(1.0)
    chain.double()
    x = 0.005 * torch.randn(64, 3, 28, 28)
    close(layer(x), chain(x.double()), 1e-5)
    close(layer.norm.running_var, chain[2].running_var, 1e-7)


def test_conv_relu_norm_pool_gives_the_chain_gradient_on_a_still_background():
    torch.manual_seed(0)
    # ties: equal patches share one window, so it does not matter for the filters which of them is picked
    layer, chain = pair(torch.float64, (1.0, 1.5))
    x = torch.zeros(8, 3, 28, 28, dtype=torch.float64)
    x[:, :, 9:15, 9:15] = torch.rand(8, 3, 6, 6, dtype=torch.float64)
    upstream = torch.randn(8, 2, 10, 10, dtype=torch.float64)
    layer(x).backward(upstream)
    chain(x).backward(upstream)
    same_gradients(layer, chain, 1e-9)


@pytest.mark.parametrize("scales", [(1.0, 0.5), (1.0, -0.5)])
def test_conv_relu_norm_pool_gradcheck(scales):
    torch.manual_seed(0)
    layer, _ = pair(torch.float64, scales)
    x = torch.randn(3, 3, 5, 5, dtype=torch.float64, requires_grad=True)
    names, weights = zip(*layer.named_parameters(), strict=True)

    def run(x, *weights):
        return torch.func.functional_call(copy.deepcopy(layer), dict(zip(names, weights, strict=True)), (x,))

    assert gradcheck(run, (x, *weights))


def test_conv_relu_norm_pool_runs_under_vmap():
    torch.manual_seed(0)
    layers = [ConvReluNormPool2d(2, 4, 3, padding=1, window=(3, 3, 1)) for _ in range(4)]
    params, buffers = torch.func.stack_module_state(layers)
    x = torch.randn(4, 6, 2, 12, 12)

    def run(params, buffers, x):
        return torch.func.functional_call(layers[0], (params, buffers), (x,))

    y = torch.vmap(run)(params, buffers, x)
    for i, layer in enumerate(layers):
        close(y[i], layer(x[i]), 1e-5)
        close(buffers["norm.running_var"][i], layer.norm.running_var, 1e-5)


@pytest.mark.gpu
def test_conv_relu_norm_pool_on_cuda():
    torch.manual_seed(0)
    layer, _ = pair(torch.float64, (1.0, -0.5))
    x = torch.randn(5, 3, 12, 12, dtype=torch.float64)
    on_gpu = copy.deepcopy(layer).cuda()(x.cuda()).cpu()
    close(on_gpu, layer(x), 1e-9)
