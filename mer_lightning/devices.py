"""What computes: the device of an accelerator, small numbers on it, threads of a processor, and freed memory."""

from __future__ import annotations

import ctypes
import functools
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

# of glibc's malloc.h
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_LARGEST_MMAP_THRESHOLD = 32 * 2**20


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


def in_threads(work: Callable[[int], None], starts: Sequence[int], *, threads: int | None = None) -> None:
    """Call ``work`` with every start, each call on one thread of the processor; gradients are not kept.

    Thousands of short operations would wait for each other, were each one shared among the threads.

    Args:
        work: Independent of every other call; writes its result where it belongs.
        starts: What it is called with.
        threads: How many work at once; as many as torch is set to, when None.

    Raises:
        Exception: What a call raised.
    """
    threads = threads or torch.get_num_threads()
    inference = torch.is_inference_mode_enabled()

    def call(start: int) -> None:
        # each thread has modes of its own, and only inference may write what was made in it
        with torch.inference_mode(inference), torch.no_grad():
            work(start)

    if threads == 1 or len(starts) == 1:
        for start in starts:
            call(start)
        return
    before = torch.get_num_threads()
    # new threads take over the number that is set when they first compute
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(threads) as pool:
            for _ in pool.map(call, starts):
                pass
    finally:
        torch.set_num_threads(before)


@functools.cache
def keep_freed_memory() -> bool:
    """Let the allocator keep what tensors on the CPU give back, for the tensors of the next step.

    By itself glibc returns every large block to the system at once, and each page of the next one is then
    zeroed anew: a quarter of the time of an epoch of ``ststnet``. Up to 32 MiB a block can be kept.

    Returns:
        True where it does from now on; False where the C library is not glibc.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except AttributeError:
        return False
    return bool(mallopt(_MMAP_THRESHOLD, _LARGEST_MMAP_THRESHOLD)) and bool(mallopt(_TRIM_THRESHOLD, 2**31 - 1))
