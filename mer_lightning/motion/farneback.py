"""Optical flow from quadratic polynomials that are fitted around every pixel, coarse to fine.

Every linear filter here (smoothing and shrinking of the pyramid, the weighted polynomial fit, the averaging
window) is separable, so each is two products with small matrices that also hold what happens at the border.

Source: Farneback, Two-Frame Motion Estimation Based on Polynomial Expansion, SCIA 2003.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from mer_lightning.motion.grids import check_pair, in_blocks, pixel_grid, sample_at

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

# no pyramid level has a side below this
_SMALLEST_SIDE = 32
# trust in a pixel by its distance to the border, where the fit sees continued pixels; Farneback's certainty
_BORDER_TRUST = (0.14, 0.14, 0.4472, 0.4472, 0.4472)
# keeps the 2 x 2 system solvable where the image is flat (grey levels 0..255)
_RIDGE = 1e-3
# pixels solved together on a CPU, so that their planes stay in the cache
_BLOCK = 1 << 16


@dataclass(frozen=True, slots=True)
class _Settings:
    pyr_scale: float
    levels: int
    winsize: int
    iterations: int
    poly_n: int
    poly_sigma: float
    gaussian: bool

    def __post_init__(self) -> None:
        if not 0 < self.pyr_scale < 1:
            raise ValueError(f"pyr_scale must lie between 0 and 1, got {self.pyr_scale}")
        for name in ("levels", "winsize", "iterations", "poly_n"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.poly_sigma <= 0:
            raise ValueError(f"poly_sigma must be positive, got {self.poly_sigma}")


def farneback_flow(
    reference: Tensor,
    target: Tensor,
    *,
    pyr_scale: float = 0.5,
    levels: int = 3,
    winsize: int = 15,
    iterations: int = 3,
    poly_n: int = 5,
    poly_sigma: float = 1.2,
    gaussian: bool = False,
) -> Tensor:
    """Compute Farneback flow, ``reference(x) = target(x + flow(x))``; names are OpenCV's.

    Args:
        reference: ``(B, 1, H, W)``, grey levels in 0..1.
        target: Same shape and device.
        pyr_scale: Size of a level relative to the next finer one.
        levels: Levels above the image itself, fewer where a side would fall below 32 pixels.
        winsize: Side of the averaging window, pixels; larger is smoother.
        iterations: Refinements per level.
        poly_n: Radius of the neighbourhood of the polynomial fit, pixels.
        poly_sigma: Standard deviation of the weights of the fit, pixels.
        gaussian: Average with a Gaussian window instead of a box.

    Returns:
        ``(B, 2, H, W)``, float32, pixels: horizontal (right positive), vertical (down positive).

    Raises:
        ValueError: The images do not fit, are not finite, or a parameter is out of range.
    """
    reference, target = check_pair(reference, target)
    settings = _Settings(pyr_scale, levels, winsize, iterations, poly_n, poly_sigma, gaussian)
    return in_blocks(
        lambda a, b: _coarse_to_fine(torch.stack((a[:, 0], b[:, 0])) * 255, settings), reference, target, _BLOCK
    )


def _coarse_to_fine(images: Tensor, settings: _Settings) -> Tensor:
    """Flow of a block; ``images`` is ``(2, B, H, W)``."""
    height, width = images.shape[-2:]
    scales = [1.0]
    while len(scales) <= settings.levels and min(height, width) * scales[-1] * settings.pyr_scale >= _SMALLEST_SIDE:
        scales.append(scales[-1] * settings.pyr_scale)
    flow: Tensor | None = None
    for scale in reversed(scales):
        size = (round(height * scale), round(width * scale))
        smaller = _shrink(images, size, scale)
        if flow is None:
            flow = images.new_zeros(images.shape[1], 2, *size)
        elif size != tuple(flow.shape[-2:]):
            flow = functional.interpolate(flow, size=size, mode="bilinear", align_corners=False) / settings.pyr_scale
        first, second = _polynomials(smaller, settings)
        for _ in range(settings.iterations):
            flow = _refine(first, second, flow, settings)
    assert flow is not None
    return flow


def _separable(images: Tensor, along_y: Tensor, along_x: Tensor) -> Tensor:
    """Apply ``along_y @ image @ along_x.T`` to every image of ``(..., H, W)``."""
    return along_y.to(images.device) @ (images @ along_x.T.to(images.device))


def _shrink(images: Tensor, size: tuple[int, int], scale: float) -> Tensor:
    height, width = images.shape[-2:]
    return _separable(images, _shrink_matrix(size[0], height, scale), _shrink_matrix(size[1], width, scale))


@lru_cache(maxsize=64)
def _shrink_matrix(to: int, side: int, scale: float) -> Tensor:
    """Matrix ``(to, side)`` that smooths and then reads at the new pixel centres."""
    sigma = (1 / scale - 1) / 2
    # even the full size is smoothed by three taps; a sigma of zero stands for the usual one of that width
    radius = max(round(sigma * 5) | 1, 3) // 2
    smooth = _filter_matrix(side, _gaussian(radius, sigma if sigma > 0 else 0.8), mirrored=True)
    return torch.tensor(_resize_matrix(to, side) @ smooth, dtype=torch.float32)


def _gaussian(radius: int, sigma: float) -> tuple[float, ...]:
    weights = np.exp(-(np.arange(-radius, radius + 1) ** 2) / (2 * sigma**2))
    return tuple(weights / weights.sum())


def _filter_matrix(side: int, taps: tuple[float, ...], *, mirrored: bool = False) -> NDArray[np.float64]:
    """Matrix ``(side, side)`` of a filter; the border is mirrored or continued with its nearest pixel."""
    offsets = np.arange(len(taps)) - len(taps) // 2
    read = np.arange(side)[:, None] + offsets
    if mirrored and side > 1:
        period = 2 * (side - 1)
        read = np.abs((read + side - 1) % period - (side - 1))
    read = np.clip(read, 0, side - 1)
    matrix = np.zeros((side, side))
    np.add.at(matrix, (np.arange(side)[:, None], read), np.asarray(taps))
    return matrix


def _resize_matrix(to: int, side: int) -> NDArray[np.float64]:
    """Matrix ``(to, side)`` of linear interpolation between pixel centres."""
    position = np.clip((np.arange(to) + 0.5) * side / to - 0.5, 0, side - 1)
    low = np.minimum(position.astype(int), max(side - 2, 0))
    weight = position - low
    matrix = np.zeros((to, side))
    np.add.at(matrix, (np.arange(to), low), 1 - weight)
    np.add.at(matrix, (np.arange(to), np.minimum(low + 1, side - 1)), weight)
    return matrix


def _fit_taps(radius: int, sigma: float) -> tuple[tuple[float, ...], ...]:
    """One-dimensional taps of the weighted fit of ``1, x, y, x^2, y^2, xy``.

    Returns:
        Weights; slope; curvature. Applied along one axis each (weights along the other), they give the
        coefficients of x and of x^2; slope along both axes gives that of xy up to one factor, already split.
    """
    x = np.arange(-radius, radius + 1)
    g = np.asarray(_gaussian(radius, sigma))
    second, fourth = (g * x**2).sum(), (g * x**4).sum()
    # x and xy are orthogonal to the rest; x^2 shares the inverse Gram matrix with 1 and y^2
    gram = np.array([[1, second, second], [second, fourth, second**2], [second, second**2, fourth]])
    inverse = np.linalg.inv(gram)
    curvature = g * (inverse[1, 0] + inverse[1, 1] * x**2)
    # what y^2 adds to the coefficient of x^2 vanishes: inverse[1, 2] is zero for separable weights
    return tuple(g), tuple(g * x / second), tuple(curvature)


@lru_cache(maxsize=8)
def _fit_kernels(radius: int, sigma: float) -> tuple[Tensor, Tensor]:
    """The fit as two convolutions.

    Returns:
        Along x ``(3, 1, 1, n)``: weights, slope, curvature; then along y ``(5, 3, n, 1)``: b_x, b_y, A_xx, A_yy, A_xy.
    """
    weights, slope, curvature = torch.tensor(_fit_taps(radius, sigma), dtype=torch.float32)
    along_x = torch.stack((weights, slope, curvature))[:, None, None]
    along_y = torch.zeros(5, 3, 2 * radius + 1, 1)
    # A_xy is half the coefficient of xy
    for output, (taps, given) in enumerate(
        ((weights, 1), (slope, 0), (weights, 2), (curvature, 0), (slope / 2, 1)),
    ):
        along_y[output, given, :, 0] = taps
    return along_x, along_y


def _polynomials(images: Tensor, settings: _Settings) -> tuple[Tensor, Tensor]:
    """Fit ``f(x) = c + b.x + x.A.x`` around every pixel.

    Args:
        images: ``(2, B, H, W)``.
        settings: All parameters.

    Returns:
        For each of the two images ``(B, 5, H, W)``: b_x, b_y, A_xx, A_yy, A_xy.
    """
    along_x, along_y = (kernel.to(images.device) for kernel in _fit_kernels(settings.poly_n, settings.poly_sigma))
    padded = functional.pad(images.flatten(0, 1)[:, None], (settings.poly_n,) * 4, mode="replicate")
    fitted = functional.conv2d(functional.conv2d(padded, along_x), along_y)
    first, second = fitted.unflatten(0, images.shape[:2])
    return first, second


def _refine(first: Tensor, second: Tensor, flow: Tensor, settings: _Settings) -> Tensor:
    """One refinement: displaced second polynomials, normal equations averaged over the window, solved."""
    height, width = flow.shape[-2:]
    columns, rows = pixel_grid(height, width, flow.device)
    u, v = flow.unbind(1)
    there = sample_at(second, columns + u, rows + v)
    xx, yy, xy = first[:, 2:].add(there[:, 2:]).mul_(0.5).unbind(1)
    shift_x, shift_y = first[:, :2].sub(there[:, :2]).mul_(0.5).unbind(1)
    shift_x.addcmul_(xx, u).addcmul_(xy, v)
    shift_y.addcmul_(xy, u).addcmul_(yy, v)
    # the reading of the second image is not needed any more; its memory takes the equations
    equations = there
    a, b, c, right_x, right_y = equations.unbind(1)
    xy_square = xy * xy
    torch.addcmul(xy_square, xx, xx, out=a)
    torch.addcmul(xy_square, yy, yy, out=c)
    torch.add(xx, yy, out=b).mul_(xy)
    torch.mul(xx, shift_x, out=right_x).addcmul_(xy, shift_y)
    torch.mul(xy, shift_x, out=right_y).addcmul_(yy, shift_y)
    equations *= _trust(height).to(flow.device)[:, None] * _trust(width).to(flow.device)
    radius = settings.winsize // 2
    if settings.gaussian:
        averaged = _separable(equations, _window_matrix(height, radius), _window_matrix(width, radius))
    else:
        averaged = _box_mean(equations, radius)
    a, b, c, right_x, right_y = averaged.unbind(1)
    inverse = (a * c).addcmul_(b, b, value=-1).add_(_RIDGE).reciprocal_()
    solved = torch.empty_like(flow)
    torch.mul(c, right_x, out=solved[:, 0]).addcmul_(b, right_y, value=-1)
    torch.mul(a, right_y, out=solved[:, 1]).addcmul_(b, right_x, value=-1)
    return solved.mul_(inverse[:, None])


def _box_mean(planes: Tensor, radius: int) -> Tensor:
    """Mean over a square window of ``(B, C, H, W)``; the border is continued with its nearest pixel."""
    if radius == 0:
        return planes
    height, width = planes.shape[-2:]
    size = 2 * radius + 1
    padded = functional.pad(planes, (radius,) * 4, mode="replicate")
    rows = _run_sum(padded.flatten(2), size, padded.shape[-1])
    # sums that run over the end of a row fall on its padding
    both = _run_sum(rows, size, 1)
    both = functional.pad(both, (0, size - 1)).view(*planes.shape[:2], height, -1)[..., :width]
    return both.mul_(1 / size**2)


def _run_sum(values: Tensor, count: int, stride: int) -> Tensor:
    """Sum of ``count`` values that lie ``stride`` apart, by doubling: about ``2 log2(count)`` additions."""
    length = values.shape[-1] - (count - 1) * stride
    total: Tensor | None = None
    offset, run = 0, 1
    while True:
        if count & run:
            part = values[..., offset * stride : offset * stride + length]
            total = part.clone() if total is None else total.add_(part)
            offset += run
        if 2 * run > count:
            assert total is not None
            return total
        values = values[..., : -run * stride] + values[..., run * stride :]
        run *= 2


@lru_cache(maxsize=64)
def _window_matrix(side: int, radius: int) -> Tensor:
    return torch.tensor(_filter_matrix(side, _gaussian(radius, max(radius, 1) * 0.3)), dtype=torch.float32)


@lru_cache(maxsize=64)
def _trust(side: int) -> Tensor:
    edge = torch.ones(side)
    for distance, value in enumerate(_BORDER_TRUST[:side]):
        edge[distance] *= value
        edge[side - 1 - distance] *= value
    return edge
