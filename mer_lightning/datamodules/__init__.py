"""From protocol, fold and representation to batches on the device."""

from mer_lightning.datamodules.loso import IndexLoader, LOSODataModule
from mer_lightning.datamodules.table import Table, load_table

__all__ = ["IndexLoader", "LOSODataModule", "Table", "load_table"]
