import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score, recall_score
from sklearn.metrics import confusion_matrix as sklearn_confusion
from torchmetrics.functional.classification import multiclass_f1_score, multiclass_recall

from mer_lightning.metrics import METRICS, absent_classes, accuracy, confusion_matrix, mean_rows, sum_rows, uar, uf1

# the confusion matrices of the STSTNet authors' log and the figures printed with them
PUBLISHED = {
    "full": ([[219, 22, 9], [40, 62, 7], [21, 3, 59]], 0.7692, 0.7353, 0.7186),
    "smic": ([[54, 10, 6], [17, 30, 4], [14, 1, 28]], 0.6829, 0.6801, 0.6703),
    "casme2": ([[83, 5, 0], [12, 19, 1], [2, 0, 23]], 0.8621, 0.8382, 0.8190),
    "samm": ([[82, 7, 3], [11, 13, 2], [5, 2, 8]], 0.7744, 0.6588, 0.6415),
}
predictions = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=60)


@pytest.mark.parametrize("part", PUBLISHED)
def test_published_matrices_score_to_the_printed_digits(part):
    matrix, acc, f1, recall = PUBLISHED[part]
    assert [round(float(m(matrix)), 4) for m in (accuracy, uf1, uar)] == [acc, f1, recall]


@given(predictions)
def test_scores_agree_with_scikit_learn(pairs):
    truth, guess = map(list, zip(*pairs, strict=True))
    matrix = confusion_matrix(truth, guess, 3)
    assert np.array_equal(matrix, sklearn_confusion(truth, guess, labels=range(3)))
    assert accuracy(matrix) == pytest.approx(accuracy_score(truth, guess))
    options = {"labels": range(3), "average": "macro", "zero_division": 0}
    assert uf1(matrix) == pytest.approx(f1_score(truth, guess, **options))
    assert uar(matrix) == pytest.approx(recall_score(truth, guess, **options))


@given(predictions, st.randoms())
def test_the_order_of_samples_changes_nothing(pairs, random):
    shuffled = random.sample(pairs, len(pairs))
    one, two = (confusion_matrix(*zip(*p, strict=True), 3) for p in (pairs, shuffled))
    assert np.array_equal(one, two)


def test_scores_agree_with_torchmetrics_when_every_class_is_present(rng):
    truth, guess = rng.integers(3, size=442), rng.integers(3, size=442)
    matrix = confusion_matrix(truth, guess, 3)
    tensors = torch.tensor(guess), torch.tensor(truth)
    assert uf1(matrix) == pytest.approx(float(multiclass_f1_score(*tensors, 3, average="macro")))
    assert uar(matrix) == pytest.approx(float(multiclass_recall(*tensors, 3, average="macro")))


def test_an_absent_class_counts_as_zero_and_stays_in_the_mean():
    matrix = [[2, 0, 0], [0, 2, 0], [0, 0, 0]]
    assert uf1(matrix) == pytest.approx(2 / 3)
    assert uar(matrix) == pytest.approx(2 / 3)
    assert absent_classes(matrix) == [2]


def test_a_class_that_is_only_predicted_has_no_recall():
    matrix = confusion_matrix([0, 0], [0, 1], 3)
    assert uar(matrix) == pytest.approx(0.5 / 3)


def test_metrics_take_a_batch_of_matrices():
    batch = np.array([matrix for matrix, *_ in PUBLISHED.values()])
    assert uf1(batch).shape == (4,)
    assert uf1(batch)[2] == uf1(batch[2])


def test_an_empty_matrix_scores_zero():
    assert accuracy(np.zeros((3, 3))) == uf1(np.zeros((3, 3))) == 0


@pytest.mark.parametrize(("truth", "guess"), [([0, 3], [0, 0]), ([0], [-1]), ([0, 1], [0])])
def test_impossible_input_is_refused(truth, guess):
    with pytest.raises(ValueError, match=r"class indices|one length"):
        confusion_matrix(truth, guess, 3)


def test_the_empty_matrix_has_no_agreement_and_no_correlation():
    assert all(metric.pooled(np.zeros((3, 3))) == 0 for metric in METRICS)


@pytest.mark.parametrize("count", [1, 2, 3, 7, 8, 9, 15, 16, 17, 100, 127, 128, 129, 300])
@pytest.mark.parametrize("shape", [(), (1,), (500,), (3, 11)])
def test_rows_are_added_up_as_numpy_adds_up_a_last_axis(count, shape, rng):
    values = rng.random((*shape, count)) - 0.5
    rows = np.moveaxis(values, -1, 0)
    assert np.array_equal(sum_rows(rows), values.sum(-1))
    assert np.array_equal(sum_rows(np.ascontiguousarray(rows)), values.sum(-1))
    assert np.array_equal(mean_rows(rows), values.mean(-1))
