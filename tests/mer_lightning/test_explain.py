"""Grad-CAM of networks so small that its maps can be told by hand."""

import pytest
import torch
from torch import nn

from mer_lightning.explain import choose_layers, convolutions, grad_cam
from mer_lightning.models.cnn_lstm_fusion import CnnLstmFusion
from mer_lightning.models.dual_attention_resnet import DualAttentionResNet
from mer_lightning.models.dual_branch import DualBranch
from mer_lightning.models.me_resnet import MEResNet
from mer_lightning.models.off_apexnet import OffApexNet
from mer_lightning.models.s3d_cnn import S3DCNN
from mer_lightning.models.ststnet import STSTNet
from mer_lightning.models.timm_backbone import TimmBackbone
from mer_lightning.types import DataError


class Means(nn.Module):
    """Two filters, +1 and -1, whose mean over all places is the logit of a class each."""

    def __init__(self, convolution):
        super().__init__()
        self.conv = convolution(1, 2, 1, bias=False)
        with torch.no_grad():
            self.conv.weight.copy_(torch.tensor([1.0, -1.0]).view_as(self.conv.weight))

    def forward(self, x):
        return self.conv(x).flatten(2).mean(2)


class FrameByFrame(nn.Module):
    """A 2-D filter on every frame; the second frame counts three times as much as the others."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 1, bias=False)
        with torch.no_grad():
            self.conv.weight.copy_(torch.tensor([1.0, -1.0]).view_as(self.conv.weight))

    def forward(self, x):
        clips = len(x)
        maps = self.conv(x.transpose(1, 2).flatten(0, 1)).flatten(2).mean(2).unflatten(0, (clips, -1))
        return maps[:, 0] + 3 * maps[:, 1] + maps[:, 2]


class Gated(nn.Module):
    """Features, then an attention map of one channel and a gate of one place, both convolutions that run later."""

    def __init__(self):
        super().__init__()
        self.gate = nn.Conv2d(4, 4, 1)
        self.attention = nn.Conv2d(4, 1, 3, padding=1)
        self.features = nn.Conv2d(1, 4, 3, padding=1)

    def forward(self, x):
        x = self.features(x)
        x = x * self.attention(x).sigmoid()
        return self.gate(x.mean((2, 3), keepdim=True)).flatten(1)


class TwoPaths(nn.Module):
    """Two filters that answer 4 and -1 to the same picture; the class is the mean of both."""

    explained = ("up", "down")

    def __init__(self):
        super().__init__()
        self.up, self.down = nn.Conv2d(1, 2, 1, bias=False), nn.Conv2d(1, 2, 1, bias=False)
        nn.init.constant_(self.up.weight, 4.0)
        nn.init.constant_(self.down.weight, -1.0)

    def forward(self, x):
        return (self.up(x) + self.down(x)).mean((2, 3))


def test_the_heat_of_an_image_is_where_the_filter_answers():
    x = torch.zeros(1, 1, 6, 8)
    x[0, 0, 2, 5] = 12.0
    heat = grad_cam(Means(nn.Conv2d), x, 0)
    # the gradient of a mean is 1 / 48 at every place
    torch.testing.assert_close(heat.values, x[0, 0] / 48)
    assert heat.layers == ("conv",)
    assert heat.places == (6, 8)


def test_what_speaks_against_a_class_gives_no_heat():
    x = torch.zeros(1, 1, 6, 8)
    x[0, 0, 2, 5], x[0, 0, 4, 1] = 12.0, -6.0
    found = grad_cam(Means(nn.Conv2d), x, 1).values
    assert found.nonzero().tolist() == [[4, 1]]
    assert float(found[4, 1]) == pytest.approx(6 / 48)


def test_the_heat_of_a_clip_knows_place_and_time():
    x = torch.zeros(1, 1, 3, 4, 5)
    x[0, 0, 1, 3, 2] = 60.0
    heat = grad_cam(Means(nn.Conv3d), x, 0)
    torch.testing.assert_close(heat.values, x[0, 0] / 60)
    assert heat.places == (3, 4, 5)


def test_a_layer_that_sees_frame_by_frame_weighs_every_frame_by_itself():
    x = torch.ones(1, 1, 3, 4, 5)
    heat = grad_cam(FrameByFrame(), x, 0)
    assert heat.values.shape == (3, 4, 5)
    torch.testing.assert_close(heat.values.mean((1, 2)), torch.tensor([1.0, 3.0, 1.0]) / 20)


def test_coarse_maps_are_brought_to_the_size_of_the_input():
    model = nn.Sequential(nn.Conv2d(1, 2, 2, stride=2, bias=False), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    nn.init.ones_(model[0].weight)
    x = torch.zeros(1, 1, 8, 8)
    x[..., :2, 6:] = 1.0
    heat = grad_cam(model, x, 0)
    assert heat.places == (4, 4)
    assert heat.values.shape == (8, 8)
    assert int(heat.values.argmax()) == 7
    assert float(heat.values[4:].sum()) == 0


def test_the_last_convolution_is_the_last_that_runs_and_knows_places():
    model, x = Gated(), torch.rand(1, 1, 6, 6)
    assert list(convolutions(model, x)) == ["features", "attention", "gate"]
    assert choose_layers(model, x) == ("features",)


def test_maps_of_several_layers_are_added_before_negative_values_go():
    x = torch.ones(1, 1, 2, 4)
    heat = grad_cam(TwoPaths(), x, 0)
    assert heat.layers == ("up", "down")
    torch.testing.assert_close(heat.values, torch.full((2, 4), (4 - 1) / 8))
    assert float(grad_cam(TwoPaths(), x, 0, ["down"]).values.sum()) == 0


@pytest.mark.parametrize(
    ("layers", "says"),
    [
        (["nothing"], "--layer nothing: the network has no such layer; its convolutions: features, attention, gate"),
        ([""], "--layer : the network has no such layer"),
        (["flat"], "--layer flat: gives no map of places"),
    ],
)
def test_a_layer_that_is_none_is_named(layers, says):
    model = Gated()
    model.flat = nn.Identity()
    forward = model.forward
    model.forward = lambda x: model.flat(forward(x))
    with pytest.raises(DataError, match=says):
        grad_cam(model, torch.rand(1, 1, 6, 6), 0, layers)


def test_a_network_without_convolution_is_refused():
    with pytest.raises(DataError, match="Grad-CAM needs a convolution with maps, and it has none"):
        grad_cam(nn.Sequential(nn.Flatten(), nn.Linear(9, 2)), torch.rand(1, 1, 3, 3), 0)


def test_maps_of_two_sizes_cannot_be_added():
    model = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.Conv2d(2, 2, 2, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with pytest.raises(DataError, match="maps of one size can be added up, found 8 x 8, 4 x 4"):
        grad_cam(model, torch.rand(1, 1, 8, 8), 0, ["0", "1"])


@pytest.mark.parametrize(
    ("build", "shape", "layers", "places"),
    [
        (STSTNet, (3, 28, 28), ("streams.conv",), (30, 30)),
        (OffApexNet, (3, 28, 28), ("conv2",), (14, 14)),
        (lambda: TimmBackbone("resnet18"), (3, 64, 64), ("network.layer4.1.conv2",), (2, 2)),
        (DualAttentionResNet, (3, 64, 64), ("network.layer4.1.conv2",), (2, 2)),
        (
            DualBranch,
            (4, 64, 64),
            ("branches.magnitude.layer4", "branches.strain.layer4"),
            (2, 2),
        ),
        (lambda: DualBranch(4, branches="strain"), (4, 64, 64), ("branches.strain.layer4",), (2, 2)),
        (lambda: S3DCNN(size=32), (3, 10, 32, 32), ("conv8.temporal",), (10, 4, 4)),
        (MEResNet, (3, 4, 64, 64), ("stage4.2.conv3",), (1, 2, 2)),
        (lambda: MEResNet(dimensions=2), (3, 4, 64, 64), ("stage4.2.conv3",), (4, 2, 2)),
        (
            lambda: CnnLstmFusion(size=64, width=8, hidden=8, fc8=8),
            (4, 3, 64, 64),
            ("spatial.conv5", "temporal.conv5"),
            (3, 3, 3),
        ),
    ],
)
def test_every_convolutional_system_is_explained_at_its_last_maps(build, shape, layers, places):
    torch.manual_seed(0)
    heat = grad_cam(build(), torch.rand(1, *shape), 1)
    assert heat.layers == layers
    assert heat.places == places
    assert heat.values.shape == shape[1:]
    assert heat.values.isfinite().all()
    assert (heat.values >= 0).all()
