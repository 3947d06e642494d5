"""RCN: parameter counts of the authors' code, and the three additions by hand."""

import pytest
import torch
from torch import nn

from mer_lightning.models.rcn import RCN


@pytest.mark.parametrize(
    ("unit", "small", "large"),
    [("wide", 13_795, 52_675), ("attention", 15_331, 55_747), ("shortcut", 24_643, 92_803)],
)
def test_parameter_counts_are_the_papers(unit, small, large):
    spare = unit == "shortcut"
    for filters, pool, expected in ((32, 5, small), (64, 7, large)):
        model = RCN(unit=unit, filters=filters, pool=pool, spare=spare)
        assert sum(p.numel() for p in model.parameters()) == expected


def test_the_spare_convolution_never_runs():
    torch.manual_seed(0)
    model = RCN(unit="shortcut", filters=8, pool=5, spare=True).eval()
    x = torch.rand(2, 3, 28, 28)
    before = model(x)
    before.sum().backward()
    assert all(p.grad is None for p in model.spare.parameters())
    nn.init.zeros_(model.spare[0].weight)
    assert torch.equal(model(x), before)


@pytest.mark.parametrize(("unit", "side", "last"), [("wide", 28, 5), ("wide", 60, 10), ("attention", 60, 14)])
def test_size_of_the_last_map(unit, side, last):
    model, seen = RCN(unit=unit, filters=8), []
    model.dropout.register_forward_hook(lambda _, given, __: seen.append(given[0].shape[-2:]))
    model(torch.rand(2, 3, side, side))
    assert seen[-1] == (last, last)
    assert model(torch.rand(2, 3, 12, 12)).shape == (2, 3)


def test_the_recurrence_is_written_out():
    torch.manual_seed(0)
    model = RCN(unit="shortcut", filters=8, pool=5).double().eval()
    x = torch.rand(2, 3, 28, 28, dtype=torch.float64)
    first = nn.functional.max_pool2d(model.expand.norm(model.expand.conv(x)).relu(), 2)
    step = lambda maps: model.recurrent(maps).relu()  # noqa: E731
    y = model.forth(first).relu()
    z = step(first + y)
    e = step(first + y + z)
    last = nn.functional.adaptive_avg_pool2d(nn.functional.max_pool2d(step(first + y + z + e), 2), 5)
    torch.testing.assert_close(model(x), model.head(last.flatten(1)))


def test_attention_is_a_scaled_class_activation_map():
    torch.manual_seed(0)
    model = RCN(unit="attention", filters=8, pool=5).double().eval()
    x = torch.rand(2, 8, 5, 5, dtype=torch.float64)
    maps = []
    for weights in model.head.weight:
        cam = (weights.view(8, 5, 5) * x).mean(1)
        low = cam.flatten(1).min(1).values[:, None, None]
        high = cam.flatten(1).max(1).values[:, None, None]
        maps.append((cam - low) / (high - low))
    torch.testing.assert_close(model._attention(x), torch.stack(maps).mean(0)[:, None])
    assert not model._attention(torch.zeros_like(x)).any()


def test_a_map_without_contrast_gives_numbers():
    assert RCN(unit="attention")(torch.zeros(2, 3, 28, 28)).isfinite().all()
