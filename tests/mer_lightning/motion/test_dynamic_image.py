"""Dynamic images: weights against rank pooling written out, and what vanishes."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mer_lightning.motion.dynamic_image import DynamicImage, rank_pooling_weights

RAW = DynamicImage(size=(8, 8), frames=6, normalisation="none")


@given(st.integers(2, 40))
def test_weights_are_a_ranking_of_running_means(count):
    # every pair of running means, the later one minus the earlier one
    frames = torch.eye(count, dtype=torch.float64)
    means = frames.cumsum(0) / torch.arange(1, count + 1)[:, None]
    pairs = sum(means[late] - means[early] for late in range(count) for early in range(late))
    torch.testing.assert_close(rank_pooling_weights(count), pairs.float(), atol=1e-4, rtol=1e-5)
    assert rank_pooling_weights(count).double().sum().abs() < 1e-4


def test_two_frames_give_half_their_difference():
    assert rank_pooling_weights(2).tolist() == [-0.5, 0.5]
    with pytest.raises(ValueError, match="two frames or more, got 1"):
        rank_pooling_weights(1)


@pytest.mark.parametrize("normalisation", ["none", "minmax8", "zscore"])
def test_a_still_clip_vanishes(normalisation):
    clip = np.repeat(np.random.default_rng(0).integers(0, 255, (1, 8, 8, 3), np.uint8), 9, axis=0)
    assert not DynamicImage(size=(8, 8), normalisation=normalisation)([clip]).any()


def test_only_what_changes_is_left_and_backwards_differs():
    clip = np.full((6, 8, 8, 1), 100, np.uint8)
    clip[3:, :4] = 150
    image = RAW([clip])
    assert image.shape == (1, 1, 8, 8)
    assert (image[..., :4, :] > 0).all()
    assert not image[..., 4:, :].any()
    assert (RAW([clip[::-1]])[..., :4, :] < 0).all()


def test_up_to_the_apex_nothing_later_counts():
    to_apex = DynamicImage(size=(8, 8), sampling="equal", frames=4)
    clip = np.random.default_rng(0).integers(0, 255, (9, 8, 8, 1), np.uint8)
    other = clip.copy()
    other[5:] = 0
    assert torch.equal(to_apex([clip], [4]), to_apex([other], [4]))
    assert not torch.equal(DynamicImage(size=(8, 8))([clip]), DynamicImage(size=(8, 8))([other]))
