"""Transfer: everything but the head moves over, and what is frozen stays bit for bit."""

import copy

import pytest
import torch
from torch import nn

from mer_lightning.models.dual_attention_resnet import DualAttentionResNet
from mer_lightning.models.me_resnet import MEResNet
from mer_lightning.models.s3d_cnn import S3DCNN
from mer_lightning.models.transfer import Transferable, freeze, load_body
from mer_lightning.types import DataError

SMALL = {"size": 16, "frames": 2}


def train(model, x, steps=3):
    model.train()
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], 0.1)
    for _ in range(steps):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), torch.arange(len(x)) % 3).backward()
        optimizer.step()


def test_the_body_moves_over_and_the_head_is_the_models_own():
    source, model = S3DCNN(classes=7, **SMALL), S3DCNN(classes=5, **SMALL)
    head = model.head.weight.clone()
    load_body(model, source.state_dict())
    for name, value in model.state_dict().items():
        if not name.startswith("head"):
            assert torch.equal(value, source.state_dict()[name])
    assert torch.equal(model.head.weight, head)


def test_the_paper_freezes_the_first_six_blocks():
    # "no" in the last column of Table 1 for Conv_s_1 to Conv_t_6
    torch.manual_seed(0)
    model = S3DCNN(classes=3, **SMALL)
    freeze(model, model.frozen_in_transfer)
    before = copy.deepcopy(model.state_dict())
    train(model, torch.randn(6, 3, 2, 16, 16))
    changed = {name.split(".")[0] for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {"conv7", "conv8", "dense", "head"}


def test_frozen_statistics_stay_through_copies_and_training():
    torch.manual_seed(0)
    model = DualAttentionResNet(classes=3)
    freeze(model, ["network.conv1", "network.bn1", "network.layer1"])
    model = copy.deepcopy(model)
    before = copy.deepcopy(model.state_dict())
    train(model, torch.randn(4, 3, 33, 33))
    frozen = [name for name in before if name.startswith(("network.conv1", "network.bn1", "network.layer1"))]
    assert sum("running" in name for name in frozen) == 10
    assert all(torch.equal(model.state_dict()[name], before[name]) for name in frozen)
    assert not torch.equal(model.network.layer2[0].bn1.running_mean, before["network.layer2.0.bn1.running_mean"])
    # the copy is frozen by itself
    assert not model.network.layer1[0].bn1.training
    assert model.network.layer2[0].bn1.training


def test_an_inflated_network_gives_a_still_clip_what_its_frame_gave():
    torch.manual_seed(0)
    flat, deep = MEResNet(dimensions=2, cbam=False).eval(), MEResNet(cbam=False).eval()
    for layer in flat.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_mean.normal_(0, 0.1)
    load_body(deep, flat.state_dict())
    frame = torch.randn(1, 3, 16, 16)
    still = frame[:, :, None].expand(-1, -1, 40, -1, -1)
    # away from the ends of time, where the border counts
    ours, theirs = deep.norm(deep.conv(still))[:, :, 20], flat.norm(flat.conv(frame))
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-4)
    block, twin = deep.stage1[0], flat.stage1[0]
    ours = block(theirs.relu()[:, :, None].expand(-1, -1, 40, -1, -1))[:, :, 20]
    torch.testing.assert_close(ours, twin(theirs.relu()), atol=1e-5, rtol=1e-4)


def test_grey_weights_enter_a_flow_network_with_their_sum():
    torch.manual_seed(0)
    grey, flow = MEResNet(1, 7, dimensions=2), MEResNet(3, 3, dimensions=2)
    load_body(flow, grey.state_dict())
    torch.testing.assert_close(flow.conv.weight.sum(1), grey.conv.weight.sum(1))
    assert torch.equal(flow.conv.weight[:, 0], flow.conv.weight[:, 2])
    assert torch.equal(flow.stage4[2].conv3.weight, grey.stage4[2].conv3.weight)


def test_weights_that_do_not_fit_are_named():
    model = S3DCNN(**SMALL)
    with pytest.raises(DataError, match=r"conv1.spatial.weight is \(16, 3, 3, 3, 3\), the model needs \(16, 3, 1, "):
        load_body(S3DCNN(kernel="2d", **SMALL), S3DCNN(kernel="3d", **SMALL).state_dict())
    with pytest.raises(DataError, match=r"dense.weight is \(128, 128\), the model needs \(128, 256\)"):
        load_body(S3DCNN(size=16, frames=4), model.state_dict())
    with pytest.raises(DataError, match=r"conv1.temporal.bias is missing"):
        load_body(model, S3DCNN(kernel="2d", **SMALL).state_dict())
    with pytest.raises(DataError, match=r"conv1.temporal.bias is unknown"):
        load_body(S3DCNN(kernel="2d", **SMALL), model.state_dict())
    with pytest.raises(DataError, match="cannot freeze 'conv9'"):
        freeze(model, ["conv9"])
    with pytest.raises(DataError, match="Linear cannot be transferred"):
        load_body(nn.Linear(1, 1), {})


def test_a_weight_that_does_not_fit_leaves_the_model_as_it_was():
    model = S3DCNN(size=16, frames=4)
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(DataError):
        load_body(model, S3DCNN(**SMALL).state_dict())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize("model", [S3DCNN, DualAttentionResNet, MEResNet])
def test_the_head_of_a_transferable_model_ends_in_its_classes(model):
    with torch.device("meta"):
        built = model(classes=4)
    assert isinstance(built, Transferable)
    assert built.get_submodule(built.head_name).out_features == 4
    for name in built.frozen_in_transfer:
        built.get_submodule(name)
