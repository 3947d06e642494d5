"""Procedural faces: what the camera sees of a synthetic subject at rest; coordinates as in ``identity``."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from mer_lightning.synthetic.canvas import (
    HAIR_TONES,
    IRIS_TONES,
    SKIN_TONES,
    Canvas,
    blend,
    bump,
    crease,
    noise_tile,
    pair,
)

if TYPE_CHECKING:
    from torch import Tensor

    from mer_lightning.synthetic.identity import Identity, View

FINEST = 60.0
"""Samples per pupil distance below which the fine lines of a face would be missed."""


def _relief(canvas: Canvas) -> Tensor:
    """Give the height of the face over the picture plane, pupil distances."""
    who, x, y = canvas.who, canvas.x, canvas.y
    wing, base, bridge = who.nose
    _, line, above, below = who.mouth
    radius = canvas.outline()
    z = 1.05 * torch.sqrt((1 - radius**2.4).clamp_min(0.0) + 0.05)
    down = ((y + 0.12) / (base - 0.06)).clamp(0, 1)
    ridge = torch.exp(-0.5 * (x / (0.095 + 0.075 * down)) ** 2)
    z = z + bridge * 0.30 * ridge * down**1.3 * canvas.step(base - 0.05 - y, 14)
    z = z + bridge * 0.13 * bump(x, y, 0, base - 0.13, 0.13, 0.11)
    z = z + 0.10 * pair(x, y, wing * 0.72, base - 0.085, 0.075, 0.075)
    # sockets, the ball under the lids, brow ridge
    z = z - 0.16 * pair(x, y, 0.47, -0.06, 0.25, 0.15) - 0.07 * pair(x, y, 0.20, -0.04, 0.08, 0.12)
    z = z + 0.115 * pair(x, y, 0.50, -0.005, 0.19, 0.105)
    z = z + 0.055 * pair(x, y, 0.48, who.brow[1] + 0.05, 0.32, 0.10) + 0.03 * bump(x, y, 0, -0.42, 0.2, 0.12)
    # cheeks, nasolabial fold, muzzle, philtrum, lips, chin
    z = z + 0.10 * pair(x, y, 0.66, 0.47, 0.26, 0.22) - 0.05 * pair(x, y, 0.80, 0.95, 0.2, 0.25)
    z = z - 0.035 * pair(x, y, 0.40, 0.26, 0.16, 0.05) * who.age
    for side in (-1, 1):
        fold = crease(x, y, (side * (wing + 0.03), base - 0.13), (side * 0.55, line - 0.02), 0.045)
        z = z - (0.018 + 0.03 * who.age) * fold
    z = z + 0.10 * bump(x, y, 0, line - 0.03, 0.36, 0.24)
    z = z - 0.030 * bump(x, y, 0, (base + line - above) / 2, 0.045, 0.09)
    z = z + 0.022 * pair(x, y, 0.075, (base + line - above) / 2 + 0.02, 0.03, 0.09)
    inside = torch.exp(-0.5 * (x / (0.62 * who.mouth[0])) ** 4)
    z = z + 0.075 * inside * torch.exp(-0.5 * ((y - line + above * 0.42) / (above * 0.45)) ** 2)
    z = z + 0.095 * inside * torch.exp(-0.5 * ((y - line - below * 0.52) / (below * 0.46)) ** 2)
    z = z - 0.050 * torch.exp(-0.5 * (x / 0.26) ** 2) * torch.exp(-0.5 * ((y - line - below * 1.45) / 0.055) ** 2)
    z = z + 0.10 * bump(x, y, 0, who.chin - 0.24, 0.22, 0.13)
    return z - 0.03 * pair(x, y, who.mouth[0] + 0.05, line + 0.01, 0.04, 0.05)


def _length(vector: Tensor) -> Tensor:
    """Give the length along the first axis, which is kept."""
    return (vector * vector).sum(0, keepdim=True).sqrt()


def _light(canvas: Canvas, z: Tensor) -> tuple[Tensor, Tensor]:
    """Shade a relief: soft diffuse light and highlights, both ``(H, W)``."""
    step_y, step_x = torch.gradient(z)
    normal = torch.stack([-step_x / canvas.spacing, -step_y / canvas.spacing, torch.ones_like(z)])
    normal = normal / _length(normal)
    lamp = torch.tensor(canvas.who.light, device=z.device)
    lamp = (lamp / _length(lamp))[:, None, None]
    facing = (normal * lamp).sum(0)
    wrapped = ((facing + 0.42) / 1.42).clamp_min(0) ** 1.4
    fill = 0.5 + 0.5 * normal[2] - 0.12 * normal[1]
    half = lamp + torch.tensor((0.0, 0.0, 1.0), device=z.device)[:, None, None]
    half = half / _length(half)
    gloss = (normal * half).sum(0).clamp_min(0)
    return 0.74 * wrapped + 0.36 * fill, 0.085 * gloss**14 + 0.06 * gloss**60


def _skin(canvas: Canvas) -> Tensor:
    """Colour and shade the skin of face, ears and neck; ``(3, H, W)`` linear."""
    who, x, y = canvas.who, canvas.x, canvas.y
    tone = blend(SKIN_TONES, who.tone, x.device)
    plane = x + 0 * y, y + 0 * x
    blotch = canvas.noise(0, plane[0] * 0.23 + 0.13, plane[1] * 0.23 + 0.4)
    grain = canvas.noise(1, plane[0] * 0.31 + 0.5, plane[1] * 0.31)
    pores = canvas.noise(2, plane[0] * 0.36 + 0.2, plane[1] * 0.36 + 0.1)
    red = pair(x, y, 0.62, 0.55, 0.26, 0.22) + 0.8 * bump(x, y, 0, who.nose[1] - 0.12, 0.2, 0.16)
    red = 0.5 * red + 0.25 * bump(x, y, 0, who.chin - 0.2, 0.25, 0.15) + 0.07 * blotch
    flush = torch.stack([1 + 0.10 * red, 1 - 0.20 * red, 1 - 0.16 * red])
    circles = pair(x, y, 0.43, 0.17, 0.2, 0.06) * (0.10 + 0.10 * who.age)
    rim = pair(x, y, 0.5, -0.02, 0.30, 0.15) * 0.08
    albedo = tone * flush * (1 + 0.035 * blotch + 0.030 * grain + 0.030 * pores - circles - rim)
    draw = np.random.default_rng([who.seed, 0x5907])
    for _ in range(who.freckles):
        cx, cy = draw.normal(0, 0.55), draw.normal(0.35, 0.6)
        size, depth = abs(draw.normal(0.010, 0.005)) + 0.007, draw.uniform(0.10, 0.35)
        albedo = albedo * (1 - depth * bump(x, y, cx, cy, size, size))
    if who.beard:
        shaved = canvas.step(y - 0.78 + 0.25 * bump(x, y, 0, 0.95, 0.5, 9), 9) * (1 - bump(x, y, 0, 0.7, 0.3, 0.14))
        shaved = shaved * canvas.step(y - 0.55 - (1.0 - x.abs()).clamp_min(0) * 0.55, 9)
        stubble = who.beard * shaved * (0.30 + 0.12 * pores).clamp(0, 0.6)
        albedo = albedo * (1 - stubble) + stubble * blend(HAIR_TONES, who.hair, x.device)
    for depth, side in ((0.30, -1), (0.30, 1)):
        fold = crease(x, y, (side * (who.nose[0] + 0.02), who.nose[1] - 0.12), (side * 0.53, who.mouth[1] - 0.05), 0.02)
        albedo = albedo * (1 - depth * (0.25 + who.age * 0.6) * fold)
    for k in range(3):
        line = torch.exp(-0.5 * ((y + 0.62 + 0.15 * k + 0.02 * torch.cos(3 * x + k)) / 0.010) ** 2)
        albedo = albedo * (1 - 0.10 * who.age * line * torch.exp(-((x / 0.6) ** 4)))
    shade, gloss = _light(canvas, _relief(canvas))
    # the relief has no side wall, so its outermost normals are wrong: let the light fall off there
    falloff = ((1.02 - canvas.outline()) / 0.16).clamp(0, 1)
    shade = shade * (0.62 + 0.38 * falloff)
    return albedo * shade + gloss * falloff * (1 + 0.3 * pores).clamp_min(0)


def _features(canvas: Canvas, picture: Tensor) -> Tensor:
    """Draw nostrils, lips, eyes and brows over the skin."""
    who, x, y = canvas.who, canvas.x, canvas.y
    wing, base, _ = who.nose
    dark = picture * 0.16
    nostril = torch.zeros_like(picture[0])
    for side in (-1, 1):
        u, v = x - side * wing * 0.42, y - base + 0.035
        nostril = nostril + canvas.step(
            1 - ((u + side * 0.3 * v) / 0.058) ** 2 - ((v + side * 0.35 * u) / 0.026) ** 2, 22
        )
        rim = crease(x, y, (side * wing * 0.98, base - 0.16), (side * wing * 0.86, base - 0.01), 0.014)
        rim = rim + 0.6 * crease(x, y, (side * wing * 0.86, base - 0.015), (side * 0.05, base + 0.015), 0.016)
        picture = picture * (1 - 0.42 * rim.clamp(0, 1))
    picture = torch.lerp(picture, dark, (0.85 * nostril).clamp(0, 1))
    picture = picture * (1 - 0.22 * bump(x, y, 0, base + 0.03, 0.22, 0.045))
    picture = _draw_mouth(canvas, picture)
    for side in (-1, 1):
        picture = _draw_eye(canvas, picture, side)
    hair = blend(HAIR_TONES, who.hair * 0.7, x.device)
    inner, peak, tail, thick = who.brow
    for side in (-1, 1):
        s = ((x * side - 0.17) / 0.75).clamp(-0.3, 1.3)
        centre = torch.where(
            s < 0.62,
            peak + (inner - peak) * (1 - s / 0.62).abs() ** 1.8,
            peak + (tail - peak) * ((s - 0.62) / 0.38).abs() ** 1.7,
        )
        width = thick * (1.05 - 0.65 * s.clamp(0, 1) ** 1.6)
        n = (y - centre) / width
        cover = torch.exp(-0.5 * (n.abs() / 0.80) ** 2.6) * canvas.step(s, 5) * canvas.step(1.02 - s, 7)
        strands = canvas.noise(3, s * 1.3 - n * 0.05 * (1 - s) + 0.1 * side, n * 0.045 + s * 0.30 + 0.5)
        cover = (cover * (0.80 + 0.22 * strands)).clamp(0, 0.93)
        picture = torch.lerp(picture, hair * (1 + 0.25 * strands).clamp_min(0.2), cover)
    return picture


def _draw_mouth(canvas: Canvas, picture: Tensor) -> Tensor:
    """Draw the lips, the line between them and the shadow below."""
    who, x, y = canvas.who, canvas.x, canvas.y
    wide, line, _, below = who.mouth
    top, middle, bottom = canvas.lips()
    inside = canvas.step(wide - x.abs(), 4)
    lips = canvas.step(y - top, 2.5) * canvas.step(bottom - y, 3.0) * inside
    ridges = canvas.noise(3, (y - line) * 0.25 + 0 * x + 0.3, x * 0.34 + 0.06 * x * (y - line) + 0.2)
    upper = canvas.step(middle - y, 2)
    tint = torch.tensor((0.88, 0.50, 0.53), device=x.device)[:, None, None]
    colour = picture * tint * (1 + 0.05 * ridges) * (1 - 0.13 * upper)
    picture = torch.lerp(picture, colour, lips * 0.92)
    shine = bump(x, y, 0.04, line + below * 0.50, 0.15, 0.030) * 0.035
    picture = picture + shine * (1 + 0.5 * ridges).clamp_min(0)
    slit = torch.exp(-0.5 * ((y - middle) / 0.0125) ** 2) * canvas.step(wide * 1.0 - x.abs(), 6)
    picture = picture * (1 - 0.80 * slit)
    corner = pair(x, y, wide * 0.99, line + 0.012, 0.030, 0.022)
    picture = picture * (1 - 0.42 * corner)
    return picture * (1 - 0.20 * bump(x, y, 0, line + below * 1.42, 0.24, 0.05))


def _draw_eye(canvas: Canvas, picture: Tensor, side: int) -> Tensor:
    """Draw one eye: ball, iris, lids, lashes and the crease over the upper lid."""
    who, x, y = canvas.who, canvas.x, canvas.y
    half = who.eye[0]
    outward, top, bottom = canvas.lids(side)
    within = canvas.step(1 - outward.abs(), 8)
    opening = canvas.step(y - top, 1.6) * canvas.step(bottom - y, 1.6) * within
    cx, cy, iris_r = side * 0.497, -0.022, 0.110
    r = torch.sqrt((x - cx) ** 2 + (y - cy) ** 2)
    angle = torch.atan2(y - cy, x - cx) / (2 * math.pi)
    spokes = canvas.noise(3, r * 0.6 + 0.4, angle * 1.0 + 0.5)
    iris = blend(IRIS_TONES, who.iris, x.device) * (1.0 + 0.22 * spokes).clamp_min(0.3)
    iris = iris * (0.75 + 0.9 * (y - cy + 0.02).clamp(-0.05, 0.12) / 0.12)
    iris = iris * (1 - 0.62 * torch.exp(-0.5 * ((r - iris_r) / 0.016) ** 2))
    bright = 0.40 + 0.14 * (1 - who.tone)
    white = torch.tensor((1.0, 0.93, 0.90), device=x.device)[:, None, None] * bright
    white = white * (1 - 0.40 * outward.abs() ** 3)
    red = bump(x, y, side * (0.5 - half * 0.93), 0.012, 0.035, 0.025)
    white = white * torch.stack([1 - 0.05 * red, 1 - 0.42 * red, 1 - 0.42 * red])
    ball = torch.lerp(white, iris, canvas.step(iris_r - r, 2.2))
    ball = ball * (1 - 0.96 * canvas.step(0.045 - r, 1.6))
    ball = ball * (1 - 0.62 * torch.exp(-((y - top).clamp_min(0) / 0.034)))
    glint = (who.light[0] * 0.045 + cx, cy - 0.042)
    ball = ball + 0.75 * bump(x, y, glint[0], glint[1], 0.014, 0.016)
    picture = torch.lerp(picture, ball, opening)
    lash = blend(HAIR_TONES, who.hair * 0.4, x.device)
    edge = torch.exp(-0.5 * ((y - top + 0.007) / (0.013 + 0.004 * outward)) ** 2)
    edge = edge * canvas.step(1.08 - outward.abs(), 7)
    picture = torch.lerp(picture, lash, (edge * (0.80 + 0.1 * outward)).clamp(0, 0.95))
    rim = torch.exp(-0.5 * ((y - bottom - 0.004) / 0.010) ** 2) * within
    picture = picture * (1 - 0.34 * rim)
    lift = 0.058 + 0.02 * (1 - outward.clamp(-1, 1) ** 2)
    crease = torch.exp(-0.5 * ((y - top + lift) / 0.013) ** 2) * canvas.step(1.05 - outward.abs(), 14)
    picture = picture * (1 - 0.42 * crease)
    bag = torch.exp(-0.5 * ((y - bottom - 0.085) / 0.016) ** 2) * canvas.step(0.9 - outward.abs(), 20)
    return picture * (1 - (0.05 + 0.12 * who.age) * bag)


def _surroundings(canvas: Canvas, face: Tensor) -> Tensor:
    """Put ears, neck, shirt, hair and wall around the face."""
    who, x, y = canvas.who, canvas.x, canvas.y
    plane = x + 0 * y, y + 0 * x
    radius = canvas.outline()
    wall = who.backdrop * (1 - 0.07 * plane[1] + 0.10 * who.light[0] * plane[0] * 0.5)
    wall = wall * (1 + 0.012 * canvas.noise(1, plane[0] * 0.17, plane[1] * 0.17))
    picture = torch.stack([wall, wall * 0.985, wall * 0.95]).clamp_min(0.02)
    hair = blend(HAIR_TONES, who.hair, x.device)
    tone = blend(SKIN_TONES, who.tone, x.device)
    side = torch.atan2(x, -(y - 0.2))
    strand = canvas.noise(3, (radius * 0.35).expand_as(wall), side * 0.55 + 0.03 * torch.sin(7 * radius))
    fine = canvas.noise(3, (radius * 0.8 + 0.3).expand_as(wall), side * 1.25)
    sheen = torch.exp(-0.5 * ((radius - 0.98) / 0.10) ** 2) * torch.exp(-0.5 * ((side + who.light[0]) / 0.7) ** 2)
    tress = hair * (1 + 0.38 * strand + 0.28 * fine).clamp_min(0.12) * (0.75 + 1.6 * sheen) + 0.012 * sheen
    if who.long_hair:
        wide = who.head * (1.20 + 0.07 * torch.sin(1.7 * y.clamp_min(0)))
        fall = (x.abs() / wide) ** 2.3 + (y.clamp_max(0) / (who.crown - 0.12)).abs() ** 2.3
        ends = 2.6 + 0.10 * torch.cos(4.0 * x) + 0.03 * canvas.noise(3, plane[0] * 0.1, plane[0] * 0.9)
        back = canvas.step(1 - fall, 3.5) * canvas.step(ends - y, 10)
        flow = canvas.noise(3, plane[1] * 0.2, plane[0] * 0.8 + 0.03 * torch.sin(3 * plane[1]))
        picture = torch.lerp(picture, hair * (0.75 + 0.35 * flow).clamp_min(0.1), back)
    # neck and shirt
    neck = 0.60 + 0.10 * ((y - 1.5) / 0.6).clamp(0, 2) ** 2
    shade = 0.50 + 0.25 * ((y - who.chin) / 0.6).clamp(0, 1)
    column = tone * (shade * (1 - 0.35 * (x / neck).clamp(-1.2, 1.2) ** 2 + 0.25 * who.light[0] * x))
    picture = torch.lerp(picture, column, canvas.step(neck - x.abs(), 3) * canvas.step(y - 0.8, 3))
    shoulder = y - 2.02 - 0.30 * (x.abs() - 0.5).clamp_min(0) ** 1.2 + 0.28 * torch.exp(-((x.abs() - 0.66) ** 2) / 0.02)
    cloth = torch.tensor(who.cloth, device=x.device)[:, None, None]
    weave = canvas.noise(2, plane[0] * 0.4, plane[1] * 0.4)
    cloth = cloth * (0.8 + 0.10 * weave + 0.2 * who.light[0] * x)
    picture = torch.lerp(picture, cloth, canvas.step(shoulder, 2))
    for flank in () if who.long_hair else (-1, 1):
        u, v = x - flank * (who.head + 0.035), y - 0.22
        shell = 1 - ((u - flank * 0.06 * -v) / 0.115) ** 2 - (v / 0.30) ** 2
        rim = 0.72 + 0.22 * (u * flank / 0.1).clamp(-1, 1) - 0.25 * bump(u, v, 0.0, 0.02, 0.045, 0.13)
        picture = torch.lerp(picture, tone * rim * 0.82, canvas.step(shell, 14))
    picture = torch.lerp(picture, face, canvas.step(1 - radius, 1.6))
    # contact shadow of the hair, then the hair itself
    reach = 0.10 * torch.cos(2.2 * x) + 0.022 * strand + 0.022 * fine
    line = who.hairline + 0.10 - reach + 0.55 * (x.abs() / who.head).clamp(0, 1.3) ** 4.0
    if who.long_hair:
        line = line + 1.6 * ((x.abs() / who.head - 0.66).clamp_min(0) / 0.30) ** 1.3
    picture = picture * (1 - 0.38 * torch.exp(-0.5 * ((y - line) / 0.07).clamp_min(-1.5) ** 2) * (radius < 1))
    rise, spread = (1.07, 1.20) if who.long_hair else (1.06, 1.075)
    cap = (x.abs() / (who.head * spread)) ** 2.5 + (y.clamp_max(0) / (who.crown * rise)).abs() ** 2.3
    cover = canvas.step(line - y, 5) * canvas.step(1 - cap + 0.018 * strand, 3.5)
    if not who.long_hair:
        cover = cover * canvas.step(0.18 + 0.05 * fine - y, 8)
    return torch.lerp(picture, tress, cover.clamp(0, 1))


@torch.no_grad()
def draw_texture(who: Identity, view: View, *, oversample: int = 2, device: torch.device | str = "cpu") -> Tensor:
    """Draw a person at rest, band-limited for resampling at the size of the view.

    Args:
        who: The person.
        view: Where the face lies.
        oversample: Texture samples per pixel and axis.
        device: Where to draw.

    Returns:
        ``(3, H * oversample, W * oversample)`` float32, display values in 0..1 (gamma 2.2).
    """
    place = torch.device(device)
    # lashes and lip lines are finer than the samples of a small picture: draw larger, then average
    finer = max(1, math.ceil(FINEST / (view.scale * oversample)))
    x, y = view.grid(oversample * finer, place)
    canvas = Canvas(who, x, y, noise_tile(place), spacing=1 / (view.scale * oversample * finer))
    picture = _surroundings(canvas, _features(canvas, _skin(canvas)))
    picture = (picture * 1.12).clamp(0.0, 4.0)
    # a soft shoulder keeps highlights from clipping
    picture = picture * (1 + picture / 4) / (1 + picture * 0.55)
    picture = functional.avg_pool2d(picture.clamp(0, 1) ** (1 / 2.2), finer)
    weights = torch.tensor((1.0, 2.0, 1.0), device=place) / 4
    kernel = (weights[:, None] * weights[None, :])[None, None].expand(3, 1, 3, 3)
    return functional.conv2d(functional.pad(picture[None], (1, 1, 1, 1), mode="replicate"), kernel, groups=3)[0]
