"""What every estimator is, what it is fitted on, and how it chooses inside of that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, Protocol, TypeAlias

import numpy as np
from pydantic import Field
from sklearn.model_selection import GroupKFold

from mer_lightning.metrics import confusion_matrix, uf1

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]
Costs = Annotated[Sequence[Positive], Field(min_length=1)]
"""C of a support vector machine or a regression, or candidates for it; held against recipes by ``Component.load``."""
InnerFolds = Annotated[int, Field(ge=2)]
GuessAt: TypeAlias = "Callable[[float], NDArray[np.int64]]"
"""The classes of the tested rows of one inner split, ``(m,)``, by a machine of the C that is given."""


@dataclass(frozen=True, slots=True)
class TrainingSide:
    """The training side of a fold, all that an estimator may be fitted on.

    Attributes:
        inputs: ``(n, ...)``, maps or feature vectors.
        labels: Class indices, ``(n,)``.
        people: Subject of each sample; what is chosen inside never splits one.
        classes: Number of classes C, whether all of them are there or not.
    """

    inputs: NDArray[np.float32]
    labels: NDArray[np.int64]
    people: Sequence[str]
    classes: int

    def only(self, rows: NDArray[np.int64]) -> TrainingSide:
        """Some of the samples."""
        people = [self.people[row] for row in rows.tolist()]
        return replace(self, inputs=self.inputs[rows], labels=self.labels[rows], people=people)

    def inner_folds(self, parts: int) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Rows that train and rows that are tested, for each of so many groups of people, fewer if people are few.

        One person cannot be divided: there are no folds.
        """
        people = len(set(self.people))
        return list(GroupKFold(min(parts, people)).split(self.labels, groups=self.people)) if people > 1 else []


class Estimator(Protocol):
    """A method without gradient steps, made anew for every fold.

    It gives the same on the same training side whatever the seed of the run; what it draws, it draws with a seed that
    is its own and fixed. One that says ``labels_alone = True`` is fitted on samples without inputs, ``(n, 0)``, which
    need not be copied for it.
    """

    def fit(self, known: TrainingSide) -> None:
        """Learn from the training side; whatever is chosen is chosen inside of it.

        Args:
            known: The training side.
        """
        ...

    def predict(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Class scores of other samples, ``(n, C)``; the largest is the guess."""
        ...


def vectors(inputs: NDArray[np.floating[Any]], *, unit: bool = False) -> NDArray[np.float64]:
    """Samples ``(n, ...)`` as vectors ``(n, D)``; with ``unit`` each has length 1, or 0 where it was 0."""
    flat = inputs.reshape(len(inputs), -1).astype(np.float64)
    if not unit:
        return flat
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    return flat / np.where(length > 0, length, 1)


def choose_cost(
    known: TrainingSide,
    costs: Sequence[float],
    inner_folds: int,
    on: Callable[[NDArray[np.int64], NDArray[np.int64]], GuessAt],
) -> float:
    """The C with the best pooled UF1 of subject-grouped inner folds, the first of equals.

    An only candidate is taken, and the first where nothing is left to choose by: one person, or one class to train on.

    Args:
        known: The training side.
        costs: Candidates.
        inner_folds: Number of folds.
        on: Given rows that train and rows that are tested, what guesses the classes of the latter for any C: what does
            not depend on C is done once for all of them.
    """
    if len(costs) == 1:
        return costs[0]
    labels = known.labels
    # few people may leave a single class to train on, which tells nothing about C
    usable = [
        (train, test) for train, test in known.inner_folds(inner_folds) if (labels[train] != labels[train[0]]).any()
    ]
    if not usable:
        return costs[0]
    tested = labels[np.concatenate([test for _, test in usable])]
    guesses = [np.concatenate(of_one) for of_one in zip(*(map(on(*split), costs) for split in usable), strict=True)]
    matrices = [confusion_matrix(tested, of_one, known.classes) for of_one in guesses]
    return costs[int(np.argmax(uf1(matrices)))]
