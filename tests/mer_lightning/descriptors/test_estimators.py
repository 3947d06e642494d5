import numpy as np
import pytest
from sklearn.metrics import f1_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.svm import SVC

from mer_lightning.descriptors.linear_svm import LinearSVM, _machine, choose_cost
from mer_lightning.descriptors.majority import Majority


@pytest.fixture
def clouds(rng):
    """Three noisy classes of eight people, ``(inputs, labels, people)``."""
    labels = np.arange(64) % 3
    inputs = rng.normal(size=(64, 2, 4, 4)).astype(np.float32) + 0.5 * labels[:, None, None, None]
    return inputs, labels, [f"p{i % 8}" for i in range(64)]


def test_majority_predicts_the_most_frequent_training_class():
    model = Majority()
    model.fit(np.zeros((5, 1)), np.array([2, 0, 2, 2, 0]), ["a"] * 5, classes=3, seed=0)
    scores = model.predict(np.zeros((2, 1)))
    assert scores.argmax(1).tolist() == [2, 2]
    assert scores[0].tolist() == pytest.approx([0.4, 0, 0.6])


def test_the_kernel_machine_equals_a_linear_svm_on_maps_centred_with_the_training_mean(clouds, rng):
    inputs, labels, people = clouds
    model = LinearSVM(costs=(0.3,))
    model.fit(inputs, labels, people, classes=3, seed=0)
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
        model.fit(inputs[:48] + shift, labels[:48], people[:48], classes=3, seed=0)
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
        def split(self, x, y, groups):
            for train, test in super().split(x, y, groups):
                shared.append(set(np.take(groups, train)) & set(np.take(groups, test)))
                yield train, test

    monkeypatch.setattr("mer_lightning.descriptors.linear_svm.GroupKFold", Watched)
    LinearSVM(costs=(0.1, 1.0)).fit(inputs, labels, people, classes=3, seed=0)
    assert len(shared) == 5
    assert not any(shared)


def test_the_cost_is_that_of_scikit_learns_own_cross_validation(rng):
    people = [f"p{i // 5}" for i in range(60)]
    labels = rng.integers(3, size=60)
    inputs = rng.normal(size=(60, 8)) + labels[:, None]
    gram, costs = inputs @ inputs.T, (0.001, 0.1, 10.0)

    def theirs(cost):
        guesses = cross_val_predict(_machine(cost), gram, labels, groups=people, cv=GroupKFold(5))
        return f1_score(labels, guesses, average="macro")

    assert choose_cost(gram, labels, people, costs, 5, _machine, 3) == max(costs, key=theirs)
