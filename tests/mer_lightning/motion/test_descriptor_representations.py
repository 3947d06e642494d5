"""Descriptors as representations: computed of sampled frames, cached, and told apart by their parameters."""

import numpy as np
import pytest
import torch

from mer_lightning.backbones import make_backbone
from mer_lightning.descriptors.bi_woof import bi_woof
from mer_lightning.descriptors.lbp_top import lbp_top
from mer_lightning.descriptors.network_features import network_features
from mer_lightning.motion import REPRESENTATIONS, Features, OnsetApexFlow, get_representation, tvl1
from mer_lightning.motion.cache import Cache
from mer_lightning.motion.descriptor_representations import LBPTop, Mdmo
from mer_lightning.types import DataError
from tests.small_tables import table_of

LENGTHS = {
    "lbp_top": 1200,
    "lbp_sip": 500,
    "stlbp_ip": 630,
    "quantised_patterns": 36864,
    "hoof": 270,
    "fdm": 1152,
    "osw": 1200,
    "mdmo": 72,
    "bi_woof": 200,
    "network_features": 4096,
    "texture_and_apex": 36 * 48 + 512,
}
NAMES = list(LENGTHS)


def clips(moving=True):
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(2, 1, 14, 14, generator=generator)
    images = torch.nn.functional.interpolate(coarse, size=(48, 48), mode="bicubic").clamp(0, 1)
    made = []
    for image, length in zip(images, (12, 15), strict=True):
        frames = [torch.roll(image, step // 6 if moving else 0, -1) for step in range(length)]
        made.append((torch.stack(frames).permute(0, 2, 3, 1) * 255).byte().numpy())
    return made


def small(name, **more):
    flow = {"method": "farneback"} if name in {"hoof", "fdm", "osw", "mdmo", "bi_woof"} else {}
    return get_representation(name, {"size": [48, 48]} | flow | more)


def test_the_descriptors_of_the_papers_are_found():
    assert {name for name, found in REPRESENTATIONS.items() if isinstance(found, Features)} >= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_descriptor_has_the_length_of_its_paper(name):
    features = small(name)(clips(), [6, None])
    assert features.shape == (2, LENGTHS[name])
    assert features.dtype == torch.float32
    assert features.isfinite().all()
    assert not torch.equal(features[0], features[1])


@pytest.mark.parametrize("name", NAMES)
def test_a_clip_has_the_same_features_in_every_batch(name):
    descriptor, both = small(name), clips()
    together = descriptor(both, [6, 9])
    alone = torch.cat([descriptor([clip], [apex]) for clip, apex in zip(both, [6, 9], strict=True)])
    assert torch.allclose(together, alone, atol=1e-5)


@pytest.mark.parametrize("name", ["hoof", "fdm", "osw", "mdmo", "bi_woof"])
def test_a_still_clip_has_no_features_of_motion(name):
    assert small(name)(clips(moving=False), [6, 9]).abs().max() < 1e-4


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_is_part_of_the_key(name):
    descriptor = small(name)
    others = {"size": [40, 48], "blocks": [2, 3], "beta": 0.8, "radii": [1, 2, 2], "bins": 5, "method": "tvl1"}
    others |= {"frames": 13, "backbone": "resnet34"} if "backbone" in type(descriptor).model_fields else {}
    known = {key: value for key, value in others.items() if key in type(descriptor).model_fields}
    keys = {descriptor.cache_key()} | {small(name, **{key: value}).cache_key() for key, value in known.items()}
    assert len(keys) == len(known) + 1


@pytest.mark.parametrize("name", ["hoof", "fdm", "osw", "mdmo", "bi_woof"])
def test_another_version_of_the_flow_method_is_another_key(name, monkeypatch):
    before = [small(name, method=method).cache_key() for method in ("tvl1", "farneback")]
    monkeypatch.setattr(tvl1, "VERSION", tvl1.VERSION + 1)
    after = [small(name, method=method).cache_key() for method in ("tvl1", "farneback")]
    assert [a == b for a, b in zip(before, after, strict=True)] == [False, True]


def test_lbp_top_is_computed_of_interpolated_frames_of_8_bits():
    descriptor = small("lbp_top")
    frames = descriptor.sample(clips(), [6, 9])
    assert frames.shape == (2, 1, 10, 48, 48)
    assert torch.equal(descriptor(clips(), [6, 9]), lbp_top((frames[:, 0] * 255).round()))


def test_bi_woof_is_computed_of_the_flow_to_the_apex():
    flow = OnsetApexFlow(size=(48, 48), flow_size=(48, 48), method="farneback", third="strain")(clips(), [6, 9])
    expected = bi_woof(flow[:, :2], flow[:, 2:])
    assert torch.allclose(small("bi_woof")(clips(), [6, 9]), expected, atol=1e-3)


def test_regions_of_mdmo_lie_on_the_mean_face():
    regions = Mdmo(size=(128, 128)).regions()
    assert set(regions.unique().tolist()) == {-1, *range(36)}
    # right and left regions are mirror images of each other, but for pixels on their borders
    right = torch.where((regions >= 0) & (regions < 18), regions, -1)
    left = torch.where(regions >= 18, regions - 18, -1).flip(1)
    assert (right == left).float().mean() > 0.95
    lower = Mdmo(size=(128, 128), eye_height=0.5).regions()
    rows = lambda r: (r >= 0).nonzero()[:, 0].float().mean()  # noqa: E731
    assert rows(lower) > rows(regions) + 10


def test_texture_is_read_around_the_apex_and_the_network_sees_the_apex_alone():
    descriptor, texture = small("texture_and_apex"), 36 * 48
    clip = clips()[0]
    features = descriptor([clip], [5])
    assert features[:, :texture].norm() == pytest.approx(1)
    assert features[:, texture:].norm() == pytest.approx(1)
    frames = descriptor.sample([clip], [5])[0, 0]
    assert torch.equal(frames[descriptor.frames // 2], small("apex_frame", colour=False)([clip], [5])[0, 0])
    # frame 4 lies beside the apex and is sampled
    changed = clip.copy()
    changed[4] = 255 - changed[4]
    others = descriptor([changed], [5])
    assert not torch.equal(others[:, :texture], features[:, :texture])
    assert torch.equal(others[:, texture:], features[:, texture:])


def test_texture_is_counted_in_the_regions_of_the_mean_face():
    descriptor = small("texture_and_apex")
    labels = descriptor.regions()
    clip = clips()[0]
    outside = clip.copy()
    # two pixels away from every region, codes do not reach
    away = torch.nn.functional.max_pool2d((labels >= 0).float()[None], 5, 1, 2)[0] == 0
    assert away.any()
    outside[:, away.numpy()] = 0
    assert torch.equal(descriptor([outside], [5])[:, : 36 * 48], descriptor([clip], [5])[:, : 36 * 48])
    inside = clip.copy()
    inside[:6, (labels == 16).numpy()] = 0
    differs = (descriptor([inside], [5]) != descriptor([clip], [5]))[0, : 36 * 48].view(36, 48).any(1)
    assert differs[16]


def test_a_network_sees_every_frame_from_onset_to_apex():
    descriptor = small("network_features", backbone="resnet18", frames=3)
    clip = clips()[0]
    features = descriptor([clip], [4])
    frames = descriptor.sample([clip], [4])[0, 0]
    alone = network_features(frames[:, None], backbone="resnet18")
    torch.testing.assert_close(features[0], alone.mean(0))
    assert torch.equal(frames[0], descriptor.sample([clip[:5]], [4])[0, 0, 0])
    changed = clip.copy()
    changed[5:] = 255 - changed[5:]
    assert torch.equal(descriptor([changed], [4]), features)
    changed[2] = 255 - changed[2]
    assert not torch.equal(descriptor([changed], [4]), features)


@pytest.mark.parametrize("name", ["network_features", "texture_and_apex"])
def test_a_network_starts_from_its_file_and_the_key_knows_what_is_in_it(name, tmp_path):
    file, keys = tmp_path / "face.pt", []
    for seed in (1, 2):
        torch.manual_seed(seed)
        torch.save(make_backbone("resnet18", 3).state_dict(), file)
        keys.append(small(name, backbone="resnet18", weights=str(file)).cache_key())
    assert len({small(name, backbone="resnet18").cache_key(), *keys}) == 3
    network = make_backbone("resnet18", 3, file, num_classes=0).eval()
    picture = torch.rand(1, 1, 32, 32)
    # what timm says of networks that were trained on ImageNet
    mean, std = (torch.tensor(v)[:, None, None] for v in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    with torch.no_grad():
        expected = network((picture - mean) / std)
    torch.testing.assert_close(network_features(picture, backbone="resnet18", weights=file), expected)
    with pytest.raises(DataError, match=r"none\.pt: weights not readable"):
        small(name, weights=str(tmp_path / "none.pt")).cache_key()


def test_features_are_kept_in_the_cache(tmp_path):
    from mer_lightning.types import Sample

    class Two:
        name, kind, release, synthetic, choices, complete = "two", "frames", "r", True, {}, True
        samples = tuple(Sample("smic", "s01", f"c{i}", "positive", onset=1, apex=6, offset=12) for i in range(2))

        def read(self, sample):
            return clips()[int(sample.clip[1])]

    descriptor, cache = LBPTop(size=(48, 48)), Cache(tmp_path)
    first = table_of(Two(), Two.samples, descriptor, cache=cache)
    assert first.inputs.shape == (2, 1200)
    assert len(list(cache.entries())) == 2
    again = table_of(Two(), Two.samples, descriptor, cache=cache)
    assert torch.equal(first.inputs, again.inputs)


@pytest.mark.parametrize(
    ("name", "arguments", "says"),
    [
        ("lbp_top", {"neighbours": 9}, "representation.arguments.neighbours: Input should be less than or equal to 8"),
        ("lbp_top", {"block": [5, 5]}, "representation.arguments.block: lbp_top takes no such argument"),
        ("bi_woof", {"frames": 3}, "representation.arguments.frames: Input should be less than or equal to 2"),
        ("texture_and_apex", {"frames": 10}, "representation.arguments: frames: expected an odd number"),
        ("texture_and_apex", {"sampling": "tim"}, "representation.arguments.sampling: Input should be 'around_apex'"),
        ("mdmo", {"beta": 1.0}, "representation.arguments.beta: Input should be less than 1"),
        ("hoof", {"size": [0, 48]}, r"representation.arguments: sizes must be positive, got \(0, 48\)"),
    ],
)
def test_a_wrong_argument_is_named(name, arguments, says):
    with pytest.raises(DataError, match=says):
        get_representation(name, arguments)


def test_an_unknown_network_is_named():
    with pytest.raises(DataError, match="backbone 'resnet19' is unknown to timm"):
        small("texture_and_apex", backbone="resnet19")(clips(), [5, 5])


def test_a_clip_too_small_for_its_blocks_is_an_error():
    with pytest.raises(DataError, match="blocks do not fit"):
        LBPTop(size=(48, 48), blocks=(60, 5))([np.zeros((12, 48, 48, 1), np.uint8)])
