"""What a model sees of a clip: every representation describes itself, and still faces show no motion."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from mer_lightning.augmentation import BatchAugmentation
from mer_lightning.motion import (
    REPRESENTATIONS,
    ApexFrame,
    DynamicImage,
    Features,
    FlowMap,
    FlowSequence,
    FrameSequence,
    Magnification,
    OnsetApexFlow,
    get_representation,
)
from mer_lightning.motion.cut_flow import CutFlowSequence
from mer_lightning.motion.farneback import farneback_flow
from mer_lightning.motion.flow_representations import (
    S0_FLOW_SEQUENCE,
    S0_FRAMES_AND_FLOW,
    S1_FLOW_SEQUENCE,
)
from mer_lightning.motion.frames import to_frames, to_grey
from mer_lightning.motion.masked import masked_farneback_flow
from mer_lightning.motion.strain import flow_magnitude, optical_strain
from mer_lightning.settings import Augmentation
from mer_lightning.types import DataError

SMALL = {"size": (32, 32), "flow_size": (32, 32)}
FLOWS = [
    OnsetApexFlow(size=(16, 16), flow_size=(32, 32)),
    OnsetApexFlow(third="magnitude", method="farneback", **SMALL),
    OnsetApexFlow(third="none", method="farneback", normalisation="minmax8", **SMALL),
    OnsetApexFlow(third="magnitude_strain", method="farneback", **SMALL),
    FlowSequence(name="s0", sampling="symmetric", frames=6, third="magnitude", **SMALL),
    FlowSequence(name="s0", sampling="ends_again", frames=4, segments=2, third="magnitude", **SMALL),
    FlowSequence(name="s1", sampling="equal", frames=4, method="farneback", masked=True, **SMALL),
    FlowSequence(name="s2", sampling="tim", frames=4, normalisation="zscore", **SMALL),
    DynamicImage(size=(32, 32), frames=5),
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


def mirror(representation, maps):
    """What augmentation makes of maps when it mirrors them."""
    return BatchAugmentation(Augmentation(hflip=1.0), representation)(maps)


@pytest.mark.parametrize("representation", FLOWS + IMAGES, ids=identify)
@pytest.mark.parametrize("channels", [1, 3])
def test_shape_fits_what_is_declared(representation, channels):
    tensor = representation(clips(channels), apexes=[4, None])
    time = {FlowSequence: lambda r: (r.segments * (r.frames - 1),), FrameSequence: lambda r: (r.frames,)}
    time = time.get(type(representation), lambda _: ())(representation)
    assert tensor.shape == (2, len(representation.channels), *time, *representation.size)
    assert tensor.dtype == torch.float32
    assert tensor.isfinite().all()
    assert representation.kinds == ("frames",)


@pytest.mark.parametrize("representation", FLOWS, ids=identify)
def test_identical_frames_give_zero_motion(representation):
    still = np.repeat(clips()[0][:1], 9, axis=0)
    assert representation([still]).abs().max() < 1e-5


@pytest.mark.parametrize("representation", FLOWS + IMAGES, ids=identify)
def test_mirroring_the_clip_mirrors_the_tensor(representation):
    if representation.name == "s2":
        # a nearly still map scaled to unit spread is mostly noise, which mirrors like noise
        representation = representation.model_copy(update={"normalisation": "none"})
    tensor = representation(clips(), apexes=[6, 9])
    mirrored = representation([clip[:, :, ::-1] for clip in clips()], apexes=[6, 9])
    spread = (tensor - tensor.mean()).abs().mean()
    assert (mirrored - mirror(representation, tensor)).abs().mean() < 0.1 * spread


def test_sequences_of_the_papers():
    clip = clips()[1:]
    assert S0_FLOW_SEQUENCE(clip).shape == (1, 3, 19, 96, 96)
    assert S1_FLOW_SEQUENCE(clip, [9]).shape == (1, 3, 10, 112, 112)
    assert CutFlowSequence()(clip).shape == (1, 3, 10, 96, 96)
    assert torch.allclose(CutFlowSequence()(clip).mean((-1, -2, -3)), torch.zeros(1, 3), atol=1e-4)


def test_apex_frame_is_the_annotated_one():
    clip = np.zeros((5, 8, 8, 3), np.uint8)
    clip[3] = 255
    assert ApexFrame(size=(8, 8))([clip], [3]).min() == 1


def test_resized_maps_keep_vectors_in_pixels_of_the_map():
    big = OnsetApexFlow(size=(64, 64), flow_size=(64, 64), third="none")(clips(), [4, 9])
    small = OnsetApexFlow(size=(32, 32), flow_size=(64, 64), third="none")(clips(), [4, 9])
    assert torch.allclose(small.mean((2, 3)), big.mean((2, 3)) / 2, rtol=0.02, atol=1e-3)


def test_cache_key_depends_on_every_parameter():
    made = [*FLOWS, *IMAGES, *REPRESENTATIONS.values()]
    # a map from frames is computed like another representation
    made = [r for r in made if not isinstance(r, FlowMap)]
    made += [
        get_representation("onset_apex_flow", {"magnification": {"alpha": alpha, "temporal": temporal}})
        for alpha in (10.0, 20.0)
        for temporal in ("iir", "butterworth")
    ]
    made += [get_representation("flow_sequence_s1", {key: 3}) for key in ("frames", "threshold")]
    assert len({representation.cache_key() for representation in made}) == len(made)
    assert OnsetApexFlow().cache_key() == OnsetApexFlow().cache_key()


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("flow_map", "8b1d609f9b6f7c09"),
        ("onset_apex_flow", "403b0f24f27a4cda"),
        ("flow_sequence_s0", "49dd3123c7f02805"),
        ("flow_sequence_s1", "eca9580b1dbee040"),
        ("flow_sequence_s2", "9d86b7d9dc66821f"),
        ("apex_frame", "98167451f177b365"),
        ("frame_sequence", "382782abf3d5ccce"),
    ],
)
def test_a_new_parameter_at_its_default_leaves_what_is_in_caches_valid(name, key):
    assert REPRESENTATIONS[name].cache_key().startswith(key)


def test_the_content_of_weights_counts_not_the_name_of_their_file(tmp_path):
    keys = []
    for name, content in (("a.pt", b"1"), ("a.pt", b"2")):
        (tmp_path / name).write_bytes(content)
        keys.append(OnsetApexFlow(method="raft", weights=tmp_path / name).cache_key())
    assert keys[0] != keys[1]
    with pytest.raises(DataError, match=r"missing\.pt: weights not readable"):
        OnsetApexFlow(method="raft", weights=tmp_path / "missing.pt").cache_key()


@pytest.mark.parametrize("representation", FLOWS + IMAGES, ids=identify)
def test_both_steps_give_what_one_call_gives(representation):
    frames = representation.sample(clips(), apexes=[4, None])
    assert frames.shape[:2] == (2, representation.frame_channels)
    assert frames.shape[-2:] == representation.frame_size
    assert 0 <= frames.min() < frames.max() <= 1
    assert torch.equal(representation.maps(frames), representation(clips(), apexes=[4, None]))


def test_flow_map_has_the_same_two_steps():
    frames = FlowMap().sample(clips(), [4, 9])
    assert frames.shape == (2, 1, 2, 128, 128)
    assert torch.equal(FlowMap().maps(frames), FlowMap()(clips(), [4, 9]))


@pytest.mark.parametrize("name", [name for name, r in REPRESENTATIONS.items() if not isinstance(r, Features)])
def test_mirroring_sampled_frames_mirrors_the_maps(name):
    arguments = {"normalisation": "none"} if name == "flow_sequence_s2" else {}
    representation = get_representation(name, arguments)
    frames = representation.sample(clips(), [6, 9])
    maps, mirrored = representation.maps(frames), representation.maps(frames.flip(-1))
    spread = (maps - maps.mean()).abs().mean()
    assert (mirrored - mirror(representation, maps)).abs().mean() < 0.1 * spread


def test_magnitude_and_strain_stand_beside_the_same_flow():
    both = OnsetApexFlow(third="magnitude_strain", method="farneback", **SMALL)
    maps = both(clips(), [4, 9])
    assert both.channels == ("u", "v", "magnitude", "strain")
    assert torch.allclose(maps[:, 2:3], flow_magnitude(maps[:, :2]))
    assert torch.allclose(maps[:, 3:], optical_strain(maps[:, :2]))


def test_frames_stand_beside_the_flow_that_starts_from_them():
    clip = clips()[1:]
    tensor = S0_FRAMES_AND_FLOW(clip)
    assert S0_FRAMES_AND_FLOW.channels == ("grey", "u", "v", "magnitude")
    assert tensor.shape == (1, 4, 19, 96, 96)
    assert torch.equal(tensor[:, 1:], S0_FLOW_SEQUENCE(clip))
    # 12 frames become 20: the first four before them once more, the last four after them
    first = to_grey(to_frames(clip[0], (96, 96), None))[:, 0]
    order = [*range(4), *range(12), *range(8, 12)]
    assert torch.equal(tensor[0, 0], first[order[:-1]])


def test_no_flow_leads_from_one_segment_to_the_next():
    arguments = {"sampling": "ends_again", "frames": 4, "third": "magnitude", "with_frames": True, **SMALL}
    clip = clips()[1]
    both = FlowSequence(segments=2, **arguments)([clip])
    alone = [FlowSequence(**arguments)([part]) for part in (clip[:4], clip[-4:])]
    assert both.shape == (1, 4, 6, 32, 32)
    assert torch.equal(both, torch.cat(alone, 2))
    with pytest.raises(ValidationError, match="segments are for sampling 'ends_again', got 'tim'"):
        FlowSequence(segments=2)


class TestStrainOfMaskedFlow:
    def test_is_that_of_the_whole_flow_where_the_mask_is_true(self):
        representation = get_representation("flow_sequence_s1", {"frames": 3, "size": [40, 40], "flow_size": [40, 40]})
        frames = representation.sample(clips(), [6, 9])
        found = masked_farneback_flow(frames[:, 0])
        whole = torch.stack([farneback_flow(frames[:, :, t], frames[:, :, t + 1]) for t in range(2)], 1)
        maps = representation.maps(frames).movedim(2, 1)
        torch.testing.assert_close(maps[:, :, 2:], optical_strain(whole) * found.mask)
        torch.testing.assert_close(maps[:, :, :2], whole * found.mask)

    def test_has_no_outline_of_the_mask(self):
        # a translation by (2, 1) has no strain, whatever is kept of it
        flow, mask = torch.tensor([2.0, 1.0]).view(1, 2, 1, 1).expand(1, 2, 8, 8), torch.zeros(1, 1, 8, 8)
        mask[..., 2:6, 2:6] = 1
        representation = FlowSequence(method="farneback", masked=True, size=(8, 8), flow_size=(8, 8))
        u, v, strain = representation.assemble(flow, mask)[0]
        assert torch.equal(torch.stack((u, v)), (flow * mask)[0])
        assert strain.abs().max() == 0
        # taken of the masked flow it would be, at the left edge of the mask: exx = 1, exy = 1/4
        assert optical_strain(flow * mask)[0, 0, 4, 2] == pytest.approx((1 + 2 * 0.25**2) ** 0.5)


@pytest.mark.parametrize("frames", [3, 15])
@pytest.mark.parametrize("threshold", [0.2, 1.6])
def test_number_of_frames_and_threshold_of_s1_are_arguments(frames, threshold):
    arguments = {"frames": frames, "threshold": threshold, "size": [40, 40], "flow_size": [40, 40]}
    representation = get_representation("flow_sequence_s1", arguments)
    maps = representation(clips(), [6, 9])
    assert maps.shape == (2, 3, frames - 1, 40, 40)
    mask = masked_farneback_flow(representation.sample(clips(), [6, 9])[:, 0], a=threshold).mask
    assert not maps[:, :2].movedim(2, 1)[~mask.expand(-1, -1, 2, -1, -1)].any()


@pytest.mark.parametrize("alpha", [2.0, 20.0])
def test_magnified_clips_show_more_of_the_same_motion(alpha):
    y, x = torch.meshgrid(torch.linspace(0, 1, 64), torch.linspace(0, 1, 64), indexing="ij")
    move = 0.03 * torch.sin(torch.linspace(0, np.pi, 31))[:, None, None]
    shots = 0.5 + 0.2 * torch.sin(2 * np.pi * (64 * x - move * 64 / 8) / 32) * torch.cos(2 * np.pi * y * 2)
    clip = (shots[..., None] * 255).round().byte().numpy()
    plain, magnified = (
        OnsetApexFlow(method="farneback", size=(64, 64), flow_size=(64, 64), magnification=magnification)([clip], [15])
        for magnification in (None, Magnification(alpha=alpha))
    )
    # what a causal filter passes of one slow hump is less than all of it
    assert 1 + 0.3 * alpha < magnified[:, 0].mean() / plain[:, 0].mean() < 1.2 * (1 + alpha)


def test_wrong_clips_and_settings_are_refused():
    for clip in (np.zeros((0, 8, 8, 1), np.uint8), np.zeros((2, 8, 8, 2), np.uint8), np.zeros((2, 8, 8, 1))):
        with pytest.raises(DataError, match="a clip must be"):
            to_frames(clip, None, None)
    with pytest.raises(DataError, match="clip 1: the apex"):
        OnsetApexFlow(**SMALL)(clips(), [0, 12])


@pytest.mark.parametrize(
    ("name", "arguments", "says"),
    [
        (
            "flow_sequence_s9",
            {},
            "representation: 'flow_sequence_s9' is unknown; did you mean .*expected one of .*flow_map, ",
        ),
        ("flow_map", {"size": [28, 28]}, r"arguments.size: flow_map takes no such argument; expected none$"),
        ("flow_sequence", {"frame": 11}, "arguments.frame: flow_sequence takes no such argument; expected .*frames"),
        ("flow_sequence", {"name": "mine"}, "arguments.name: flow_sequence takes no such argument"),
        ("flow_sequence", {"frames": "11"}, "arguments.frames: Input should be a valid integer, found '11'"),
        ("flow_sequence", {"frames": 1}, "arguments.frames: Input should be greater than or equal to 2, found 1"),
        ("flow_sequence", {"size": [96]}, "arguments.size.1: missing"),
        ("flow_sequence", {"size": [0, 96]}, "arguments: sizes must be positive"),
        (
            "flow_sequence",
            {"sampling": "all"},
            "arguments.sampling: Input should be 'symmetric', 'ends_again', 'equal', 'tim' or",
        ),
        ("flow_sequence", {"masked": True}, "arguments: masked flow is Farneback flow, got method 'tvl1'"),
        ("flow_sequence", {"weights": "x.pt"}, "arguments: weights are for method 'raft', got method 'tvl1'"),
        ("flow_sequence_s1", {"threshold": -0.1}, "arguments.threshold: Input should be greater than or equal to 0"),
        ("onset_apex_flow", {"magnification": {"alpha": 0}}, "arguments.magnification.alpha: .* greater than 0"),
        ("onset_apex_flow", {"magnification": {"alfa": 9.0}}, "arguments.magnification.alfa: unknown key"),
        (
            "onset_apex_flow",
            {"magnification": {"alpha": 9.0, "low": 0.2, "high": 0.1}},
            "arguments.magnification: expected low < high",
        ),
    ],
)
def test_a_wrong_argument_is_named_by_its_key(name, arguments, says):
    with pytest.raises(DataError, match=says) as caught:
        get_representation(name, arguments)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("representation")
