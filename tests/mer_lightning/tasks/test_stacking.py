"""Several methods on one fold: hand-made means, and stacking that never sees the person whom it is about."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from mer_lightning.protocols import Fold, get_protocol, rows_of
from mer_lightning.settings import Component
from mer_lightning.tasks import Fit, FoldResult, Trained, average, fit_estimator, stack
from mer_lightning.types import DataError, DivergedError, Prediction
from tests.small_tables import keys_of

LOGISTIC = Component(name="logistic.Logistic", arguments={"costs": [1.0]})
SVM = Component(name="linear_svm.LinearSVM", arguments={"costs": [1.0], "pool": 4})


def estimator(component, seen=None):
    """An estimator as a member; ``seen`` is told of what it is fitted with."""

    def train(fits):
        if seen is not None:
            seen.extend(fits)
        return [[fit_estimator(fit, component)] for fit in fits]

    return train


def saying(*scores):
    """A member that gives one row of scores to everybody, one for each seed."""

    def train(fits):
        return [
            [FoldResult(tuple(Prediction("", 0, 0, row) for _ in fit.fold.test), 0.0) for row in scores] for fit in fits
        ]

    return train


def scores_of(result):
    return np.array([p.scores for p in result.predictions])


def test_an_average_is_the_weighted_mean_of_means_over_seeds(smic):
    protocol, labelled, table = smic
    fold = protocol.folds(labelled)[0]
    members = [
        Trained(saying((0.6, 0.2, 0.2), (0.2, 0.4, 0.4))),
        Trained(saying((0.1, 0.8, 0.1)), weight=3.0),
    ]
    result = average(Fit(table, fold), members)
    assert [p.key for p in result.predictions] == keys_of(fold.test, table.keys)
    assert scores_of(result) == pytest.approx(np.tile([0.175, 0.675, 0.15], (len(fold.test), 1)))
    assert {p.prediction for p in result.predictions} == {1}
    assert [p.label for p in result.predictions] == table.labels[table.rows(fold.test)].tolist()
    assert (result.curve, result.epoch) == ({}, None)


def test_stacking_equals_a_regression_on_scores_of_folds_without_the_person(smic):
    protocol, labelled, table = smic
    fold = protocol.folds(labelled)[1]
    components = [SVM, Component(name="majority.Majority")]
    result = stack(Fit(table, fold, seed=2), [Trained(estimator(c)) for c in components], LOGISTIC, inner_folds=4)

    inner = protocol.inner_folds(fold, labelled, 4, seed=2)
    below, labels, seen = [], [], table.only(fold.known)
    for part in inner:
        parts = [fit_estimator(Fit(seen, part), component) for component in components]
        below.append(np.concatenate([scores_of(one) for one in parts], 1))
        labels += [p.label for p in parts[0].predictions]
    model = LogisticRegression(C=1.0, class_weight="balanced", max_iter=1000).fit(np.concatenate(below), labels)
    above = np.concatenate([scores_of(fit_estimator(Fit(table, fold), component)) for component in components], 1)
    # rows in another order: the solver stops within its tolerance
    assert scores_of(result) == pytest.approx(model.predict_proba(above), abs=2e-3)


@pytest.mark.parametrize("name", ["smic-3", "smic-3+inner_subjects"])
def test_stacking_shows_no_member_the_held_out_subject_before_it_predicts(smic, name):
    _, labelled, table = smic
    fold = get_protocol(name).folds(labelled)[2]
    seen = []
    stack(Fit(table, fold), [Trained(estimator(SVM, seen))], LOGISTIC, inner_folds=3)
    *inner, outer = seen
    assert (outer.table, outer.fold) == (table, fold)
    assert len(inner) == 3
    known = keys_of(fold.known, table.keys)
    for part in inner:
        assert list(part.table.keys) == known
        assert sorted([*part.fold.train, *part.fold.validation, *part.fold.test]) == [*range(len(known))]
        assert part.validates == outer.validates
    assert sorted(key for part in inner for key in keys_of(part.fold.test, part.table.keys)) == sorted(known)


def test_what_the_held_out_subject_looks_like_changes_nothing_that_is_learnt(smic):
    protocol, labelled, table = smic
    fold = protocol.folds(labelled)[0]
    learnt = []

    def train(fits):
        results = estimator(SVM)(fits)
        learnt.extend(scores_of(one).tolist() for (one,) in results[: len(fits) if fits[0].fold != fold else 0])
        return results

    runs = []
    for inputs in (table.inputs, table.inputs.index_fill(0, table.rows(fold.test), 0.5)):
        learnt.clear()
        stack(Fit(replace(table, inputs=inputs), fold), [Trained(train)], LOGISTIC, inner_folds=3)
        runs.append(list(learnt))
    assert len(runs[0]) == 3
    assert runs[0] == runs[1]


def test_a_member_sees_its_own_representation_in_every_inner_fold(smic):
    protocol, labelled, table = smic
    fold = protocol.folds(labelled)[0]
    both = replace(table, beside={"other": replace(table, inputs=-table.inputs)})

    def train(fits):
        whole = fits[0].table
        own = whole.seen_by("other")
        assert own.keys == whole.keys
        assert torch.equal(own.inputs, -whole.inputs)
        assert whole.seen_by("somebody") is whole
        return estimator(SVM)([replace(fit, table=own) for fit in fits])

    flipped = stack(Fit(both, fold), [Trained(train)], LOGISTIC, inner_folds=3)
    plain = stack(Fit(table, fold), [Trained(estimator(SVM))], LOGISTIC, inner_folds=3)
    # a kernel of centred maps does not know their sign
    assert flipped.predictions == plain.predictions


def test_one_training_subject_cannot_be_stacked_on(smic):
    _, _, table = smic
    two = table.only(rows_of(table.people.codes < 2))
    fold = Fold(two.people.names[1], two.people, rows_of(two.people.codes == 1))
    with pytest.raises(DataError, match="1 training subjects are too few to split once more"):
        stack(Fit(two, fold), [Trained(estimator(SVM))], LOGISTIC)


@pytest.mark.parametrize(
    ("scores", "weight", "says"),
    [
        ((0.6, 0.2, 0.2), 1e308, "weights of the members"),
        ((0.6, float("nan"), 0.2), 1.0, "class scores are not finite"),
        ((0.6, float("inf"), 0.2), 1.0, "class scores are not finite"),
    ],
)
def test_what_is_not_finite_ends_the_fold_by_its_name(smic, scores, weight, says):
    protocol, labelled, table = smic
    fold = protocol.folds(labelled)[0]
    member = Trained(saying(scores), weight)
    with pytest.raises(DivergedError, match=f"^{fold.held_out}: {says}"):
        average(Fit(table, fold), [member, member])


def test_scores_of_other_classes_end_the_fold_by_its_name(smic):
    protocol, labelled, table = smic
    fold = protocol.folds(labelled)[0]
    with pytest.raises(ValueError, match=f"^{fold.held_out}: expected scores of .* and 3 classes"):
        average(Fit(table, fold), [Trained(saying((0.6, 0.4)))])
