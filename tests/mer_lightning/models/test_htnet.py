"""HTNet: its size, its layers written out block by block, and what its published size cannot do."""

import pytest
import torch
from torch import nn

from mer_lightning.models.htnet import HTNet, four_areas
from mer_lightning.types import DataError


def test_parameter_count_is_the_papers():
    with torch.device("meta"):
        assert sum(p.numel() for p in HTNet().parameters()) == 114_429_446


def literal_level(level, x, blocks):
    """One level as the paper draws it: each block and each head by itself, positions as a picture."""
    side = x.shape[-1] // blocks
    out = torch.empty_like(x)
    for row in range(blocks):
        for column in range(blocks):
            place = (..., slice(row * side, (row + 1) * side), slice(column * side, (column + 1) * side))
            y = x[place] + level.position.view(side, side)
            tokens = y.flatten(2).transpose(1, 2)
            for layer in level.layers:
                normed = layer.norm1(tokens)
                q, k, v = layer.qkv(normed).chunk(3, -1)
                heads = []
                size = q.shape[-1] // layer._heads
                for h in range(layer._heads):
                    part = slice(h * size, (h + 1) * size)
                    heads.append(nn.functional.scaled_dot_product_attention(q[..., part], k[..., part], v[..., part]))
                tokens = tokens + layer.out(torch.cat(heads, -1))
                tokens = tokens + layer.dense2(nn.functional.gelu(layer.dense1(layer.norm2(tokens))))
            out[place] = tokens.transpose(1, 2).unflatten(2, (side, side))
    return out


@pytest.mark.parametrize("blocks", [1, 2, 4])
def test_a_level_attends_within_blocks(blocks):
    torch.manual_seed(0)
    model = HTNet(width=10, heads=3, patch=1, layers=(2, 1, 1)).double().eval()
    level = model.levels[{4: 0, 2: 1, 1: 2}[blocks]]
    width = level.layers[0].out.out_features
    x = torch.randn(2, width, 7 * blocks, 7 * blocks, dtype=torch.float64)
    torch.testing.assert_close(level(x), literal_level(level, x, blocks))


def test_at_the_published_size_a_block_is_one_patch():
    model = HTNet(width=12)
    assert [level.position.numel() for level in model.levels] == [1, 1, 1]
    assert [level.position.numel() for level in HTNet(width=12, patch=2, layers=(1, 1)).levels] == [49, 49]
    # with one place to look at, queries and keys change nothing
    model.eval()
    x = torch.rand(2, 3, 28, 28)
    before = model(x)
    for level in model.levels:
        for layer in level.layers:
            inner = layer.out.in_features
            with torch.no_grad():
                layer.qkv.weight[: 2 * inner].normal_()
    torch.testing.assert_close(model(x), before)


def test_positions_of_the_last_level_have_no_effect():
    torch.manual_seed(0)
    model = HTNet(width=12, patch=2, layers=(1, 1), scale=1.0).double().eval()
    x = torch.rand(2, 3, 28, 28, dtype=torch.float64)
    before = model(x)
    with torch.no_grad():
        model.levels[1].position.normal_()
    torch.testing.assert_close(model(x), before)
    with torch.no_grad():
        model.levels[0].position.normal_()
    assert not torch.allclose(model(x), before)


def test_four_areas_are_windows_of_eyes_and_mouth_corners():
    x = torch.arange(28 * 28).view(1, 1, 28, 28)
    areas = four_areas(x)
    assert areas.shape == x.shape
    eye, mouth = x[..., 4:18, 2:16], x[..., 14:28, 11:25]
    assert torch.equal(areas[..., :14, :14], eye)
    assert torch.equal(areas[..., 14:, 14:], mouth)
    for row in (slice(0, 14), slice(14, 28)):
        left, right = areas[0, 0, row, 0].min() % 28, areas[0, 0, row, 27].max() % 28
        assert left + right == 27  # both sides of the face alike


def test_patches_that_do_not_divide_are_named():
    with pytest.raises(DataError, match="htnet: 28 x 28 maps do not divide into patches of 2 in 4 x 4 blocks"):
        HTNet(patch=2)
