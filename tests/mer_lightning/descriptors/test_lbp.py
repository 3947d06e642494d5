"""Texture descriptors against scikit-image plane by plane, hand-made clips, and what their papers promise."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from skimage.feature import local_binary_pattern

from mer_lightning.descriptors.blocks import Regions, block_labels, mean_of_blocks, sum_over_blocks
from mer_lightning.descriptors.lbp import Neighbourhood, circle, pattern_histograms, sign_codes, uniform_table
from mer_lightning.descriptors.lbp_sip import lbp_sip
from mer_lightning.descriptors.lbp_top import lbp_top
from mer_lightning.descriptors.osw import osw
from mer_lightning.descriptors.stclqp import quantised_patterns
from mer_lightning.descriptors.stlbp_ip import stlbp_ip
from mer_lightning.types import DataError

TEXTURES = {
    "lbp_top": lambda clips: lbp_top(clips, radii=(1, 1, 1), blocks=(2, 2)),
    "lbp_top_u2": lambda clips: lbp_top(clips, radii=(2, 2, 2), neighbours=8, uniform=True, blocks=(2, 2)),
    "lbp_sip": lambda clips: lbp_sip(clips, radii=(1, 1, 1), blocks=(2, 2)),
    "stlbp_ip": stlbp_ip,
    "quantised_patterns": lambda clips: quantised_patterns(clips, blocks=(2, 2)),
}


def noise(*shape, seed=0):
    return torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(seed)).float()


def plane_by_plane(clip, radius, neighbours):
    """Codes of scikit-image on XY, XT and YT slices, cut to voxels with all neighbours."""
    clip = clip.numpy().astype(np.uint8)
    codes = [np.zeros(clip.shape) for _ in range(3)]
    for t in range(clip.shape[0]):
        codes[0][t] = local_binary_pattern(clip[t], neighbours, radius)
    for y in range(clip.shape[1]):
        codes[1][:, y] = local_binary_pattern(clip[:, y], neighbours, radius)
    for x in range(clip.shape[2]):
        codes[2][:, :, x] = local_binary_pattern(clip[:, :, x], neighbours, radius)
    inner = (slice(radius, -radius),) * 3
    return [plane[inner].astype(int) for plane in codes]


@pytest.mark.parametrize(("radius", "neighbours"), [(1, 4), (1, 8), (2, 8), (3, 8), (2, 6)])
def test_codes_on_three_planes_are_those_of_scikit_image(radius, neighbours):
    clip = noise(9, 17, 15)
    around = Neighbourhood(clip[None], (radius,) * 3)
    for plane, reference in zip(("xy", "xt", "yt"), plane_by_plane(clip, radius, neighbours), strict=True):
        codes = sign_codes(around, circle(plane, (radius,) * 3, neighbours))
        assert np.array_equal(codes[0].numpy(), reference), plane


def test_histograms_are_those_of_scikit_images_codes_in_each_block():
    clips = noise(2, 9, 17, 15)
    features = lbp_top(clips, radii=(1, 1, 1), neighbours=8, uniform=True, blocks=(2, 3)).view(2, 2, 3, 3, 59)
    for clip, ours in zip(clips, features, strict=True):
        for plane, codes in enumerate(plane_by_plane(clip, 1, 8)):
            # 15 x 13 inner pixels: blocks start where row * 2 // 15 and column * 3 // 13 rise
            part = codes[:, 8:15, 5:9]
            counts = np.bincount(part.ravel(), minlength=256) @ uniform_table().numpy()
            assert ours[1, 1, plane].numpy() == pytest.approx(counts / part.size, abs=1e-6)


def test_a_radius_of_its_own_in_time_reaches_the_voxel_four_frames_away():
    clip = torch.zeros(1, 9, 3, 3)
    clip[0, 4, 1, 1] = 5
    clip[0, 0, 1, 1] = 9
    around = Neighbourhood(clip, (4, 1, 1))
    # only the frame before, at row offset -r sin(90 degrees), is brighter than the centre
    assert sign_codes(around, circle("xt", (1, 1, 4), 4)).item() == 0b0010
    assert sign_codes(around, circle("yt", (1, 1, 4), 4)).item() == 0b0010
    assert sign_codes(around, circle("xy", (1, 1, 4), 4)).item() == 0


def test_58_of_256_codes_are_uniform_and_all_others_share_a_bin():
    table = uniform_table()
    assert table.shape == (256, 59)
    assert table.sum(1).eq(1).all()
    assert table.sum(0).tolist() == [1] * 58 + [256 - 58]
    assert table[0b00011100].argmax() < 58
    assert table[0b10000001].argmax() < 58
    assert table[0b01010000].argmax() == 58


def test_dimensions_are_those_of_the_papers():
    clip = noise(1, 10, 80, 72)
    assert lbp_top(clip).shape == (1, 1200)
    assert lbp_top(clip, neighbours=8, uniform=True).shape == (1, 4425)
    assert lbp_top(clip, neighbours=8, uniform=True, blocks=(8, 8)).shape == (1, 11328)
    assert lbp_top(clip, neighbours=8, blocks=(1, 1)).shape == (1, 768)
    assert lbp_sip(clip).shape == (1, 500)
    assert stlbp_ip(clip).shape == (1, 630)
    assert osw(clip, noise(1, 9, 80, 72)).shape == (1, 1200)
    assert quantised_patterns(clip).shape == (1, 16 * 9 * 256)


def test_a_constant_clip_has_one_code_with_every_bit_set():
    still = torch.full((1, 12, 30, 30), 117.0)
    top = lbp_top(still, blocks=(1, 1)).view(3, 16)
    assert top[:, 15].tolist() == [1, 1, 1]
    uniform = lbp_top(still, radii=(3, 3, 3), neighbours=8, uniform=True, blocks=(1, 1)).view(3, 59)
    assert uniform[:, 57].tolist() == [1, 1, 1]
    sip = lbp_sip(still, blocks=(1, 1))[0]
    assert sip.nonzero().flatten().tolist() == [15, 19]
    projected = stlbp_ip(still)[0]
    assert projected.nonzero().flatten().tolist() == [255, 511, 512 + 57, 512 + 59 + 57]


@pytest.mark.parametrize("name", ["lbp_top", "lbp_top_u2", "lbp_sip", "stlbp_ip"])
def test_every_histogram_is_of_all_its_voxels(name):
    features = TEXTURES[name](noise(3, 10, 40, 40))
    bins = {"lbp_top": [16] * 12, "lbp_top_u2": [59] * 12, "lbp_sip": [16, 4] * 4, "stlbp_ip": [256, 256, 59, 59]}
    for part in features.split(bins[name], dim=1):
        assert torch.allclose(part.sum(1), torch.ones(3), atol=1e-5)


@given(st.integers(0, 10**6), st.floats(0.1, 5), st.floats(-50, 50))
def test_lbp_sees_no_change_of_contrast_and_brightness(seed, contrast, brightness):
    clips = noise(1, 6, 12, 12, seed=seed)
    changed = (clips.double() * contrast + brightness).float()
    assert torch.equal(TEXTURES["lbp_top"](clips), TEXTURES["lbp_top"](changed))
    assert torch.equal(TEXTURES["lbp_sip"](clips), TEXTURES["lbp_sip"](changed))


def test_codes_without_interpolation_stand_any_rising_change_of_grey():
    clips = noise(2, 6, 12, 12)
    assert torch.equal(TEXTURES["lbp_top"](clips), TEXTURES["lbp_top"]((clips / 255) ** 3))


def test_stlbp_ip_sees_the_change_and_not_the_face():
    motion = noise(1, 10, 40, 40)
    motion[:, 0] = 0
    face = noise(1, 1, 40, 40, seed=3)
    assert torch.equal(stlbp_ip(motion), stlbp_ip(motion + face))


def test_stlbp_ip_of_a_rising_projection_by_hand():
    # brightness grows from left to right and with time: the four neighbours on the right are brighter, rows are equal
    clip = torch.arange(20.0)[None, None, None, :] * torch.arange(5.0)[None, :, None, None].expand(1, 5, 16, 20)
    horizontal, vertical, yt, xt = stlbp_ip(clip)[0].split([256, 256, 59, 59])
    assert horizontal[255] == 1
    assert vertical[0b11110000] == 1
    assert yt.sum() == xt.sum() == 1


def test_lbp_sip_has_the_marginal_codes_of_lbp_top():
    clips = noise(2, 10, 30, 30)
    sip = lbp_sip(clips, blocks=(1, 1))
    top = lbp_top(clips, blocks=(1, 1)).view(2, 3, 16)
    assert torch.allclose(sip[:, :16], top[:, 0])
    # bits 1 and 3 of XT are the frames before and after
    time = [
        sum(top[:, 1, code] for code in range(16) if (code >> 1 & 1, code >> 3 & 1) == bits)
        for bits in ((0, 0), (0, 1), (1, 0), (1, 1))
    ]
    assert torch.allclose(sip[:, 16:], torch.stack(time, 1), atol=1e-6)


def test_osw_scales_blocks_by_their_share_of_the_strain():
    clips, strain = noise(1, 10, 40, 40), torch.zeros(1, 9, 40, 40)
    strain[:, :, :20, :20], strain[:, :4, 20:, :20] = 0.5, 0.25
    plain = lbp_top(clips, blocks=(2, 2)).view(4, 48)
    weighted = osw(clips, strain, blocks=(2, 2)).view(4, 48)
    weights = torch.tensor([1, 0, 0.25 * 4 / 9 / 0.5, 0])
    assert torch.allclose(weighted, plain * weights[:, None])
    assert osw(clips, torch.zeros_like(strain)).abs().max() == 0


def test_the_orientation_code_of_a_ramp_is_all_ones_and_its_signs_are_not():
    ramp = torch.arange(16.0).expand(1, 8, 16, 16)
    signs, magnitudes, orientations = quantised_patterns(ramp, blocks=(1, 1)).view(3, 3, 256)[0]
    assert orientations[255] == 1
    # right, both right diagonals, and straight up and down are at least the centre
    assert signs[0b11000111] == 1
    # differences of 1 are above the mean of (1, .71, 0, ...), so are those of the diagonals
    assert magnitudes[0b10111011] == 1


def test_batches_threads_and_chunks_change_nothing(monkeypatch):
    clips = noise(3, 12, 30, 30)
    for function in TEXTURES.values():
        monkeypatch.undo()
        alone = torch.cat([function(clip[None]) for clip in clips])
        assert torch.equal(function(clips), alone)
        monkeypatch.setattr("mer_lightning.descriptors.lbp._ON_CPU", 1000)
        before = torch.get_num_threads()
        torch.set_num_threads(2)
        try:
            assert torch.allclose(function(clips), alone, atol=1e-7)
            assert torch.get_num_threads() == 2
        finally:
            torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: lbp_top(noise(1, 8, 20, 20)), "clips of 8 x 20 x 20 have no voxel with all its neighbours"),
        (lambda: lbp_top(noise(1, 10, 6, 6)), "5 x 5 blocks do not fit 4 x 4 pixels"),
        (lambda: lbp_top(noise(1, 10, 20, 20), neighbours=9), "1 to 8 neighbours, and 8 where uniform, got 9"),
        (lambda: lbp_top(noise(1, 10, 20, 20), uniform=True), "8 where uniform, got 4"),
        (
            lambda: lbp_top(noise(1, 10, 20, 20), blocks=Regions(torch.zeros(20, 19, dtype=torch.int64), 1)),
            r"regions of \(20, 19\) pixels do not fit clips of 20 x 20",
        ),
        (lambda: stlbp_ip(noise(1, 3, 20, 20)), "4 frames and blocks of 9 pixels at least, got 3 frames of 20 x 20"),
        (lambda: stlbp_ip(noise(1, 9, 20, 20), blocks=(3, 1)), "20 x 20 in 3 x 1 blocks"),
    ],
)
def test_clips_that_are_too_small_are_refused(call, says):
    with pytest.raises(DataError, match=says):
        call()


def test_regions_that_are_blocks_give_the_same_histograms_and_what_lies_in_none_does_not_count():
    clips = noise(2, 10, 20, 22)
    labels = torch.full((20, 22), -1)
    labels[1:-1, 1:-1] = block_labels(clips[..., 1:-1, 1:-1], (5, 5))
    blocks = lbp_top(clips)
    assert torch.equal(lbp_top(clips, blocks=Regions(labels, 25)), blocks)
    some = torch.where(labels == 7, -1, labels)
    left = lbp_top(clips, blocks=Regions(some, 26)).view(2, 26, 48)
    assert not left[:, [7, 25]].any()
    kept = [place for place in range(25) if place != 7]
    assert torch.equal(left[:, kept], blocks.view(2, 25, 48)[:, kept])


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 9), st.integers(0, 9))
def test_blocks_divide_a_picture_evenly(rows, columns, more_rows, more_columns):
    picture = torch.rand(2, rows + more_rows, columns + more_columns)
    labels = block_labels(picture, (rows, columns))
    sizes = labels.flatten().bincount(minlength=rows * columns)
    assert sizes.min() >= 1
    heights = (torch.arange(rows + more_rows) * rows // (rows + more_rows)).bincount()
    assert heights.max() - heights.min() <= 1
    total = sum_over_blocks(picture, labels, rows * columns)
    assert torch.allclose(total.sum(1), picture.sum((1, 2)), atol=1e-4)
    assert torch.allclose(mean_of_blocks(picture, labels, rows * columns) * sizes, total, atol=1e-4)


def test_counting_needs_every_kind_of_code_once():
    clips = noise(1, 4, 8, 8)
    zeros = lambda around: [(torch.zeros_like(around.centre, dtype=torch.uint8), 4)]  # noqa: E731
    (counts,) = pattern_histograms(clips, (1, 1, 1), (2, 2), zeros)
    assert counts.tolist() == [[[2.0 * 9, 0, 0, 0]] * 4]
