"""From protocol, fold and representation to batches on the device."""

from mer_lightning.datamodules.folds import FoldsBatch, FoldsDataModule, Stream
from mer_lightning.datamodules.loso import IndexLoader, LOSODataModule
from mer_lightning.datamodules.table import Readings, Table, load_table, read_samples

__all__ = [
    "FoldsBatch",
    "FoldsDataModule",
    "IndexLoader",
    "LOSODataModule",
    "Readings",
    "Stream",
    "Table",
    "load_table",
    "read_samples",
]
