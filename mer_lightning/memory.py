"""Freed memory stays with its process: to get it back from the system, page by page, takes a quarter of an epoch."""

from __future__ import annotations

import ctypes
import functools
import sys

# of glibc's malloc.h
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_LARGEST_MMAP_THRESHOLD = 32 * 2**20


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
