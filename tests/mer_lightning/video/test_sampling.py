import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mer_lightning.video.sampling import (
    all_frames,
    around_apex,
    ends_again,
    equally_spaced,
    linear_resample,
    onset_apex,
    segments_of,
    symmetric,
    temporal_interpolation,
)


def test_known_indices():
    assert all_frames(3) == [0, 1, 2]
    assert onset_apex(4, 9) == [0, 4]
    assert equally_spaced(0, 20, 11) == list(range(0, 21, 2))
    assert equally_spaced(2, 5, 3) == [2, 4, 5]
    assert equally_spaced(3, 3, 4) == [3, 3, 3, 3]
    assert around_apex(4, 13, 5) == [0, 2, 4, 8, 12]
    assert around_apex(0, 3, 5) == [0, 0, 0, 1, 2]
    assert symmetric(6, 2) == [2, 3]
    assert symmetric(3, 6) == [0, 0, 1, 2, 2, 2]
    assert symmetric(5, 5) == [0, 1, 2, 3, 4]


@given(st.integers(1, 200), st.integers(1, 60))
def test_symmetric_has_the_count_and_keeps_the_middle(length, count):
    indices = symmetric(length, count)
    assert len(indices) == count
    assert indices == sorted(indices)
    assert abs((indices[0] + indices[-1]) / 2 - (length - 1) / 2) <= 0.5


class TestAShortClipOfS0:
    def test_begins_and_ends_with_its_first_and_last_frames_once_more(self):
        assert ends_again(11, 20) == [*range(4), *range(11), *range(6, 11)]
        assert ends_again(18, 20) == [0, *range(18), 17]

    def test_of_fewer_than_a_third_of_the_frames_is_repeated_as_a_whole(self):
        assert ends_again(5, 20) == [0, 1, *range(5), *range(5), *range(5), 2, 3, 4]
        assert ends_again(1, 4) == [0] * 4

    def test_moves_in_all_of_its_steps_but_stands_still_where_frames_are_repeated(self):
        assert 0 not in np.diff(ends_again(11, 20))
        assert (np.diff(symmetric(11, 20)) == 0).sum() == 9

    @given(st.integers(1, 200), st.integers(1, 60))
    def test_has_the_count_with_each_frame_and_a_long_one_is_trimmed(self, length, count):
        indices = ends_again(length, count)
        assert len(indices) == count
        assert set(indices) <= set(range(length))
        assert indices == symmetric(length, count) if length >= count else set(indices) == set(range(length))


class TestSegments:
    def test_are_spread_over_the_clip(self):
        assert segments_of(10, 4, 3) == [0, 1, 2, 3, 3, 4, 5, 6, 6, 7, 8, 9]

    def test_of_a_short_clip_are_the_same_one(self):
        assert segments_of(3, 5, 2) == ends_again(3, 5) * 2

    @given(st.integers(1, 100), st.integers(2, 30), st.integers(2, 8))
    def test_of_a_long_clip_reach_both_ends_without_a_gap_in_time(self, length, count, segments):
        rows = np.reshape(segments_of(length, count, segments), (segments, count))
        assert rows.min() == 0
        assert rows.max() == length - 1
        if length > count:
            assert (np.diff(rows, axis=1) == 1).all()


@given(st.integers(0, 50), st.integers(0, 100), st.integers(2, 30))
def test_equally_spaced_reaches_both_ends(first, span, count):
    indices = equally_spaced(first, first + span, count)
    assert (indices[0], indices[-1], len(indices)) == (first, first + span, count)
    steps = np.diff(indices)
    assert steps.max() - steps.min() <= 1


@given(st.integers(0, 60), st.integers(0, 60), st.integers(1, 10))
def test_frames_around_an_apex_turn_with_the_clip(before, after, half):
    count, length = 2 * half + 1, before + 1 + after
    indices = around_apex(before, length, count)
    assert (indices[0], indices[half], indices[-1], len(indices)) == (0, before, length - 1, count)
    assert indices == sorted(indices)
    assert [length - 1 - index for index in reversed(around_apex(after, length, count))] == indices


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 40), st.integers(1, 30))
def test_resampling_keeps_constants_ends_and_shape(length, count):
    clip = torch.rand(length, 2, 3)
    for resample in (linear_resample, temporal_interpolation):
        new = resample(clip, count)
        assert new.shape == (count, 2, 3)
        assert torch.allclose(resample(torch.ones(length, 4), count), torch.ones(count, 4), atol=1e-5)
        if count > 1:
            assert torch.allclose(new[[0, -1]], clip[[0, -1]], atol=1e-4)
        assert torch.allclose(resample(clip, length), clip, atol=1e-4) or length == 1


def test_tim_equals_the_graph_embedding_by_decomposition():
    length, count = 9, 14
    clip = np.random.default_rng(0).normal(size=(length, 50))
    mean = clip.mean(0)
    basis, values, turned = np.linalg.svd((clip - mean).T, full_matrices=False)
    coordinates = (values[:, None] * turned)[: length - 1]
    k = np.arange(1, length)[:, None]
    curve = lambda t: np.sin(np.pi * k * t + np.pi * (length - k) / (2 * length))  # noqa: E731
    at_frames = curve(np.arange(1, length + 1) / length)
    back = coordinates @ np.linalg.pinv(at_frames)
    expected = (basis[:, : length - 1] @ back @ curve(np.linspace(1 / length, 1, count))).T + mean
    assert np.allclose(temporal_interpolation(torch.tensor(clip), count).numpy(), expected, atol=1e-4)


def test_linear_resampling_interpolates_between_neighbours():
    assert linear_resample(torch.tensor([0.0, 2.0, 4.0]), 5).tolist() == [0, 1, 2, 3, 4]


def test_wrong_counts_are_refused():
    for call in (
        lambda: equally_spaced(3, 2, 4),
        lambda: equally_spaced(0, 4, 1),
        lambda: symmetric(0, 3),
        lambda: ends_again(0, 3),
        lambda: onset_apex(5, 5),
        lambda: around_apex(3, 3, 5),
        lambda: around_apex(1, 3, 4),
        lambda: all_frames(0),
        lambda: temporal_interpolation(torch.zeros(0, 2), 3),
    ):
        with pytest.raises(ValueError, match="got"):
            call()
