"""The apexes that spotting finds in a whole database, beside those that are annotated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from mer_lightning.motion.frames import to_frames, to_grey
from mer_lightning.motion.spotting import spot_apex
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mer_lightning.types import Dataset, Sample

How = Literal["strain", "flow", "texture"]
_SIDES = (128, 128)
"""As the flow map sees frames, so that ``apex: file`` and ``apex: spotted`` give it the same apexes."""


@dataclass(frozen=True, slots=True)
class SpottedApex:
    """The spotted apex of one clip.

    Attributes:
        sample: The clip.
        frame: Number of the frame, as the database counts.
    """

    sample: Sample
    frame: int

    @property
    def distance(self) -> int | None:
        """Frames from the annotated apex, positive where spotted later; None where none is annotated."""
        return None if self.sample.apex is None else self.frame - self.sample.apex


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far spotted apexes are from annotated ones.

    Attributes:
        clips: Clips with both.
        mean: Mean absolute distance, frames.
        share: The same as a share of the clip, mean over clips.
        within: Share of the clips that are at most three frames apart.
    """

    clips: int
    mean: float
    share: float
    within: float


NEAR = 3


def spot_apexes(dataset: Dataset, how: How = "strain") -> Iterator[SpottedApex]:
    """Spot the apex of every clip, one after the other; annotated ones are not looked at.

    Args:
        dataset: Frames, of clips with an onset.
        how: See ``spot_apex``.

    Raises:
        DataError: A clip cannot be read, or has no onset.
    """
    for sample in dataset.samples:
        if sample.onset is None:
            raise DataError(f"{sample.key}: expected an onset")
        frames = to_grey(to_frames(dataset.read(sample), _SIDES, None))[:, 0]
        yield SpottedApex(sample, sample.onset + spot_apex(frames, how))


def agreement(found: Sequence[SpottedApex]) -> Agreement | None:
    """Compare with annotated apexes; None where there are none."""
    both = [(abs(one.distance), one.sample) for one in found if one.distance is not None]
    if not both:
        return None
    shares = [far / max((sample.offset or 0) - (sample.onset or 0) + 1, 1) for far, sample in both]
    near = sum(far <= NEAR for far, _ in both)
    return Agreement(len(both), sum(far for far, _ in both) / len(both), sum(shares) / len(both), near / len(both))
