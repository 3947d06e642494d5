"""A chain of two-class support vector machines: one class against the rest, then the next among what is left."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from mer_lightning.descriptors.estimator import Costs, InnerFolds, Positive  # noqa: TC001 - recipes are held against them
from mer_lightning.descriptors.svm import SVM, Kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mer_lightning.descriptors.estimator import TrainingSide


class HierarchicalSVM:
    """Class by class, a machine splits one off from those that are left; the last two classes share the last machine.

    The most frequent class of the training samples goes first: under the three classes of MEGC2019 negative against
    the rest, then positive against surprise. Each machine has a C of its own, chosen among the samples that reach it.

    Args:
        kernel: See ``SVM``, as the following.
        costs: C, or candidates for it.
        gamma: Scale of every kernel but ``linear``.
        inner_folds: Number of subject-grouped inner folds.

    Source: after Pan, Xie, Lv, Li and Wang, Hierarchical Support Vector Machine for Facial Micro-expression
    Recognition, Multimedia Tools and Applications 79, 2020, of which the abstract is known here; the order is a choice.
    """

    def __init__(
        self,
        kernel: Kernel = "linear",
        costs: Costs = (0.01, 0.1, 1.0, 10.0, 100.0, 1000.0),
        gamma: Positive = 1.0,
        inner_folds: InnerFolds = 5,
    ) -> None:
        def machine() -> SVM:
            return SVM(kernel=kernel, costs=costs, gamma=gamma, inner_folds=inner_folds)

        self._machine = machine
        self._classes = 0
        self._order: list[int] = []
        self._chain: list[SVM] = []

    def fit(self, known: TrainingSide) -> None:
        """Fit the machines from the first to the last, each on the samples of its class and of those behind it."""
        counts = np.bincount(known.labels, minlength=known.classes)
        self._classes = known.classes
        self._order = [int(label) for label in np.argsort(-counts, kind="stable") if counts[label]]
        self._chain = []
        for label in self._order[:-1]:
            machine = self._machine()
            machine.fit(replace(known, labels=(known.labels != label).astype(np.int64), classes=2))
            self._chain.append(machine)
            known = known.only(np.flatnonzero(known.labels != label))

    def predict(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Class scores ``(n, C)`` that sum to 1; the largest is where the chain ends.

        Half of a sample's score goes to that class, half is divided along the chain by what its machines say.
        """
        shares = np.zeros((len(inputs), self._classes))
        guesses = np.full(len(inputs), -1)
        left = np.ones(len(inputs))
        for label, machine in zip(self._order, self._chain, strict=False):
            taken, passed = machine.predict(inputs).T
            shares[:, label] = left * taken
            left = left * passed
            guesses[(guesses < 0) & (taken >= passed)] = label
        shares[:, self._order[-1]] = left
        guesses[guesses < 0] = self._order[-1]
        return (shares + np.eye(self._classes)[guesses]) / 2
