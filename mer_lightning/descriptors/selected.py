"""The estimator of SDF-like features: a support vector machine on the few that tell classes apart together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.feature_selection import RFE
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from mer_lightning.descriptors.estimator import Costs, Count, InnerFolds, choose_cost, vectors
from mer_lightning.descriptors.svm import scores_of_margins

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mer_lightning.descriptors.estimator import GuessAt, TrainingSide


class SelectedSVM:
    """Linear support vector machine on features that are left when the least used ones are taken away again and again.

    Features are scaled to mean 0 and variance 1 of the training samples. A machine is fitted, a tenth of the features,
    those of the smallest weights, goes, and so on until ``keep`` are left (recursive feature elimination). Inner folds
    that choose C eliminate anew, so neither C nor a feature is chosen with a glance at a sample that is tested on.

    Args:
        keep: Features that are left; all where there are fewer.
        costs: C of the last machine, or candidates for it; those that eliminate have C = 1.
        inner_folds: Number of subject-grouped inner folds.

    Source: elimination is that of Guyon, Weston, Barnhill and Vapnik, Gene Selection for Cancer Classification using
    Support Vector Machines, Machine Learning 46, 2002.
    """

    def __init__(
        self,
        keep: Count = 256,
        costs: Costs = (0.001, 0.01, 0.1, 1.0, 10.0),
        inner_folds: InnerFolds = 5,
    ) -> None:
        self._keep, self._costs, self._inner_folds = keep, costs, inner_folds
        self._classes = 0
        self._only: int | None = None
        self._selection: Pipeline | None = None
        self._machine = SVC()

    def fit(self, known: TrainingSide) -> None:
        """Choose C where there are several, choose features and fit on all samples."""
        features, labels = vectors(known.inputs), known.labels
        self._classes = known.classes
        self._only = int(labels[0]) if (labels == labels[0]).all() else None
        if self._only is not None:
            return

        def on(train: NDArray[np.int64], test: NDArray[np.int64]) -> GuessAt:
            # the features of an inner fold do not depend on C
            select = self._select(features[train], labels[train])
            kept, asked = select.transform(features[train]), select.transform(features[test])

            def guess(cost: float) -> NDArray[np.int64]:
                return _machine(cost).fit(kept, labels[train]).predict(asked)

            return guess

        best = choose_cost(known, self._costs, self._inner_folds, on)
        self._selection = self._select(features, labels)
        self._machine = _machine(best).fit(self._selection.transform(features), labels)

    def predict(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Class scores ``(n, C)`` that sum to 1: softmax of votes and margins; in order, but no probabilities."""
        if self._only is not None:
            return np.tile(np.eye(self._classes)[self._only], (len(inputs), 1))
        assert self._selection is not None, "fit comes first"
        margins = self._machine.decision_function(self._selection.transform(vectors(inputs)))
        return scores_of_margins(margins, self._machine.classes_, self._classes)

    def chosen(self) -> NDArray[np.int64]:
        """Numbers of the features that are left, in order."""
        assert self._selection is not None, "fit comes first"
        return self._selection.named_steps["rfe"].get_support(indices=True)

    def _select(self, features: NDArray[np.float64], labels: NDArray[np.int64]) -> Pipeline:
        count = features.shape[1]
        elimination = RFE(_machine(1.0), n_features_to_select=min(self._keep, count), step=max(1, count // 10))
        return make_pipeline(StandardScaler(), elimination).fit(features, labels)


def _machine(cost: float) -> SVC:
    return SVC(kernel="linear", class_weight="balanced", C=cost, break_ties=True)
