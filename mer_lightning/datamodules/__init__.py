"""From protocol, fold and representation to batches on the device."""

from mer_lightning.datamodules.folds import FoldsBatch, FoldsDataModule, Stream
from mer_lightning.datamodules.loso import IndexLoader, LOSODataModule, batch_sizes
from mer_lightning.datamodules.planned import (
    Contents,
    PlannedTable,
    apex_index,
    check_reading,
    content_hash,
    load_table,
    read_contents,
)
from mer_lightning.datamodules.table import Holds, Table

__all__ = [
    "Contents",
    "FoldsBatch",
    "FoldsDataModule",
    "Holds",
    "IndexLoader",
    "LOSODataModule",
    "PlannedTable",
    "Stream",
    "Table",
    "apex_index",
    "batch_sizes",
    "check_reading",
    "content_hash",
    "load_table",
    "read_contents",
]
