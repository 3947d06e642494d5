"""Pictures of synthetic faces in motion, as a camera records them."""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from mer_lightning.synthetic.action_units import displacement_basis, shading_basis
from mer_lightning.synthetic.faces import draw_texture
from mer_lightning.synthetic.identity import Identity
from mer_lightning.synthetic.scripts import curves, head_motion, inverse

if TYPE_CHECKING:
    from mer_lightning.synthetic.action_units import Channel
    from mer_lightning.synthetic.identity import View
    from mer_lightning.synthetic.scripts import Script

BATCH = 16
"""Frames rendered at once; larger batches fall out of the processor's cache."""
TEXTURE_BYTES = 256 << 20
"""Memory for textures of people who are likely to be seen again."""
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
    back = inverse(poses.motion.to(place))
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
