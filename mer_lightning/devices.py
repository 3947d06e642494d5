"""Which device Lightning's accelerator stands for outside of training, and small numbers on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


def device_of(accelerator: str) -> torch.device:
    """Where maps are computed: on the first visible GPU of CUDA if there is one, else on the CPU.

    Args:
        accelerator: ``auto``, ``gpu`` or ``cpu``. On Apple's GPUs networks train, but maps are computed on the CPU.
    """
    return torch.device("cuda", 0) if accelerator != "cpu" and torch.cuda.is_available() else torch.device("cpu")


def few_numbers(numbers: Sequence[int] | Sequence[Sequence[float]], like: Tensor) -> Tensor:
    """A small tensor on the device of another, without waiting for what the device still has to do.

    ``torch.tensor(..., device=...)`` waits: in a loop of small steps the device would then stand still in every one.

    Args:
        numbers: Whole numbers become int64, others float32.
        like: Only its device counts.
    """
    return torch.tensor(numbers).to(like.device, non_blocking=True)
