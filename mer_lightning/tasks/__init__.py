"""Training one fold with Lightning, many at once, or fitting one estimator."""

from mer_lightning.tasks.every_epoch import AtEpochs
from mer_lightning.tasks.fold import FoldResult, Start, build_model, fit_estimator, fit_fold, train_network
from mer_lightning.tasks.folds_at_once import AtOnce, bytes_per_replica, examine, sets_of, train_networks
from mer_lightning.tasks.pretraining import Pretrained, pretrain

__all__ = [
    "AtEpochs",
    "AtOnce",
    "FoldResult",
    "Pretrained",
    "Start",
    "build_model",
    "bytes_per_replica",
    "examine",
    "fit_estimator",
    "fit_fold",
    "pretrain",
    "sets_of",
    "train_network",
    "train_networks",
]
