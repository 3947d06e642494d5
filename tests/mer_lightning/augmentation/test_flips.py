"""A mirrored face moves the other way: the map must say so."""

import pytest
import torch

from mer_lightning.augmentation import MapAugmentation
from mer_lightning.motion import FlowMap

MAPS = torch.rand(16, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def test_a_mirror_moves_pixels_and_reverses_horizontal_flow_alone():
    mirrored = MapAugmentation(FlowMap(), hflip=1.0)(MAPS)
    expected = MAPS.flip(-1)
    expected[:, 0] = 1 - expected[:, 0]
    assert torch.allclose(mirrored, expected, atol=1e-6)


def test_two_mirrors_give_the_map_back():
    mirror = MapAugmentation(FlowMap(), hflip=1.0)
    assert torch.allclose(mirror(mirror(MAPS)), MAPS, atol=1e-6)


def test_each_sample_is_mirrored_on_its_own():
    torch.manual_seed(0)
    out = MapAugmentation(FlowMap(), hflip=0.5)(MAPS)
    kept = [torch.equal(a, b) for a, b in zip(out, MAPS, strict=True)]
    assert 0 < sum(kept) < len(kept)


def test_the_mirror_of_an_8_bit_map_is_the_map_of_the_mirrored_motion():
    flow = torch.randn(2, 8, 8)

    def stored(field):  # per-image minimum and maximum to 0..1, as the maps were made
        low, high = field.amin((1, 2), keepdim=True), field.amax((1, 2), keepdim=True)
        return (field - low) / (high - low)

    moved = torch.stack((-flow[0].flip(-1), flow[1].flip(-1)))
    strain = torch.rand(1, 8, 8)
    before = torch.cat((stored(flow), strain))[None]
    after = MapAugmentation(FlowMap(), hflip=1.0)(before)
    assert torch.allclose(after[0, :2], stored(moved), atol=1e-6)


def test_shifts_move_pixels_by_no_more_than_asked_and_keep_the_range():
    torch.manual_seed(0)
    shifted = MapAugmentation(FlowMap(), shift=0.25)(MAPS)
    assert not torch.equal(shifted, MAPS)
    assert shifted.min() >= -1e-6
    assert shifted.max() <= 1 + 1e-6


@pytest.mark.parametrize("options", [{}, {"hflip": 0.5}, {"shift": 0.1}, {"hflip": 0.5, "shift": 0.1}])
def test_the_input_is_left_as_it_was(options):
    before = MAPS.clone()
    MapAugmentation(FlowMap(), **options)(MAPS)
    assert torch.equal(MAPS, before)


def test_the_same_seed_gives_the_same_batch():
    augmentation = MapAugmentation(FlowMap(), hflip=0.5, shift=0.1)
    out = []
    for _ in range(2):
        torch.manual_seed(7)
        out.append(augmentation(MAPS))
    assert torch.equal(*out)
