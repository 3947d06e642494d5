import numpy as np
import torch

from mer_lightning.motion import REPRESENTATIONS, FlowMap


def test_bytes_become_floats_in_channel_order():
    clip = np.zeros((1, 4, 5, 3), np.uint8)
    clip[..., 1] = 255
    maps = FlowMap()([clip, clip])
    assert maps.shape == (2, 3, 4, 5)
    assert maps.dtype == torch.float32
    assert maps.mean((0, 2, 3)).tolist() == [0, 1, 0]


def test_every_representation_says_what_its_channels_are():
    for name, representation in REPRESENTATIONS.items():
        assert representation.name == name
        assert len(set(representation.channels)) == len(representation.hflip_sign)
        assert representation.value_range[0] < representation.value_range[1]
