"""Flow descriptors on flows whose answer is known, and against plain histograms of numpy."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mer_lightning.descriptors.bi_woof import bi_woof
from mer_lightning.descriptors.blocks import orientation_bins
from mer_lightning.descriptors.fdm import fdm
from mer_lightning.descriptors.hoof import hoof
from mer_lightning.descriptors.mdmo import mdmo

ANGLES = st.floats(-math.pi, math.pi)


def uniform(angle, length=1.0, maps=1, size=20):
    """A rigid translation, ``(1, maps, 2, size, size)``."""
    vector = torch.tensor([length * math.cos(angle), length * math.sin(angle)])
    return vector[None, None, :, None, None].expand(1, maps, 2, size, size).clone()


def noise(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_directions_fall_into_bins_that_turn_from_the_right():
    degrees = torch.tensor([1.0, 44, 46, 91, 179, 181, -1, 359]).deg2rad()
    assert orientation_bins(degrees.cos(), degrees.sin(), 8).tolist() == [0, 0, 1, 2, 3, 4, 7, 7]


@given(ANGLES, st.floats(0.1, 5))
def test_a_rigid_translation_gives_one_bin(angle, length):
    flow = uniform(angle, length, maps=2)
    histograms = hoof(flow, bins=30, blocks=(2, 2)).view(-1, 30)
    assert histograms.count_nonzero(1).eq(1).all()
    assert torch.allclose(histograms.sum(1), torch.ones(8))
    assert (histograms.argmax(1) == histograms.argmax(1)[0]).all()
    woof = bi_woof(flow[:, 0], torch.ones(1, 1, 20, 20)).view(25, 8)
    assert torch.allclose(woof.max(1).values, torch.full((25,), 0.2))
    assert woof.count_nonzero() == 25


def test_a_still_clip_gives_nothing_but_zeros():
    still = torch.zeros(2, 3, 2, 16, 16)
    for features in (
        hoof(still),
        fdm(still),
        mdmo(still, torch.zeros(16, 16, dtype=torch.long), count=1),
        bi_woof(still[:, 0], torch.zeros(2, 1, 16, 16)),
    ):
        assert features.isfinite().all()
        assert features.abs().max() == 0


@given(st.integers(0, 1000))
def test_hoof_is_the_same_in_a_mirror(seed):
    flow = noise(1, 2, 2, 12, 12, seed=seed)
    mirrored = flow.flip(-1) * torch.tensor([-1.0, 1.0])[:, None, None]
    assert torch.allclose(hoof(flow), hoof(mirrored), atol=1e-6)


def test_hoof_is_the_weighted_histogram_of_angles():
    flow = noise(2, 3, 2, 14, 15)
    ours = hoof(flow, bins=12).view(2, 3, 12)
    for clip, features in zip(flow.numpy(), ours, strict=True):
        for (u, v), histogram in zip(clip, features, strict=True):
            angle = np.arctan2(-v, np.abs(u))
            counts, _ = np.histogram(angle, bins=12, range=(-np.pi / 2, np.pi / 2), weights=np.hypot(u, v))
            assert histogram.numpy() == pytest.approx(counts / counts.sum(), abs=1e-5)


def test_hoof_goes_from_straight_down_to_straight_up():
    down_right_left_up = torch.tensor([(0.0, 1.0), (1.0, 0.0), (-1.0, -0.0), (0.0, -1.0)])
    assert hoof(down_right_left_up[:, None, :, None, None], bins=30).argmax(1).tolist() == [0, 15, 15, 29]


def test_bi_woof_is_the_histogram_of_each_block_times_its_strain():
    flow, strain = noise(1, 2, 20, 20), noise(1, 1, 20, 20, seed=1).abs()
    expected = []
    for row in range(4):
        for column in range(4):
            here = (slice(5 * row, 5 * row + 5), slice(5 * column, 5 * column + 5))
            u, v = flow[0, 0][here].numpy(), flow[0, 1][here].numpy()
            turn = np.arctan2(v, u) % (2 * np.pi)
            counts, _ = np.histogram(turn, bins=8, range=(0, 2 * np.pi), weights=np.hypot(u, v))
            expected.append(counts / counts.sum() * strain[0, 0][here].mean().item())
    expected = np.concatenate(expected)
    ours = bi_woof(flow, strain, blocks=(4, 4))[0].numpy()
    assert ours == pytest.approx(expected / np.linalg.norm(expected), abs=1e-5)
    assert bi_woof(flow, strain).shape == (1, 200)


def test_bi_woof_does_not_depend_on_the_size_of_motion_or_strain():
    flow, strain = noise(2, 2, 20, 20), noise(2, 1, 20, 20, seed=1).abs()
    assert torch.allclose(bi_woof(flow, strain), bi_woof(3 * flow, 7 * strain), atol=1e-6)


def test_mdmo_of_three_regions_by_hand():
    regions = torch.full((10, 12), -1)
    regions[:5, :6], regions[:5, 6:], regions[5:, :6] = 0, 1, 2
    flow = torch.zeros(1, 2, 2, 10, 12)
    # region 0: up by 2 in both maps; region 1: right by 1, then left by 1 where a minority rushes down
    flow[:, :, 1, :5, :6] = -2
    flow[:, 0, 0, :5, 6:], flow[:, 1, 0, :5, 6:] = 1, -1
    flow[:, 1, 1, 0, 6:] = 30
    # no region: must not count
    flow[:, :, :, 5:, 6:] = 100
    lengths, angles = mdmo(flow, regions, count=3, beta=0.8)[0].split(3)
    assert lengths.tolist() == pytest.approx([0.8, 0, 0], abs=1e-6)
    assert angles[0].item() == pytest.approx(-0.2 * math.pi / 2)
    assert angles[2] == 0


def test_mdmo_follows_the_majority_and_not_the_longest():
    flow = torch.zeros(1, 1, 2, 4, 4)
    flow[0, 0, 0] = 1
    flow[0, 0, 1, 0, :3] = 50
    _, angle = mdmo(flow, torch.zeros(4, 4, dtype=torch.long), count=1, beta=0.5)[0]
    # bin 0 is 0 to 45 degrees
    assert angle == 0


def test_mdmo_takes_a_hair_above_the_right_for_the_right():
    flow = torch.zeros(1, 1, 2, 2, 2)
    flow[0, 0, 0] = 1
    flow[0, 0, 1, 0, 0] = -1e-8
    assert mdmo(flow, torch.zeros(2, 2, dtype=torch.long), count=1)[0, 1] == 0


@given(ANGLES, st.floats(0.1, 3))
def test_mdmo_of_a_translation_is_its_direction_everywhere(angle, length):
    regions = torch.arange(20)[:, None].expand(20, 20) // 5
    lengths, angles = mdmo(uniform(angle, length, maps=3), regions, count=4, beta=0.9)[0].split(4)
    assert torch.allclose(lengths, torch.full((4,), 0.9))
    turn = (angles / 0.1 - angle + math.pi) % (2 * math.pi) - math.pi
    assert turn.abs().max() < 1e-3


def test_fdm_takes_the_motion_of_the_head_out():
    flow = uniform(0.7, 2.0, maps=2, size=24)
    assert fdm(flow).abs().max() == 0
    flow[:, :, 1, :12, :12] += 3
    units = fdm(flow, blocks=(2, 2)).view(2, 4, 2)
    assert torch.allclose(units[:, 0], torch.tensor([0.0, 1.0]), atol=1e-5)
    assert units[:, 1:].abs().max() == 0


def test_fdm_leaves_vectors_that_point_to_the_other_side_out():
    # most of the map is still, so the head does not move; in the first block the sum of all points up and to the
    # right, the principal direction is that of the five that agree
    flow = torch.zeros(1, 1, 2, 8, 8)
    block = flow[0, 0, :, :4, :4]
    block[:, 0, :] = torch.tensor([1.0, 0.0])[:, None]
    block[:, 1, 0] = torch.tensor([1.0, 0.0])
    block[:, 2, 0] = torch.tensor([-2.0, 0.4])
    x, y = fdm(flow, blocks=(2, 2)).view(4, 2)[0]
    assert (x, y) == (1, 0)


def test_fdm_of_vectors_that_cancel_follows_the_longest_first():
    flow = torch.zeros(1, 1, 2, 8, 8)
    flow[0, 0, 0, 0, 0], flow[0, 0, 0, 0, 1], flow[0, 0, 0, 0, 2] = 3, -1, -2
    assert fdm(flow, blocks=(2, 2)).view(4, 2)[0].tolist() == [1, 0]


@given(st.integers(0, 1000))
def test_fdm_gives_unit_vectors_or_nothing(seed):
    lengths = fdm(noise(2, 2, 2, 16, 16, seed=seed), blocks=(4, 4)).view(-1, 2).norm(dim=1)
    assert ((lengths - 1).abs() < 1e-5).all()
