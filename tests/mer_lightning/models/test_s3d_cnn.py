"""S2: the separable convolution, the sizes of Table 4 and the start of the weights."""

import math

import pytest
import torch

from mer_lightning.models.s3d_cnn import S3DCNN
from mer_lightning.types import DataError


def test_a_separable_convolution_by_hand():
    block = S3DCNN(in_channels=1, size=16, frames=2).conv1
    with torch.no_grad():
        for layer in (block.spatial, block.temporal):
            layer.weight.zero_()
            layer.bias.zero_()
        block.spatial.weight[0, 0, 0] = torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.0, -1.0], [0.0, 0.0, 0.0]])
        block.spatial.bias[0] = 0.5
        block.temporal.weight[0, 0, :, 0, 0] = torch.tensor([1.0, 2.0, 3.0])
        block.temporal.bias[0] = -1.0
    x = torch.zeros(1, 1, 3, 1, 3)
    x[0, 0, :, 0, 0] = torch.tensor([1.0, 2.0, 4.0])
    # in the middle column left - right + 0.5 = 1.5, 2.5, 4.5; over time, with zeros outside, t-1 + 2 t + 3 (t+1) - 1
    expected = torch.tensor([2 * 1.5 + 3 * 2.5, 1.5 + 2 * 2.5 + 3 * 4.5, 2.5 + 2 * 4.5]) - 1
    torch.testing.assert_close(block(x)[0, 0, :, 0, 1], expected)
    # -x gives nothing but negative values in space, which a ReLU between the two stops
    with torch.no_grad():
        block.temporal.weight.neg_()
        block.temporal.bias[0] = 1.0
    assert (block(-x)[0, 0, :, 0, 1] == 1.0).all()


def test_the_two_dimensional_network_sees_no_order_of_maps_until_the_pooling():
    torch.manual_seed(0)
    flat, separable = S3DCNN(kernel="2d", size=16, frames=4), S3DCNN(size=16, frames=4)
    x = torch.randn(1, 3, 4, 16, 16)
    swapped = x[:, :, [1, 0, 2, 3]]
    for model, same in ((flat, True), (separable, False)):
        model.eval()
        # maps 0 and 1 share a window of the last pooling
        assert torch.allclose(model(x), model(swapped), atol=1e-6) == same


@pytest.mark.parametrize(("kernel", "parameters"), [("separable", 3_374_453), ("2d", 3_243_413), ("3d", 3_829_493)])
def test_parameter_counts_are_the_papers(kernel, parameters):
    assert sum(p.numel() for p in S3DCNN(kernel=kernel).parameters()) == parameters


def test_weights_start_as_in_keras():
    torch.manual_seed(0)
    model = S3DCNN()
    assert not any(p.any() for name, p in model.named_parameters() if name.endswith("bias"))
    weight = model.conv8.spatial.weight
    bound = math.sqrt(6 / (9 * 128 + 9 * 128))
    assert weight.abs().max() <= bound
    assert weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.02)


def test_without_its_relu_the_dense_layer_passes_negative_values():
    torch.manual_seed(0)
    x = torch.randn(2, 3, 2, 16, 16)
    model = S3DCNN(size=16, frames=2, dense_relu=False).eval()
    seen = []
    model.head.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    model(x)
    model.dense_relu = True
    model(x)
    assert seen[0].min() < 0
    assert torch.equal(seen[1], seen[0].relu())


def test_another_length_is_named():
    with pytest.raises(DataError, match="s3d_cnn takes 3 x 10 x 96 x 96 per sample, the representation has 3 x 9 x"):
        S3DCNN()(torch.zeros(1, 3, 9, 96, 96))
