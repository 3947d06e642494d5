"""Ensembles of estimators: means of scores, and stacking that never sees the person whom it weighs."""

import numpy as np
import pytest

import mer_lightning.descriptors.majority as majority_file
from mer_lightning.descriptors.ensemble import Average, Stacking
from mer_lightning.descriptors.estimator import TrainingSide
from mer_lightning.descriptors.majority import Majority
from mer_lightning.descriptors.svm import SVM
from mer_lightning.types import DataError

SVMS = [
    {"name": "svm.SVM", "arguments": {"kernel": kernel, "costs": [1.0], "gamma": 0.1}} for kernel in ("linear", "rbf")
]
MAJORITY = {"name": "majority.Majority"}


@pytest.fixture
def clouds(rng):
    labels = np.arange(80) % 2
    inputs = rng.normal(size=(80, 6)).astype(np.float32)
    inputs[:, 0] += 2 * labels
    return inputs, labels, [f"p{i // 8}" for i in range(80)]


def fitted(model, clouds, rows=slice(0, 64)):
    inputs, labels, people = clouds
    model.fit(TrainingSide(inputs[rows], labels[rows], people[rows], 3))
    return model


def test_an_average_is_the_mean_of_its_members_scores(clouds):
    ours = fitted(Average([*SVMS, MAJORITY]), clouds).predict(clouds[0][64:])
    members = [SVM(**svm["arguments"]) for svm in SVMS] + [Majority()]
    assert ours == pytest.approx(np.mean([fitted(m, clouds).predict(clouds[0][64:]) for m in members], axis=0))


def test_stacking_never_fits_on_a_person_whose_scores_it_learns_from(clouds, monkeypatch):
    inputs, _, people = clouds
    who = {row.tobytes(): person for row, person in zip(inputs, people, strict=True)}
    pairs = []

    class Seeing(Majority):
        def fit(self, known):
            assert [who[row.tobytes()] for row in known.inputs] == list(known.people)
            self.people = set(known.people)
            super().fit(known)

        def predict(self, given):
            pairs.append((self.people, {who[row.tobytes()] for row in given}))
            return super().predict(given)

    monkeypatch.setattr(majority_file, "Majority", Seeing)
    model = fitted(Stacking([MAJORITY, MAJORITY], inner_folds=4), clouds)
    assert len(pairs) == 2 * 4
    assert not any(fit & test for fit, test in pairs)
    assert set.union(*(test for _, test in pairs)) == set(people[:64])
    pairs.clear()
    model.predict(inputs[64:])
    assert pairs == [(set(people[:64]), set(people[64:]))] * 2


def test_stacking_follows_the_member_that_knows(clouds):
    inputs, labels, _ = clouds
    model = fitted(Stacking([MAJORITY, SVMS[0]]), clouds)
    scores = model.predict(inputs[64:])
    assert scores.sum(1) == pytest.approx(np.ones(16))
    assert scores[:, 2].max() == 0
    alone = fitted(SVM(**SVMS[0]["arguments"]), clouds).predict(inputs[64:])
    assert (scores.argmax(1) == alone.argmax(1)).mean() > 0.9
    assert (scores.argmax(1) == labels[64:]).mean() > 0.7


def test_one_person_cannot_be_stacked_on(clouds):
    with pytest.raises(DataError, match="stacking: expected training samples of two people or more"):
        Stacking([MAJORITY]).fit(TrainingSide(*clouds[:2], ["p"] * 80, 3))


@pytest.mark.parametrize("kind", [Average, Stacking])
@pytest.mark.parametrize(
    ("members", "says"),
    [
        ([], "members: expected one or more"),
        ([MAJORITY, {"name": "svm.SWM"}], "members.1.name: no class SWM in mer_lightning/descriptors/svm.py"),
        ([{"name": "svm.SVM", "arguments": {"cost": 1.0}}], "members.0.arguments.cost: svm.SVM takes no such argument"),
        ([{"name": "svm.SVM", "arguments": {"costs": []}}], "members.0.costs: expected one positive number"),
        ([{"nome": "svm.SVM"}], "members.0.name: Field required"),
        ([{"name": "os.path"}], "members.0.name: String should match"),
    ],
)
def test_a_wrong_member_is_named_by_its_place(kind, members, says):
    with pytest.raises(DataError, match=says):
        kind(members)


def test_wrong_numbers_are_named():
    with pytest.raises(DataError, match="inner_folds: expected 2 or more"):
        Stacking([MAJORITY], inner_folds=1)
