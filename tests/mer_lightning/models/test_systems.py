"""What every variant of the five published systems must do, at sizes that stay fast."""

import io

import pytest
import torch
from torch import nn

from mer_lightning.models.cnn_lstm_fusion import CnnLstmFusion
from mer_lightning.models.dual_attention_resnet import DualAttentionResNet
from mer_lightning.models.dual_branch import DualBranch
from mer_lightning.models.me_resnet import MEResNet
from mer_lightning.models.s3d_cnn import S3DCNN

S0 = {"size": 32, "width": 32, "hidden": 16, "fc8": 16}
S2 = {"size": 16, "frames": 4}
# name -> class, arguments, one input
VARIANTS = {
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
FULL = ["s0-fused-fc7-trained", "s1", "s2-separable", "s3-dual", "s4-both"]


def build(name, seed=0, **arguments):
    torch.manual_seed(seed)
    kind, given, shape = VARIANTS[name]
    return kind(**given | arguments), shape


@pytest.mark.parametrize("name", VARIANTS)
def test_logits_and_a_gradient_for_every_parameter(name):
    model, shape = build(name, classes=4)
    logits = model(torch.randn(4, *shape))
    assert logits.shape == (4, 4)
    nn.functional.cross_entropy(logits, torch.arange(4)).backward()
    dead = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any() or not p.grad.isfinite().all()]
    assert not dead


@pytest.mark.parametrize("name", VARIANTS)
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


@pytest.mark.parametrize("name", FULL)
def test_it_exports(name):
    model, shape = build(name)
    x = torch.randn(2, *shape)
    exported = torch.export.export(model.eval(), (x,)).module()
    torch.testing.assert_close(exported(x), model(x), atol=1e-5, rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(VARIANTS) - set(FULL)))
def test_every_other_variant_exports(name):
    test_it_exports(name)


# S0 stays out: torch has no batching rule for its LSTM
@pytest.mark.parametrize("name", ["s1", "s2-separable", "s3-dual", "s4-both"])
def test_many_models_train_at_once_under_vmap(name):
    models = [build(name, seed)[0].double() for seed in range(2)]
    if name == "s2-separable":
        for model in models:
            model.dropout.p = 0.0
    shape = VARIANTS[name][2]
    params, buffers = torch.func.stack_module_state(models)
    x, labels = torch.randn(2, 3, *shape, dtype=torch.float64), torch.tensor([[0, 1, 2], [2, 1, 0]])

    def loss(params, buffers, x, labels):
        return nn.functional.cross_entropy(torch.func.functional_call(models[0], (params, buffers), (x,)), labels)

    grads = torch.vmap(torch.func.grad(loss))(params, buffers, x, labels)
    for i, model in enumerate(models):
        nn.functional.cross_entropy(model(x[i]), labels[i]).backward()
        for key, parameter in model.named_parameters():
            torch.testing.assert_close(grads[key][i], parameter.grad, atol=1e-6, rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", FULL)
def test_it_overfits_eight_random_clips(name):
    # smaller clips, and for S0 and S2 smaller dense layers, than the paper's: the layers are the same
    model, shape = build(name, classes=3)
    for module in model.modules():
        if hasattr(module, "p"):
            module.p = 0.0
    x, labels = torch.randn(8, *shape), torch.arange(8) % 3
    normalised = any(isinstance(module, nn.BatchNorm2d | nn.BatchNorm3d) for module in model.modules())
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4 if normalised else 3e-4)
    for _ in range(600):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), labels)
        loss.backward()
        optimizer.step()
        if loss < 0.01:
            break
    assert loss < 0.01
    assert torch.equal(model(x).argmax(1), labels)
