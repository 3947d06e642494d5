"""Training one fold with Lightning, or fitting one estimator."""

from mer_lightning.tasks.fold import FoldResult, fit_estimator, train_network

__all__ = ["FoldResult", "fit_estimator", "train_network"]
