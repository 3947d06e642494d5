import pytest
import torch

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
    torch.save({"conv1.weight": torch.zeros(3)}, tmp_path / "other.pth")
    with pytest.raises(DataError, match=r"other\.pth"):
        TimmBackbone("resnet18", weights=str(tmp_path / "other.pth"))
