"""Every score that the suite reports, as one entry each: its names, what it is of a matrix, where it is shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mer_lightning.metrics import confusion, one_fold
from mer_lightning.mistakes import unknown
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import ArrayLike, NDArray

    from mer_lightning.metrics.confusion import Margins


@dataclass(frozen=True, slots=True)
class Metric:
    """One score of a confusion matrix, rows truth and columns prediction.

    Attributes:
        name: Name in records, columns of CSV and JSON, and on the command line.
        title: Name as people read it.
        pooled: Of matrices pooled over all folds, ``(..., C, C)`` to ``(...)``; an absent class counts as 0.
        of_fold: Of the matrix of one fold, ``(C, C)``, as code has it that scores fold by fold and drops absent
            classes; only for the habit that averages such scores. The same as ``pooled`` where none are dropped.
        margins: The same as ``pooled`` of hits and sums alone, where no more decides it, ``(C, ...)`` to ``(...)``.
            Ten thousand draws are scored this way; without it by whole matrices, which is slower.
        short: Heading where there is little room; ``title`` where empty.
        shown: In every table; otherwise where the reader asks: CSV, JSON, the site, ``--metrics``.
        official: One of MEGC2019's two: stands beside published figures and for every database, too.
        least: Smallest value that it can have; the largest is 1.
    """

    name: str
    title: str
    pooled: Callable[[ArrayLike], NDArray[Any]]
    of_fold: Callable[[ArrayLike], float] | None = None
    margins: Callable[[Margins], NDArray[Any]] | None = None
    short: str = ""
    shown: bool = False
    official: bool = False
    least: float = 0.0

    @property
    def heading(self) -> str:
        """What a narrow column is called."""
        return self.short or self.title

    def of_one_fold(self, matrix: ArrayLike) -> float:
        """The score of a fold that the habit averages."""
        return float(self.pooled(matrix)) if self.of_fold is None else self.of_fold(matrix)


UF1 = Metric("uf1", "UF1", confusion.uf1, one_fold.f1, confusion.uf1_of, shown=True, official=True)
"""The one that ranks."""

METRICS = (
    Metric("accuracy", "Accuracy", confusion.accuracy, margins=confusion.accuracy_of, short="Acc", shown=True),
    UF1,
    Metric("uar", "UAR", confusion.uar, one_fold.recall, confusion.uar_of, shown=True, official=True),
    Metric("weighted_f1", "Weighted F1", confusion.weighted_f1, margins=confusion.weighted_f1_of),
    Metric(
        "macro_precision",
        "Macro precision",
        confusion.macro_precision,
        one_fold.precision,
        confusion.macro_precision_of,
    ),
    Metric("kappa", "Cohen's kappa", confusion.kappa, margins=confusion.kappa_of, short="Kappa", least=-1.0),
    Metric("mcc", "Matthews' coefficient", confusion.matthews, margins=confusion.matthews_of, short="MCC", least=-1.0),
)
"""Every score, in the order of columns; a new metric is one entry here."""


def get_metric(name: str) -> Metric:
    """The metric of this name.

    Raises:
        DataError: There is none.
    """
    found = next((metric for metric in METRICS if metric.name == name), None)
    if found is None:
        raise DataError(unknown("metric", name, (metric.name for metric in METRICS)))
    return found


def shown_metrics() -> tuple[Metric, ...]:
    """Those of every table."""
    return tuple(metric for metric in METRICS if metric.shown)


def ranking_first(metrics: Iterable[Metric]) -> tuple[Metric, ...]:
    """The one that ranks, the other official ones, then the rest."""
    return tuple(sorted(metrics, key=lambda metric: (metric.name != UF1.name, not metric.official)))
