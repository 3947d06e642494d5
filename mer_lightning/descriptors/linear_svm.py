"""The mandatory baseline: a support vector machine on the maps themselves, a linear one unless told otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
import torch
from pydantic import Field
from sklearn.dummy import DummyClassifier
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import KernelCenterer
from sklearn.svm import SVC
from torch.nn.functional import adaptive_avg_pool2d

from mer_lightning.descriptors.estimator import Costs, Count, InnerFolds, Positive, choose_cost, vectors
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from mer_lightning.descriptors.estimator import GuessAt, TrainingSide

Planes = Annotated[Sequence[Annotated[int, Field(ge=0)]], Field(min_length=1)]


class LinearSVM:
    """Linear SVM with balanced class weights on maps that are centred with the mean of the training part.

    C is chosen by the pooled UF1 of subject-grouped inner folds of the training samples (the smallest of equals).
    All fits share one Gram matrix; ``KernelCenterer`` centres it with the training part of whatever split it is
    fitted on, which is the same as subtracting that part's mean map, so no inner fold sees its test samples.

    Args:
        costs: Candidates for C; a single one is taken as it is.
        inner_folds: Number of subject-grouped inner folds.
        kernel: ``linear``, or ``rbf``: exp(-gamma |x - y|^2 / d) of maps of d values, which fits nothing to the data.
        gamma: Width of ``rbf``; unused otherwise.
        channels: Planes that are looked at, by number; all when absent.
        planes: ``unscaled`` undoes that each plane was scaled to its own range, see ``unscale``.
        pool: Average each plane over a grid of so many cells a side; none when absent.
        in_channels: Number of planes, given by what is seen; not known when absent.

    Raises:
        DataError: A plane that is not there is looked at.
    """

    def __init__(
        self,
        costs: Positive | Costs = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0),
        inner_folds: InnerFolds = 5,
        kernel: Literal["linear", "rbf"] = "linear",
        gamma: Positive = 1.0,
        channels: Planes | None = None,
        planes: Literal["as_given", "unscaled"] = "as_given",
        pool: Count | None = None,
        in_channels: int | None = None,
    ) -> None:
        if in_channels is not None and channels is not None and max(channels) >= in_channels:
            raise DataError(f"channels: expected numbers from 0 to {in_channels - 1}, got {list(channels)}")
        self._costs = (costs,) if isinstance(costs, float | int) else tuple(costs)
        self._inner_folds, self._kernel, self._gamma = inner_folds, kernel, gamma
        self._channels, self._planes, self._pool = channels, planes, pool
        self._train = np.empty((0, 0))
        self._classes = 0
        self._model: Pipeline | DummyClassifier | None = None

    def fit(self, known: TrainingSide) -> None:
        """Choose C and fit on all samples, maps of any range, flattened."""
        self._classes = known.classes
        self._train = self._features(known.inputs)
        gram = self._gram(self._train)
        if (known.labels == known.labels[0]).all():
            # an inner fold of few people may have nothing to tell apart
            self._model = DummyClassifier().fit(gram, known.labels)
            return
        guess = guess_by_kernel(gram, known.labels, _machine)
        best = choose_cost(known, self._costs, self._inner_folds, guess)
        self._model = make_pipeline(KernelCenterer(), _machine(best)).fit(gram, known.labels)

    def predict(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Class scores ``(n, C)``: 1 for the class the machine chose, 0 elsewhere (margins are not probabilities)."""
        assert self._model is not None, "fit comes first"
        guesses = np.asarray(self._model.predict(self._gram(self._features(inputs))))
        return np.eye(self._classes)[guesses]

    def _features(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        maps = inputs if self._channels is None else inputs[:, list(self._channels)]
        if self._planes == "unscaled":
            maps = unscale(maps)
        if self._pool is not None:
            maps = adaptive_avg_pool2d(torch.from_numpy(np.ascontiguousarray(maps)), self._pool).numpy()
        return vectors(maps)

    def _gram(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        if self._kernel == "linear":
            return features @ self._train.T
        return rbf_kernel(features, self._train, gamma=self._gamma / features.shape[1])


def unscale(maps: NDArray[np.float32]) -> NDArray[np.float32]:
    """Planes with their median at 0 and a root mean square of 1, each by itself.

    A plane that was scaled to its own minimum and maximum has lost where no motion lies and how large a motion is.
    Most of a face is still, so the median is taken for no motion; the size stays unknown and is made the same.

    Args:
        maps: ``(n, C, H, W)``; a plane of one value becomes 0.
    """
    moved = maps - np.median(maps, axis=(-2, -1), keepdims=True)
    size = np.sqrt(np.mean(moved**2, axis=(-2, -1), keepdims=True))
    return (moved / np.where(size > 0, size, 1)).astype(np.float32)


def guess_by_kernel(
    gram: NDArray[np.float64], labels: NDArray[np.int64], machine: Callable[[float], SVC]
) -> Callable[[NDArray[np.int64], NDArray[np.int64]], GuessAt]:
    """What ``choose_cost`` asks of a machine with a kernel: one matrix ``(n, n)`` serves all inner folds and costs.

    Args:
        gram: Kernel between all samples of the training side.
        labels: Their classes, ``(n,)``.
        machine: Makes a machine of a given C, not fitted, that takes centred kernels.
    """

    def on(train: NDArray[np.int64], test: NDArray[np.int64]) -> GuessAt:
        centre = KernelCenterer().fit(gram[np.ix_(train, train)])
        within, across = (centre.transform(gram[np.ix_(rows, train)]) for rows in (train, test))
        unbound: list[tuple[float, NDArray[np.int64]]] = []

        def guess(cost: float) -> NDArray[np.int64]:
            for least, known in unbound:
                if cost >= least:
                    return known
            fitted = machine(cost).fit(within, labels[train])
            guesses = fitted.predict(across)
            if is_unbound(fitted, labels[train]):
                unbound.append((cost, guesses))
            return guesses

        return guess

    return on


def is_unbound(machine: SVC, labels: NDArray[np.int64]) -> bool:
    """Whether no dual variable of a fitted machine is at its bound, C times the weight of its class.

    Then the bound decides nothing, and every larger C has the same solution.

    Args:
        machine: Fitted.
        labels: What it was fitted on, ``(n,)``.
    """
    weights = machine.class_weight_[np.searchsorted(machine.classes_, labels[machine.support_])]
    shares = np.abs(np.asarray(machine.dual_coef_))
    return bool((shares < machine.C * weights).all())


def _machine(cost: float) -> SVC:
    return SVC(kernel="precomputed", class_weight="balanced", C=cost)
