"""Scripts of synthetic clips: what happens in a clip, and the courses of expression and head that follow from it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mer_lightning.synthetic.action_units import Channel
    from mer_lightning.synthetic.identity import View


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
        again: Onset, apex and offset of every further, weaker showing of the same expression.
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
    again: tuple[tuple[int, int, int], ...] = ()

    def exaggerate(self, factor: float) -> Script:
        """Give the same clip with larger expressions."""
        return replace(self, units=tuple((channel, size * factor) for channel, size in self.units))


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
        for turns in script.again:
            course = torch.maximum(course, 0.7 * _wave(time, turns, delay, bend, 0.0))
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


def inverse(motion: Tensor) -> Tensor:
    """Invert similarities ``(T, 2, 3)``."""
    linear = torch.linalg.inv(motion[:, :, :2])
    return torch.cat([linear, -linear @ motion[:, :, 2:]], 2)
