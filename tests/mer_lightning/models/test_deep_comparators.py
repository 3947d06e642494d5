"""AT-Net, ELRCN, 3D-FCNN, MagGA-like and image-based CNN: sizes, and what each one sees."""

import pytest
import torch

from mer_lightning.backbones import make_backbone
from mer_lightning.models.at_net import ATNet, flow_histograms
from mer_lightning.models.elrcn import ELRCN
from mer_lightning.models.fcnn_3d import FCNN3D
from mer_lightning.models.image_cnn import ImageCNN
from mer_lightning.models.magnified_apex import MagnifiedApex
from mer_lightning.types import DataError

SMALL = "test_efficientnet"


def trained(module):
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


def meta(kind, **arguments):
    with torch.device("meta"):
        return kind(**arguments)


def test_at_net_has_the_parameters_of_the_authors_definition():
    model = meta(ATNet)
    units = [
        2 * 64 * 64 * 9 + 128,
        *(2 * c + c * 2 * c * 9 + 4 * c + (2 * c) ** 2 * 9 + c * 2 * c for c in (64, 128, 256)),
    ]
    resnet = 2 + (64 * 49 + 64) + 128 + sum(units) + 1024
    lstm = 4 * 512 * (128 + 512 + 1) + 4 * 512 * (512 + 512 + 1)
    assert trained(model) == resnet + lstm + 1024 * 3 + 3 == 8_312_837


def test_at_net_takes_the_last_frame_for_the_apex_and_all_flow():
    torch.manual_seed(0)
    model, x = ATNet(hidden=8).eval(), torch.rand(1, 3, 4, 48, 48)
    before = model(x)
    for channel, step, seen in ((0, 0, False), (0, 3, True), (1, 0, True), (2, 3, True)):
        y = x.clone()
        y[:, channel, step] = torch.rand(48, 48)
        assert torch.allclose(model(y), before, rtol=1e-6, atol=1e-7) is not seen


@pytest.mark.parametrize(("u", "v", "expected"), [(1, 0.1, 0), (1, 2, 1), (-1, 0.1, 3), (-0.1, -3, 5), (1, -0.1, 7)])
def test_one_direction_fills_one_bin(u, v, expected):
    flow = torch.tensor([float(u), float(v)])[None, :, None, None, None].expand(1, 2, 3, 8, 8)
    histogram = flow_histograms(flow, grid=2, bins=8).view(3, 8, 4)
    assert torch.allclose(histogram.sum((1, 2)), torch.ones(3))
    assert histogram.sum(2).argmax(1).tolist() == [expected] * 3
    assert torch.allclose(histogram[:, expected], torch.full((3, 4), 0.25))


def test_longer_flow_counts_more_and_no_flow_counts_nothing():
    flow = torch.zeros(1, 2, 2, 4, 4)
    flow[0, 0, 0, :, :2] = 3
    flow[0, 0, 0, :, 2:] = 1
    assert flow_histograms(flow, grid=2, bins=1).tolist() == [[[0.375, 0.125, 0.375, 0.125], [0, 0, 0, 0]]]


@pytest.mark.parametrize(("enrichment", "lstm"), [("spatial", 85_164_000), ("temporal", 183_468_000)])
def test_the_lstm_of_elrcn_has_the_parameters_of_keras(enrichment, lstm):
    model = meta(ELRCN, enrichment=enrichment)
    assert trained(model.lstm) == lstm
    assert [encoder.head_hidden_size for encoder in model.encoders.values()] == [4096] * len(model.encoders)


def test_the_second_bias_of_an_lstm_stays_zero():
    model = ELRCN(backbone=SMALL, hidden=8)
    assert not model.lstm.bias_hh_l0.requires_grad
    assert not model.lstm.bias_hh_l0.any()


def test_temporal_enrichment_shows_each_network_its_own_channels():
    model, seen = ELRCN(backbone=SMALL, hidden=8), {}
    for name, encoder in model.encoders.items():
        encoder.register_forward_hook(lambda _, given, __, name=name: seen.update({name: given[0]}))
    x = torch.rand(2, 5, 3, 48, 48)
    model(x)
    images = x.transpose(1, 2).flatten(0, 1)
    assert torch.equal(seen["flow"], images[:, 1:4])
    assert torch.equal(seen["strain"], images[:, [4, 4, 4]])
    assert torch.equal(seen["grey"], images[:, [0, 0, 0]])


def test_elrcn_starts_every_network_from_a_file(tmp_path):
    source = make_backbone(SMALL, 3)
    torch.save(source.state_dict(), tmp_path / "face.pt")
    model = ELRCN(backbone=SMALL, hidden=8, weights=str(tmp_path / "face.pt"))
    for encoder in model.encoders.values():
        assert torch.equal(encoder.conv_stem.weight, source.conv_stem.weight)
    with pytest.raises(DataError, match=r"face\.pt"):
        ELRCN(backbone=SMALL, enrichment="spatial", weights=str(tmp_path / "face.pt"))


def test_a_stream_of_fcnn_sees_one_channel():
    torch.manual_seed(0)
    model, x = FCNN3D(size=32, frames=4, width=8).eval(), torch.rand(1, 3, 4, 32, 32)
    alone = model.streams["u"](x[:, 1:2])
    heads = torch.cat([stream(x[:, [i]]) for i, stream in enumerate(model.streams.values())], 1)
    torch.testing.assert_close(model(x), model.head(heads))
    torch.testing.assert_close(heads[:, 8:16], alone)


def test_the_most_telling_part_counts():
    torch.manual_seed(0)
    model = MagnifiedApex(backbone="vgg11", grid=2, dropout=0).eval()
    x = torch.rand(1, 3, 128, 128)
    maps = model.features(x)
    parts = [maps[..., i : i + 2, j : j + 2].mean((2, 3)) for i in (0, 2) for j in (0, 2)]
    best = torch.stack([model.part(part) for part in parts]).amax(0)
    torch.testing.assert_close(model(x), model.whole(maps.mean((2, 3))) + best)
    model.part = None
    torch.testing.assert_close(model(x), model.whole(maps.mean((2, 3))))


def test_magga_takes_a_vgg_alone():
    assert trained(meta(MagnifiedApex).features) == 14_714_688
    with pytest.raises(DataError, match="expected a VGG as backbone, got 'resnet18'"):
        MagnifiedApex(backbone="resnet18")


def test_frames_vote():
    torch.manual_seed(0)
    model, x = ImageCNN(filters=4, width=8).eval(), torch.rand(2, 1, 3, 32, 32)
    single = torch.stack([model(x[:, :, [t]]) for t in range(3)]).mean(0)
    torch.testing.assert_close(model(x), single)
