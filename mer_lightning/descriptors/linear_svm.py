"""The mandatory baseline: a linear support vector machine on the maps themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import KernelCenterer
from sklearn.svm import SVC

from mer_lightning.metrics import confusion_matrix, uf1

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


class LinearSVM:
    """Linear SVM with balanced class weights on maps that are centred with the mean of the training part.

    C is chosen by the pooled UF1 of subject-grouped inner folds of the training samples (the smallest of equals).
    All fits share one Gram matrix; ``KernelCenterer`` centres it with the training part of whatever split it is
    fitted on, which is the same as subtracting that part's mean map, so no inner fold sees its test samples.

    Args:
        costs: Candidates for C.
        inner_folds: Number of subject-grouped inner folds.
    """

    def __init__(
        self,
        costs: tuple[float, ...] | list[float] = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0),
        inner_folds: int = 5,
    ) -> None:
        self._costs, self._inner_folds = tuple(costs), inner_folds
        self._train = np.empty((0, 0))
        self._classes = 0
        self._model: Pipeline | None = None

    def fit(
        self,
        inputs: NDArray[np.float32],
        labels: NDArray[np.int64],
        people: Sequence[str],
        *,
        classes: int,
        seed: int,
    ) -> None:
        """Choose C inside the training samples and fit on all of them.

        Args:
            inputs: ``(n, ...)``, any range; flattened.
            labels: Class indices, ``(n,)``.
            people: Subject of each sample; inner folds never split one.
            classes: Number of classes.
            seed: Unused: nothing here is random.
        """
        del seed
        self._classes = classes
        self._train = inputs.reshape(len(inputs), -1).astype(np.float64)
        gram = self._train @ self._train.T
        folds = GroupKFold(min(self._inner_folds, len(set(people))))

        def inner_uf1(cost: float) -> float:
            guesses = np.array(cross_val_predict(_machine(cost), gram, labels, groups=people, cv=folds))
            return float(uf1(confusion_matrix(labels, guesses, classes)))

        first, *others = self._costs
        best = max(self._costs, key=inner_uf1) if others else first
        self._model = _machine(best).fit(gram, labels)

    def predict(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Class scores ``(n, C)``: 1 for the class the machine chose, 0 elsewhere (margins are not probabilities)."""
        assert self._model is not None, "fit comes first"
        guesses = self._model.predict(inputs.reshape(len(inputs), -1).astype(np.float64) @ self._train.T)
        return np.eye(self._classes)[guesses]


def _machine(cost: float) -> Pipeline:
    return make_pipeline(KernelCenterer(), SVC(kernel="precomputed", class_weight="balanced", C=cost))
