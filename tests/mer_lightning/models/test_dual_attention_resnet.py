"""S3: equation 5 in each of the eight units of timm's ResNet-18."""

import pytest
import timm
import torch

from mer_lightning.models.dual_attention_resnet import DualAttention, DualAttentionResNet

SIZES = {"none": 11_179_077, "spatial": 11_179_861, "channel": 11_266_117, "dual": 11_266_901}


@pytest.mark.parametrize("attention", SIZES)
def test_parameter_counts(attention):
    assert sum(p.numel() for p in DualAttentionResNet(attention=attention).parameters()) == SIZES[attention]


def test_without_attention_it_is_timms_resnet18():
    model, plain = DualAttentionResNet(attention="none").eval(), timm.create_model("resnet18", num_classes=5).eval()
    model.network.load_state_dict(plain.state_dict())
    x = torch.rand(2, 3, 64, 64)
    assert torch.equal(model(x), plain(x))


def half(module):
    """Make an attention weigh everything by one half."""
    for parameter in module.parameters():
        torch.nn.init.zeros_(parameter)
    return module


@pytest.mark.parametrize(
    ("arguments", "factor"),
    [
        ({}, 1.25),
        ({"keep_input": False}, 0.25),
        ({"attention": "spatial"}, 1.5),
        ({"attention": "channel"}, 1.5),
        ({"attention": "channel", "keep_input": False}, 0.5),
    ],
)
def test_equation_5_by_hand(arguments, factor):
    x = torch.randn(2, 16, 3, 3)
    torch.testing.assert_close(half(DualAttention(16, **arguments))(x), factor * x)


def test_channel_attention_looks_at_the_input_or_at_what_spatial_attention_left():
    torch.manual_seed(0)
    x = torch.randn(2, 16, 4, 4)
    unit = DualAttention(16, reduction=2, keep_input=False)
    left = x * unit.spatial(x)
    torch.testing.assert_close(unit(x), left * unit.channel(x))
    unit.channel_from = "refined"
    torch.testing.assert_close(unit(x), left * unit.channel(left))


def test_attention_stands_between_the_second_normalisation_and_the_shortcut_of_every_unit():
    torch.manual_seed(0)
    model = DualAttentionResNet().eval()
    units = [unit for i in range(1, 5) for unit in getattr(model.network, f"layer{i}")]
    assert len(units) == 8
    unit, x = units[0], torch.rand(1, 64, 8, 8)
    inner = unit.bn2(unit.conv2(unit.bn1(unit.conv1(x)).relu()))
    f = unit.se
    expected = (x + inner + inner * f.spatial(inner) * f.channel(inner)).relu()
    torch.testing.assert_close(unit(x), expected)
