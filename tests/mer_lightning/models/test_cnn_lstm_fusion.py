"""S0: two AlexNets, an LSTM and where they meet."""

import pytest
import torch
from torch import nn

from mer_lightning.models.cnn_lstm_fusion import CnnLstmFusion
from mer_lightning.types import DataError

SMALL = {"size": 32, "first_stride": 2, "width": 16, "hidden": 8, "fc8": 12}


def test_a_stream_has_five_convolutions_three_poolings_and_four_dense_layers():
    model = CnnLstmFusion(stream="spatial", **SMALL)
    assert sum(isinstance(m, nn.Conv2d) for m in model.modules()) == 5
    assert sum(isinstance(m, nn.MaxPool2d) for m in model.modules()) == 3
    assert sum(isinstance(m, nn.Linear) for m in model.modules()) == 4


@pytest.mark.parametrize("at", ["fc6", "fc7"])
def test_the_untrained_fusion_puts_features_side_by_side(at):
    torch.manual_seed(0)
    model, x = CnnLstmFusion(fusion_at=at, fusion_mode="untrained", **SMALL).eval(), torch.randn(2, 4, 3, 32, 32)
    assert model.fusion is None
    joined = torch.cat((model.spatial(x[:, :1]).mean(1), model.lstm(model.temporal(x[:, 1:]))[1][0][0]), 1)
    assert joined.shape == (2, 16 + 8)
    rest = model.fc8(model.fc7(joined) if at == "fc6" else joined)
    torch.testing.assert_close(model(x), model.head(rest))


def test_after_fc6_the_streams_have_no_fc7_of_their_own():
    model = CnnLstmFusion(fusion_at="fc6", **SMALL)
    assert model.spatial.fc7 is None
    assert model.temporal.fc7 is None
    assert model.fc7[0].in_features == 16


@pytest.mark.parametrize(("stream", "unseen"), [("spatial", slice(1, 4)), ("temporal", slice(0, 1))])
def test_a_single_stream_does_not_see_the_channels_of_the_other(stream, unseen):
    torch.manual_seed(0)
    model, x = CnnLstmFusion(stream=stream, **SMALL).eval(), torch.randn(2, 4, 3, 32, 32)
    changed = x.clone()
    changed[:, unseen] += 1
    assert torch.equal(model(x), model(changed))
    assert not torch.equal(model(x), model(x + 1))


def test_only_the_lstm_knows_the_order_of_time():
    torch.manual_seed(0)
    x = torch.randn(2, 4, 5, 32, 32)
    spatial, temporal = (CnnLstmFusion(stream=s, **SMALL).eval() for s in ("spatial", "temporal"))
    torch.testing.assert_close(spatial(x), spatial(x.flip(2)))
    assert not torch.allclose(temporal(x), temporal(x.flip(2)), atol=1e-6)


def test_the_summary_of_the_lstm_is_its_last_state_or_its_mean():
    torch.manual_seed(0)
    last, mean = (CnnLstmFusion(stream="temporal", summary=s, **SMALL).eval() for s in ("last", "mean"))
    mean.load_state_dict(last.state_dict())
    one, many = torch.randn(2, 4, 1, 32, 32), torch.randn(2, 4, 5, 32, 32)
    assert torch.equal(last(one), mean(one))
    assert not torch.equal(last(many), mean(many))


def test_several_segments_are_the_mean_of_each_alone():
    torch.manual_seed(0)
    one, three = CnnLstmFusion(**SMALL).eval(), CnnLstmFusion(segments=3, **SMALL).eval()
    three.load_state_dict(one.state_dict())
    x = torch.randn(2, 4, 6, 32, 32)
    alone = torch.stack([one(x[:, :, step : step + 2]) for step in (0, 2, 4)]).mean(0)
    torch.testing.assert_close(three(x), alone)
    with pytest.raises(DataError, match="cnn_lstm_fusion: 4 steps are not 3 segments of equal length"):
        three(x[:, :, :4])


@pytest.mark.parametrize(("stride", "side", "values"), [(4, 24, 1024), (2, 48, 6400)])
def test_the_first_step_is_alexnets_and_an_argument(stride, side, values):
    arguments = {} if stride == 4 else {"first_stride": stride}
    with torch.device("meta"):
        model = CnnLstmFusion(**arguments)
        assert model.temporal.conv1(torch.empty(1, 3, 96, 96)).shape == (1, 96, side, side)
    assert model.temporal.fc6[0].in_features == values


def test_frames_may_have_colour():
    model = CnnLstmFusion(in_channels=6, **SMALL)
    assert model.spatial.conv1.in_channels == 3
    assert model(torch.randn(2, 6, 2, 32, 32)).shape == (2, 3)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [({"in_channels": 3}, "needs the channels of a frame"), ({"size": 24}, "24 x 24 are too small")],
)
def test_what_cannot_be_is_named(arguments, says):
    with pytest.raises(DataError, match=says):
        CnnLstmFusion(**SMALL | arguments)
