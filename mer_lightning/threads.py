"""One piece of work per thread: thousands of short operations would wait for each other, were each one shared."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def in_threads(work: Callable[[int], None], starts: Sequence[int], *, threads: int | None = None) -> None:
    """Call ``work`` with every start, each call on one thread of the processor; gradients are not kept.

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
