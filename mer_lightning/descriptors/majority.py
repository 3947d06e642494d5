"""The floor of every table: always the class that is most frequent among the training samples."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from sklearn.dummy import DummyClassifier

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mer_lightning.descriptors.estimator import TrainingSide


class Majority:
    """Predict the majority class of the training samples; UAR is 1/C by construction."""

    labels_alone: ClassVar[bool] = True

    def __init__(self) -> None:
        self._model = DummyClassifier(strategy="prior")
        self._classes = 0

    def fit(self, known: TrainingSide) -> None:
        """Count the labels; nothing else is looked at."""
        self._classes = known.classes
        self._model.fit(np.empty((len(known.labels), 0)), known.labels)

    def predict(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Class shares of the training samples for each row, ``(n, C)``."""
        scores = np.zeros((len(inputs), self._classes))
        scores[:, self._model.classes_] = self._model.predict_proba(np.empty((len(inputs), 0)))
        return scores
