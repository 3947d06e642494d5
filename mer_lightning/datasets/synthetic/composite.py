"""The MEGC2019 composite of the synthetic twins, rendered in memory when it is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mer_lightning.datasets.base import NO_CHOICES
from mer_lightning.datasets.synthetic.clips import render_frames
from mer_lightning.datasets.synthetic.takes import plan_composite
from mer_lightning.types import DataError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mer_lightning.datasets.base import Kind
    from mer_lightning.types import Sample


class SyntheticComposite:
    """Clips of invented faces, with the subjects, classes and uneven clips per subject of the composite.

    They go through the same path as real video: frames, flow from onset to apex, map.

    Args:
        scale: Fraction of the 68 subjects of each database, above 0 and at most 1; 1 gives 442 clips.
        seed: Other people, timing and combinations of action units for another seed.
        size: Side of a frame in pixels.
        frames: Factor on the number of frames per clip.

    Raises:
        DataError: ``scale`` is out of range.
    """

    name = "synthetic-video"
    kind: Kind = "frames"
    synthetic = True
    choices = NO_CHOICES

    def __init__(self, scale: float = 1.0, seed: int = 0, size: int = 128, frames: float = 0.2) -> None:
        if not 0 < scale <= 1:
            raise DataError(f"{self.name}: expected a scale above 0 and at most 1, got {scale}")
        self.release = f"{self.name}-x{scale:g}-{size}px-f{frames:g}-s{seed}"
        takes = plan_composite(seed=seed, size=(size, size), frames=frames)
        clips: dict[str, int] = {}
        for take in takes:
            clips[take.sample.person] = clips.get(take.sample.person, 0) + 1
        kept = {
            person
            for database in ("casme2", "samm", "smic")
            for person in _spread([p for p in clips if p.startswith(f"{database}/")], clips, scale)
        }
        self._takes = {take.key: take for take in takes if take.sample.person in kept}
        self.samples = tuple(take.sample for take in self._takes.values())

    def read(self, sample: Sample) -> NDArray[np.uint8]:
        """Render the frames onset..offset of one sample, ``(T, size, size, C)``, uint8."""
        take = self._takes[sample.key]
        frames = render_frames(take.script).cpu().numpy()
        return frames[take.script.onset : take.script.offset + 1]


def _spread(people: list[str], clips: dict[str, int], scale: float) -> list[str]:
    """Every n-th person in the order of their number of clips, so that few people are as uneven as all."""
    ranked = sorted(people, key=lambda person: (-clips[person], person))
    count = max(3, round(len(ranked) * scale))
    return [ranked[int((i + 0.5) * len(ranked) / count)] for i in range(count)]
