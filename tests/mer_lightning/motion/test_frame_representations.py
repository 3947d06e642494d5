from dataclasses import replace

import numpy as np
import pytest
import torch

from mer_lightning.motion.frame_representations import (
    S0_FLOW_SEQUENCE,
    S1_FLOW_SEQUENCE,
    S2_FLOW_SEQUENCE,
    ApexFrame,
    FlowSequence,
    FrameSequence,
    OnsetApexFlow,
    to_frames,
)
from mer_lightning.types import DataError

SMALL = {"size": (32, 32), "flow_size": (32, 32)}
FLOWS = [
    OnsetApexFlow(size=(16, 16), flow_size=(32, 32)),
    OnsetApexFlow(third="magnitude", method="farneback", **SMALL),
    OnsetApexFlow(third="none", method="farneback", normalisation="minmax8", **SMALL),
    FlowSequence("s0", "symmetric", 6, third="magnitude", **SMALL),
    FlowSequence("s1", "equal", 4, method="farneback", masked=True, **SMALL),
    FlowSequence("s2", "tim", 4, normalisation="zscore", **SMALL),
]
IMAGES = [ApexFrame(size=(20, 24)), ApexFrame(size=(20, 20), colour=False), FrameSequence(size=(16, 16), frames=5)]
identify = lambda r: f"{r.name}-{len(r.channels)}"  # noqa: E731


def clips(channels=3):
    rng = np.random.default_rng(0)
    coarse = torch.tensor(rng.random((2, channels, 12, 12)), dtype=torch.float32)
    images = torch.nn.functional.interpolate(coarse, size=(40, 36), mode="bicubic").clamp(0, 1)
    made = []
    for image, length in zip(images, (7, 12), strict=True):
        frames = [torch.roll(image, step // 6, -1) for step in range(length)]
        made.append((torch.stack(frames).permute(0, 2, 3, 1) * 255).byte().numpy())
    return made


@pytest.mark.parametrize("representation", FLOWS + IMAGES, ids=identify)
@pytest.mark.parametrize("channels", [1, 3])
def test_shape_fits_what_is_declared(representation, channels):
    tensor = representation(clips(channels), apexes=[4, None])
    time = {FlowSequence: lambda r: (r.frames - 1,), FrameSequence: lambda r: (r.frames,)}
    time = time.get(type(representation), lambda _: ())(representation)
    assert tensor.shape == (2, len(representation.channels), *time, *representation.size)
    assert tensor.dtype == torch.float32
    assert tensor.isfinite().all()
    assert len(representation.hflip_sign) == len(representation.channels)
    assert representation.kinds == ("frames",)


@pytest.mark.parametrize("representation", FLOWS, ids=identify)
def test_identical_frames_give_zero_motion(representation):
    still = np.repeat(clips()[0][:1], 9, axis=0)
    assert representation([still]).abs().max() < 1e-5


@pytest.mark.parametrize("representation", FLOWS + IMAGES, ids=identify)
def test_mirroring_the_clip_mirrors_the_tensor(representation):
    if representation is FLOWS[-1]:
        # a nearly still map scaled to unit spread is mostly noise, which mirrors like noise
        representation = replace(representation, normalisation="none")
    tensor = representation(clips(), apexes=[6, 9])
    mirrored = representation([clip[:, :, ::-1] for clip in clips()], apexes=[6, 9]).flip(-1)
    low, high = representation.value_range
    for channel, sign in enumerate(representation.hflip_sign):
        if sign < 0:
            mirrored[:, channel] = low + high - mirrored[:, channel]
    spread = (tensor - tensor.mean()).abs().mean()
    assert (mirrored - tensor).abs().mean() < 0.1 * spread


def test_sequences_of_the_papers():
    clip = clips()[1:]
    assert S0_FLOW_SEQUENCE(clip).shape == (1, 3, 19, 96, 96)
    assert S1_FLOW_SEQUENCE(clip, [9]).shape == (1, 3, 10, 112, 112)
    assert S2_FLOW_SEQUENCE(clip).shape == (1, 3, 10, 96, 96)
    assert torch.allclose(S2_FLOW_SEQUENCE(clip).mean((-1, -2)), torch.zeros(1, 3, 10), atol=1e-4)


def test_apex_frame_is_the_annotated_one():
    clip = np.zeros((5, 8, 8, 3), np.uint8)
    clip[3] = 255
    assert ApexFrame(size=(8, 8))([clip], [3]).min() == 1


def test_resized_maps_keep_vectors_in_pixels_of_the_map():
    big = OnsetApexFlow(size=(64, 64), flow_size=(64, 64), third="none")(clips(), [4, 9])
    small = OnsetApexFlow(size=(32, 32), flow_size=(64, 64), third="none")(clips(), [4, 9])
    assert torch.allclose(small.mean((2, 3)), big.mean((2, 3)) / 2, rtol=0.02, atol=1e-3)


def test_cache_key_depends_on_every_parameter():
    made = [*FLOWS, *IMAGES, S0_FLOW_SEQUENCE, S1_FLOW_SEQUENCE, S2_FLOW_SEQUENCE, OnsetApexFlow()]
    assert len({representation.cache_key() for representation in made}) == len(made)
    assert OnsetApexFlow().cache_key() == OnsetApexFlow().cache_key()


def test_wrong_clips_and_settings_are_refused():
    for clip in (np.zeros((0, 8, 8, 1), np.uint8), np.zeros((2, 8, 8, 2), np.uint8), np.zeros((2, 8, 8, 1))):
        with pytest.raises(DataError, match="a clip must be"):
            to_frames(clip, None, None)
    with pytest.raises(DataError, match="clip 1: the apex"):
        OnsetApexFlow(**SMALL)(clips(), [0, 12])
    for wrong in ({"masked": True}, {"frames": 1}, {"sampling": "all"}):
        with pytest.raises(ValueError, match=r"masked|fixed number"):
            FlowSequence(**wrong)
    with pytest.raises(ValueError, match="fixed number"):
        FrameSequence(sampling="all")
