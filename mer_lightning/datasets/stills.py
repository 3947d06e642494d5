"""The last frames of every clip as pictures of their own, as image classifiers use CK+."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mer_lightning.types import DataError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mer_lightning.types import Dataset, Kind, Sample


class Stills:
    """A database of clips read as pictures: the last frames of each, up to its peak.

    Args:
        clips: Database whose clips end at the peak; FER2013's stills are clips of one frame.
        last: Frames that are taken of each clip (S3: 3 of the 327 sequences of CK+, 981 pictures).

    Attributes:
        kind: Always ``frames``; a sample ``<clip>-<k>`` has one frame, the k-th from the end.

    Raises:
        DataError: A clip has no onset and offset, or fewer frames.
    """

    kind: Kind = "frames"

    def __init__(self, clips: Dataset, last: int) -> None:
        self._clips, self._last = clips, last
        self.name, self.release, self.synthetic = clips.name, clips.release, clips.synthetic
        self.choices = {**clips.choices, "stills": f"last {last} frames"}
        self._source: dict[str, tuple[Sample, int]] = {}
        samples: list[Sample] = []
        for sample in clips.samples:
            if sample.onset is None or sample.offset is None or sample.offset - sample.onset + 1 < last:
                raise DataError(f"{sample.key}: expected a clip of at least {last} frames")
            for back in range(last):
                frame = sample.offset - back
                still = replace(sample, clip=f"{sample.clip}-{back}", onset=frame, apex=frame, offset=frame)
                samples.append(still)
                self._source[still.key] = (sample, back)
        self.samples = tuple(sorted(samples, key=lambda sample: sample.key))
        self._read: tuple[str, NDArray[np.uint8]] | None = None

    def read(self, sample: Sample) -> NDArray[np.uint8]:
        """Read one picture, ``(1, H, W, C)``, uint8.

        Raises:
            DataError: The files are missing, unreadable or not what the table says.
        """
        clip, back = self._source[sample.key]
        # pictures of a clip follow each other, so one clip is remembered
        if self._read is None or self._read[0] != clip.key:
            self._read = (clip.key, self._clips.read(clip))
        return self._read[1][len(self._read[1]) - 1 - back][None]
