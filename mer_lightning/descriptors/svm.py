"""Support vector machines with the kernels that papers name, on feature vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.special import softmax
from sklearn.metrics.pairwise import chi2_kernel, linear_kernel, polynomial_kernel, rbf_kernel
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import KernelCenterer
from sklearn.svm import SVC

from mer_lightning.descriptors.estimator import Costs, Count, InnerFolds, Positive, choose_cost, vectors
from mer_lightning.descriptors.linear_svm import guess_by_kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mer_lightning.descriptors.estimator import TrainingSide

Kernel = Literal["linear", "poly", "rbf", "chi2"]


def scores_of_margins(margins: NDArray[np.float64], labels: NDArray[np.int64], classes: int) -> NDArray[np.float64]:
    """Class scores ``(n, C)`` that sum to 1: softmax of votes and margins; 0 for classes that are not known.

    Args:
        margins: Decision function, ``(n, classes known)``; of two classes ``(n,)``.
        labels: The classes known.
        classes: Number of classes C.
    """
    scores = np.zeros((len(margins), classes))
    # two classes have one margin
    margins = np.stack((-margins, margins), 1) if margins.ndim == 1 else margins
    scores[:, labels] = softmax(margins, axis=1)
    return scores


class SVM:
    """One-against-one support vector machine; C is fixed, or chosen inside the training samples.

    With several costs, that of the best pooled UF1 of subject-grouped inner folds wins (the smallest of equals).
    No parameter of the kernel is taken from data, so one kernel matrix serves all inner folds.

    Args:
        kernel: ``linear`` (x y); ``poly`` (gamma x y)^degree; ``rbf`` exp(-gamma |x - y|^2); ``chi2``
            exp(-gamma sum (x - y)^2 / (x + y)), for values that are not negative.
        costs: C, or candidates for it.
        degree: Of ``poly``.
        gamma: Scale of every kernel but ``linear``.
        unit: Scale each feature vector to length 1 first.
        balanced: Weigh each class by the inverse of its share.
        inner_folds: Number of subject-grouped inner folds.
    """

    def __init__(
        self,
        kernel: Kernel = "linear",
        costs: Costs = (0.01, 0.1, 1.0, 10.0, 100.0, 1000.0),
        degree: Count = 3,
        gamma: Positive = 1.0,
        unit: bool = False,
        balanced: bool = True,
        inner_folds: InnerFolds = 5,
    ) -> None:
        self._kernel, self._costs, self._inner_folds = kernel, costs, inner_folds
        self._degree, self._gamma, self._unit, self._balanced = degree, gamma, unit, balanced
        self._train = np.empty((0, 0))
        self._classes = 0
        self._only: int | None = None
        self._model: Pipeline | None = None

    def fit(self, known: TrainingSide) -> None:
        """Choose C where there are several, and fit on all samples, flattened."""
        labels = known.labels
        self._classes = known.classes
        self._train = vectors(known.inputs, unit=self._unit)
        self._only = int(labels[0]) if (labels == labels[0]).all() else None
        if self._only is not None:
            # an inner fold of few people may have nothing to tell apart
            return
        gram = self._between(self._train)
        guess = guess_by_kernel(gram, labels, self._machine)
        best = choose_cost(known, self._costs, self._inner_folds, guess)
        # centring changes no solution, but it is found sooner
        self._model = make_pipeline(KernelCenterer(), self._machine(best)).fit(gram, labels)

    def predict(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Class scores ``(n, C)`` that sum to 1: softmax of votes and margins; in order, but no probabilities."""
        if self._only is not None:
            return np.tile(np.eye(self._classes)[self._only], (len(inputs), 1))
        assert self._model is not None, "fit comes first"
        margins = self._model.decision_function(self._between(vectors(inputs, unit=self._unit)))
        return scores_of_margins(margins, self._model.classes_, self._classes)

    def _between(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        if self._kernel == "linear":
            return linear_kernel(features, self._train)
        if self._kernel == "poly":
            return polynomial_kernel(features, self._train, degree=self._degree, gamma=self._gamma, coef0=0)
        return {"rbf": rbf_kernel, "chi2": chi2_kernel}[self._kernel](features, self._train, gamma=self._gamma)

    def _machine(self, cost: float) -> SVC:
        weights = "balanced" if self._balanced else None
        return SVC(kernel="precomputed", class_weight=weights, C=cost, break_ties=True)
