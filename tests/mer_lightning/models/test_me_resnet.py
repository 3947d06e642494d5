"""S1: a ResNet-50 in two or three dimensions, with CBAM where Figure 5 has it."""

import re

import pytest
import timm
import torch
from torch import nn

from mer_lightning.models.attention import Cbam
from mer_lightning.models.me_resnet import Bottleneck, MEResNet
from mer_lightning.types import DataError


def count(**arguments):
    with torch.device("meta"):
        return sum(p.numel() for p in MEResNet(**arguments).parameters())


def test_parameter_counts():
    assert count(cbam=False) == 46_205_123
    assert count() == 46_205_123 + 2_525_920
    with torch.device("meta"):
        resnet50 = timm.create_model("resnet50", num_classes=3)
    assert count(cbam=False, dimensions=2) == sum(p.numel() for p in resnet50.parameters())


def test_the_two_dimensional_network_is_timms_resnet50():
    torch.manual_seed(0)
    theirs = timm.create_model("resnet50", num_classes=3).eval()
    ours = MEResNet(dimensions=2, cbam=False, third_relu=False).eval()
    renamed = {"bn": "norm", "downsample": "shortcut", "layer": "stage", "fc": "head"}
    state = {}
    for name, value in theirs.state_dict().items():
        new = re.sub("|".join(renamed), lambda match: renamed[match[0]], name)
        state[re.sub(r"^(conv|norm)1\.", r"\1.", new)] = value
    ours.load_state_dict(state)
    x = torch.rand(2, 3, 64, 64)
    torch.testing.assert_close(ours(x), theirs(x), atol=1e-4, rtol=1e-4)


def test_a_bottleneck_is_figure_5():
    torch.manual_seed(0)
    block = Bottleneck(8, 2, 3, 2, Cbam(8, 3, 2, 3), "add", third_relu=True).eval()
    x = torch.randn(2, 8, 4, 6, 6)
    f2 = block.conv3(block.conv2(block.conv1(x).div(1.000005).relu()).div(1.000005).relu()).div(1.000005).relu()
    f1 = block.shortcut[0](x)
    torch.testing.assert_close(block(x), (f1 + block.attention(f2)).relu(), atol=1e-4, rtol=1e-4)
    assert block(x).shape == (2, 8, 2, 3, 3)


def test_merging_by_concatenation_doubles_the_channels():
    x = torch.randn(2, 8, 2, 4, 4)
    block = Bottleneck(8, 2, 3, 1, None, "cat", third_relu=False)
    assert block(x).shape == (2, 16, 2, 4, 4)
    assert torch.equal(block(x)[:, :8], x.relu())


@pytest.mark.parametrize("maps", [2, 10, 14])
def test_any_number_of_maps_will_do(maps):
    model = MEResNet().eval()
    assert model(torch.randn(1, 3, maps, 32, 32)).shape == (1, 3)


def test_the_two_dimensional_network_averages_over_time():
    torch.manual_seed(0)
    model, x = MEResNet(dimensions=2).eval(), torch.randn(2, 3, 4, 32, 32)
    single = torch.stack([model(x[:, :, t]) for t in range(4)]).mean(0)
    torch.testing.assert_close(model(x), single, atol=1e-5, rtol=1e-4)


def test_the_three_dimensional_network_sees_the_order_of_maps():
    torch.manual_seed(0)
    model, x = MEResNet().eval(), torch.randn(1, 3, 4, 32, 32)
    assert not torch.allclose(model(x), model(x.flip(2)), rtol=1e-2)


def test_every_bottleneck_has_attention():
    assert sum(isinstance(m, Cbam) for m in MEResNet().modules()) == 16
    assert not any(isinstance(m, Cbam) for m in MEResNet(cbam=False).modules())


def test_frames_for_a_clip_network_are_named():
    with pytest.raises(
        DataError, match="me_resnet takes 3 x any x any x any per sample, the representation has 3 x 32"
    ):
        MEResNet()(torch.zeros(1, 3, 32, 32))
    assert isinstance(MEResNet(dimensions=2).conv, nn.Conv2d)
