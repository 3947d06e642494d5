"""The floor of every table: always the class that is most frequent among the training samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.dummy import DummyClassifier

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


class Majority:
    """Predict the majority class of the training samples; UAR is 1/C by construction."""

    def __init__(self) -> None:
        self._model = DummyClassifier(strategy="prior")
        self._classes = 0

    def fit(
        self,
        inputs: NDArray[np.float32],
        labels: NDArray[np.int64],
        people: Sequence[str],
        *,
        classes: int,
        seed: int,
    ) -> None:
        """Count the classes of ``labels``, ``(n,)``; nothing else is looked at."""
        del people, seed
        self._classes = classes
        self._model.fit(inputs.reshape(len(inputs), -1), labels)

    def predict(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Class shares of the training samples for each row, ``(n, C)``."""
        scores = np.zeros((len(inputs), self._classes))
        scores[:, self._model.classes_] = self._model.predict_proba(inputs.reshape(len(inputs), -1))
        return scores
