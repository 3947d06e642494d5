"""Clips of synthetic faces: what happens, the frames that a camera records of it, and the truth behind."""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from mer_lightning.datasets.synthetic.action_units import Channel, displacement_basis, shading_basis
from mer_lightning.datasets.synthetic.faces import draw_texture
from mer_lightning.datasets.synthetic.identity import Identity, View

if TYPE_CHECKING:
    from collections.abc import Mapping

BATCH = 16
"""Frames rendered at once; larger batches fall out of the processor's cache."""
TEXTURE_BYTES = 256 << 20
"""Memory for textures of people who are likely to be seen again."""


@dataclass(frozen=True, slots=True)
class Script:
    """Everything that happens in one clip; the pixels follow from it.

    Attributes:
        who: Seed of the person.
        seed: Seed of the drift, the noise and the flicker of this clip.
        view: Where the face lies in the picture.
        frames: Number of frames.
        onset: Index of the last neutral frame.
        apex: Index of the strongest frame.
        offset: Index of the frame in which the expression has faded.
        units: Largest displacement at the apex per action unit and side, pupil distances.
        residue: Part of the displacement that remains at the offset, 0 to 1.
        drift: Largest shift of the head between onset and offset, pupil distances; rotation and scale follow.
        noise: Standard deviation of the sensor noise, grey levels of 255.
        flicker: Relative amplitude of the lamp's flicker.
        fps: Frames per second, which set the speed of drift and flicker.
        grey: Whether the camera has no colour.
        again: Onset, apex and offset of a second, weaker showing of the same expression; None if there is one
            only.
    """

    who: int
    seed: int
    view: View
    frames: int
    onset: int
    apex: int
    offset: int
    units: tuple[tuple[Channel, float], ...]
    residue: float = 0.2
    drift: float = 0.008
    noise: float = 1.2
    flicker: float = 0.004
    fps: float = 200.0
    grey: bool = False
    again: tuple[int, int, int] | None = None

    def exaggerate(self, factor: float) -> Script:
        """Give the same clip with larger expressions."""
        return replace(self, units=tuple((channel, size * factor) for channel, size in self.units))


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


def curves(script: Script) -> Tensor:
    """Give the course of every action unit: nothing at the onset, one at the apex, ``residue`` at the offset.

    Returns:
        ``(T, K)`` float32 in 0..1. The units do not start together, but all of them peak at the apex.
    """
    draw = np.random.default_rng([script.seed, 0xC0])
    time = torch.arange(script.frames, dtype=torch.float32)
    columns: list[Tensor] = []
    for _ in script.units:
        delay, bend = float(draw.uniform(0, 0.25)), float(draw.uniform(0.85, 1.3))
        course = _wave(time, (script.onset, script.apex, script.offset), delay, bend, script.residue)
        if script.again:
            course = torch.maximum(course, 0.7 * _wave(time, script.again, delay, bend, 0.0))
        columns.append(course)
    return torch.stack(columns, 1) if columns else torch.zeros(script.frames, 0)


def _wave(time: Tensor, turns: tuple[int, int, int], delay: float, bend: float, residue: float) -> Tensor:
    """Give one rise from the onset to the apex and one fall to the offset."""
    onset, apex, offset = turns
    rise = ((time - onset) / max(apex - onset, 1) - delay) / (1 - delay)
    fall = (time - apex) / max(offset - apex, 1)
    up = (0.5 - 0.5 * torch.cos(math.pi * rise.clamp(0, 1))) ** bend
    down = residue + (1 - residue) * (0.5 + 0.5 * torch.cos(math.pi * fall.clamp(0, 1))) ** bend
    return torch.where(time <= apex, up, down)


def head_motion(script: Script) -> Tensor:
    """Give the similarity that carries the onset's picture to every frame.

    Returns:
        ``(T, 2, 3)`` float32 pixels; the identity at the onset.
    """
    draw = np.random.default_rng([script.seed, 0xD1])
    phase = draw.uniform(0, 2 * math.pi, (4, 2))
    rate = draw.uniform(0.15, 0.55, (4, 2)) * np.array([1.0, 2.3])
    weight = draw.uniform(0.5, 1.0, (4, 2)) * np.array([1.0, 0.25])
    time = (np.arange(script.frames) - script.onset) / script.fps
    wave = (weight * (np.sin(2 * math.pi * rate * time[:, None, None] + phase) - np.sin(phase))).sum(-1)
    # sway in x and y, roll, and approach to the camera
    size = script.drift * np.array([1.0, 0.8, 0.35, 0.30])
    shift_x, shift_y, roll, grow = torch.from_numpy((wave * size).astype(np.float32)).unbind(1)
    view = script.view
    # people turn about the neck
    centre = view.pixels(torch.tensor((0.0, 1.6)))
    cos, sin = torch.cos(roll) * torch.exp(grow), torch.sin(roll) * torch.exp(grow)
    move = torch.stack([shift_x, shift_y], 1) * view.scale
    linear = torch.stack([torch.stack([cos, -sin], 1), torch.stack([sin, cos], 1)], 1)
    return torch.cat([linear, (move + centre - linear @ centre)[..., None]], 2)


def _inverse(motion: Tensor) -> Tensor:
    """Invert similarities ``(T, 2, 3)``."""
    linear = torch.linalg.inv(motion[:, :, :2])
    return torch.cat([linear, -linear @ motion[:, :, 2:]], 2)


_drawn: OrderedDict[tuple[int, View, int, str], Tensor] = OrderedDict()


def texture(who: int, view: View, oversample: int, device: str) -> Tensor:
    """Draw a person once and keep the picture; the pictures used last are kept, up to ``TEXTURE_BYTES``."""
    key = who, view, oversample, device
    picture = _drawn.pop(key, None)
    if picture is None:
        picture = draw_texture(Identity.sample(who), view, oversample=oversample, device=device)
    _drawn[key] = picture
    while len(_drawn) > 1 and sum(kept.nbytes for kept in _drawn.values()) > TEXTURE_BYTES:
        _drawn.popitem(last=False)
    return picture


@dataclass(frozen=True, slots=True)
class Poses:
    """Pictures of one person, one row per picture.

    Attributes:
        who: Seed of the person.
        view: Where the face lies.
        channels: The action units of ``sizes``.
        sizes: Displacement of every unit, ``(T, K)`` float32, pupil distances.
        motion: Similarity from the resting picture, ``(T, 2, 3)`` float32 pixels.
        gain: Brightness, ``(T,)`` float32; one is as drawn.
        noise: Standard deviation of the sensor noise, grey levels of 255.
        seed: Seed of the noise.
        grey: Whether the camera has no colour.
    """

    who: int
    view: View
    channels: tuple[Channel, ...]
    sizes: Tensor
    motion: Tensor
    gain: Tensor
    noise: float
    seed: int
    grey: bool = False


@torch.no_grad()
def render_poses(poses: Poses, *, device: torch.device | str = "cpu", oversample: int = 2) -> Tensor:
    """Render pictures of one person by warping the person's texture.

    Args:
        poses: What the face does in each picture.
        device: Where to render; the noise differs between kinds of device, the rest does not.
        oversample: Texture samples per pixel and axis.

    Returns:
        ``(T, H, W, 3)`` uint8 on the device; one channel if ``poses.grey``.
    """
    place = torch.device(device)
    view = poses.view
    picture = texture(poses.who, view, oversample, str(place))
    if poses.grey:
        picture = (picture * picture.new_tensor((0.299, 0.587, 0.114))[:, None, None]).sum(0, keepdim=True)
    x, y = view.grid(device=place)
    who = Identity.sample(poses.who)
    size = torch.tensor((view.width, view.height), device=place, dtype=torch.float32)
    # the sampler's coordinates run from -1 to 1 across the picture
    field = displacement_basis(who, poses.channels, x, y).flatten(2) * (2 * view.scale / size)[None, :, None]
    folds = shading_basis(who, poses.channels, x, y).flatten(1)
    back = _inverse(poses.motion.to(place))
    half = (size - 1) / 2
    # the same affine maps in the sampler's coordinates
    turn = back[:, :, :2] * (size[None, None, :] / size[None, :, None])
    shift = (((back[:, :, :2] @ half + back[:, :, 2] - half) * 2) / size)[..., None]
    column = (torch.arange(view.width, device=place) * 2 + 1) / view.width - 1
    row = (torch.arange(view.height, device=place) * 2 + 1) / view.height - 1
    still = torch.stack(torch.meshgrid(column, row, indexing="xy")).reshape(1, 2, -1)
    sizes, gain = poses.sizes.to(place), poses.gain.to(place)
    generator = torch.Generator(device=place).manual_seed(poses.seed)
    total, depth = len(sizes), len(picture)
    result = torch.empty((total, view.height, view.width, depth), dtype=torch.uint8, device=place)
    for start in range(0, total, BATCH):
        now = slice(start, min(start + BATCH, total))
        count = now.stop - now.start
        moved = still - torch.tensordot(sizes[now], field, 1)
        grid = torch.baddbmm(shift[now], turn[now], moved)
        grid = grid.transpose(1, 2).reshape(count, view.height, view.width, 2)
        shot = functional.grid_sample(
            picture[None].expand(count, -1, -1, -1), grid, padding_mode="border", align_corners=False
        )
        shade = (sizes[now] @ folds).reshape(count, 1, view.height, view.width)
        # a fold never gets darker than half of the skin, however strong the expression
        light = (1 + shade / (1 + 2 * shade.abs())).mul_(gain[now, None, None, None] * 255)
        noise = torch.randn((count, 1, view.height, view.width), device=place, generator=generator)
        shot = shot.mul_(light).add_(noise.mul_(poses.noise)).add_(0.5).clamp_(0, 255)
        result[now] = shot.to(torch.uint8).permute(0, 2, 3, 1)
    return result


def render_frames(script: Script, *, device: torch.device | str = "cpu", oversample: int = 2) -> Tensor:
    """Render the frames of a clip; arguments and result as ``render_poses``."""
    draw = np.random.default_rng([script.seed, 0x5E])
    time = np.arange(script.frames) / script.fps
    lamp = np.sin(2 * math.pi * (draw.uniform(6, 14) * time + draw.uniform()))
    gain = 1 + script.flicker * (0.7 * lamp + 0.5 * draw.standard_normal(script.frames))
    poses = Poses(
        who=script.who,
        view=script.view,
        channels=tuple(channel for channel, _ in script.units),
        sizes=curves(script) * torch.tensor([size for _, size in script.units]),
        motion=head_motion(script),
        gain=torch.from_numpy(gain.astype(np.float32)),
        noise=script.noise,
        seed=int(draw.integers(2**62)),
        grey=script.grey,
    )
    return render_poses(poses, device=device, oversample=oversample)


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
    resting = _apply(_inverse(motion)[first], pixels - fields[0])
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


def compose(
    who: int,
    seed: int,
    view: View,
    units: Mapping[Channel, float],
    *,
    frames: int = 16,
    lead: int = 0,
    tail: int = 0,
    fps: float = 200.0,
    grey: bool = False,
) -> Script:
    """Time a clip: the apex lies at 35 to 65 % of the way from the onset to the offset.

    Args:
        who: Seed of the person.
        seed: Seed of the clip.
        view: Where the face lies.
        units: Largest displacement per action unit and side, pupil distances.
        frames: Frames from the onset to the offset, both included; at least three.
        lead: Neutral frames before the onset.
        tail: Frames after the offset.
        fps: Frames per second of the camera.
        grey: Whether the camera has no colour.
    """
    draw = np.random.default_rng([seed, 0x7A])
    apex = min(max(round((frames - 1) * draw.uniform(0.35, 0.65)), 1), frames - 2)
    return Script(
        who=who,
        seed=seed,
        view=view,
        frames=lead + frames + tail,
        onset=lead,
        apex=lead + apex,
        offset=lead + frames - 1,
        units=tuple(units.items()),
        residue=float(draw.uniform(0.05, 0.35)),
        drift=float(draw.uniform(0.003, 0.012)),
        noise=float(draw.uniform(0.8, 1.8)),
        flicker=float(draw.uniform(0.001, 0.006)),
        fps=fps,
        grey=grey,
    )
