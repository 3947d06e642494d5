"""How fast descriptors are computed, LBP-TOP beside scikit-image plane by plane."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import torch

from mer_lightning.descriptors.bi_woof import bi_woof
from mer_lightning.descriptors.blocks import block_labels
from mer_lightning.descriptors.fdm import fdm
from mer_lightning.descriptors.hoof import hoof
from mer_lightning.descriptors.lbp_sip import lbp_sip
from mer_lightning.descriptors.lbp_top import lbp_top
from mer_lightning.descriptors.mdmo import mdmo
from mer_lightning.descriptors.stclqp import quantised_patterns
from mer_lightning.descriptors.stlbp_ip import stlbp_ip
from mer_lightning.motion.descriptor_representations import Mdmo
from mer_lightning.motion.strain import optical_strain
from tools.perf.measurement import Measurement, alternate, best_seconds

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

_FRAMES, _MAPS, _SIDE, _CORES = 64, 9, 128, 2
_BLOCKS = (8, 8)


def run(*, quick: bool = False) -> list[Measurement]:
    """Measure LBP-TOP on two cores, then every descriptor on one: clips of 64 frames, or 9 maps of flow.

    Args:
        quick: Fewer clips and rounds.
    """
    threads = torch.get_num_threads()
    try:
        count, rounds = (2, 1) if quick else (8, 5)
        generator = torch.Generator().manual_seed(0)
        clips = torch.randint(0, 256, (count, _FRAMES, _SIDE, _SIDE), generator=generator).float()
        torch.set_num_threads(_CORES)
        beside = _beside_skimage(clips, rounds)
        torch.set_num_threads(1)
        return [beside, *_alone(clips, generator, rounds)]
    finally:
        torch.set_num_threads(threads)


def _ours(clips: torch.Tensor) -> torch.Tensor:
    return lbp_top(clips, radii=(1, 1, 1), neighbours=8, uniform=True, blocks=_BLOCKS)


def _beside_skimage(clips: torch.Tensor, rounds: int) -> Measurement:
    volumes = clips.numpy().astype(np.uint8)
    _ours(clips[:1])
    _plane_by_plane(volumes[0])
    ours, theirs = alternate(lambda: _ours(clips), lambda: [_plane_by_plane(volume) for volume in volumes], rounds)
    with ThreadPoolExecutor(_CORES) as pool:
        pooled = len(volumes) / best_seconds(lambda: list(pool.map(_plane_by_plane, volumes)))
    return Measurement(
        name=f"LBP-TOP u2, 8 x 8 blocks, {_FRAMES} x {_SIDE} x {_SIDE}, {_CORES} cores",
        ours=len(clips) / ours,
        reference=len(clips) / theirs,
        unit="clips/s",
        better="higher",
        against="skimage.feature.local_binary_pattern plane by plane",
        goal="at least 4 x",
        note=f"scikit-image in {_CORES} Python threads {pooled:.3g} clips/s",
    )


def _plane_by_plane(volume: NDArray[np.uint8]) -> NDArray[np.float64]:
    """LBP-TOP (R = 1, P = 8, u2) of one clip with scikit-image."""
    from skimage.feature import local_binary_pattern

    labels = block_labels(torch.empty(_SIDE - 2, _SIDE - 2), _BLOCKS).numpy()
    blocks = _BLOCKS[0] * _BLOCKS[1]
    parts: list[NDArray[np.float64]] = []
    # in each family of planes the axis that is walked along comes first
    for order in ((0, 1, 2), (1, 0, 2), (2, 0, 1)):
        planes = volume.transpose(order)
        codes = np.stack([local_binary_pattern(plane, 8, 1, "nri_uniform") for plane in planes])
        inner = codes.transpose(np.argsort(order))[1:-1, 1:-1, 1:-1].astype(np.int64)
        counts = np.bincount((labels * 59 + inner).ravel(), minlength=blocks * 59).reshape(blocks, 59)
        parts.append(counts / counts.sum(1, keepdims=True))
    return np.stack(parts, 1).ravel()


def _alone(clips: torch.Tensor, generator: torch.Generator, rounds: int) -> list[Measurement]:
    flow = torch.randn(len(clips), _MAPS, 2, _SIDE, _SIDE, generator=generator)
    pairs, regions = flow[:, 0], Mdmo(size=(_SIDE, _SIDE)).regions()
    strain = optical_strain(pairs)
    calls: list[tuple[str, Callable[[], object]]] = [
        ("LBP-TOP, P = 4, 5 x 5 blocks, R 1 1 4", lambda: lbp_top(clips)),
        ("LBP-SIP, 5 x 5 blocks", lambda: lbp_sip(clips)),
        ("STLBP-IP", lambda: stlbp_ip(clips)),
        ("STCLQP-inspired codes, 4 x 4 blocks", lambda: quantised_patterns(clips)),
        (f"MDMO of {_MAPS} maps", lambda: mdmo(flow, regions)),
        (f"HOOF of {_MAPS} maps", lambda: hoof(flow)),
        (f"FDM of {_MAPS} maps", lambda: fdm(flow)),
        ("Bi-WOOF of one map", lambda: bi_woof(pairs, strain)),
    ]
    return [_row(name, len(clips), call, rounds) for name, call in calls]


def _row(name: str, clips: int, call: Callable[[], object], rounds: int) -> Measurement:
    call()
    rate = clips / best_seconds(call, rounds)
    return Measurement(name=f"{name}, {_SIDE} x {_SIDE}, one core", ours=rate, unit="clips/s", better="higher")
