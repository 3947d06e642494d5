"""From protocol, fold and representation to batches on the device."""

from mer_lightning.datamodules.folds import FoldsBatch, FoldsDataModule, Stream
from mer_lightning.datamodules.loso import IndexLoader, LOSODataModule, batch_sizes
from mer_lightning.datamodules.table import (
    Content,
    LateTable,
    Readings,
    Table,
    check_reading,
    content_hash,
    load_table,
    read_contents,
    read_samples,
)

__all__ = [
    "Content",
    "FoldsBatch",
    "FoldsDataModule",
    "IndexLoader",
    "LOSODataModule",
    "LateTable",
    "Readings",
    "Stream",
    "Table",
    "batch_sizes",
    "check_reading",
    "content_hash",
    "load_table",
    "read_contents",
    "read_samples",
]
