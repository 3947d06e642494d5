"""Training one fold with Lightning, many at once, fitting one estimator, or several of all these together."""

from mer_lightning.tasks.every_epoch import AtEpochs
from mer_lightning.tasks.fold import Fit, FoldResult, Start, build_model, fit_estimator, fit_network, train_network
from mer_lightning.tasks.folds_at_once import train_networks
from mer_lightning.tasks.going_on import Progress, StateFile
from mer_lightning.tasks.pretraining import Pretrained, pretrain
from mer_lightning.tasks.replication import AtOnce, bytes_per_replica, examine, places_of, replicas_that_fit, sets_of
from mer_lightning.tasks.stacking import Trained, average, stack

__all__ = [
    "AtEpochs",
    "AtOnce",
    "Fit",
    "FoldResult",
    "Pretrained",
    "Progress",
    "Start",
    "StateFile",
    "Trained",
    "average",
    "build_model",
    "bytes_per_replica",
    "examine",
    "fit_estimator",
    "fit_network",
    "places_of",
    "pretrain",
    "replicas_that_fit",
    "sets_of",
    "stack",
    "train_network",
    "train_networks",
]
