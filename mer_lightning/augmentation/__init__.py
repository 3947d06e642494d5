"""Augmentation: random, training only, on the device, never changes labels."""

from mer_lightning.augmentation.batch import BatchAugmentation, check_augmentation
from mer_lightning.augmentation.pool import at_position, balanced_indices, cut_distance, moves

__all__ = ["BatchAugmentation", "at_position", "balanced_indices", "check_augmentation", "cut_distance", "moves"]
