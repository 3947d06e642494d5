"""From protocol, fold and representation to batches on the device."""

from mer_lightning.datamodules.export import Export, Exported, write_export
from mer_lightning.datamodules.export_files import ExportFolder
from mer_lightning.datamodules.folds import FoldsBatch, FoldsDataModule, Stream
from mer_lightning.datamodules.kept import Instead, KeptOutputs
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
    "Export",
    "ExportFolder",
    "Exported",
    "FoldsBatch",
    "FoldsDataModule",
    "Holds",
    "IndexLoader",
    "Instead",
    "KeptOutputs",
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
    "write_export",
]
