"""Scores of one pooled confusion matrix; numpy only, so that tables render anywhere."""

from mer_lightning.metrics.confusion import (
    Margins,
    absent_classes,
    accuracy,
    confusion_matrix,
    macro_precision,
    mean_rows,
    sum_rows,
    uar,
    uf1,
)
from mer_lightning.metrics.metric import METRICS, UF1, Metric, get_metric, ranking_first, shown_metrics

__all__ = [
    "METRICS",
    "UF1",
    "Margins",
    "Metric",
    "absent_classes",
    "accuracy",
    "confusion_matrix",
    "get_metric",
    "macro_precision",
    "mean_rows",
    "ranking_first",
    "shown_metrics",
    "sum_rows",
    "uar",
    "uf1",
]
