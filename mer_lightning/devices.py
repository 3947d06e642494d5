"""Which device Lightning's accelerator stands for outside of training."""

from __future__ import annotations

import torch


def device_of(accelerator: str) -> torch.device:
    """Where maps are computed: on the first visible GPU of CUDA if there is one, else on the CPU.

    Args:
        accelerator: ``auto``, ``gpu`` or ``cpu``. On Apple's GPUs networks train, but maps are computed on the CPU.
    """
    return torch.device("cuda", 0) if accelerator != "cpu" and torch.cuda.is_available() else torch.device("cpu")
