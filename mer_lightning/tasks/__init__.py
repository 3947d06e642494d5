"""Training one fold with Lightning, or fitting one estimator."""

from mer_lightning.tasks.fold import FoldResult, Start, fit_estimator, train_network
from mer_lightning.tasks.pretraining import Pretrained, pretrain

__all__ = ["FoldResult", "Pretrained", "Start", "fit_estimator", "pretrain", "train_network"]
