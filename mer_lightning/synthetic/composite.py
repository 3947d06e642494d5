"""Synthetic twins in memory, rendered when they are read: the composite, single databases, stills."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mer_lightning.synthetic import census
from mer_lightning.synthetic.fer2013 import plan_stills, render_stills
from mer_lightning.synthetic.rendering import render_frames
from mer_lightning.synthetic.takes import plan_composite, plan_twin
from mer_lightning.types import NO_CHOICES, DataError, Sample

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from mer_lightning.synthetic.takes import Take
    from mer_lightning.types import Kind


class _Rendered:
    """Clips of invented faces; they go through the same path as real video: frames, flow, map."""

    kind: Kind = "frames"
    synthetic = True
    choices: Mapping[str, str] = NO_CHOICES

    def __init__(self, name: str, release: str, takes: Iterable[Take], scale: float) -> None:
        if not 0 < scale <= 1:
            raise DataError(f"{name}: expected a scale above 0 and at most 1, got {scale}")
        self.name, self.release = name, release
        clips: dict[str, int] = {}
        planned = sorted(takes, key=lambda take: take.key)
        for take in planned:
            clips[take.sample.person] = clips.get(take.sample.person, 0) + 1
        databases = sorted({person.split("/")[0] for person in clips})
        kept = {
            person
            for database in databases
            for person in _spread([p for p in clips if p.startswith(f"{database}/")], clips, scale)
        }
        self._takes = {take.key: take for take in planned if take.sample.person in kept}
        self.samples = tuple(take.sample for take in self._takes.values())

    def read(self, sample: Sample) -> NDArray[np.uint8]:
        """Render the frames onset..offset of one sample, ``(T, size, size, C)``, uint8."""
        take = self._takes[sample.key]
        frames = render_frames(take.script).cpu().numpy()
        return frames[take.script.onset : take.script.offset + 1]

    def points(self, sample: Sample) -> NDArray[np.float32]:
        """The true landmarks of a sample's onset frame, ``(68, 2)`` pixels."""
        take = self._takes[sample.key]
        return take.landmarks()[take.script.onset].cpu().numpy().astype("float32")


class SyntheticComposite(_Rendered):
    """The MEGC2019 composite of the twins: its subjects, classes and uneven clips per subject.

    Args:
        scale: Fraction of the 68 subjects of each database, above 0 and at most 1; 1 gives 442 clips.
        seed: Other people, timing and combinations of action units for another seed.
        size: Side of a frame in pixels.
        frames: Factor on the number of frames per clip.

    Raises:
        DataError: ``scale`` is out of range.
    """

    def __init__(self, scale: float = 1.0, seed: int = 0, size: int = 128, frames: float = 0.2) -> None:
        name = "synthetic-video"
        takes = plan_composite(seed=seed, size=(size, size), frames=frames)
        super().__init__(name, f"{name}-x{scale:g}-{size}px-f{frames:g}-s{seed}", takes, scale)


class SyntheticDatabase(_Rendered):
    """The twin of one database of clips, as face crops.

    Args:
        database: ``smic``, ``casme2``, ``samm`` or another one that has clips.
        release: Annotation release; None for the default.
        scale: Fraction of the subjects, above 0 and at most 1.
        seed: As ``SyntheticComposite``.
        size: As ``SyntheticComposite``.
        frames: As ``SyntheticComposite``.

    Raises:
        DataError: No such database or release, or ``scale`` is out of range.
    """

    def __init__(
        self,
        database: str,
        *,
        release: str | None = None,
        scale: float = 1.0,
        seed: int = 0,
        size: int = 128,
        frames: float = 0.2,
    ) -> None:
        chosen = census.check_release(database, release)
        takes = plan_twin(database, release=chosen, seed=seed, size=(size, size), frames=frames, crop=True)
        label = f"synthetic-{chosen}-x{scale:g}-{size}px-f{frames:g}-s{seed}"
        super().__init__(f"synthetic-{database}", label, (take for take in takes if take.emotion), scale)

    def forget_apexes(self) -> None:
        """Leave every apex open, so that whatever needs one spots it."""
        self.samples = tuple(replace(sample, apex=None) for sample in self.samples)
        self.choices = {"apex": "spotted"}


class SyntheticStills:
    """The twin of FER2013: single grey pictures of 48 x 48 in three parts.

    Args:
        scale: Fraction of the 35 887 rows, above 0 and at most 1.
        seed: Other people and expressions for another seed.

    Raises:
        DataError: ``scale`` is out of range.
    """

    name = "synthetic-fer2013"
    kind: Kind = "frames"
    synthetic = True
    choices = NO_CHOICES

    def __init__(self, scale: float = 1.0, seed: int = 0) -> None:
        if not 0 < scale <= 1:
            raise DataError(f"{self.name}: expected a scale above 0 and at most 1, got {scale}")
        self.release = f"{self.name}-x{scale:g}-s{seed}"
        self._stills = plan_stills(seed=seed, rows=scale)
        self._shown = {still.key: still.who for still in self._stills}
        self._pictures: dict[int, dict[str, NDArray[np.uint8]]] = {}
        self._seed = seed
        self.samples = tuple(
            sorted(
                (
                    Sample("fer2013", still.part, still.key.rsplit("/", 1)[1], still.emotion, onset=0, apex=0, offset=0)
                    for still in self._stills
                ),
                key=lambda sample: sample.key,
            )
        )

    def read(self, sample: Sample) -> NDArray[np.uint8]:
        """Give one still, ``(1, 48, 48, 1)``, uint8."""
        who = self._shown[sample.key]
        if who not in self._pictures:
            # to draw a person takes longer than all pictures of that person
            own = tuple(still for still in self._stills if still.who == who)
            drawn = render_stills(own, seed=self._seed)
            self._pictures[who] = {still.key: picture for still, picture in zip(own, drawn, strict=True)}
        return self._pictures[who][sample.key][None, ..., None]


def _spread(people: list[str], clips: dict[str, int], scale: float) -> list[str]:
    """Every n-th person in the order of their number of clips, so that few people are as uneven as all."""
    ranked = sorted(people, key=lambda person: (-clips[person], person))
    count = max(3, round(len(ranked) * scale))
    return [ranked[int((i + 0.5) * len(ranked) / count)] for i in range(count)]
