"""What is calculated for thousands of draws at once is, to the last digit, what one draw after the other gives."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from benchmark.evidence import resampling
from benchmark.evidence.resampling import draw_subjects, draw_swaps, pooled, resampled, seeds_first
from mer_lightning.metrics import METRICS, Metric, confusion_matrix, uf1
from mer_lightning.types import DataError
from tests.benchmark.evidence.populations import population


@st.composite
def seeded_stacks(draw):
    seeds, subjects, classes = draw(st.integers(1, 11)), draw(st.integers(2, 6)), draw(st.integers(2, 9))
    return draw(arrays(np.int64, (seeds, subjects, classes, classes), elements=st.integers(0, 5)))


def one_after_the_other(matrices, weights):
    """Each draw pools the drawn subjects of each seed, scores them, and takes the mean over seeds."""
    found = {metric.name: [] for metric in METRICS}
    for counts in weights.T.astype(np.int64):
        sums = (counts[None, :, None, None] * matrices).sum(1)
        for metric in METRICS:
            found[metric.name].append(np.array([metric.pooled(matrix) for matrix in sums]).mean())
    return found


class TestResampled:
    @settings(max_examples=60, deadline=None)
    @given(seeded_stacks(), st.integers(0, 9))
    def test_is_to_the_last_digit_one_draw_after_the_other(self, matrices, seed):
        weights = draw_subjects(matrices.shape[1], 30, seed)
        found, slow = resampled(matrices, weights), one_after_the_other(matrices, weights)
        assert {name: values.tolist() for name, values in found.items()} == slow

    def test_blocks_change_nothing(self, rng, monkeypatch):
        matrices = np.stack([population(20, rng), population(20, rng)])
        whole = resampled(matrices, draw_subjects(20, 1000, 0))
        monkeypatch.setattr(resampling, "_NEAR", 400)
        parted = resampled(matrices, draw_subjects(20, 1000, 0))
        assert all((whole[name] == parted[name]).all() for name in whole)

    def test_a_metric_that_needs_whole_matrices_gets_them(self, rng, monkeypatch):
        def confused(matrix):
            return np.asarray(matrix, dtype=float)[..., 0, 1] / 7

        added = Metric("confused", "Confused", confused)
        matrices, weights = np.stack([population(9, rng)] * 3), draw_subjects(9, 50, 1)
        monkeypatch.setattr(resampling, "METRICS", (*METRICS, added))
        again = weights.T @ matrices[0, :, 0, 1] / 7
        assert resampled(matrices, weights)["confused"] == pytest.approx(again)


class TestPooled:
    def test_numbers_that_32_bits_cannot_hold_stay_exact(self):
        part = np.array([[[2**24 + 1, 1]]])
        ((sums,),) = pooled((part,), np.ones((2, 1), dtype=np.float32), 1)
        assert sums.tolist() == [[[2**24 + 2]]]

    @given(st.integers(2, 40), st.integers(0, 3))
    def test_each_draw_has_as_many_people_as_there_are(self, subjects, seed):
        assert set(draw_subjects(subjects, 20, seed).sum(0)) == {subjects}


def test_few_subjects_are_swapped_in_every_way():
    swaps, exact = draw_swaps(5, 100, 0)
    assert exact
    assert sorted(map(tuple, swaps.T.tolist())) == sorted(set(map(tuple, swaps.T.tolist())))
    assert swaps.shape == (5, 32)
    assert draw_swaps(9, 100, 0)[0].shape == (9, 100)
    assert not draw_swaps(9, 100, 0)[1]


def test_one_subject_is_too_few():
    with pytest.raises(DataError, match="at least two; found 1"):
        seeds_first(np.ones((1, 3, 3)))


def test_scores_of_one_matrix_and_of_many_are_the_same():
    matrix = confusion_matrix([0, 0, 1, 2, 2], [0, 1, 1, 2, 0], 3)
    assert uf1(np.stack([matrix] * 4)).tolist() == [float(uf1(matrix))] * 4
