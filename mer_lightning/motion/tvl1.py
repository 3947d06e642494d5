"""Optical flow by total variation and an absolute data term, solved in the dual, coarse to fine.

Source: Zach, Pock and Bischof, A Duality Based Approach for Realtime TV-L1 Optical Flow, 2007; illumination
field ``gamma`` after Chambolle and Pock, A First-Order Primal-Dual Algorithm, 2011, section 6.3.3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from mer_lightning.motion.grids import central_difference, check_pair, in_blocks, lands_inside, warp
from mer_lightning.motion.median import median_filter

if TYPE_CHECKING:
    from torch import Tensor

VERSION = 2
"""Part of the cache key of what is computed with this flow; raised whenever its numbers change."""

# no pyramid level has a side below this
_SMALLEST_SIDE = 16
# pixels solved together on a CPU: about forty planes of them are live, which the last cache level holds
_BLOCK = 1 << 16
# after every sixth iteration of a warp it is checked which pairs have settled; sooner, a small first step of a pair
# that differs mostly in brightness passes for an end
_CHECKS = 6
# squared gradients below this say nothing about motion: a tenth of a grey level (0..255) a pixel is below the
# rounding of 8-bit frames
_FLAT = 1e-2


@dataclass(frozen=True, slots=True)
class _Settings:
    tau: float
    lambda_: float
    theta: float
    nscales: int
    warps: int
    epsilon: float
    inner_iterations: int
    outer_iterations: int
    scale_step: float
    gamma: float
    median_filtering: int

    def __post_init__(self) -> None:
        for name in ("tau", "lambda_", "theta", "nscales", "warps", "inner_iterations", "outer_iterations"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
        if not 0 < self.scale_step < 1:
            raise ValueError(f"scale_step must lie between 0 and 1, got {self.scale_step}")
        if self.epsilon < 0:
            raise ValueError(f"epsilon must not be negative, got {self.epsilon}")


def tvl1_flow(
    reference: Tensor,
    target: Tensor,
    *,
    tau: float = 0.25,
    lambda_: float = 0.15,
    theta: float = 0.3,
    nscales: int = 5,
    warps: int = 5,
    epsilon: float = 0.01,
    inner_iterations: int = 30,
    outer_iterations: int = 10,
    scale_step: float = 0.8,
    gamma: float = 0.0,
    median_filtering: int = 5,
) -> Tensor:
    """Compute TV-L1 flow, ``reference(x) = target(x + flow(x))``; names and defaults are OpenCV's.

    Every pair runs until its own flow settles, so its result does not depend on the rest of the batch.

    Args:
        reference: ``(B, 1, H, W)``, grey levels in 0..1.
        target: Same shape and device.
        tau: Time step of the dual update.
        lambda_: Weight of the data term; smaller is smoother.
        theta: Coupling of the two halves of the problem.
        nscales: Pyramid levels, fewer where a side would fall below 16 pixels.
        warps: Linearisations per level.
        epsilon: A warp ends when the root mean square change of the flow falls below this, pixels.
        inner_iterations: Iterations between two median filters.
        outer_iterations: Median filters per warp at most.
        scale_step: Size of a level relative to the next finer one.
        gamma: Weight of an additive illumination field; 0 leaves it out.
        median_filtering: Side of the median window, odd; 1 leaves it out.

    Returns:
        ``(B, 2, H, W)``, float32, pixels: horizontal (right positive), vertical (down positive).

    Raises:
        ValueError: The images do not fit, are not finite, or a parameter is out of range.
    """
    reference, target = check_pair(reference, target)
    settings = _Settings(
        tau, lambda_, theta, nscales, warps, epsilon, inner_iterations, outer_iterations, scale_step, gamma,
        median_filtering,
    )  # fmt: skip
    return in_blocks(lambda a, b: _coarse_to_fine(a * 255, b * 255, settings), reference, target, _BLOCK)


def _coarse_to_fine(reference: Tensor, target: Tensor, settings: _Settings) -> Tensor:
    levels = [(reference, target)]
    while len(levels) < settings.nscales:
        size = tuple(round(side * settings.scale_step) for side in levels[-1][0].shape[-2:])
        if min(size) < _SMALLEST_SIDE:
            break
        levels.append((_resize(levels[-1][0], size), _resize(levels[-1][1], size)))
    fields = 3 if settings.gamma else 2
    state = reference.new_zeros(fields, reference.shape[0], *levels[-1][0].shape[-2:])
    for finer, coarser in reversed(levels):
        height, width = finer.shape[-2:]
        ratio = state.new_ones(fields, 1, 1, 1)
        ratio[0], ratio[1] = width / state.shape[-1], height / state.shape[-2]
        state = _solve_level(finer, coarser, _resize(state, (height, width)) * ratio, settings)
    return state[:2].transpose(0, 1)


def _resize(image: Tensor, size: tuple[int, ...]) -> Tensor:
    if tuple(image.shape[-2:]) == size:
        return image
    # one channel each: torch rounds differently when there are many channels, and here they are the pairs
    planes = image.flatten(0, 1)[:, None]
    return functional.interpolate(planes, size=size, mode="bilinear", align_corners=False).view(*image.shape[:2], *size)


def _solve_level(reference: Tensor, target: Tensor, state: Tensor, settings: _Settings) -> Tensor:
    """Warp, linearise and minimise on one level.

    Args:
        reference: ``(B, 1, H, W)``, grey levels 0..255.
        target: Same shape.
        state: Fields to start from, ``(2 or 3, B, H, W)``: u, v and, where asked for, illumination.
        settings: All parameters.

    Returns:
        Improved fields, same shape as ``state``.
    """
    image = torch.cat((target, central_difference(target, -1), central_difference(target, -2)), 1)
    # reading the reference through the same sampler gives it the same rounding, so no motion is exactly none
    reference = warp(reference, torch.zeros_like(state[:2].transpose(0, 1)), "bicubic")
    # dual fields times theta, (x or y, field, B, H, W); the last column of x and the last row of y stay zero
    dual = state.new_zeros(2, *state.shape)
    for _ in range(settings.warps):
        warped = warp(image, state[:2].transpose(0, 1), "bicubic")
        # where the target would be read outside of its frame, only the neighbours say how a pixel moves
        slope = warped[:, 1:].transpose(0, 1) * lands_inside(state[0], state[1])
        if settings.gamma:
            slope = torch.cat((slope, torch.full_like(slope[:1], settings.gamma)))
        slope = slope.contiguous()
        square = slope.square().sum(0)
        inverse = torch.where(square > _FLAT, -1 / square, 0)
        # the residual is linear in the fields, constant + slope . fields; all of it is divided by -|slope|^2
        constant = (warped[:, 0] - reference[:, 0] - (slope[:2] * state[:2]).sum(0)) * inverse
        _minimise(state, dual, _Problem(slope, slope * inverse, constant, settings))
    return state


class _Problem:
    """One linearisation, and the buffers that every iteration writes over.

    Args:
        slope: Image gradient per field, ``(fields, B, H, W)``.
        scaled: ``slope`` divided by minus its squared length.
        constant: Constant part of the residual divided likewise, ``(B, H, W)``.
        settings: All parameters.
    """

    def __init__(self, slope: Tensor, scaled: Tensor, constant: Tensor, settings: _Settings) -> None:
        self.slope, self.scaled, self.constant, self.settings = slope, scaled, constant, settings
        self._step = torch.empty_like(constant)
        self._norm = torch.empty_like(slope)
        # the last column of the horizontal gradient and the last row of the vertical one stay zero
        self._gradient = slope.new_zeros(2, *slope.shape)

    def keep(self, rows: Tensor) -> _Problem:
        """The same for some of the pairs."""
        return _Problem(self.slope[:, rows], self.scaled[:, rows], self.constant[rows], self.settings)

    def update(self, state: Tensor, dual: Tensor) -> None:
        """One iteration, in place: soft threshold along the gradient, divergence, projected dual ascent."""
        settings, step, norm, (along_x, along_y) = self.settings, self._step, self._norm, self._gradient
        dual_x, dual_y = dual
        torch.addcmul(self.constant, self.scaled[0], state[0], out=step)
        for field in range(1, len(state)):
            step.addcmul_(self.scaled[field], state[field])
        limit = settings.lambda_ * settings.theta
        step.clamp_(-limit, limit)
        state.addcmul_(self.slope, step[None])
        state += dual_x
        state[..., 1:] -= dual_x[..., :-1]
        state += dual_y
        state[..., 1:, :] -= dual_y[..., :-1, :]
        torch.sub(state[..., 1:], state[..., :-1], out=along_x[..., :-1])
        torch.sub(state[..., 1:, :], state[..., :-1, :], out=along_y[..., :-1, :])
        torch.mul(along_x, along_x, out=norm).addcmul_(along_y, along_y).sqrt_()
        norm.mul_(settings.tau / settings.theta).add_(1)
        dual.add_(self._gradient, alpha=settings.tau).div_(norm)


def _minimise(state: Tensor, dual: Tensor, problem: _Problem) -> None:
    """Minimise a linearised problem in place; pairs that have settled leave the computation.

    Args:
        state: ``(fields, B, H, W)``.
        dual: ``(2, fields, B, H, W)``.
        problem: The linearisation.
    """
    settings = problem.settings
    limit = settings.epsilon**2 * state[0, 0].numel()
    # the pairs that still move: all of them in place, then copies of fewer and fewer
    rows: Tensor | None = None
    now, now_dual = state, dual
    for iteration in range(settings.outer_iterations * settings.inner_iterations):
        if iteration % settings.inner_iterations == 0 and settings.median_filtering > 1:
            now[:2] = median_filter(now[:2], settings.median_filtering)
        before = now[:2].clone() if (iteration + 1) % _CHECKS == 0 else None
        problem.update(now, now_dual)
        if before is None:
            continue
        moved = before.sub_(now[:2]).square_().sum((0, 2, 3), dtype=torch.float64)
        going = (moved >= limit).nonzero()[:, 0]
        if len(going) == len(moved):
            continue
        if rows is not None:
            state[:, rows], dual[:, :, rows] = now, now_dual
        if not len(going):
            return
        rows = going if rows is None else rows[going]
        now, now_dual, problem = now[:, going], now_dual[:, :, going], problem.keep(going)
    if rows is not None:
        state[:, rows], dual[:, :, rows] = now, now_dual
