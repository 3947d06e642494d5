"""How fast and how exact motion is computed, beside OpenCV in the same run."""

from __future__ import annotations

import resource
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional

from mer_lightning.motion.farneback import farneback_flow
from mer_lightning.motion.spotting import spot_apex
from mer_lightning.motion.strain import optical_strain
from mer_lightning.motion.tvl1 import tvl1_flow
from mer_lightning.video.magnification import magnify_motion
from mer_lightning.video.sampling import temporal_interpolation
from tools.perf.measurement import Measurement, best_seconds

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from torch import Tensor

_SIDE = 128
_CORES = 2
_NO_CUDA = "skipped: no CUDA"


def _textured_pairs(count: int, side: int = _SIDE) -> tuple[Tensor, Tensor, Tensor]:
    """Textures, the same moved by smooth fields of 0.1..0.8 px at most, and the flow that did it."""
    generator = torch.Generator().manual_seed(0)

    def noise(cells: int) -> Tensor:
        coarse = torch.rand(count, 1, cells, cells, generator=generator)
        return functional.interpolate(coarse, size=(2 * side, 2 * side), mode="bicubic", align_corners=True)

    # drawn at twice the size, so that reading between pixels loses little
    image = (0.5 * noise(side // 2) + 0.3 * noise(side // 5) + 0.2 * noise(side // 16)).clamp(0, 1)
    bumps = torch.rand(count, 2, 5, 5, generator=generator) * 2 - 1
    flow = functional.interpolate(bumps, size=(side, side), mode="bicubic", align_corners=True)
    size = torch.linspace(0.1, 0.8, count)
    flow = flow * (size / flow.norm(dim=1).amax((1, 2)))[:, None, None, None]
    y, x = torch.meshgrid(torch.linspace(-1, 1, side), torch.linspace(-1, 1, side), indexing="ij")
    here = torch.stack((x, y), -1).expand(count, -1, -1, -1)
    # the moved texture is the target's model: reference(p) = target(p + flow(p))
    there = here + flow.permute(0, 2, 3, 1) * (2 / (side - 1))
    target, reference = (
        functional.grid_sample(image, grid, mode="bicubic", align_corners=True).mul(255).round().clamp(0, 255) / 255
        for grid in (here, there)
    )
    return reference, target, flow


def _seconds(call: Callable[[], object], repeats: int) -> float:
    """Shortest of several runs after one that is not counted."""
    call()
    return best_seconds(call, repeats)


def _error(flow: Tensor, truth: Tensor) -> float:
    return torch.linalg.vector_norm(flow.cpu() - truth, dim=1).mean().item()


def _row(
    name: str,
    ours: float | None,
    unit: str,
    *,
    reference: float | None = None,
    goal: float | None = None,
    note: str = "",
) -> Measurement:
    return Measurement(
        name=name,
        ours=ours,
        reference=reference,
        unit=unit,
        better="lower" if unit == "MiB" else "higher",
        against="OpenCV" if reference is not None else "",
        goal="" if goal is None else f"at least {goal:g} x",
        note=note,
    )


def _flow_rows(quick: bool) -> list[Measurement]:
    import cv2 as opencv

    cv2: Any = opencv
    count, repeats = (4, 1) if quick else (32, 3)
    reference, target, truth = _textured_pairs(count)
    images = [(im[:, 0] * 255).round().byte().numpy() for im in (reference, target)]
    pairs: list[tuple[NDArray[np.uint8], NDArray[np.uint8]]] = list(zip(*images, strict=True))

    def tvl1(pair: tuple[NDArray[np.uint8], NDArray[np.uint8]]) -> NDArray[np.float32]:
        return cv2.optflow.DualTVL1OpticalFlow_create().calc(*pair, None)

    def farneback(pair: tuple[NDArray[np.uint8], NDArray[np.uint8]]) -> NDArray[np.float32]:
        return cv2.calcOpticalFlowFarneback(*pair, None, 0.5, 3, 15, 3, 5, 1.2, 0)

    rows: list[Measurement] = []
    threads = torch.get_num_threads(), cv2.getNumThreads()
    for name, ours, theirs, goal, cuda_goal in (
        ("TV-L1", tvl1_flow, tvl1, 2.0, 100.0),
        ("Farneback", farneback_flow, farneback, 0.5, 50.0),
    ):
        some = pairs[: max(2, count // 4)] if name == "TV-L1" else pairs
        cv2.setNumThreads(1)
        one_core = len(some) / _seconds(lambda some=some, theirs=theirs: [theirs(pair) for pair in some], repeats)
        with ThreadPoolExecutor(_CORES) as pool:
            pooled = len(some) / _seconds(
                lambda some=some, theirs=theirs, pool=pool: list(pool.map(theirs, some)), repeats
            )
        cv2.setNumThreads(_CORES)
        opencv_rate = len(some) / _seconds(lambda some=some, theirs=theirs: [theirs(pair) for pair in some], repeats)
        torch.set_num_threads(1)
        ours_one = count / _seconds(lambda ours=ours: ours(reference, target), repeats)
        torch.set_num_threads(_CORES)
        our_rate = count / _seconds(lambda ours=ours: ours(reference, target), repeats)
        error = _error(ours(reference, target), truth)
        maps = torch.from_numpy(np.stack([theirs(pair).transpose(2, 0, 1) for pair in pairs]))
        note = (
            f"one core {ours_one:.1f} to {one_core:.1f}; OpenCV in {_CORES} Python threads {pooled:.1f}; "
            f"end-point error {error:.4f} to {_error(maps, truth):.4f} px"
        )
        title = f"{name} {_SIDE}x{_SIDE}, {_CORES} cores"
        rows.append(_row(title, our_rate, "pairs/s", reference=opencv_rate, goal=goal, note=note))
        rows.append(_cuda_row(name, ours, one_core, cuda_goal, repeats))
    torch.set_num_threads(threads[0])
    cv2.setNumThreads(threads[1])
    return rows


def _cuda_row(
    name: str, method: Callable[[Tensor, Tensor], Tensor], one_core: float, goal: float, repeats: int
) -> Measurement:
    title = f"{name} {_SIDE}x{_SIDE}, GPU, batch 256, to one CPU core"
    if not torch.cuda.is_available():
        return _row(title, None, "pairs/s", reference=one_core, goal=goal, note=_NO_CUDA)
    reference, target, _ = (part.cuda() for part in _textured_pairs(256))
    torch.cuda.reset_peak_memory_stats()
    rate = 256 / _seconds(lambda: method(reference, target), repeats)
    peak = torch.cuda.max_memory_allocated() / 2**20
    note = f"peak {peak:.0f} MiB; {torch.cuda.get_device_name()}"
    return _row(title, rate, "pairs/s", reference=one_core, goal=goal, note=note)


def _other_rows(quick: bool) -> list[Measurement]:
    repeats = 1 if quick else 5
    clip = torch.rand(30, 1, _SIDE, _SIDE, generator=torch.Generator().manual_seed(0))
    flow = clip[:28].view(14, 2, _SIDE, _SIDE)
    calls: list[tuple[str, str, int, Callable[[], object]]] = [
        ("magnification, 30 frames", "clips/s", 1, lambda: magnify_motion(clip, alpha=10, low=1, high=5, fps=30)),
        ("TIM, 30 to 10 frames", "clips/s", 1, lambda: temporal_interpolation(clip, 10)),
        ("optical strain", "maps/s", 14, lambda: optical_strain(flow)),
        ("spotting by strain, 30 frames", "clips/s", 1, lambda: spot_apex(clip[:, 0])),
        ("spotting by texture, 30 frames", "clips/s", 1, lambda: spot_apex(clip[:, 0], "texture")),
    ]
    return [
        _row(f"{name}, {_SIDE}x{_SIDE}", count / _seconds(call, repeats), unit) for name, unit, count, call in calls
    ]


def run(*, quick: bool = False) -> list[Measurement]:
    """Measure flow beside OpenCV, and magnification, sampling, strain and spotting alone.

    Args:
        quick: A few pairs once, to see that the benchmark runs; the figures then mean little.
    """
    rows = [*_flow_rows(quick), *_other_rows(quick)]
    # Linux counts in KiB, macOS in bytes
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    return [*rows, _row("peak memory of the process", peak, "MiB")]
