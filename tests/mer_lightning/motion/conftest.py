"""Analytic motion: a texture that can be evaluated anywhere, moved by a smooth field of known size."""

from dataclasses import dataclass

import cv2
import numpy as np
import pytest
import torch

from mer_lightning.synthetic.clips import true_flow
from mer_lightning.synthetic.rendering import render_frames
from mer_lightning.synthetic.takes import plan_composite


@dataclass
class Pairs:
    reference: torch.Tensor
    target: torch.Tensor
    flow: torch.Tensor

    @property
    def bytes(self):
        return [
            tuple((image[0] * 255).round().byte().numpy() for image in pair)
            for pair in zip(self.reference, self.target, strict=True)
        ]


def _pair(side, seed, amplitude):
    rng = np.random.default_rng(seed)
    frequency = rng.uniform(0.06, 1.4, 60)
    angle, phase = rng.uniform(0, 2 * np.pi, (2, 60))
    weight = 1 / (1 + (frequency / 0.25) ** 1.5)

    def texture(x, y):
        along = np.cos(angle) * x[..., None] + np.sin(angle) * y[..., None]
        return 0.5 + 0.17 * (weight * np.sin(frequency * along + phase)).sum(-1) / np.sqrt((weight**2).sum() / 2)

    centres, sizes, turns = (
        rng.uniform(0.2, 0.8, (4, 2)) * side,
        rng.uniform(0.08, 0.2, 4) * side,
        rng.uniform(0, 7, 4),
    )

    def field(x, y):
        bumps = [np.exp(-((x - a) ** 2 + (y - b) ** 2) / (2 * s * s)) for (a, b), s in zip(centres, sizes, strict=True)]
        return sum(np.stack((np.cos(t), np.sin(t)))[:, None, None] * e for t, e in zip(turns, bumps, strict=True))

    y, x = np.mgrid[:side, :side].astype(float)
    scale = amplitude / np.hypot(*field(x, y)).max()
    px, py = x.copy(), y.copy()
    # target(p + flow(p)) = reference(p): walk back from every target pixel to the p it came from
    for _ in range(20):
        du, dv = scale * field(px, py)
        px, py = x - du, y - dv
    images = [np.clip(np.round(texture(*at) * 255), 0, 255) / 255 for at in ((x, y), (px, py))]
    return *images, scale * field(x, y)


@pytest.fixture(scope="session")
def twins():
    """Onset and apex of clips of synthetic faces, as their camera sees them, and how the skin really moved."""
    takes = plan_composite(seed=0, size=(128, 128), frames=0.2)[::40]
    reference, target, flow = [], [], []
    for take in takes:
        shots = render_frames(take.script)[[take.script.onset, take.script.apex]].numpy()
        onset, apex = (
            cv2.cvtColor(shot, cv2.COLOR_RGB2GRAY) if shot.shape[-1] == 3 else shot[..., 0] for shot in shots
        )
        reference.append(torch.tensor(onset)[None] / 255)
        target.append(torch.tensor(apex)[None] / 255)
        flow.append(true_flow(take.script))
    return Pairs(torch.stack(reference), torch.stack(target), torch.stack(flow))


@pytest.fixture(scope="session")
def moved():
    """``moved(count, side, amplitude)``: pairs whose largest motion is 0.1..0.8 px unless told."""

    def make(count=4, side=96, amplitude=None, seed=0):
        sizes = np.linspace(0.1, 0.8, count) if amplitude is None else [amplitude] * count
        made = [_pair(side, seed + index, size) for index, size in enumerate(sizes)]
        reference, target, flow = (
            torch.tensor(np.stack(part), dtype=torch.float32) for part in zip(*made, strict=True)
        )
        return Pairs(reference[:, None], target[:, None], flow)

    return make
