"""A mirrored or turned face moves another way: what a model sees must say so."""

import math

import pytest
import torch
from torch.nn import functional

from mer_lightning.augmentation import BatchAugmentation, check_augmentation
from mer_lightning.augmentation.batch import quarter_turns, turn_vectors
from mer_lightning.motion import ApexFrame, FlowMap, FlowSequence, FrameSequence, OnsetApexFlow
from mer_lightning.motion.strain import flow_magnitude, normalise, optical_strain
from mer_lightning.outside import importable
from mer_lightning.settings import Augmentation, Component
from mer_lightning.types import DataError
from tests.small_packages import write

MAPS = torch.rand(16, 3, 8, 8, generator=torch.Generator().manual_seed(0))
PIXELS = OnsetApexFlow(third="magnitude_strain")


def augment(representation, **settings):
    return BatchAugmentation(Augmentation(**settings), representation)


def smooth_flow(batch=3, side=48):
    """Flow that fades towards the border, with its magnitude and strain."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, side), torch.linspace(-1, 1, side), indexing="ij")
    phase = torch.arange(batch)[:, None, None]
    fade = torch.exp(-8 * (x**2 + y**2))
    flow = torch.stack((fade * torch.sin(2 * x + phase), fade * torch.cos(3 * y - phase)), 1)
    return torch.cat((flow, flow_magnitude(flow), optical_strain(flow)), 1)


def test_a_mirror_moves_pixels_and_reverses_horizontal_flow_alone():
    mirrored = augment(FlowMap(), hflip=1.0)(MAPS)
    expected = MAPS.flip(-1)
    expected[:, 0] = 1 - expected[:, 0]
    assert torch.allclose(mirrored, expected, atol=1e-6)
    upside_down = augment(FlowMap(), vflip=1.0)(MAPS)
    expected = MAPS.flip(-2)
    expected[:, 1] = 1 - expected[:, 1]
    assert torch.allclose(upside_down, expected, atol=1e-6)


def test_motion_by_another_name_is_refused():
    class Renamed(OnsetApexFlow):
        @property
        def channels(self):
            return ("dx", "dy", "strain")

        @property
        def hflip_sign(self):
            return (-1, 1, 1)

    with pytest.raises(ValueError, match=r"hflip_sign is \(-1, 1, 1\); expected \(1, 1, 1\), since motion across"):
        augment(Renamed(), hflip=0.5)


@pytest.mark.parametrize("key", ["hflip", "vflip"])
def test_two_mirrors_give_the_map_back(key):
    mirror = augment(FlowMap(), **{key: 1.0})
    assert torch.allclose(mirror(mirror(MAPS)), MAPS, atol=1e-6)


def test_each_sample_is_changed_on_its_own():
    torch.manual_seed(0)
    out = augment(FlowMap(), hflip=0.5)(MAPS)
    kept = [torch.equal(a, b) for a, b in zip(out, MAPS, strict=True)]
    assert 0 < sum(kept) < len(kept)


@pytest.mark.parametrize("name", ["minmax8", "zscore"])
@pytest.mark.parametrize(
    ("settings", "turns"), [({"hflip": 1.0}, 0), ({"vflip": 1.0}, 0), ({"quarter_turns": True}, 1)]
)
def test_what_was_scaled_changes_as_if_the_motion_had_changed_before(name, settings, turns, monkeypatch):
    # planes are scaled apart, yet mirrors and quarter turns only exchange and reverse them
    monkeypatch.setattr(torch, "randint", lambda *_, **__: torch.full((1,), turns))
    flow = torch.randn(1, 2, 8, 8)
    representation = OnsetApexFlow(third="none", normalisation=name)
    before = augment(OnsetApexFlow(third="none"), **settings)(flow)
    after = augment(representation, **settings)(normalise(flow, name))
    assert torch.allclose(after, normalise(before, name), atol=1 / 255 if name == "minmax8" else 1e-5)


def test_rotation_and_scale_turn_the_vectors():
    torch.manual_seed(0)
    change = augment(PIXELS, degrees=20.0, scale=(0.8, 1.2))
    maps = smooth_flow()
    moved = change(maps)
    matrix = change._moves[0].transform_matrix
    y, x = torch.meshgrid(torch.arange(48.0), torch.arange(48.0), indexing="ij")
    back = torch.linalg.inv(matrix) @ torch.stack((x, y, torch.ones_like(x))).flatten(1)
    grid = back[:, :2].view(3, 2, 48, 48).movedim(1, -1) * (2 / 47) - 1
    read = functional.grid_sample(maps[:, :2], grid, padding_mode="border", align_corners=True)
    expected = torch.einsum("bij,bjhw->bihw", matrix[:, :2, :2], read)
    assert torch.allclose(moved[:, :2], expected, atol=0.02)
    # what is derived of the turned vectors is what was moved
    assert torch.allclose(moved[:, 2:3], flow_magnitude(moved[:, :2]), atol=0.02)
    inside = (..., slice(4, -4), slice(4, -4))
    assert (moved[:, 3:] - optical_strain(moved[:, :2]))[inside].abs().max() < 0.05 * maps[:, 3].max()


def test_rotation_of_frames_and_of_their_flow_agree():
    # the flow of turned frames, which knows nothing of vectors, against the turned flow
    torch.manual_seed(0)
    texture = functional.interpolate(torch.rand(1, 1, 16, 16), size=96, mode="bicubic").clamp(0, 1)
    y, x = torch.meshgrid(torch.linspace(-1, 1, 96), torch.linspace(-1, 1, 96), indexing="ij")
    push = 0.02 * torch.exp(-6 * (x**2 + y**2))
    moved = functional.grid_sample(texture, torch.stack((x - push, y), -1)[None], align_corners=True)
    frames = torch.stack((texture, moved), 2)
    representation = OnsetApexFlow(size=(96, 96), flow_size=(96, 96), method="farneback", third="none")
    change = augment(representation, degrees=30.0)
    torch.manual_seed(3)
    turned = change(representation.maps(frames))
    torch.manual_seed(3)
    flow = representation.maps(augment(representation, degrees=30.0, acts_on="frames")(frames))
    middle = (..., slice(24, -24), slice(24, -24))
    assert change._moves[0].transform_matrix[0, 0, 1].abs() > 0.1
    assert (flow - turned)[middle].norm(dim=1).mean() < 0.1 * turned[middle].norm(dim=1).mean()


def test_shift_changes_no_vector_and_keeps_the_range():
    torch.manual_seed(0)
    pixels = OnsetApexFlow(third="none")
    assert torch.allclose(augment(pixels, shift=0.3)(torch.ones(4, 2, 20, 20)), torch.ones(4, 2, 20, 20), atol=1e-5)
    shifted = augment(FlowMap(), shift=0.25)(MAPS)
    assert not torch.equal(shifted, MAPS)
    assert shifted.min() >= -1e-6
    assert shifted.max() <= 1 + 1e-6


def test_frames_of_a_clip_move_alike_and_clips_differ():
    torch.manual_seed(0)
    clip = torch.rand(4, 1, 1, 32, 32).expand(4, 1, 5, 32, 32)
    moved = augment(FrameSequence(), hflip=0.5, degrees=10.0, shift=0.1, blur=0.5, quarter_turns=True)(clip)
    assert torch.allclose(moved, moved[:, :, :1].expand_as(moved), atol=1e-6)
    assert len({round(float(m.sum()), 3) for m in moved}) == 4


def test_flow_sequences_keep_magnitude_and_strain_true():
    torch.manual_seed(1)
    representation = FlowSequence(third="magnitude_strain")
    maps = torch.stack([smooth_flow(2), 0.5 * smooth_flow(2)], 2)
    moved = augment(representation, hflip=0.5, degrees=30.0, scale=(1.1, 1.3))(maps)
    vectors = moved[:, :2].movedim(1, 2)
    assert torch.allclose(moved[:, 2], flow_magnitude(vectors).squeeze(2), atol=0.02)
    difference = (moved[:, 3] - optical_strain(vectors).squeeze(2))[..., 4:-4, 4:-4].abs()
    assert difference.max() < 0.06 * maps[:, 3].max()


def test_a_blur_smooths_and_moves_nothing():
    torch.manual_seed(0)
    blurred = augment(PIXELS, blur=1.0)(smooth_flow())
    assert torch.allclose(blurred.mean((-2, -1)), smooth_flow().mean((-2, -1)), atol=1e-3)
    noise = torch.rand(4, 4, 16, 16)
    assert (augment(PIXELS, blur=1.0)(noise).var((-2, -1)) < noise.var((-2, -1))).all()


def test_quarter_turns():
    maps = smooth_flow(4)
    turned, powers = quarter_turns(maps, torch.arange(4))
    assert torch.equal(turned[0], maps[0])
    assert torch.equal(powers[0], torch.eye(2))
    for count in range(4):
        assert torch.equal(turned[count], maps[count].rot90(count, (-2, -1)))
    # a vector to the right at the right edge points up at the top edge after one turn
    right = torch.zeros(1, 2, 5, 5)
    right[0, 0, 2, 4] = 1
    up, power = quarter_turns(right, torch.tensor([1]))
    up = turn_vectors(up, ("u", "v"), power)
    assert up[0, 1, 0, 2] == -1
    assert up.abs().sum() == 1
    with pytest.raises(ValueError, match="square"):
        quarter_turns(torch.rand(1, 1, 4, 5), torch.tensor([1]))


def test_flow_away_from_the_centre_stays_so_in_every_quarter_turn():
    y, x = torch.meshgrid(torch.linspace(-1, 1, 9), torch.linspace(-1, 1, 9), indexing="ij")
    away = torch.stack((x, y)).expand(40, -1, -1, -1)
    torch.manual_seed(0)
    turned = augment(OnsetApexFlow(third="none"), quarter_turns=True)(away)
    assert torch.allclose(turned, away, atol=1e-6)
    marked = torch.zeros(40, 1, 4, 4)
    marked[:, 0, 0, 0] = 1
    corners = augment(ApexFrame(colour=False), quarter_turns=True)(marked)[:, 0][:, [0, 0, -1, -1], [0, -1, 0, -1]].sum(
        0
    )
    assert (corners > 0).all()
    assert corners.sum() == 40


@pytest.mark.parametrize("settings", [{}, {"hflip": 0.5}, {"shift": 0.1}, {"hflip": 0.5, "quarter_turns": True}])
def test_the_input_is_left_as_it_was(settings):
    before = MAPS.clone()
    augment(FlowMap(), **settings)(MAPS)
    assert torch.equal(MAPS, before)


def test_the_same_seed_gives_the_same_batch():
    change = augment(FlowMap(), hflip=0.5, shift=0.1)
    out = []
    for _ in range(2):
        torch.manual_seed(7)
        out.append(change(MAPS))
    assert torch.equal(*out)


@pytest.mark.parametrize("representation", [FlowMap(), FlowSequence(normalisation="zscore")], ids=lambda r: r.name)
@pytest.mark.parametrize(("key", "value"), [("degrees", 5.0), ("scale", (0.9, 1.1))])
def test_maps_that_are_no_vectors_are_not_turned(representation, key, value):
    settings = Augmentation(**{key: value})
    with pytest.raises(DataError, match=rf"training\.augmentation\.{key}: .*acts_on: frames") as caught:
        check_augmentation(settings, representation)
    assert representation.name in str(caught.value)
    with pytest.raises(DataError, match=key):
        BatchAugmentation(settings, representation)
    check_augmentation(settings.model_copy(update={"acts_on": "frames"}), representation)
    check_augmentation(settings, ApexFrame())


def test_wrong_channels_and_settings_are_refused():
    with pytest.raises(ValueError, match="channels"):
        turn_vectors(MAPS, ("u", "v"), torch.eye(2).repeat(16, 1, 1))
    images = torch.rand(2, 1, 8, 8)
    assert torch.equal(turn_vectors(images, ("grey",), -torch.eye(2).repeat(2, 1, 1)), images)
    for wrong in ({"scale": (1.2, 0.8)}, {"scale": (0.0, 1.0)}, {"degrees": -1.0}, {"blur": math.nan}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            Augmentation(**wrong)


class TestOwnAugmentations:
    ADD = """
    import torch


    class Add(torch.nn.Module):
        def __init__(self, level: float = 1.0, channels: tuple = ()) -> None:
            super().__init__()
            self.level, self.channels = level, channels

        def forward(self, x):
            x += self.level
            return x


    class Halve:
        def __call__(self, x):
            return x / 2


    class Crop:
        def __call__(self, x):
            return x[..., 1:]


    class Count:
        def __call__(self, x):
            return 3


    class Still:
        pass
    """

    @pytest.fixture(autouse=True)
    def root(self, tmp_path):
        with importable(write(tmp_path, {"my_aug/changes.py": self.ADD})):
            yield

    def own(self, *names):
        return augment(FlowMap(), custom=tuple(Component(name=f"my_aug.changes.{name}") for name in names))

    def test_they_act_in_their_order_and_leave_the_table_as_it_was(self):
        before = MAPS.clone()
        assert torch.equal(self.own("Add", "Halve")(MAPS), (MAPS + 1) / 2)
        assert torch.equal(MAPS, before)

    def test_they_act_on_what_the_others_gave(self):
        both = augment(FlowMap(), hflip=1.0, custom=(Component(name="my_aug.changes.Add", arguments={"level": 2.0}),))
        assert torch.equal(both(MAPS), augment(FlowMap(), hflip=1.0)(MAPS) + 2)

    @pytest.mark.parametrize(("name", "says"), [("Crop", r"it gave \(\(16, 3, 8, 7\)"), ("Count", "it gave int")])
    def test_what_gives_another_shape_is_named(self, name, says):
        with pytest.raises(DataError, match=rf"my_aug\.changes\.{name}: expected \(16, 3, 8, 8\), .*{says}"):
            self.own(name)(MAPS)

    def test_what_cannot_be_called_is_found_before_anything_trains(self):
        with pytest.raises(DataError, match=r"training\.augmentation\.custom\.0\.name: Still is another kind of class"):
            self.own("Still")

    def test_the_suite_has_none_to_name(self):
        with pytest.raises(
            ValueError, match=r"expected the path of code outside the suite like my_package\.aug\.MyAug"
        ):
            Augmentation(custom=(Component(name="batch.BatchAugmentation"),))

    def test_settings_without_them_are_written_as_before_they_existed(self):
        assert "custom" not in Augmentation(hflip=0.5).model_dump(mode="json")
        own = Augmentation(custom=(Component(name="my_aug.changes.Add"),))
        assert Augmentation.model_validate_json(own.model_dump_json()) == own
