"""Augmentation: random, training only, on the device, never changes labels."""

from mer_lightning.augmentation.flips import MapAugmentation

__all__ = ["MapAugmentation"]
