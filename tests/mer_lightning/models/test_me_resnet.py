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
    assert count(cbam=False, shortcut="identity") == 46_205_123
    assert count(shortcut="identity") == 46_205_123 + 2_525_920
    # in each stage all units but the first get a convolution of c x c and a normalisation of 2 c
    shortcuts = sum(units * (c * c + 2 * c) for units, c in ((2, 256), (3, 512), (5, 1024), (2, 2048)))
    assert count() == 46_205_123 + 2_525_920 + shortcuts == 63_302_563
    with torch.device("meta"):
        resnet50 = timm.create_model("resnet50", num_classes=3)
    assert count(cbam=False, dimensions=2, shortcut="identity") == sum(p.numel() for p in resnet50.parameters())


def test_the_two_dimensional_network_is_timms_resnet50():
    torch.manual_seed(0)
    theirs = timm.create_model("resnet50", num_classes=3).eval()
    ours = MEResNet(dimensions=2, cbam=False, shortcut="identity", third_relu=False).eval()
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
    block = Bottleneck(8, 2, 3, 2, Cbam(8, 3, 2, 3), "add", "convolution", third_relu=True).eval()
    x = torch.randn(2, 8, 4, 6, 6)
    f2 = block.conv3(block.conv2(block.conv1(x).div(1.000005).relu()).div(1.000005).relu()).div(1.000005).relu()
    f1 = block.shortcut[0](x)
    torch.testing.assert_close(block(x), (f1 + block.attention(f2)).relu(), atol=1e-4, rtol=1e-4)
    assert block(x).shape == (2, 8, 2, 3, 3)


class TestTheShortcut:
    def test_is_a_convolution_of_one_place_in_every_bottleneck(self):
        blocks = [m for m in MEResNet().modules() if isinstance(m, Bottleneck)]
        assert len(blocks) == 16
        assert all(block.shortcut[0].kernel_size == (1, 1, 1) for block in blocks)

    def test_is_the_identity_where_the_shape_stays_if_asked_for(self):
        blocks = [m for m in MEResNet(shortcut="identity").modules() if isinstance(m, Bottleneck)]
        assert [place for place, block in enumerate(blocks) if block.shortcut is not None] == [0, 3, 7, 13]

    def test_changes_what_a_bottleneck_of_one_shape_gives(self):
        torch.manual_seed(0)
        block, x = (
            Bottleneck(8, 2, 3, 1, None, "add", "convolution", third_relu=False).eval(),
            torch.randn(2, 8, 2, 4, 4),
        )
        torch.nn.init.zeros_(block.conv3.weight)
        with torch.no_grad():
            block.shortcut[0].weight.copy_(3 * torch.eye(8).view(8, 8, 1, 1, 1))
        torch.testing.assert_close(block(x), (3 * x).relu(), atol=1e-3, rtol=1e-4)


class TestTheStart:
    def test_is_glorots_as_in_keras(self):
        torch.manual_seed(0)
        model = MEResNet()
        for layer, ins, outs in (
            (model.stage2[0].conv2, 27 * 128, 27 * 128),
            (model.stage1[1].shortcut[0], 256, 256),
            (model.head, 2048, 3),
            (model.stage4[0].attention.channel.squeeze, 2048, 128),
        ):
            bound = (6 / (ins + outs)) ** 0.5
            assert 0.98 * bound < layer.weight.abs().max() <= bound
        assert not model.head.bias.any()

    def test_is_resnets_if_asked_for(self):
        torch.manual_seed(0)
        # a normal distribution, variance 2 / (27 * 128)
        weight = MEResNet(start="kaiming").stage2[0].conv2.weight
        assert weight.std().item() == pytest.approx((2 / (27 * 128)) ** 0.5, rel=0.01)


@pytest.mark.parametrize(
    ("weighing", "channels", "places"),
    [("sigmoid", False, False), ("softmax", True, True), ("sigmoid_softmax", False, True)],
)
def test_the_weights_of_attention_sum_to_one_where_they_are_softmaxes(weighing, channels, places):
    torch.manual_seed(0)
    attention = MEResNet(weighing=weighing).stage1[0].attention
    x = torch.randn(2, 256, 2, 4, 4)
    sums = [part(x).flatten(1).sum(1) for part in (attention.channel, attention.spatial)]
    assert [torch.allclose(total, torch.ones(2)) for total in sums] == [channels, places]


def test_merging_by_concatenation_doubles_the_channels():
    x = torch.randn(2, 8, 2, 4, 4)
    block = Bottleneck(8, 2, 3, 1, None, "cat", "identity", third_relu=False)
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
