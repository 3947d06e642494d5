import warnings

import pytest
import torch
from safetensors.torch import save_file

from mer_lightning.backbones import load_kept, save_kept, shapes_only
from mer_lightning.models.timm_backbone import TimmBackbone
from mer_lightning.types import DataError


def test_a_backbone_maps_representations_to_logits():
    assert TimmBackbone("resnet18", classes=5)(torch.rand(2, 3, 28, 28)).shape == (2, 5)


def test_a_transformer_takes_the_size_of_the_map():
    model = TimmBackbone("vit_tiny_patch16_224", image_size=32, in_channels=2)
    assert model(torch.rand(2, 2, 32, 32)).shape == (2, 3)


def test_weights_start_the_body_and_leave_the_head(tmp_path):
    source = TimmBackbone("resnet18", classes=7)
    torch.save(source.network.state_dict(), tmp_path / "w.pth")
    model = TimmBackbone("resnet18", classes=3, weights=str(tmp_path / "w.pth"))
    assert torch.equal(model.network.conv1.weight, source.network.conv1.weight)
    assert model.network.fc.out_features == 3


def test_what_does_not_fit_is_named(tmp_path):
    with pytest.raises(DataError, match="backbone 'resnet1' is unknown"):
        TimmBackbone("resnet1")
    with pytest.raises(DataError, match="no such file"):
        TimmBackbone("resnet18", weights=str(tmp_path / "none.pth"))
    (tmp_path / "bad.pth").write_bytes(b"no weights")
    with pytest.raises(DataError, match="not a file of weights"):
        TimmBackbone("resnet18", weights=str(tmp_path / "bad.pth"))
    state = TimmBackbone("resnet18").network.state_dict()
    for other, says in (
        ([torch.zeros(3)], "expected a state_dict, tensors by name, found list"),
        ({"epoch": 3, "model": state}, "expected a state_dict, tensors by name, found dict with 'epoch'"),
        (state | {"conv1.weight": torch.zeros(3)}, r"conv1.weight is \(3,\), the network needs \(64, 3, 7, 7\)"),
        (state | {"conv1.weight": state["conv1.weight"] * torch.nan}, "conv1.weight has values that are not finite"),
        ({"conv1.weight": state["conv1.weight"]}, "does not fit, first at bn1.bias"),
    ):
        torch.save(other, tmp_path / "other.pth")
        with pytest.raises(DataError, match=rf"other\.pth: .*{says}"):
            TimmBackbone("resnet18", weights=str(tmp_path / "other.pth"))
    with pytest.raises(DataError, match="dropout: expected a probability"):
        TimmBackbone("resnet18", dropout=1.5)


def test_kept_weights_are_read_whole_and_finite_or_not_at_all(tmp_path):
    path = tmp_path / "kept.safetensors"
    save_file({"a": torch.ones(8)}, path)
    assert load_kept(path)["a"].tolist() == [1.0] * 8
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(DataError, match=r"kept\.safetensors: not readable weights"):
        load_kept(path)
    save_file({"a": torch.tensor([1.0, torch.nan])}, path)
    with pytest.raises(DataError, match=r"kept\.safetensors: a has values that are not finite"):
        load_kept(path)


def test_weights_are_held_against_a_network_that_is_never_filled(tmp_path):
    path = tmp_path / "other.pth"
    torch.save({"conv1.weight": torch.zeros(3)}, path)
    with shapes_only(), pytest.raises(DataError, match=r"other\.pth: does not fit"):
        TimmBackbone("resnet18", weights=str(path))
    torch.save(TimmBackbone("resnet18").network.state_dict(), path)
    with warnings.catch_warnings(action="error"), shapes_only():
        assert TimmBackbone("resnet18", weights=str(path)).network.conv1.weight.is_meta


STATE = {"a": torch.ones(8), "b": torch.zeros(2, 3, dtype=torch.bfloat16), "c": torch.tensor(3)}


class TestKeptWeights:
    def test_come_back_as_they_were_kept(self, tmp_path):
        save_kept(STATE, tmp_path / "w.safetensors", {"run": "r"})
        kept = load_kept(tmp_path / "w.safetensors", {"run": "r"})
        assert all(torch.equal(kept[name], value) for name, value in STATE.items())

    def test_with_a_flipped_bit_or_of_another_run_are_refused(self, tmp_path):
        path = tmp_path / "w.safetensors"
        save_kept(STATE, path, {"run": "r"})
        with pytest.raises(DataError, match=r"w\.safetensors: weights of run r; expected those of q"):
            load_kept(path, {"run": "q"})
        whole = path.read_bytes()
        for place in (-1, -10, whole.index(b'"run":"r"') + 7):
            spoilt = bytearray(whole)
            spoilt[place] ^= 1
            path.write_bytes(spoilt)
            with pytest.raises(DataError, match=r"w\.safetensors: the checksum of its weights does not fit"):
                load_kept(path)
