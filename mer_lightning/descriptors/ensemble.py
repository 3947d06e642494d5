"""Several estimators on the same inputs: the mean of their scores, or an estimator on top of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError

from mer_lightning.descriptors.logistic import Logistic
from mer_lightning.settings import Component
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mer_lightning.descriptors.estimator import Estimator, TrainingSide

_ROOM = "mer_lightning.descriptors"


class Average:
    """The mean of the class scores of several estimators.

    Args:
        members: Each ``{name: <file>.<Class>, arguments: {...}}``, as under ``estimator:`` of a recipe.

    Raises:
        DataError: No member, or one that does not exist; the message starts with its key.
    """

    def __init__(self, members: list[dict[str, Any]]) -> None:
        self._members = _components(members)
        self._fitted: list[Estimator] = []

    def fit(self, known: TrainingSide) -> None:
        """Fit every member on all samples."""
        self._fitted = [_fit(member, known) for member in self._members]

    def predict(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Mean class scores, ``(n, C)``."""
        return np.mean([member.predict(inputs) for member in self._fitted], axis=0)


class Stacking:
    """A logistic regression on the class scores of several estimators.

    It is fitted on the scores that training samples get in subject-grouped inner folds, from members that were
    fitted without the sample's person; members that predict the held-out subject are fitted on all training samples.

    Args:
        members: See ``Average``.
        inner_folds: Number of subject-grouped inner folds.
        cost: C of the logistic regression.

    Raises:
        DataError: As ``Average``.

    Source: Wolpert, Stacked Generalization, Neural Networks 5(2), 1992.
    """

    def __init__(self, members: list[dict[str, Any]], inner_folds: int = 5, cost: float = 1.0) -> None:
        if inner_folds < 2 or cost <= 0:
            raise DataError(f"inner_folds: expected 2 or more and a positive cost, got {inner_folds} and {cost}")
        self._members, self._inner_folds = _components(members), inner_folds
        self._fitted: list[Estimator] = []
        self._top = Logistic(costs=(cost,))

    def fit(self, known: TrainingSide) -> None:
        """Fit what is on top on scores of inner folds, then every member on all samples.

        Raises:
            DataError: All samples are of one person.
        """
        folds = known.inner_folds(self._inner_folds)
        if not folds:
            raise DataError("stacking: expected training samples of two people or more")
        scores = np.zeros((len(self._members), len(known.labels), known.classes))
        for train, test in folds:
            inner = known.only(train)
            for row, member in zip(scores, self._members, strict=True):
                row[test] = _fit(member, inner).predict(known.inputs[test])
        self._top.fit(replace(known, inputs=beside(scores)))
        self._fitted = [_fit(member, known) for member in self._members]

    def predict(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Class probabilities ``(n, C)`` of what is on top."""
        return self._top.predict(beside(np.stack([member.predict(inputs) for member in self._fitted])))


def beside(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Class scores of several members ``(members, n, C)`` as one row per sample, ``(n, members * C)``."""
    return scores.transpose(1, 0, 2).reshape(scores.shape[1], -1)


def _components(members: list[dict[str, Any]]) -> list[Component]:
    if not members:
        raise DataError("members: expected one or more")
    found: list[Component] = []
    for place, member in enumerate(members):
        try:
            component = Component.model_validate(member)
            component.build(_ROOM)
        except ValidationError as error:
            first = error.errors()[0]
            raise DataError(f"members.{place}.{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
        except DataError as error:
            raise DataError(f"members.{place}.{error}") from error
        found.append(component)
    return found


def _fit(member: Component, known: TrainingSide) -> Estimator:
    built: Estimator = member.build(_ROOM)
    built.fit(known)
    return built
