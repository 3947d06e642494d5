"""Clips of synthetic faces: the frames of a script, and the truth behind them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from mer_lightning.synthetic.action_units import displacement_basis
from mer_lightning.synthetic.identity import Identity
from mer_lightning.synthetic.rendering import render_frames
from mer_lightning.synthetic.scripts import curves, head_motion, inverse

if TYPE_CHECKING:
    from mer_lightning.synthetic.scripts import Script


@dataclass(frozen=True, slots=True)
class Clip:
    """A rendered clip and the truth behind it.

    Attributes:
        frames: ``(T, H, W, 3)`` uint8, or ``(T, H, W, 1)`` from a camera without colour.
        flow: True displacement from the onset to the apex at the pixels of the onset, ``(2, H, W)`` float32
            pixels, x then y; ``onset(p) = apex(p + flow(p))``.
        landmarks: 68 points in the iBUG order, ``(T, 68, 2)`` float32 pixels, x then y.
        intensities: Displacement of every action unit in every frame, ``(T, K)`` float32 pixels, in the order
            of ``script.units``.
        script: What was rendered.
    """

    frames: Tensor
    flow: Tensor
    landmarks: Tensor
    intensities: Tensor
    script: Script


@torch.no_grad()
def true_flow(script: Script, start: int | None = None, end: int | None = None) -> Tensor:
    """Compute the displacement from one frame to another, head motion included.

    The renderer looks backwards (where does this pixel come from), so the forward displacement is found by a
    fixed point iteration; the fields contract, and it stops below a thousandth of a pixel.

    Args:
        script: What happens.
        start: Frame at whose pixels the displacement is given; None is the onset.
        end: Frame to which it leads; None is the apex.

    Returns:
        ``(2, H, W)`` float32 pixels, x then y.
    """
    view = script.view
    first, last = (script.onset if start is None else start), (script.apex if end is None else end)
    columns, rows = torch.meshgrid(
        torch.arange(view.width, dtype=torch.float32),
        torch.arange(view.height, dtype=torch.float32),
        indexing="xy",
    )
    pixels = torch.stack([columns, rows])
    x, y = view.grid()
    basis = displacement_basis(Identity.sample(script.who), [channel for channel, _ in script.units], x, y)
    course = curves(script) * torch.tensor([size for _, size in script.units])
    fields = torch.tensordot(course[[first, last]], basis, 1) * view.scale
    motion = head_motion(script)
    # back to the resting picture from the start, by definition of the renderer, then forward to the end
    resting = _apply(inverse(motion)[first], pixels - fields[0])
    target = _apply(motion[last], resting)
    found = target.clone()
    size = pixels.new_tensor((view.width, view.height))[:, None, None]
    for _ in range(40):
        grid = ((2 * found + 1) / size - 1).permute(1, 2, 0)[None]
        pulled = functional.grid_sample(fields[1:], grid, padding_mode="border", align_corners=False)[0]
        change = (target + pulled - found).abs().max()
        found = target + pulled
        if change < 1e-4:
            break
    return found - pixels


def _apply(motion: Tensor, pixels: Tensor) -> Tensor:
    """Apply one similarity to ``(2, H, W)`` coordinates."""
    return torch.einsum("ij,jhw->ihw", motion[:, :2], pixels) + motion[:, 2, None, None]


@torch.no_grad()
def track_landmarks(script: Script) -> Tensor:
    """Follow the 68 points of the iBUG order through the clip.

    Returns:
        ``(T, 68, 2)`` float32 pixels, x then y.
    """
    who = Identity.sample(script.who)
    view = script.view
    course = curves(script) * torch.tensor([size for _, size in script.units])
    motion = head_motion(script)
    resting = view.pixels(who.landmarks())
    target = torch.einsum("tij,nj->tni", motion[:, :, :2], resting) + motion[:, None, :, 2]
    found = target.clone()
    channels = [channel for channel, _ in script.units]
    for _ in range(40):
        face = (found - found.new_tensor((view.x, view.y))) / view.scale
        basis = displacement_basis(who, channels, face[..., 0], face[..., 1])
        pulled = torch.einsum("tk,kctn->tnc", course, basis) * view.scale
        change = (target + pulled - found).abs().max()
        found = target + pulled
        if change < 1e-4:
            break
    return found


def intensities(script: Script) -> Tensor:
    """Give the displacement of every action unit in every frame; ``(T, K)`` float32 pixels."""
    return curves(script) * torch.tensor([size for _, size in script.units]) * script.view.scale


def render_clip(script: Script, *, device: torch.device | str = "cpu") -> Clip:
    """Render a clip and compute the truth behind it.

    Args:
        script: What happens.
        device: Where the frames are rendered; the truth stays in main memory.
    """
    return Clip(
        frames=render_frames(script, device=device),
        flow=true_flow(script),
        landmarks=track_landmarks(script),
        intensities=intensities(script),
        script=script,
    )
