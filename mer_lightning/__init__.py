"""The library: how one fold is read, represented, trained and predicted.

``import mer_lightning`` loads nothing else; a name of ``__all__`` loads its room when it is first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mer_lightning.datamodules import LOSODataModule, load_table
    from mer_lightning.datasets.registry import open_database
    from mer_lightning.metrics import confusion_matrix, uar, uf1
    from mer_lightning.motion import get_representation
    from mer_lightning.protocols import PROTOCOLS, LabelScheme, Protocol, get_protocol
    from mer_lightning.settings import Component, Optimizer, Training
    from mer_lightning.synthetic.flow_composite import SyntheticFlowComposite
    from mer_lightning.tasks import Fit, train_network
    from mer_lightning.tasks.classifier import ClassifierTask
    from mer_lightning.types import DataError, Dataset, Sample

__version__ = "0.1.0"

__all__ = [
    "PROTOCOLS",
    "ClassifierTask",
    "Component",
    "DataError",
    "Dataset",
    "Fit",
    "LOSODataModule",
    "LabelScheme",
    "Optimizer",
    "Protocol",
    "Sample",
    "SyntheticFlowComposite",
    "Training",
    "__version__",
    "confusion_matrix",
    "get_protocol",
    "get_representation",
    "load_table",
    "open_database",
    "train_network",
    "uar",
    "uf1",
]

_ROOMS = {
    "datamodules": ("LOSODataModule", "load_table"),
    "datasets.registry": ("open_database",),
    "metrics": ("confusion_matrix", "uar", "uf1"),
    "motion": ("get_representation",),
    "protocols": ("PROTOCOLS", "LabelScheme", "Protocol", "get_protocol"),
    "settings": ("Component", "Optimizer", "Training"),
    "synthetic.flow_composite": ("SyntheticFlowComposite",),
    "tasks": ("Fit", "train_network"),
    "tasks.classifier": ("ClassifierTask",),
    "types": ("DataError", "Dataset", "Sample"),
}


def __getattr__(name: str) -> object:
    """A public name, from the room that defines it (PEP 562)."""
    for room, names in _ROOMS.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{room}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """What tab completion offers."""
    return sorted({*globals(), *__all__})
