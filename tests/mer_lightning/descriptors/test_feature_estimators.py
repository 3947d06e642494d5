"""Estimators on feature vectors: kernels against scikit-learn's own, boosting, codebooks, transfer."""

import numpy as np
import pytest
import torch
from sklearn.feature_selection import RFE
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from mer_lightning.descriptors.adaboost import AdaBoost, AdaBoostSTM, mean_matching_weights
from mer_lightning.descriptors.codebook import CodebookSVM
from mer_lightning.descriptors.estimator import TrainingSide
from mer_lightning.descriptors.hierarchical import HierarchicalSVM
from mer_lightning.descriptors.linear_svm import LinearSVM
from mer_lightning.descriptors.logistic import Logistic
from mer_lightning.descriptors.majority import Majority
from mer_lightning.descriptors.selected import SelectedSVM
from mer_lightning.descriptors.stclqp import quantised_patterns
from mer_lightning.descriptors.svm import SVM
from mer_lightning.metrics import confusion_matrix, uf1
from mer_lightning.settings import Component
from mer_lightning.types import DataError


@pytest.fixture
def clouds(rng):
    """Three noisy classes of eight people, ``(inputs, labels, people)``; values are not negative."""
    labels = np.arange(64) % 3
    inputs = rng.gamma(2, size=(64, 12)).astype(np.float32)
    inputs[np.arange(64), labels] += 3
    return inputs, labels, [f"p{i % 8}" for i in range(64)]


def fitted(model, clouds, rows=slice(0, 48)):
    inputs, labels, people = clouds
    model.fit(TrainingSide(inputs[rows], labels[rows], people[rows], 3))
    return model


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({"kernel": "linear"}, {"kernel": "linear"}),
        ({"kernel": "poly", "degree": 6, "gamma": 0.05}, {"kernel": "poly", "degree": 6, "gamma": 0.05}),
        ({"kernel": "rbf", "gamma": 0.1}, {"kernel": "rbf", "gamma": 0.1}),
        ({"kernel": "linear", "balanced": False}, {"kernel": "linear", "class_weight": None}),
    ],
)
def test_a_kernel_is_that_of_scikit_learn(clouds, ours, theirs):
    inputs, labels, _ = clouds
    model = fitted(SVM(costs=(0.3,), **ours), clouds)
    plain = SVC(C=0.3, break_ties=True, **({"class_weight": "balanced"} | theirs)).fit(inputs[:48], labels[:48])
    scores = model.predict(inputs[48:])
    assert np.array_equal(scores.argmax(1), plain.predict(inputs[48:]))
    assert scores.sum(1) == pytest.approx(np.ones(16))


@pytest.mark.parametrize("kernel", ["linear", "poly", "rbf", "chi2"])
def test_the_cost_of_every_kernel_is_chosen_by_inner_folds_of_people(clouds, kernel):
    inputs, labels, people = clouds
    given = {"kernel": kernel, "gamma": 0.1}

    def inner_uf1(cost):
        guesses = np.zeros(48, dtype=int)
        for train, test in GroupKFold(3).split(inputs[:48], labels[:48], people[:48]):
            model = SVM(costs=(cost,), **given)
            model.fit(TrainingSide(inputs[train], labels[train], [people[row] for row in train], 3))
            guesses[test] = model.predict(inputs[test]).argmax(1)
        return uf1(confusion_matrix(labels[:48], guesses, 3))

    costs = (1e-4, 0.1, 100.0)
    best = max(costs, key=inner_uf1)
    chosen = fitted(SVM(costs=costs, inner_folds=3, **given), clouds).predict(inputs[48:])
    assert np.allclose(chosen, fitted(SVM(costs=(best,), **given), clouds).predict(inputs[48:]))
    assert any(
        not np.allclose(chosen, fitted(SVM(costs=(cost,), **given), clouds).predict(inputs[48:])) for cost in costs
    )


def test_one_person_leaves_nothing_to_choose_by(clouds):
    inputs, labels, _ = clouds
    model, smallest = SVM(costs=(0.5, 50.0)), SVM(costs=(0.5,))
    for machine in (model, smallest):
        machine.fit(TrainingSide(inputs, labels, ["p"] * 64, 3))
    assert np.array_equal(model.predict(inputs), smallest.predict(inputs))


def test_what_cannot_be_boosted_decides_alone(clouds):
    inputs, labels, people = clouds
    model = AdaBoost(rounds=5)
    model.fit(TrainingSide(np.ones_like(inputs), labels, people, 3))
    scores = model.predict(inputs)
    assert np.array_equal(np.sort(scores, 1), np.tile([0.0, 0.0, 1.0], (64, 1)))


def test_chi_square_kernel_by_hand(clouds):
    inputs, labels, _ = clouds
    difference = (inputs[:, None] - inputs) ** 2 / (inputs[:, None] + inputs)
    kernel = np.exp(-0.2 * difference.sum(2))
    plain = SVC(kernel="precomputed", C=2.0, class_weight="balanced").fit(kernel[:48, :48], labels[:48])
    model = fitted(SVM(kernel="chi2", gamma=0.2, costs=(2.0,)), clouds)
    assert np.array_equal(model.predict(inputs[48:]).argmax(1), plain.predict(kernel[48:, :48]))


def test_features_of_length_one_forget_their_length(clouds):
    inputs, _, _ = clouds
    model = fitted(SVM(costs=(1.0,), unit=True), clouds)
    scale = np.linspace(0.1, 10, 16, dtype=np.float32)[:, None]
    assert model.predict(inputs[48:] * scale) == pytest.approx(model.predict(inputs[48:]), abs=1e-5)


def test_the_held_out_rows_change_nothing_about_each_other(clouds):
    inputs, _, _ = clouds
    for model in (SVM(), AdaBoost(rounds=5), HierarchicalSVM(), SelectedSVM(keep=4)):
        together = fitted(model, clouds).predict(inputs[48:])
        alone = np.concatenate([model.predict(inputs[row : row + 1]) for row in range(48, 64)])
        assert together == pytest.approx(alone)


def test_a_class_that_is_not_trained_on_has_no_score_and_two_classes_are_enough(clouds):
    inputs, labels, people = clouds
    rows = labels != 1
    machines = (SVM(costs=(1.0,)), HierarchicalSVM(costs=(1.0,)), SelectedSVM(keep=6, costs=(1.0,)))
    for model in (*machines, AdaBoost(rounds=5), AdaBoostSTM(rounds=5)):
        model.fit(TrainingSide(inputs[rows], labels[rows], [p for p, r in zip(people, rows, strict=True) if r], 3))
        scores = model.predict(inputs[rows])
        assert scores[:, 1].max() == 0
        assert (scores.argmax(1) == labels[rows]).mean() > 0.8


@pytest.mark.parametrize(
    "name",
    [
        "svm.SVM",
        "hierarchical.HierarchicalSVM",
        "logistic.Logistic",
        "selected.SelectedSVM",
        "codebook.CodebookSVM",
        "linear_svm.LinearSVM",
    ],
)
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"costs": []}, "arguments.costs: Value should have at least 1 item"),
        ({"costs": [1.0, 0.0]}, "arguments.costs: Input should be greater than 0, found"),
        ({"costs": [-1]}, "arguments.costs: Input should be greater than 0, found"),
        ({"costs": [float("inf")]}, "arguments.costs: Input should be a finite number"),
        ({"inner_folds": 0}, "arguments.inner_folds: Input should be greater than or equal to 2, found 0"),
    ],
)
def test_costs_are_positive_and_there_are_two_inner_folds(name, arguments, says):
    with pytest.raises(DataError, match=says):
        Component(name=name, arguments=arguments).load("mer_lightning.descriptors")


@pytest.mark.parametrize(
    ("name", "argument", "value"),
    [
        ("svm.SVM", "degree", 0),
        ("svm.SVM", "gamma", 0.0),
        ("hierarchical.HierarchicalSVM", "gamma", -1.0),
        ("linear_svm.LinearSVM", "gamma", float("nan")),
        ("linear_svm.LinearSVM", "pool", 0),
        ("linear_svm.LinearSVM", "channels", []),
        ("linear_svm.LinearSVM", "channels", [-1]),
        ("codebook.CodebookSVM", "words", 257),
        ("codebook.CodebookSVM", "kept", 0),
        ("selected.SelectedSVM", "keep", 0),
        ("adaboost.AdaBoost", "rounds", 0),
        ("adaboost.AdaBoost", "shrinkage", 0.0),
        ("adaboost.AdaBoostSTM", "cost", 0.0),
        ("adaboost.AdaBoostSTM", "bound", 0.0),
    ],
)
def test_a_number_that_an_estimator_cannot_work_with_is_named(name, argument, value):
    with pytest.raises(DataError, match=f"arguments.{argument}: "):
        Component(name=name, arguments={argument: value}).load("mer_lightning.descriptors")


def test_a_plane_that_is_not_there_cannot_be_looked_at():
    machine = Component(name="linear_svm.LinearSVM", arguments={"channels": [0, 2]})
    machine.build("mer_lightning.descriptors", in_channels=3)
    with pytest.raises(DataError, match=r"channels: expected numbers from 0 to 1, got \[0, 2\]"):
        machine.build("mer_lightning.descriptors", in_channels=2)


def test_a_chain_splits_off_one_class_after_another(clouds):
    inputs, labels, people = clouds
    # class 1 is the most frequent, then 2, then 0
    rows = np.flatnonzero((labels == 1) | (np.arange(64) % 4 < labels + 1))
    assert np.bincount(labels[rows]).argsort().tolist() == [0, 2, 1]
    model = HierarchicalSVM(costs=(0.3,))
    model.fit(TrainingSide(inputs[rows], labels[rows], [people[row] for row in rows], 3))

    def plain(rows, label):
        return SVC(kernel="linear", C=0.3, class_weight="balanced").fit(inputs[rows], labels[rows] == label)

    first, second = plain(rows, 1), plain(rows[labels[rows] != 1], 2)
    expected = np.where(first.predict(inputs), 1, np.where(second.predict(inputs), 2, 0))
    scores = model.predict(inputs)
    assert set(expected) == {0, 1, 2}
    assert np.array_equal(scores.argmax(1), expected)
    assert scores.sum(1) == pytest.approx(np.ones(64))


def test_a_chain_of_two_classes_is_one_machine(clouds):
    inputs, labels, people = clouds
    rows = np.flatnonzero(labels != 1)
    two = TrainingSide(inputs[rows], labels[rows], [people[row] for row in rows], 3)
    model, machine = HierarchicalSVM(costs=(0.1, 1.0)), SVM(costs=(0.1, 1.0))
    for fitted_one in (model, machine):
        fitted_one.fit(two)
    assert np.array_equal(model.predict(inputs).argmax(1), machine.predict(inputs).argmax(1))


def test_the_features_that_tell_classes_apart_are_left(clouds):
    # the first three values are those that the classes differ in
    inputs, labels, _ = clouds
    model = fitted(SelectedSVM(keep=3, costs=(1.0,)), clouds)
    assert model.chosen().tolist() == [0, 1, 2]
    changed = inputs[48:].copy()
    changed[:, 3:] = 100
    assert np.array_equal(model.predict(changed), model.predict(inputs[48:]))
    assert (model.predict(inputs[48:]).argmax(1) == labels[48:]).mean() > 0.6


def test_with_all_features_left_a_selection_is_a_plain_machine(clouds):
    inputs, labels, _ = clouds
    plain = make_pipeline(StandardScaler(), SVC(kernel="linear", class_weight="balanced", C=0.3, break_ties=True))
    model = fitted(SelectedSVM(keep=50, costs=(0.3,)), clouds)
    assert np.array_equal(model.predict(inputs).argmax(1), plain.fit(inputs[:48], labels[:48]).predict(inputs))
    assert model.chosen().tolist() == list(range(12))


def test_features_are_eliminated_anew_in_every_inner_fold(clouds, monkeypatch):
    seen = []
    real = RFE.fit
    monkeypatch.setattr(RFE, "fit", lambda self, x, y: seen.append(len(y)) or real(self, x, y))
    fitted(SelectedSVM(keep=3, costs=(0.1, 1.0, 10.0), inner_folds=4), clouds)
    # eight people of six samples: four folds of two people, once whatever the number of costs, then all
    assert seen == [36, 36, 36, 36, 48]


@pytest.mark.parametrize("model", [AdaBoost(rounds=10), AdaBoostSTM(rounds=10)], ids=["plain", "transfer"])
def test_boosting_learns_and_repeats_itself(model, clouds):
    inputs, labels, _ = clouds
    scores = fitted(model, clouds).predict(inputs[48:])
    assert (scores.argmax(1) == labels[48:]).mean() > 0.6
    assert scores.sum(1) == pytest.approx(np.ones(16))
    assert np.array_equal(scores, fitted(model, clouds).predict(inputs[48:]))


def test_matched_weights_pick_the_training_samples_near_the_tested_ones(rng):
    train = np.concatenate([rng.normal(0, 1, (30, 4)), rng.normal(3, 1, (30, 4))])
    test = rng.normal(3, 1, (20, 4))
    weights = mean_matching_weights(train, test)
    assert weights.mean() == pytest.approx(1)
    assert weights[30:].mean() > 5 * weights[:30].mean()
    assert weights.min() > 0


def test_matched_weights_of_the_training_samples_themselves_are_all_one(rng):
    train = rng.normal(size=(40, 5))
    assert mean_matching_weights(train, train) == pytest.approx(np.ones(40), abs=1e-3)


def test_transfer_depends_on_who_is_predicted_together(rng):
    # two groups of people that use the same feature the other way round
    train = np.concatenate([rng.normal(0, 0.3, (40, 3)), rng.normal(0, 0.3, (40, 3))]).astype(np.float32)
    train[:, 2] = np.repeat([3, -3], 40)
    labels = np.tile([0, 1], 40)
    train[:40, 0] += np.where(labels[:40] == 1, 1, -1)
    train[40:, 0] += np.where(labels[40:] == 1, -1, 1)
    model = AdaBoostSTM(rounds=10)
    model.fit(TrainingSide(train, labels, ["a"] * 80, 2))
    assert (model.predict(train[:40]).argmax(1) == labels[:40]).mean() > 0.9
    assert (model.predict(train[40:]).argmax(1) == labels[40:]).mean() > 0.9


def test_codebooks_tell_textures_apart_and_need_the_training_samples_alone():
    generator = torch.Generator().manual_seed(0)
    clips = torch.rand(24, 6, 16, 16, generator=generator)
    labels = np.arange(24) % 2
    # class 1 is smooth from left to right
    clips[1::2] = clips[1::2].cumsum(3)
    inputs = quantised_patterns(clips, blocks=(1, 1)).numpy()
    people = [f"p{i // 4}" for i in range(24)]
    model = CodebookSVM(words=8, costs=(1.0,))
    model.fit(TrainingSide(inputs[:16], labels[:16], people[:16], 2))
    scores = model.predict(inputs[16:])
    assert np.array_equal(scores.argmax(1), labels[16:])
    assert scores == pytest.approx(np.concatenate([model.predict(row[None]) for row in inputs[16:]]))
    again = CodebookSVM(words=8, costs=(1.0,))
    again.fit(TrainingSide(inputs[:16], labels[:16], people[:16], 2))
    assert np.array_equal(scores, again.predict(inputs[16:]))


@pytest.mark.parametrize(
    "estimator",
    [AdaBoost, AdaBoostSTM, HierarchicalSVM, LinearSVM, Logistic, Majority, SelectedSVM, SVM],
    ids=lambda estimator: estimator.__name__,
)
def test_an_estimator_that_saw_one_class_predicts_it(estimator):
    # an inner fold of few people may have nothing to tell apart
    machine = estimator()
    machine.fit(TrainingSide(np.eye(4, dtype=np.float32), np.full(4, 2), ["a", "a", "b", "b"], 3))
    assert machine.predict(np.eye(4, dtype=np.float32)[:2]).tolist() == [[0, 0, 1], [0, 0, 1]]


def test_inner_folds_with_a_single_class_to_train_on_choose_nothing():
    machine = SVM(costs=(1.0, 10.0))
    labels = np.array([0, 0, 1, 1])
    # whoever is left out, one class remains
    machine.fit(TrainingSide(np.eye(4, dtype=np.float32), labels, ["a", "a", "b", "b"], 2))
    assert machine.predict(np.eye(4, dtype=np.float32)).argmax(1).tolist() == labels.tolist()
