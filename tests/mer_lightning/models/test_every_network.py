"""What every network must do, those of the five systems in all their variants, at sizes that stay fast."""

import io

import pytest
import torch
from torch import nn

from mer_lightning.models.at_net import ATNet
from mer_lightning.models.au_graph import AUGraph
from mer_lightning.models.cnn_lstm_fusion import CnnLstmFusion
from mer_lightning.models.compact_transformer import CompactTransformer
from mer_lightning.models.dual_attention_resnet import DualAttentionResNet
from mer_lightning.models.dual_branch import DualBranch
from mer_lightning.models.elrcn import ELRCN
from mer_lightning.models.fcnn_3d import FCNN3D
from mer_lightning.models.htnet import HTNet
from mer_lightning.models.image_cnn import ImageCNN
from mer_lightning.models.magnified_apex import MagnifiedApex
from mer_lightning.models.me_resnet import MEResNet
from mer_lightning.models.off_apexnet import OffApexNet
from mer_lightning.models.rcn import RCN
from mer_lightning.models.s3d_cnn import S3DCNN
from mer_lightning.models.ststnet import STSTNet
from mer_lightning.types import DataError

S0 = {"size": 32, "first_stride": 2, "width": 32, "hidden": 16, "fc8": 16}
S2 = {"size": 16, "frames": 4}
# name -> class, arguments, one input; variants of the five systems
SYSTEMS = {
    **{
        f"s0-{stream}-{at}-{mode}": (
            CnnLstmFusion,
            S0 | {"stream": stream, "fusion_at": at, "fusion_mode": mode},
            (4, 3, 32, 32),
        )
        for stream, at, mode in [
            ("fused", "fc7", "trained"),
            ("fused", "fc7", "untrained"),
            ("fused", "fc6", "trained"),
            ("fused", "fc6", "untrained"),
            ("spatial", "fc7", "trained"),
            ("temporal", "fc7", "trained"),
        ]
    },
    "s1": (MEResNet, {}, (3, 4, 32, 32)),
    "s1-no-cbam": (MEResNet, {"cbam": False}, (3, 4, 32, 32)),
    "s1-2d": (MEResNet, {"cbam": False, "dimensions": 2}, (3, 4, 32, 32)),
    "s1-cat": (MEResNet, {"merge": "cat"}, (3, 4, 32, 32)),
    **{f"s2-{kernel}": (S3DCNN, S2 | {"kernel": kernel}, (3, 4, 16, 16)) for kernel in ("separable", "2d", "3d")},
    **{
        f"s3-{attention}": (DualAttentionResNet, {"attention": attention}, (3, 48, 48))
        for attention in ("none", "spatial", "channel", "dual")
    },
    **{
        f"s4-{branches}": (DualBranch, {"branches": branches}, (4, 48, 48))
        for branches in ("both", "magnitude", "strain")
    },
}
FULL = {"s0-fused-fc7-trained", "s1", "s2-separable", "s3-dual", "s4-both"}
SMALL = {"backbone": "test_efficientnet", "hidden": 16}
NETWORKS = SYSTEMS | {
    "ststnet": (STSTNet, {}, (3, 28, 28)),
    "off-apexnet": (OffApexNet, {}, (3, 28, 28)),
    **{
        f"rcn-{unit}-{side}": (RCN, {"unit": unit, "filters": 8, "pool": pool}, (3, side, side))
        for unit in ("attention", "shortcut", "wide")
        for side, pool in ((28, 5), (60, 7))
    },
    "htnet": (HTNet, {"width": 24, "heads": 2, "layers": (1, 1, 2)}, (3, 28, 28)),
    "htnet-attending": (HTNet, {"width": 24, "heads": 2, "layers": (1, 1), "patch": 2, "scale": 1.0}, (3, 28, 28)),
    "compact-transformer": (CompactTransformer, {"width": 32}, (3, 28, 28)),
    "au-graph": (AUGraph, {}, (3, 28, 28)),
    "at-net": (ATNet, {"hidden": 16}, (3, 4, 48, 48)),
    "elrcn-spatial": (ELRCN, SMALL | {"enrichment": "spatial"}, (5, 3, 48, 48)),
    "elrcn-temporal": (ELRCN, SMALL | {"enrichment": "temporal"}, (5, 3, 48, 48)),
    "fcnn-3d": (FCNN3D, {"size": 32, "frames": 4, "width": 16}, (3, 4, 32, 32)),
    "magga-like": (MagnifiedApex, {"backbone": "vgg11"}, (3, 64, 64)),
    "image-cnn": (ImageCNN, {"filters": 8, "width": 16}, (1, 3, 32, 32)),
}
# torch has no batching rule for an LSTM
NO_VMAP = {"at-net", "elrcn-spatial", "elrcn-temporal"} | {name for name in SYSTEMS if name.startswith("s0")}
# of the systems, what takes long is done with one variant each
ONE_EACH = [name for name in NETWORKS if name not in SYSTEMS or name in FULL]


def build(name, seed=0, **arguments):
    torch.manual_seed(seed)
    kind, given, shape = NETWORKS[name]
    return kind(**given | arguments), shape


def without_chance(model):
    for module in model.modules():
        if hasattr(module, "p"):
            module.p = 0.0
        if hasattr(module, "drop_prob"):
            module.drop_prob = 0.0
    return model


@pytest.mark.parametrize("name", NETWORKS)
def test_logits_and_a_gradient_for_every_trained_parameter(name):
    model, shape = build(name, classes=4)
    logits = without_chance(model)(torch.randn(4, *shape))
    assert logits.shape == (4, 4)
    nn.functional.cross_entropy(logits, torch.arange(4)).backward()
    trained = {n: p for n, p in model.named_parameters() if p.requires_grad}
    dead = {n for n, p in trained.items() if p.grad is None or not p.grad.any() or not p.grad.isfinite().all()}
    # see test_positions_of_the_last_level_have_no_effect: what reaches them is rounding, or nothing
    assert dead <= {f"levels.{len(getattr(model, 'levels', ())) - 1}.position"}


@pytest.mark.parametrize("name", NETWORKS)
def test_state_survives_a_file(name):
    model, shape = build(name)
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)
    twin, _ = build(name, seed=1)
    x = torch.randn(2, *shape)
    assert not torch.equal(model.eval()(x), twin.eval()(x))
    twin.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(model(x), twin(x))


@pytest.mark.parametrize(
    "name", [name if name in ONE_EACH else pytest.param(name, marks=pytest.mark.slow) for name in NETWORKS]
)
def test_it_exports(name):
    model, shape = build(name)
    x = torch.randn(2, *shape)
    exported = torch.export.export(model.eval(), (x,)).module()
    torch.testing.assert_close(exported(x), model(x), atol=1e-5, rtol=1e-4)


# on a CPU the 16-bit gradient of torch 2.15 for a 3-D convolution that is longer than its input, as S1's on few frames,
# writes past its memory
@pytest.mark.parametrize("name", [name for name in ONE_EACH if name != "s1"])
def test_mixed_precision_gives_nearly_the_same(name):
    model, shape = build(name)
    x = torch.randn(8, *shape)
    with torch.autocast("cpu", torch.bfloat16):
        logits = without_chance(model)(x)
    nn.functional.cross_entropy(logits.float(), torch.arange(8) % 3).backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())
    exact = model.eval()(x)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(model(x).float(), exact, rtol=0, atol=0.05 * exact.abs().max().item())


@pytest.mark.parametrize("name", [name for name in ONE_EACH if name not in NO_VMAP])
def test_many_models_train_at_once_under_vmap(name):
    models = [without_chance(build(name, seed)[0].double()) for seed in range(2)]
    shape = NETWORKS[name][2]
    params, buffers = torch.func.stack_module_state(models)
    x, labels = torch.randn(2, 3, *shape, dtype=torch.float64), torch.tensor([[0, 1, 2], [2, 1, 0]])

    def loss(params, buffers, x, labels):
        return nn.functional.cross_entropy(torch.func.functional_call(models[0], (params, buffers), (x,)), labels)

    grads = torch.vmap(torch.func.grad(loss))(params, buffers, x, labels)
    for i, model in enumerate(models):
        nn.functional.cross_entropy(model(x[i]), labels[i]).backward()
        for key, parameter in model.named_parameters():
            if parameter.requires_grad:
                torch.testing.assert_close(grads[key][i], parameter.grad, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_sample_is_classified_by_itself(name):
    model, shape = build(name)
    x = torch.randn(3, *shape)
    torch.testing.assert_close(model.eval()(x)[:1], model(x[:1]), atol=1e-5, rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", ONE_EACH)
def test_it_overfits_eight_random_clips(name):
    model, shape = build(name, classes=3)
    x, labels = torch.randn(8, *shape), torch.arange(8) % 3
    # the systems are deeper
    normalised = any(isinstance(module, nn.BatchNorm2d | nn.BatchNorm3d) for module in model.modules())
    rate = 1e-3 if name not in SYSTEMS else 1e-4 if normalised else 3e-4
    optimizer = torch.optim.Adam([p for p in without_chance(model).parameters() if p.requires_grad], lr=rate)
    for _ in range(600):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), labels)
        loss.backward()
        optimizer.step()
        if loss < 0.01:
            break
    assert loss < 0.01
    assert torch.equal(model(x).argmax(1), labels)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("htnet", (3, 32, 32)),
        ("compact-transformer", (3, 32, 32)),
        ("au-graph", (2, 28, 28)),
        ("at-net", (4, 4, 48, 48)),
        ("elrcn-temporal", (3, 3, 48, 48)),
        ("fcnn-3d", (3, 10, 32, 32)),
        ("image-cnn", (1, 32, 32)),
    ],
)
def test_another_representation_is_named(name, shape):
    with pytest.raises(DataError, match=f" per sample, the representation has {' x '.join(map(str, shape))}"):
        build(name)[0](torch.zeros(1, *shape))
