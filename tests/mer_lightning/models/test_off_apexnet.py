import pytest
import torch
from torch import nn

from mer_lightning.models.off_apexnet import OffApexNet


class TwoStreams(nn.Module):
    """The paper, literally."""

    def __init__(self):
        super().__init__()
        self.streams = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(1, 6, 5, padding=2),
                nn.ReLU(),
                nn.MaxPool2d(2),
                nn.Conv2d(6, 16, 5, padding=2),
                nn.ReLU(),
                nn.MaxPool2d(2),
                nn.Flatten(),
            )
            for _ in range(2)
        )
        self.hidden1, self.hidden2, self.head = (
            nn.Linear(1568, 1024),
            nn.Linear(1024, 1024),
            nn.Linear(1024, 3),
        )

    def forward(self, x):
        x = torch.cat([stream(x[:, i : i + 1]) for i, stream in enumerate(self.streams)], 1)
        return self.head(nn.functional.relu(self.hidden2(nn.functional.relu(self.hidden1(x)))))

    def merged(self, name, grad=False):
        """One tensor of the two streams, concatenated as OffApexNet holds it."""
        layer, _, field = name.partition(".")
        place = {"conv1": 0, "conv2": 3}
        owners = [s[place[layer]] for s in self.streams] if layer in place else [getattr(self, layer)]
        found = [getattr(owner, field) for owner in owners]
        return torch.cat([t.grad if grad else t for t in found])


def close(a, b, tol):
    torch.testing.assert_close(a, b, atol=tol * max(1.0, b.abs().max().item()), rtol=0)


@pytest.mark.parametrize(("dtype", "tol"), [(torch.float64, 1e-9), (torch.float32, 1e-5)])
def test_equals_two_streams(dtype, tol):
    torch.manual_seed(0)
    paper, model = TwoStreams().to(dtype), OffApexNet(dropout=0).to(dtype)
    model.load_state_dict({name: paper.merged(name).detach().clone() for name in model.state_dict()})
    x, labels = torch.rand(20, 3, 28, 28, dtype=dtype), torch.randint(3, (20,))
    close(model(x), paper(x), tol)
    for network in (model, paper):
        nn.functional.cross_entropy(network(x), labels).backward()
    for name, parameter in model.named_parameters():
        close(parameter.grad, paper.merged(name, grad=True), tol)
    model.eval(), paper.eval()
    close(model(x), paper(x), tol)


def test_weights_start_like_two_streams():
    torch.manual_seed(0)
    model, paper = OffApexNet(), TwoStreams()
    for name, parameter in model.named_parameters():
        stream = paper.merged(name)
        bound = 1 / (25 if "conv1" in name else 150 if "conv2" in name else 1024) ** 0.5
        if name.startswith("hidden1"):
            bound = 1 / 1568**0.5
        assert parameter.shape == stream.shape
        assert parameter.abs().max() <= bound
        assert stream.abs().max() <= bound
        if parameter.numel() > 1000:
            assert parameter.std().item() == pytest.approx(bound / 3**0.5, rel=0.05)


def test_parameter_count_is_the_papers():
    assert sum(p.numel() for p in OffApexNet().parameters()) == 2_664_475


def test_shapes_and_unused_channels():
    model = OffApexNet(classes=5).eval()
    x = torch.rand(4, 3, 28, 28)
    assert model(x).shape == (4, 5)
    assert torch.equal(model(x), model(x[:, :2]))


def test_dropout_is_on_only_in_training():
    torch.manual_seed(0)
    model, x = OffApexNet(), torch.rand(4, 3, 28, 28)
    assert not torch.equal(model(x), model(x))
    model.eval()
    assert torch.equal(model(x), model(x))
