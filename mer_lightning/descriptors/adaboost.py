"""Inspired by Le Ngo, Phan and See: boosted linear machines, and their transfer to the person who is tested."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import minimize
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import AdaBoostClassifier
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.svm import SVC

from mer_lightning.descriptors.estimator import Count, Positive, vectors

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mer_lightning.descriptors.estimator import TrainingSide

_Machine = AdaBoostClassifier | SVC | DummyClassifier


class AdaBoost:
    """AdaBoost (SAMME) of linear support vector machines on feature vectors of length 1.

    A first machine that is no better than chance on what it was fitted on cannot be boosted; it decides alone. Where
    there is one class only, nothing is fitted.

    Args:
        rounds: Machines at most.
        cost: C of each machine.
        shrinkage: How much each machine counts.

    Source: inspired by Le Ngo, Phan and See, Spontaneous Subtle Expression Recognition: Imbalanced Databases and
    Solutions, ACCV 2014, which does not state its weak learners.
    """

    def __init__(self, rounds: Count = 20, cost: Positive = 10.0, shrinkage: Positive = 0.5) -> None:
        self._rounds, self._cost, self._shrinkage = rounds, cost, shrinkage
        self._train = np.empty((0, 0))
        self._classes = 0
        self._model: _Machine | None = None

    def fit(self, known: TrainingSide) -> None:
        """Boost on all samples, flattened, all classes with the same total weight at first."""
        self._classes = known.classes
        self._train = vectors(known.inputs, unit=True)
        self._model = self._boosted(known.labels, np.ones(len(known.labels)))

    def predict(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Class scores ``(n, C)`` that sum to 1."""
        assert self._model is not None, "fit comes first"
        return self._scores(self._model, vectors(inputs, unit=True))

    def _boosted(self, labels: NDArray[np.int64], weights: NDArray[np.float64]) -> _Machine:
        gram = self._train @ self._train.T
        if (labels == labels[0]).all():
            return DummyClassifier().fit(gram, labels)
        counts = np.bincount(labels, weights=weights, minlength=self._classes)
        start = weights / np.where(counts > 0, counts, 1)[labels]
        start /= start.sum()
        # SVC multiplies C by weights that sum to 1, so that C is per mean weight
        machine = SVC(kernel="precomputed", C=self._cost * len(labels))
        alone = machine.fit(gram, labels, sample_weight=start)
        if start[alone.predict(gram) != labels].sum() >= 1 - 1 / len(alone.classes_) - 1e-9:
            return alone
        model = AdaBoostClassifier(machine, n_estimators=self._rounds, learning_rate=self._shrinkage, random_state=0)
        return model.fit(gram, labels, sample_weight=start)

    def _scores(self, model: _Machine, features: NDArray[np.float64]) -> NDArray[np.float64]:
        between = features @ self._train.T
        if not isinstance(model, AdaBoostClassifier):
            return np.eye(self._classes)[np.asarray(model.predict(between))]
        scores = np.zeros((len(features), self._classes))
        scores[:, model.classes_] = model.predict_proba(between)
        return scores


class AdaBoostSTM(AdaBoost):
    """AdaBoost whose training samples are weighted by how much they look like the tested person's.

    The weights are those of kernel mean matching between the training samples and the unlabelled samples that are
    predicted together, so the machine learns from the held-out subject's pictures: **transductive**.

    Args:
        rounds, cost, shrinkage: See ``AdaBoost``.
        bound: Largest weight of a sample; the mean is 1.

    Source: inspired by Chu, De la Torre and Cohn, Selective Transfer Machine for Personalized Facial Action Unit
    Detection, CVPR 2013, as used by Le Ngo, Phan and See, ACCV 2014.
    """

    def __init__(
        self, rounds: Count = 20, cost: Positive = 10.0, shrinkage: Positive = 0.5, bound: Positive = 5.0
    ) -> None:
        super().__init__(rounds, cost, shrinkage)
        self._bound = bound
        self._labels: NDArray[np.int64] = np.empty(0, dtype=np.int64)

    def fit(self, known: TrainingSide) -> None:
        """Keep the training samples; what is learnt from them depends on who is tested. See ``AdaBoost.fit``."""
        self._classes, self._labels = known.classes, known.labels
        self._train = vectors(known.inputs, unit=True)

    def predict(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Class scores ``(n, C)`` that sum to 1; depend on all of ``inputs`` together."""
        features = vectors(inputs, unit=True)
        weights = mean_matching_weights(self._train, features, self._bound)
        return self._scores(self._boosted(self._labels, weights), features)


def mean_matching_weights(
    train: NDArray[np.float64], test: NDArray[np.float64], bound: float = 5.0
) -> NDArray[np.float64]:
    """Weights that bring the mean of the training samples, in the space of a kernel, close to that of the others.

    Minimises ``w K w / 2 - k w`` with K the Gaussian kernel whose width is the median distance of the training
    samples, and k its sum with the others times n / m.

    Args:
        train: ``(n, D)``.
        test: ``(m, D)``.
        bound: Largest weight.

    Returns:
        ``(n,)``, in 0..bound before they are scaled to mean 1.

    Source: Huang, Smola, Gretton, Borgwardt and Schoelkopf, Correcting Sample Selection Bias by Unlabeled Data,
    NIPS 2006.
    """
    squares = np.square(train).sum(1)
    distances = squares[:, None] + squares - 2 * train @ train.T
    width = float(np.median(distances[~np.eye(len(train), dtype=bool)])) or 1.0
    among = rbf_kernel(train, gamma=1 / width)
    towards = rbf_kernel(train, test, gamma=1 / width).sum(1) * (len(train) / len(test))

    def cost(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        pulled = among @ weights
        return float(weights @ pulled / 2 - towards @ weights), pulled - towards

    start = np.ones(len(train))
    found = minimize(cost, start, jac=True, bounds=[(0.0, bound)] * len(train), method="L-BFGS-B").x
    # a trace for everybody, so that no class vanishes
    weights = np.maximum(found, 1e-3)
    return weights / weights.mean()
