"""A logistic regression, for vectors of few values such as the scores of other methods."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from mer_lightning.descriptors.estimator import Costs, InnerFolds, choose_cost, vectors

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mer_lightning.descriptors.estimator import GuessAt, TrainingSide


class Logistic:
    """Multinomial logistic regression with balanced class weights; C is fixed, or chosen inside the training samples.

    With several costs, that of the best pooled UF1 of subject-grouped inner folds wins (the smallest of equals).

    Args:
        costs: C, or candidates for it.
        inner_folds: Number of subject-grouped inner folds.
    """

    def __init__(self, costs: Costs = (0.01, 0.1, 1.0, 10.0, 100.0), inner_folds: InnerFolds = 5) -> None:
        self._costs, self._inner_folds = costs, inner_folds
        self._classes = 0
        self._only: int | None = None
        self._model = LogisticRegression()

    def fit(self, known: TrainingSide) -> None:
        """Choose C where there are several, and fit on all samples, flattened."""
        features, labels = vectors(known.inputs), known.labels
        self._classes = known.classes
        self._only = int(labels[0]) if (labels == labels[0]).all() else None
        if self._only is not None:
            return

        def on(train: NDArray[np.int64], test: NDArray[np.int64]) -> GuessAt:
            def guess(cost: float) -> NDArray[np.int64]:
                return _regression(cost).fit(features[train], labels[train]).predict(features[test])

            return guess

        best = choose_cost(known, self._costs, self._inner_folds, on)
        self._model = _regression(best).fit(features, labels)

    def predict(self, inputs: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Class probabilities ``(n, C)``; 0 for classes that were not trained on."""
        scores = np.zeros((len(inputs), self._classes))
        if self._only is not None:
            scores[:, self._only] = 1.0
        else:
            scores[:, self._model.classes_] = self._model.predict_proba(vectors(inputs))
        return scores


def _regression(cost: float) -> LogisticRegression:
    return LogisticRegression(C=cost, class_weight="balanced", max_iter=1000)
