"""Pooling of clips equals torch's, and a wrong shape is one line."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from mer_lightning.models.volumes import AvgPool3d, MaxPool3d, TimeConv3d, check_shape, fold_time
from mer_lightning.types import DataError

CLIP = st.tuples(st.integers(3, 7), st.integers(3, 9), st.integers(3, 9), st.integers(0, 99))


@given(
    CLIP,
    st.sampled_from([((1, 2, 2), None, (0, 0, 0)), ((3, 3, 3), (2, 2, 2), (1, 1, 1)), ((2, 3, 3), None, (1, 0, 1))]),
)
def test_max_pooling_equals_torch(clip, window):
    t, h, w, seed = clip
    x = torch.randn(2, 3, t, h, w, generator=torch.Generator().manual_seed(seed), requires_grad=True)
    ours, theirs = MaxPool3d(*window)(x), nn.MaxPool3d(*window)(x)
    assert torch.equal(ours, theirs)
    upstream = torch.rand_like(ours)
    grads = [torch.autograd.grad(y, x, upstream)[0] for y in (ours, theirs)]
    torch.testing.assert_close(*grads)


@given(CLIP)
def test_average_pooling_equals_torch(clip):
    t, h, w, seed = clip
    x = torch.randn(2, 3, t, h, w, generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(AvgPool3d((2, 2, 2))(x), nn.AvgPool3d(2)(x))


@pytest.mark.parametrize("pool", [MaxPool3d((1, 2, 2)), MaxPool3d((3, 3, 3), (2, 2, 2)), AvgPool3d((2, 2, 2))])
def test_pooling_keeps_channels_last_and_the_values(pool):
    x = torch.randn(2, 3, 5, 8, 6)
    last = x.contiguous(memory_format=torch.channels_last_3d)
    assert torch.equal(pool(last), pool(x))
    assert pool(last).is_contiguous(memory_format=torch.channels_last_3d)
    assert pool(x).is_contiguous()


@pytest.mark.parametrize("length", [1, 3, 5])
def test_convolution_over_time_equals_torch(length):
    torch.manual_seed(0)
    ours, theirs = TimeConv3d(4, 6, length), nn.Conv3d(4, 6, (length, 1, 1), padding=(length // 2, 0, 0))
    theirs.load_state_dict(ours.state_dict())
    x = torch.randn(2, 4, 7, 5, 3)
    results = []
    for layer in (ours, theirs):
        clip = x.clone().requires_grad_()
        y = layer(clip)
        y.square().sum().backward()
        results.append((y, clip.grad, layer.weight.grad, layer.bias.grad))
    for a, b in zip(*results, strict=True):
        torch.testing.assert_close(a, b, atol=1e-3, rtol=1e-4)


def test_folding_keeps_the_frames_of_a_clip_side_by_side():
    x = torch.arange(2 * 3 * 4 * 5 * 6).view(2, 3, 4, 5, 6)
    folded = fold_time(x)
    assert torch.equal(folded[4 + 2], x[1, :, 2])


@pytest.mark.parametrize("shape", [(2, 3, 8, 8), (2, 3, 4, 8, 7), (2, 2, 4, 8, 8)])
def test_a_wrong_shape_is_one_line(shape):
    with pytest.raises(
        DataError, match=r"net takes 3 x any x 8 x 8 per sample, the representation has \d x .*"
    ) as error:
        check_shape("net", torch.zeros(shape), (3, None, 8, 8))
    assert "\n" not in str(error.value)
    check_shape("net", torch.zeros(2, 3, 5, 8, 8), (3, None, 8, 8))
