import copy

import pytest
import torch
from torch import nn

from mer_lightning.models.ststnet import STSTNet


class ThreeStreams(nn.Module):
    """The paper, literally."""

    def __init__(self):
        super().__init__()
        self.streams = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(3, filters, 3, padding=2), nn.ReLU(), nn.BatchNorm2d(filters), nn.MaxPool2d(3, 3, 1)
            )
            for filters in (3, 5, 8)
        )
        self.head = nn.Linear(400, 3)

    def forward(self, x):
        x = torch.cat([stream(x) for stream in self.streams], 1)
        return self.head(nn.functional.avg_pool2d(x, 2).flatten(1))

    def merged(self, name, grad=False):
        """One tensor of the three streams, concatenated as STSTNet holds it."""
        layer, _, field = name.rpartition(".")
        if layer == "head":
            found = [getattr(self.head, field)]
        else:
            found = [getattr(s[{"streams.conv": 0, "streams.norm": 2}[layer]], field) for s in self.streams]
        found = [t.grad if grad else t for t in found]
        return found[0] if found[0].ndim == 0 or len(found) == 1 else torch.cat(found)


def close(a, b, tol):
    torch.testing.assert_close(a, b, atol=tol * max(1.0, b.abs().max().item()), rtol=0)


def pair(dtype):
    torch.manual_seed(0)
    paper = ThreeStreams().to(dtype)
    with torch.no_grad():
        for stream, sign in zip(paper.streams, (1, -1, 1), strict=True):
            stream[2].weight.uniform_(0.5, 1.5).mul_(sign)
            stream[2].bias.normal_()
    model = STSTNet(dropout=0).to(dtype)
    model.load_state_dict({name: paper.merged(name).detach().clone() for name in model.state_dict()})
    return model, paper


@pytest.mark.parametrize(("dtype", "tol"), [(torch.float64, 1e-9), (torch.float32, 1e-5)])
def test_equals_three_streams(dtype, tol):
    model, paper = pair(dtype)
    x, labels = torch.rand(50, 3, 28, 28, dtype=dtype), torch.randint(3, (50,))
    for network in (model, paper):
        nn.functional.cross_entropy(network(x), labels).backward()
    for name, parameter in model.named_parameters():
        close(parameter.grad, paper.merged(name, grad=True), tol)
    close(model(x), paper(x), tol)
    for name, value in model.state_dict().items():
        close(value, paper.merged(name), tol)
    model.eval(), paper.eval()
    close(model(x), paper(x), tol)


def test_parameter_count_is_the_papers():
    model = STSTNet()
    assert sum(p.numel() for p in model.parameters()) == 1683
    assert sum(p.numel() for name, p in model.named_parameters() if "norm" not in name) == 1651


def test_shapes():
    assert STSTNet()(torch.rand(4, 3, 28, 28)).shape == (4, 3)
    assert STSTNet(in_channels=2, classes=5)(torch.rand(4, 2, 28, 28)).shape == (4, 5)


def test_state_round_trip_and_reproducible_training():
    x, labels = torch.rand(20, 3, 28, 28), torch.randint(3, (20,))
    torch.manual_seed(1)
    model = STSTNet()
    twin = STSTNet()
    twin.load_state_dict(copy.deepcopy(model.state_dict()))
    results = []
    for network in (model, twin):
        torch.manual_seed(2)
        optimizer = torch.optim.Adam(network.parameters(), lr=1e-3, fused=True)
        for _ in range(3):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(x), labels).backward()
            optimizer.step()
        results.append(network.eval()(x))
    assert torch.equal(*results)


def test_trains_under_vmap():
    torch.manual_seed(0)
    models = [STSTNet(dropout=0).double() for _ in range(3)]
    params, buffers = torch.func.stack_module_state(models)
    x, labels = torch.rand(3, 8, 3, 28, 28, dtype=torch.float64), torch.randint(3, (3, 8))

    def loss(params, buffers, x, labels):
        return nn.functional.cross_entropy(torch.func.functional_call(models[0], (params, buffers), (x,)), labels)

    grads = torch.vmap(torch.func.grad(loss))(params, buffers, x, labels)
    for i, model in enumerate(models):
        nn.functional.cross_entropy(model(x[i]), labels[i]).backward()
        close(grads["streams.conv.weight"][i], model.streams.conv.weight.grad, 1e-9)


class TestTheScaleOfMaps:
    def test_is_taken_out_by_normalisation_where_the_bias_is_scaled_too(self):
        torch.manual_seed(0)
        ours, theirs, x = STSTNet(dropout=0).double(), STSTNet(dropout=0, scale=255).double(), torch.rand(4, 3, 28, 28)
        theirs.load_state_dict(ours.state_dict())
        for model in (ours, theirs):
            model.streams.norm.eps = 0.0
        with torch.no_grad():
            theirs.streams.conv.bias.mul_(255)
        torch.testing.assert_close(ours(x.double()), theirs(x.double()))

    def test_is_not_where_it_is_as_drawn(self):
        torch.manual_seed(0)
        ours, theirs, x = STSTNet(dropout=0), STSTNet(dropout=0, scale=255), torch.rand(4, 3, 28, 28)
        theirs.load_state_dict(ours.state_dict())
        assert (ours(x) - theirs(x)).abs().max() > 0.1
        assert torch.equal(theirs(x), ours(255 * x))
