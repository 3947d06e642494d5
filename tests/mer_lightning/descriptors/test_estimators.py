import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import KernelCenterer
from sklearn.svm import SVC

from mer_lightning.descriptors.estimator import TrainingSide, choose_cost
from mer_lightning.descriptors.linear_svm import LinearSVM, _machine, guess_by_kernel, is_unbound
from mer_lightning.descriptors.logistic import Logistic
from mer_lightning.descriptors.majority import Majority


@pytest.fixture
def clouds(rng):
    """Three noisy classes of eight people, ``(inputs, labels, people)``."""
    labels = np.arange(64) % 3
    inputs = rng.normal(size=(64, 2, 4, 4)).astype(np.float32) + 0.5 * labels[:, None, None, None]
    return inputs, labels, [f"p{i % 8}" for i in range(64)]


def test_majority_predicts_the_most_frequent_training_class():
    model = Majority()
    model.fit(TrainingSide(np.zeros((5, 1)), np.array([2, 0, 2, 2, 0]), ["a"] * 5, 3))
    scores = model.predict(np.zeros((2, 1)))
    assert scores.argmax(1).tolist() == [2, 2]
    assert scores[0].tolist() == pytest.approx([0.4, 0, 0.6])


def test_the_kernel_machine_equals_a_linear_svm_on_maps_centred_with_the_training_mean(clouds, rng):
    inputs, labels, people = clouds
    model = LinearSVM(costs=(0.3,))
    model.fit(TrainingSide(inputs, labels, people, 3))
    new = rng.normal(size=(40, 2, 4, 4)).astype(np.float32) + 0.7
    flat, mean = inputs.reshape(64, -1).astype(float), inputs.reshape(64, -1).mean(0)
    plain = SVC(kernel="linear", class_weight="balanced", C=0.3).fit(flat - mean, labels)
    assert np.array_equal(model.predict(new).argmax(1), plain.predict(new.reshape(40, -1) - mean))


def test_shifting_every_map_by_the_same_picture_changes_nothing(clouds, rng):
    inputs, labels, people = clouds
    picture = rng.normal(size=(1, 2, 4, 4)).astype(np.float32)
    guesses = []
    for shift in (0, picture):
        model = LinearSVM()
        model.fit(TrainingSide(inputs[:48] + shift, labels[:48], people[:48], 3))
        guesses.append(model.predict(inputs[48:] + shift).argmax(1))
    assert np.array_equal(*guesses)


def test_the_cost_is_chosen_on_people_not_on_clips(rng, monkeypatch):
    # every person's clips are one point, and who it is decides the class only by chance: inner folds that split a
    # person would reward memorising
    people = [f"p{i // 4}" for i in range(80)]
    labels = np.repeat(rng.integers(3, size=20), 4)
    inputs = np.repeat(rng.normal(size=(20, 60)), 4, axis=0).astype(np.float32)
    shared = []

    class Watched(GroupKFold):
        def split(self, x, groups):
            for train, test in super().split(x, groups=groups):
                shared.append(set(np.take(groups, train)) & set(np.take(groups, test)))
                yield train, test

    monkeypatch.setattr("mer_lightning.descriptors.estimator.GroupKFold", Watched)
    LinearSVM(costs=(0.1, 1.0)).fit(TrainingSide(inputs, labels, people, 3))
    assert len(shared) == 5
    assert not any(shared)


def test_the_cost_is_that_of_scikit_learns_own_cross_validation(rng):
    people = [f"p{i // 5}" for i in range(60)]
    labels = rng.integers(3, size=60)
    inputs = rng.normal(size=(60, 8)) + labels[:, None]
    gram, costs = inputs @ inputs.T, (0.001, 0.1, 10.0)

    def theirs(cost):
        machine = make_pipeline(KernelCenterer(), _machine(cost))
        guesses = cross_val_predict(machine, gram, labels, groups=people, cv=GroupKFold(5))
        return f1_score(labels, guesses, average="macro")

    known = TrainingSide(inputs, labels, people, 3)
    assert choose_cost(known, costs, 5, guess_by_kernel(gram, labels, _machine)) == max(costs, key=theirs)


@given(seed=st.integers(0, 2**32 - 1), apart=st.floats(0, 3), order=st.permutations([0.01, 0.1, 1.0, 10.0, 100.0]))
@settings(max_examples=30)
def test_a_cost_that_is_not_fitted_guesses_what_it_would_have_guessed(seed, apart, order):
    rng = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(3), rng.integers(3, size=37)])
    inputs = rng.normal(size=(40, 60)) + apart * labels[:, None]
    gram, train, test = inputs @ inputs.T, np.arange(30), np.arange(30, 40)
    within, across = gram[np.ix_(train, train)], gram[np.ix_(test, train)]
    guess = guess_by_kernel(gram, labels, _machine)(train, test)
    for cost in order:
        fitted = make_pipeline(KernelCenterer(), _machine(cost)).fit(within, labels[train])
        assert guess(cost).tolist() == fitted.predict(across).tolist()


def test_costs_beyond_the_first_without_a_bound_are_not_fitted():
    # one value on each side: the widest margin has dual variables of 1 / 2, whatever larger C is allowed
    gram, labels = np.outer([-1.0, 1.0], [-1.0, 1.0]), np.array([0, 1])
    rows, fitted = np.arange(2), []

    def machine(cost):
        fitted.append(cost)
        return _machine(cost)

    guess = guess_by_kernel(gram, labels, machine)(rows, rows)
    assert [guess(cost).tolist() for cost in (0.1, 0.5, 0.6, 3.0, 10.0)] == [[0, 1]] * 5
    assert fitted == [0.1, 0.5, 0.6]
    bound, unbound = (_machine(cost).fit(gram, labels) for cost in (0.4, 0.6))
    assert not is_unbound(bound, labels)
    assert is_unbound(unbound, labels)
    assert np.abs(unbound.dual_coef_).ravel().tolist() == pytest.approx([0.5, 0.5])


def test_part_of_a_training_side_keeps_samples_and_people_together(clouds):
    inputs, labels, people = clouds
    part = TrainingSide(inputs, labels, people, 3).only(np.array([5, 0, 9]))
    assert np.array_equal(part.inputs, inputs[[5, 0, 9]])
    assert part.labels.tolist() == [2, 0, 0]
    assert part.people == ["p5", "p0", "p1"]


def test_inner_folds_test_everybody_once_and_split_nobody(clouds):
    known = TrainingSide(*clouds, 3)
    folds = known.inner_folds(3)
    assert sorted(np.concatenate([test for _, test in folds]).tolist()) == list(range(64))
    for train, test in folds:
        assert not {known.people[row] for row in train} & {known.people[row] for row in test}
    assert len(known.inner_folds(20)) == 8
    assert TrainingSide(*clouds[:2], ["p"] * 64, 3).inner_folds(3) == []


def test_the_regression_is_that_of_scikit_learn_with_its_cost_chosen_on_people(rng):
    people = [f"p{i // 5}" for i in range(60)]
    labels = rng.integers(3, size=60)
    inputs, costs = rng.normal(size=(60, 4)) + 0.7 * labels[:, None], (0.001, 0.1, 10.0)

    def plain(cost):
        return LogisticRegression(C=cost, class_weight="balanced", max_iter=1000)

    def theirs(cost):
        guesses = cross_val_predict(plain(cost), inputs, labels, groups=people, cv=GroupKFold(5))
        return f1_score(labels, guesses, average="macro")

    assert len({theirs(cost) for cost in costs}) > 1
    model = Logistic(costs=costs)
    model.fit(TrainingSide(inputs, labels, people, 4))
    expected = plain(max(costs, key=theirs)).fit(inputs, labels).predict_proba(inputs)
    assert model.predict(inputs) == pytest.approx(np.pad(expected, ((0, 0), (0, 1))))
