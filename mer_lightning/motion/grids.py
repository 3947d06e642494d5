"""What the flow methods share: checked image pairs and the sampling of one image where a flow points."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from mer_lightning.devices import in_threads

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


def check_pair(reference: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Check two batches of grey images and make them float32.

    Args:
        reference: ``(B, 1, H, W)``, grey levels in 0..1.
        target: Same shape and device.

    Returns:
        Both as float32.

    Raises:
        ValueError: Shape, type or device do not fit, or a value is NaN or infinite.
    """
    for name, image in (("reference", reference), ("target", target)):
        if image.ndim != 4 or image.shape[1] != 1 or not image.numel():
            raise ValueError(f"{name} must be a non-empty (B, 1, H, W) tensor, got {tuple(image.shape)}")
        if not image.is_floating_point():
            raise ValueError(f"{name} must hold floats in 0..1, got {image.dtype}")
        if not bool(torch.isfinite(image).all()):
            raise ValueError(f"{name} holds NaN or infinite values")
    if reference.shape != target.shape or reference.device != target.device:
        raise ValueError(
            f"reference and target must have one shape and device, got {tuple(reference.shape)} on "
            f"{reference.device} and {tuple(target.shape)} on {target.device}"
        )
    return reference.detach().float(), target.detach().float()


def pixel_grid(height: int, width: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Column index of every pixel as ``(1, W)`` and row index as ``(H, 1)``, float32."""
    columns = torch.arange(width, dtype=torch.float32, device=device)[None, :]
    rows = torch.arange(height, dtype=torch.float32, device=device)[:, None]
    return columns, rows


def sample_at(image: Tensor, x: Tensor, y: Tensor, mode: str = "bilinear") -> Tensor:
    """Read an image at fractional pixel positions; positions outside read the nearest border pixel.

    Args:
        image: ``(B, C, H, W)``.
        x: Columns, ``(B, H', W')``, pixels.
        y: Rows, same shape.
        mode: ``bilinear`` or ``bicubic``.

    Returns:
        ``(B, C, H', W')``.
    """
    height, width = image.shape[-2:]
    grid = torch.stack((x * (2 / max(width - 1, 1)) - 1, y * (2 / max(height - 1, 1)) - 1), -1)
    return functional.grid_sample(image, grid, mode=mode, padding_mode="border", align_corners=True)


def warp(image: Tensor, flow: Tensor, mode: str = "bilinear") -> Tensor:
    """Pull the target back onto the reference: ``result(x) = image(x + flow(x))``.

    Args:
        image: ``(B, C, H, W)``.
        flow: ``(B, 2, H, W)``, pixels, horizontal first.
        mode: ``bilinear`` or ``bicubic``.

    Returns:
        ``(B, C, H, W)``.
    """
    height, width = image.shape[-2:]
    columns, rows = pixel_grid(height, width, image.device)
    return sample_at(image, columns + flow[:, 0], rows + flow[:, 1], mode)


def inside(u: Tensor, v: Tensor) -> Tensor:
    """Where flow ``(B, H, W)`` points into the frame, bool, same shape."""
    height, width = u.shape[-2:]
    columns, rows = pixel_grid(height, width, u.device)
    x, y = columns + u, rows + v
    return (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)


def central_difference(planes: Tensor, axis: int) -> Tensor:
    """Central differences along an axis, one-sided at the border; zero along an axis of length one."""
    if planes.shape[axis] == 1:
        return torch.zeros_like(planes)
    return torch.gradient(planes, dim=axis)[0]


def in_blocks(solve: Callable[[Tensor, Tensor], Tensor], reference: Tensor, target: Tensor, pixels: int) -> Tensor:
    """Solve a batch in blocks that fit the cache of a CPU, one block per thread; at once on a GPU.

    A flow is thousands of short operations. Were every one of them shared among threads, they would wait for
    each other after each, and for ever so long on a machine with other work; whole blocks need no waiting.

    Args:
        solve: Gives the flow ``(b, 2, H, W)`` of a block, independent of the other pairs in it.
        reference: ``(B, 1, H, W)``.
        target: Same shape.
        pixels: Pixels of a block.

    Returns:
        ``(B, 2, H, W)``.
    """
    batch, _, height, width = reference.shape
    flow = reference.new_empty(batch, 2, height, width)
    threads = 1 if reference.is_cuda else torch.get_num_threads()
    size = batch if reference.is_cuda else max(1, min(pixels // (height * width), -(-batch // threads)))

    def work(start: int) -> None:
        rows = slice(start, start + size)
        flow[rows] = solve(reference[rows], target[rows])

    in_threads(work, range(0, batch, size), threads=threads)
    return flow
