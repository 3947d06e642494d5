"""Attention against values computed by hand, and against timm's."""

import math

import pytest
import torch
from timm.layers.cbam import ChannelAttn
from torch import nn

from mer_lightning.models.attention import Cbam, ChannelAttention, SpatialAttention


def test_channel_attention_by_hand():
    # two channels, one hidden value h = relu(a + 2 b); scores (h, -h) of means (2, 1) and of maxima (3, 1)
    attention = ChannelAttention(2, reduction=2)
    with torch.no_grad():
        attention.squeeze.weight.copy_(torch.tensor([[1.0, 2.0]]))
        attention.excite.weight.copy_(torch.tensor([[1.0], [-1.0]]))
    x = torch.tensor([[[[1.0, 3.0]], [[1.0, 1.0]]]])
    scores = torch.tensor([4.0 + 5.0, -4.0 - 5.0])
    torch.testing.assert_close(attention(x), scores.sigmoid().view(1, 2, 1, 1))


def test_spatial_attention_by_hand():
    # the middle tap of the kernel takes 2 x maximum - mean: (2 * 3 - 2, 2 * 4 - 1) of columns (1, 3) and (-2, 4)
    attention = SpatialAttention(2, kernel_size=3)
    with torch.no_grad():
        attention.conv.weight.zero_()
        attention.conv.weight[0, :, 1, 1] = torch.tensor([2.0, -1.0])
    x = torch.tensor([[[[1.0, -2.0]], [[3.0, 4.0]]]])
    torch.testing.assert_close(attention(x), torch.tensor([[[[4.0, 7.0]]]]).sigmoid())


def test_softmaxes_are_equations_12_and_14_by_hand():
    channels, places = ChannelAttention(2, 2, "softmax"), SpatialAttention(2, 1, "softmax")
    with torch.no_grad():
        channels.squeeze.weight.copy_(torch.tensor([[1.0, 1.0]]))
        channels.excite.weight.copy_(torch.tensor([[0.5], [0.25]]))
        places.conv.weight.copy_(torch.tensor([1.0, 0.0]).view(1, 2, 1, 1))
    # one pixel: mean and maximum are both (2, 4), h = 6, scores 2 (3, 1.5) = (6, 3)
    a = math.exp(6) / (math.exp(6) + math.exp(3))
    assert channels(torch.tensor([[[[2.0]], [[4.0]]]])).flatten().tolist() == pytest.approx([a, 1 - a])
    # the maximum over channels of two places is (1, 2)
    b = math.exp(1) / (math.exp(1) + math.exp(2))
    assert places(torch.tensor([[[[1.0, -2.0]], [[0.0, 2.0]]]])).flatten().tolist() == pytest.approx([b, 1 - b])


def test_spatial_attention_sees_its_neighbours_in_space_and_time():
    attention = SpatialAttention(3, kernel_size=3)
    with torch.no_grad():
        attention.conv.weight.fill_(1.0)
    x = torch.zeros(1, 1, 3, 3, 3)
    x[0, 0, 0, 0, 0] = 1.0
    weights = attention(x)[0, 0]
    # one channel is its own maximum and mean, so a neighbour of the corner sums up 1 + 1
    assert (weights[:2, :2, :2] == torch.tensor(2.0).sigmoid()).all()
    assert (weights[2] == 0.5).all()


def test_cbam_by_hand():
    cbam = Cbam(2, reduction=1, kernel_size=1)
    with torch.no_grad():
        cbam.channel.squeeze.weight.copy_(torch.eye(2))
        cbam.channel.excite.weight.copy_(torch.eye(2))
        cbam.spatial.conv.weight.copy_(torch.tensor([1.0, 0.0]).view(1, 2, 1, 1))
    x = torch.tensor([[[[2.0]], [[4.0]]]])
    # of one pixel mean and maximum are the value itself: weights sigmoid(4), sigmoid(8), then the larger of the two
    a, b = 2 * torch.tensor(4.0).sigmoid(), 4 * torch.tensor(8.0).sigmoid()
    torch.testing.assert_close(cbam(x).flatten(), torch.stack((a, b)) * b.sigmoid())


@pytest.mark.parametrize("shape", [(3, 32, 5, 7), (1, 64, 2, 2)])
def test_channel_attention_equals_timm(shape):
    torch.manual_seed(0)
    ours, theirs = ChannelAttention(shape[1]), ChannelAttn(shape[1], rd_ratio=1 / 16)
    with torch.no_grad():
        theirs.fc1.weight.copy_(ours.squeeze.weight[..., None, None])
        theirs.fc2.weight.copy_(ours.excite.weight[..., None, None])
    x = torch.randn(shape)
    torch.testing.assert_close(x * ours(x), theirs(x))


def test_a_clip_of_equal_frames_gets_the_weights_of_its_frame():
    torch.manual_seed(0)
    attention, frame = ChannelAttention(32), torch.randn(2, 32, 4, 4)
    clip = frame[:, :, None].expand(-1, -1, 5, -1, -1)
    torch.testing.assert_close(attention(clip)[:, :, 0], attention(frame))


def test_a_map_with_fewer_channels_than_the_reduction_keeps_one_hidden_value():
    assert ChannelAttention(8, reduction=16).squeeze.out_features == 1


def test_attention_has_no_biases():
    assert all(layer.bias is None for layer in Cbam(64).modules() if isinstance(layer, nn.Linear | nn.Conv2d))
