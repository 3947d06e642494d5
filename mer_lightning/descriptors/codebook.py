"""The estimator of STCLQP-inspired features: codebooks, selected words, and a support vector machine."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field
from sklearn.cluster import KMeans
from sklearn.feature_selection import SelectPercentile, f_classif

from mer_lightning.descriptors.estimator import Costs, InnerFolds  # noqa: TC001 - recipes are held against them
from mer_lightning.descriptors.stclqp import CODES, KINDS
from mer_lightning.descriptors.svm import SVM

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mer_lightning.descriptors.estimator import TrainingSide


class CodebookSVM:
    """A codebook for each kind of code, the histograms of its words, the most telling of them, and an SVM.

    A codebook groups the 256 codes by k-means of their bits, each code counting as often as the training samples
    show it. Words are kept by the F statistic of the training samples. Both see no held-out subject; the inner
    folds that choose C share them, so C is chosen a little too boldly.

    Args:
        words: Words of a codebook.
        kept: Share of the words of all blocks that is kept, percent.
        costs: Candidates for C.
        inner_folds: Number of subject-grouped inner folds.
    """

    def __init__(
        self,
        words: Annotated[int, Field(ge=1, le=CODES)] = 32,
        kept: Annotated[int, Field(ge=1, le=100)] = 50,
        costs: Costs = (0.1, 1.0, 10.0, 100.0),
        inner_folds: InnerFolds = 5,
    ) -> None:
        self._words, self._kept = words, kept
        self._svm = SVM(costs=costs, inner_folds=inner_folds)
        self._tables = np.empty((0,))
        self._chosen: NDArray[np.bool_] = np.empty(0, dtype=bool)

    def fit(self, known: TrainingSide) -> None:
        """Make the codebooks of what ``quantised_patterns`` gives, keep words, choose C and fit."""
        inputs, labels = known.inputs, known.labels
        shown = inputs.reshape(len(inputs), -1, KINDS, CODES).sum((0, 1))
        bits = (np.arange(CODES)[:, None] >> np.arange(8)) & 1
        tables: list[NDArray[np.float64]] = []
        for weights in shown:
            words = KMeans(self._words, random_state=0).fit(bits, sample_weight=weights + 1e-9)
            tables.append(np.eye(self._words)[words.labels_])
        self._tables = np.stack(tables)
        features = self._words_of(inputs)
        self._chosen = np.full(features.shape[1], fill_value=True)
        varied = features.std(0) > 0
        selection = SelectPercentile(f_classif, percentile=self._kept).fit(features[:, varied], labels)
        self._chosen[~varied] = False
        self._chosen[varied] = selection.get_support()
        self._svm.fit(replace(known, inputs=features[:, self._chosen]))

    def predict(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Class scores ``(n, C)``, see ``SVM.predict``."""
        return self._svm.predict(self._words_of(inputs)[:, self._chosen])

    def _words_of(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        codes = inputs.reshape(len(inputs), -1, KINDS, CODES)
        words = np.einsum("nbkc,kcw->nbkw", codes, self._tables.astype(np.float32), optimize=True)
        return words.reshape(len(inputs), -1)
