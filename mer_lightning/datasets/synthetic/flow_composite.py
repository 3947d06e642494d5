"""A synthetic MEGC2019 composite of flow maps that needs no files and no video."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mer_lightning.types import NO_CHOICES, DataError, Sample

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mer_lightning.types import Kind

_CLASSES = ("negative", "positive", "surprise")
_COMPOSITE = {  # clips per class and subjects of the official list (MEGC2019)
    "smic": ((70, 51, 43), 16),
    "casme2": ((88, 32, 25), 24),
    "samm": ((92, 26, 15), 28),
}
# What a face does in each class, as blobs of motion on a face that spans -1..1, y down, left half (the right
# half mirrors it): centre x, centre y, width, horizontal and vertical displacement. Two variants a class, since
# annotators use one word for several action units.
_MOTIONS = {
    "negative": (
        (
            (-0.35, -0.45, 0.22, 0.5, 0.9),
            (-0.3, 0.45, 0.2, -0.1, 0.4),
        ),  # AU4 brow lowerer, AU15 lip depressor
        ((-0.15, -0.05, 0.2, 0.2, -0.8), (-0.35, -0.4, 0.2, 0.3, 0.4)),  # AU9 nose wrinkler, AU4
    ),
    "positive": (
        (
            (-0.35, 0.4, 0.2, -0.6, -0.9),
            (-0.5, 0.05, 0.22, -0.1, -0.5),
        ),  # AU12 lip corner puller, AU6 cheek raiser
        ((-0.35, 0.4, 0.2, -0.6, -0.7),),  # AU12 alone
    ),
    "surprise": (
        ((-0.35, -0.5, 0.28, 0.0, -1.0), (0.0, 0.6, 0.25, 0.0, 0.5)),  # AU1+2 brow raiser, AU26 jaw drop
        ((-0.35, -0.5, 0.28, 0.0, -0.8),),  # AU1+2 alone
    ),
}
_STYLE, _HEAD, _NOISE, _TEXTURE = 0.10, 0.30, 0.30, 4


class SyntheticFlowComposite:
    """Flow maps of invented faces: class-dependent motion plus subject style, head motion and noise.

    Databases, classes and their shares are those of MEGC2019, scaled; clips per subject are as uneven as there.
    The same seed and scale give the same bytes.

    Args:
        scale: Fraction of the official subjects and clips, above 0 and at most 4; 1 gives 442 clips of 68 subjects.
        seed: Seed of everything random.
        size: Side of a map in pixels.

    Raises:
        DataError: ``scale`` or ``size`` is out of range.
    """

    name = "synthetic-flow"
    kind: Kind = "flow_maps"
    synthetic = True
    choices = NO_CHOICES

    def __init__(self, scale: float = 1.0, seed: int = 0, size: int = 28) -> None:
        if not 0 < scale <= 4 or not 8 <= size <= 256:
            raise DataError(f"synthetic-flow: expected scale in 0..4 and size in 8..256, got {scale} and {size}")
        self.release = f"synthetic-flow-x{scale:g}-{size}px-s{seed}"
        rng = np.random.default_rng([seed, 2019])
        samples, maps = [], []
        for database, (counts, subjects) in _COMPOSITE.items():
            drawn = _draw_clips(rng, database, counts, subjects, scale)
            samples += drawn
            maps.append(_draw_maps(rng, drawn, size))
        pixels = np.concatenate(maps)
        order = np.argsort([sample.key for sample in samples]).tolist()
        self.samples = tuple(samples[i] for i in order)
        self._maps = {samples[i].key: pixels[i] for i in order}

    def read(self, sample: Sample) -> NDArray[np.uint8]:
        """Give the map of one sample, ``(1, size, size, 3)``, uint8: horizontal flow, vertical flow, strain."""
        return self._maps[sample.key][None]


def _draw_clips(
    rng: np.random.Generator, database: str, counts: tuple[int, ...], subjects: int, scale: float
) -> list[Sample]:
    """Deal the clips of each class to subjects whose shares are as uneven as in the real databases."""
    people = max(3, round(subjects * scale))
    emotions = [name for name, n in zip(_CLASSES, counts, strict=True) for _ in range(max(2, round(n * scale)))]
    rng.shuffle(emotions)
    share = rng.lognormal(sigma=0.9, size=people)
    # everybody gets one clip, the rest go by share
    owners = np.concatenate([np.arange(people), rng.choice(people, len(emotions) - people, p=share / share.sum())])
    return [
        Sample(database, f"{database[:2]}{owner + 1:02d}", f"clip_{i:03d}", emotion)
        for i, (owner, emotion) in enumerate(zip(owners, emotions, strict=True))
    ]


def _draw_maps(rng: np.random.Generator, samples: list[Sample], size: int) -> NDArray[np.uint8]:
    n = len(samples)
    _, person = np.unique([s.subject for s in samples], return_inverse=True)
    people = person.max() + 1
    where = rng.normal(scale=_STYLE, size=(people, 2))[person]  # this person's features sit elsewhere
    bias = _smooth_noise(rng, people, size)[person] * _STYLE * 3  # and move in a way of their own
    strength = rng.lognormal(sigma=0.35, size=people)[person] * rng.lognormal(sigma=0.35, size=n)

    y, x = np.meshgrid(*[np.linspace(-1, 1, size)] * 2, indexing="ij")
    flow = np.zeros((n, 2, size, size))
    for i, sample in enumerate(samples):
        variants = _MOTIONS[sample.emotion]
        for cx, cy, width, u, v in variants[rng.integers(len(variants))]:
            for side in (1, -1):
                gain = strength[i] * rng.uniform(0.6, 1.2)  # real expressions are never quite symmetric
                blob = np.exp(-((x - side * cx - where[i, 0]) ** 2 + (y - cy - where[i, 1]) ** 2) / (2 * width**2))
                flow[i] += gain * blob * np.array([side * u, v])[:, None, None]
    head = rng.normal(scale=_HEAD, size=(n, 2, 3))  # shift and linear part of a small head motion
    flow += np.einsum("ncp,phw->nchw", head * [1.0, 0.5, 0.5], np.stack([np.ones_like(x), x, y]))
    flow += bias + _smooth_noise(rng, n, size) * _NOISE

    du, dv = np.gradient(flow[:, 0], axis=(1, 2)), np.gradient(flow[:, 1], axis=(1, 2))
    strain = np.sqrt(du[1] ** 2 + dv[0] ** 2 + 0.5 * (du[0] + dv[1]) ** 2)
    maps = np.concatenate([flow, strain[:, None]], axis=1)
    low, high = maps.min((2, 3), keepdims=True), maps.max((2, 3), keepdims=True)
    return np.moveaxis(np.round((maps - low) / (high - low) * 255), 1, -1).astype(np.uint8)


def _smooth_noise(rng: np.random.Generator, n: int, size: int) -> NDArray[np.float64]:
    """Random fields ``(n, 2, size, size)`` without detail finer than a quarter of the face."""
    waves = np.cos(np.pi * np.outer(np.arange(_TEXTURE), (np.arange(size) + 0.5) / size))
    return np.einsum("ncab,ah,bw->nchw", rng.normal(size=(n, 2, _TEXTURE, _TEXTURE)), waves, waves) / _TEXTURE
