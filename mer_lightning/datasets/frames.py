"""What the databases of clips share: rows become samples, folders are held against them, frames are read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from mer_lightning.datasets.paths import children, inside, relative
from mer_lightning.datasets.problems import Problem, Remark, refuse
from mer_lightning.types import DataError, Sample
from mer_lightning.video.reader import (
    MOST_FRAMES,
    number_frames,
    read_images,
    read_video,
    select_frames,
    video_frames,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from mer_lightning.datasets.annotation import AnnotationRelease
    from mer_lightning.datasets.manifest import Twin
    from mer_lightning.types import Kind

Coding = Literal["emotion", "objective"]


@dataclass(frozen=True, slots=True)
class Scan:
    """What a loader found under a root.

    Attributes:
        database: Short name of the database.
        root: Where it looked.
        release: Annotation release with its switches.
        variant: Which copy of the frames, e.g. ``raw`` or ``cropped``.
        samples: Samples without a problem, sorted by key.
        problems: Everything that is not as released, in the order of the files.
        twin: What the root says about itself if it is a synthetic twin, else None.
        applied: Corrections that changed a row, by sample key.
        fill: Keys of the samples in which the nearest frame stands in for a missing one.
        coding: What ``Sample.emotion`` holds.
        variants: Every copy of the frames that was found, the preferred one first.
        choices: What belongs into the record of a run beside the variant.
        objective: Objective classes by sample key, whatever ``coding`` says, where the annotation has them.
        remarks: What is odd and taken as it is.
    """

    database: str
    root: Path
    release: AnnotationRelease
    variant: str
    samples: tuple[Sample, ...]
    problems: tuple[Problem, ...]
    twin: Twin | None = None
    applied: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    fill: frozenset[str] = frozenset()
    coding: Coding = "emotion"
    variants: tuple[str, ...] = ()
    choices: Mapping[str, str] = field(default_factory=dict[str, str])
    objective: Mapping[str, str] = field(default_factory=dict[str, str])
    remarks: tuple[Remark, ...] = ()

    @property
    def stated(self) -> AnnotationRelease:
        """The release, with the counts that a twin of another size states of itself."""
        return (self.twin.release(self.release) if self.twin is not None else None) or self.release

    def compare(self) -> list[Problem]:
        """Compare the counts with the release, or with what a twin of another size says of itself."""
        return self.stated.compare(self.samples, ".", objective=self.coding == "objective")


class FrameDataset:
    """A database of clips that was found without a problem.

    Args:
        scan: What a loader found.
        partial: True for a deliberate subset of the database: counts are not compared with the release, and
            the release's name says so.

    Attributes:
        kind: Always ``frames``.
        variant: Which copy of the frames is read.
        annotation: The annotation release with its switches.
        applied: Corrections that changed a row, by sample key.
        choices: What belongs into the record of a run: ``{"variant": ...}`` and what a database adds.

    Raises:
        DataError: There is a problem, or a count differs from the release.
    """

    kind: Kind = "frames"

    def __init__(self, scan: Scan, *, partial: bool = False) -> None:
        refuse([*scan.problems, *([] if partial else scan.compare())])
        self.annotation = scan.release
        self.variant = scan.variant
        self.choices = {"variant": scan.variant, **scan.choices}
        self.applied = scan.applied
        self._scan = scan
        self._partial = partial

    @property
    def name(self) -> str:
        """Short name of the database."""
        return self._scan.database

    @property
    def release(self) -> str:
        """Annotation release with the switches that differ from the default; ``-partial`` for a subset."""
        objective = "-objective" if self._scan.coding == "objective" else ""
        return f"{self.annotation.label}{objective}{'-partial' if self._partial else ''}"

    @property
    def synthetic(self) -> bool:
        """True for a twin."""
        return self._scan.twin is not None

    @property
    def samples(self) -> tuple[Sample, ...]:
        """All samples, sorted by key."""
        return self._scan.samples

    def read(self, sample: Sample) -> NDArray[np.uint8]:
        """Read the frames onset..offset of one sample.

        Returns:
            ``(T, H, W, C)``, uint8, C = 1 (grey) or 3 (RGB).

        Raises:
            DataError: The files are missing, unreadable or not what the table says.
        """
        return read_clip(self._scan.root, sample, fill=sample.key in self._scan.fill)


def read_clip(root: Path, sample: Sample, *, fill: bool = False) -> NDArray[np.uint8]:
    """Read the frames onset..offset of a sample from its folder or video file.

    Args:
        root: Root of the database; nothing outside it is read.
        sample: The sample, with path, onset and offset.
        fill: Let the nearest existing frame stand in for a missing one.

    Returns:
        ``(T, H, W, C)``, uint8.

    Raises:
        DataError: The files are missing, unreadable or not what the sample says.
    """
    if sample.path is None or sample.onset is None or sample.offset is None:
        raise DataError(f"{sample.key}: expected a path, an onset and an offset")
    inside(root, sample.path)
    if not sample.path.is_file():
        return read_images(clip_files(root, sample, fill=fill))
    clip = read_video(sample.path)
    return clip[video_frames(len(clip), sample.onset, sample.offset, relative(root, sample.path))]


def clip_files(root: Path, sample: Sample, *, fill: bool = False) -> list[Path]:
    """Image files of the frames onset..offset of a sample, in order.

    Raises:
        DataError: The folder is missing or leads out of the root, or a frame is missing and ``fill`` is off.
    """
    if sample.path is None or sample.onset is None or sample.offset is None:
        raise DataError(f"{sample.key}: expected a path, an onset and an offset")
    where = relative(root, sample.path)
    frames = number_frames(children(root, sample.path), where)
    if fill and frames:
        wanted = range(sample.onset, sample.offset + 1)
        if not (min(frames) <= sample.offset and max(frames) >= sample.onset):
            raise DataError(f"{where}: no frame of {sample.onset}..{sample.offset}, found {min(frames)}..{max(frames)}")
        if len(wanted) > MOST_FRAMES:
            raise DataError(
                f"{where}: {len(wanted)} frames of {sample.onset}..{sample.offset}; expected {MOST_FRAMES} at most"
            )
        return [frames[min(frames, key=lambda have, want=want: (abs(have - want), have))] for want in wanted]
    return select_frames(frames, sample.onset, sample.offset, where)
