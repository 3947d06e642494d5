"""Scores of one pooled confusion matrix; numpy only, so that tables render anywhere."""

from mer_lightning.metrics.confusion import absent_classes, accuracy, confusion_matrix, uar, uf1

METRICS = {"accuracy": accuracy, "uf1": uf1, "uar": uar}
"""Every score the suite reports, by column name; a new metric is one function and one line here."""

__all__ = ["METRICS", "absent_classes", "accuracy", "confusion_matrix", "uar", "uf1"]
