"""Several estimators on the same inputs: the mean of their scores, or an estimator on top of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from mer_lightning.settings import Component
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_ROOM = "mer_lightning.descriptors"
_SEEDS = 2**31


class Average:
    """The mean of the class scores of several estimators, each fitted with several seeds.

    Args:
        members: Each ``{name: <file>.<Class>, arguments: {...}}``, as under ``estimator:`` of a recipe.
        seeds: How often each member is fitted, with seeds of its own.

    Raises:
        DataError: No member, or one that does not exist; the message starts with its key.
    """

    def __init__(self, members: list[dict[str, Any]], seeds: int = 1) -> None:
        if seeds < 1:
            raise DataError(f"seeds: expected 1 or more, got {seeds}")
        self._members = _components(members)
        self._seeds = seeds
        self._fitted: list[Any] = []

    def fit(
        self,
        inputs: NDArray[np.float32],
        labels: NDArray[np.int64],
        people: Sequence[str],
        *,
        classes: int,
        seed: int,
    ) -> None:
        """Fit every member with every seed on all training samples; see the members' ``fit``."""
        self._fitted = [
            _fit(member, inputs, labels, people, classes, (seed + number) % _SEEDS)
            for member in self._members
            for number in range(self._seeds)
        ]

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
        self._members = _components(members)
        self._inner_folds, self._cost = inner_folds, cost
        self._classes = 0
        self._fitted: list[Any] = []
        self._top: LogisticRegression | None = None

    def fit(
        self,
        inputs: NDArray[np.float32],
        labels: NDArray[np.int64],
        people: Sequence[str],
        *,
        classes: int,
        seed: int,
    ) -> None:
        """Fit what is on top on scores of inner folds, then every member on all training samples.

        Args:
            inputs: ``(n, ...)``.
            labels: Class indices, ``(n,)``.
            people: Subject of each sample, of two at least; inner folds never split one.
            classes: Number of classes.
            seed: Seed of the members.
        """
        self._classes = classes
        scores = np.zeros((len(self._members), len(labels), classes))
        for train, test in GroupKFold(min(self._inner_folds, len(set(people)))).split(inputs, labels, people):
            known = [people[int(row)] for row in train]
            for row, member in zip(scores, self._members, strict=True):
                row[test] = _fit(member, inputs[train], labels[train], known, classes, seed).predict(inputs[test])
        self._top = LogisticRegression(C=self._cost, class_weight="balanced", max_iter=1000)
        self._top.fit(_beside(scores), labels)
        self._fitted = [_fit(member, inputs, labels, people, classes, seed) for member in self._members]

    def predict(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Class probabilities ``(n, C)`` of what is on top."""
        assert self._top is not None, "fit comes first"
        below = _beside(np.stack([member.predict(inputs) for member in self._fitted]))
        scores = np.zeros((len(inputs), self._classes))
        scores[:, self._top.classes_] = self._top.predict_proba(below)
        return scores


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


def _fit(
    member: Component,
    inputs: NDArray[np.float32],
    labels: NDArray[np.int64],
    people: Sequence[str],
    classes: int,
    seed: int,
) -> Any:  # noqa: ANN401 - whatever the recipe names
    built = member.build(_ROOM)
    built.fit(inputs, labels, people, classes=classes, seed=seed)
    return built


def _beside(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scores ``(members, n, C)`` as one row per sample."""
    return scores.transpose(1, 0, 2).reshape(scores.shape[1], -1)
