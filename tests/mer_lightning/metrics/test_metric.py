"""Every metric, whichever they are, and those of scikit-learn that some of them are."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn import metrics as sklearn

from mer_lightning.metrics import METRICS, UF1, get_metric, ranking_first, shown_metrics
from mer_lightning.types import DataError

CLASSES = (0, 1, 2, 3)
MATRICES = arrays(np.int64, (4, 4), elements=st.integers(0, 6)).filter(np.any)
SPARSE = arrays(np.int64, (4, 4), elements=st.sampled_from([0, 0, 0, 1, 5])).filter(np.any)
ALL_CLASSES = {"labels": CLASSES, "zero_division": 0}


def samples(matrix):
    """Labels and predictions that have this confusion matrix."""
    cells = [(t, p) for t in CLASSES for p in CLASSES for _ in range(matrix[t, p])]
    return tuple(map(list, zip(*cells, strict=True)))


def quiet(score, *given, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.nan_to_num(score(*given, **options))


# what scikit-learn says of all classes of the protocol: pooled
POOLED = {
    "accuracy": sklearn.accuracy_score,
    "uf1": lambda t, p: sklearn.f1_score(t, p, average="macro", **ALL_CLASSES),
    "uar": lambda t, p: sklearn.recall_score(t, p, average="macro", **ALL_CLASSES),
    "weighted_f1": lambda t, p: sklearn.f1_score(t, p, average="weighted", **ALL_CLASSES),
    "macro_precision": lambda t, p: sklearn.precision_score(t, p, average="macro", **ALL_CLASSES),
    "kappa": sklearn.cohen_kappa_score,
    "mcc": sklearn.matthews_corrcoef,
}
# and of those that one fold happens to have
OF_A_FOLD = POOLED | {
    "uf1": lambda t, p: sklearn.f1_score(t, p, average="macro", zero_division=0),
    "uar": sklearn.balanced_accuracy_score,
    "weighted_f1": lambda t, p: sklearn.f1_score(t, p, average="weighted", zero_division=0),
    "macro_precision": lambda t, p: sklearn.precision_score(t, p, average="macro", zero_division=0),
}


@pytest.mark.parametrize("name", POOLED)
@given(matrix=MATRICES | SPARSE)
def test_a_pooled_matrix_scores_as_scikit_learn_has_it(name, matrix):
    assert get_metric(name).pooled(matrix) == pytest.approx(quiet(POOLED[name], *samples(matrix)), abs=1e-12)


@pytest.mark.parametrize("name", OF_A_FOLD)
@given(matrix=MATRICES | SPARSE)
def test_a_fold_scores_as_scikit_learn_has_it_of_the_classes_that_are_there(name, matrix):
    assert get_metric(name).of_one_fold(matrix) == pytest.approx(quiet(OF_A_FOLD[name], *samples(matrix)), abs=1e-12)


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
@given(matrices=arrays(np.int64, (2, 3, 4, 4), elements=st.integers(0, 6)))
def test_leading_dimensions_are_kept_and_the_range_is_as_said(metric, matrices):
    scores = metric.pooled(matrices)
    assert scores.shape == (2, 3)
    assert scores[1, 2] == metric.pooled(matrices[1, 2])
    assert (scores >= metric.least - 1e-12).all()
    assert (scores <= 1 + 1e-12).all()


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_all_right_is_one(metric):
    assert metric.pooled(np.diag([4, 2, 1])) == pytest.approx(1)


def test_one_class_throughout_is_neither_agreement_nor_correlation():
    alike = [[5, 0], [0, 0]]  # scikit-learn: NaN and 0
    assert get_metric("kappa").pooled(alike) == get_metric("mcc").pooled(alike) == 0


def test_an_absent_class_stays_in_the_mean_of_precision_and_weighs_nothing_in_weighted_f1():
    matrix = [[2, 0, 0], [0, 2, 0], [0, 0, 0]]
    assert get_metric("macro_precision").pooled(matrix) == pytest.approx(2 / 3)
    assert get_metric("macro_precision").of_one_fold(matrix) == 1
    assert get_metric("weighted_f1").pooled(matrix) == 1


def test_names_are_columns_and_differ():
    assert len({metric.name for metric in METRICS}) == len(METRICS)
    assert all(metric.name.isidentifier() and metric.title for metric in METRICS)
    with pytest.raises(DataError, match=r"metric 'f1' is unknown; did you mean uf1\? expected one of accuracy"):
        get_metric("f1")


def test_uf1_ranks_and_stands_first_where_order_is_rank():
    assert ranking_first(METRICS)[0] == UF1
    assert UF1 in shown_metrics()
