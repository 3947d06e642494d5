"""Takes: every clip of a twin, planned down to the frame before a pixel is rendered."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from mer_lightning.synthetic import census
from mer_lightning.synthetic.actions import draw_expression, nearest_code
from mer_lightning.synthetic.clips import intensities, render_clip, track_landmarks, true_flow
from mer_lightning.synthetic.identity import Identity, View
from mer_lightning.synthetic.scripts import Script, compose
from mer_lightning.types import DataError, Sample

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from mer_lightning.synthetic.actions import Objective
    from mer_lightning.synthetic.census import CensusEntry
    from mer_lightning.synthetic.clips import Clip


@dataclass(frozen=True, slots=True)
class Camera:
    """How a laboratory records.

    Attributes:
        height: Rows of a frame.
        width: Columns of a frame.
        fps: Frames per second.
        mean: Mean number of frames from onset to offset.
        longest: Largest number of frames from onset to offset.
        shortest: Smallest number of frames from onset to offset.
        grey: Whether it has no colour.
    """

    height: int
    width: int
    fps: float
    mean: float
    longest: int
    shortest: int
    grey: bool = False


# clip lengths of SMIC, CASME II and SAMM: G. Liong et al., STSTNet, FG 2019, table II
CAMERAS = {
    "smic": Camera(480, 640, 100, 34, 58, 11),
    "smic_vis": Camera(480, 640, 25, 9, 13, 5),
    "smic_nir": Camera(480, 640, 25, 9, 13, 5, grey=True),
    "casme2": Camera(480, 640, 200, 70, 126, 24),
    # the re-release in circulation; the first one has 2040 x 1088 pixels
    "samm": Camera(650, 960, 200, 73, 101, 30, grey=True),
    "ckplus": Camera(490, 640, 30, 18, 60, 6, grey=True),
}

SHORTEST = 5
"""Frames that a clip keeps however small the scale."""
LARGEST_SCALE = 10
LARGEST_SIDE = 2048
"""A clip of this scale or side still fits in memory; the largest real camera has 2040 x 1088 pixels."""


@dataclass(frozen=True, slots=True)
class Take:
    """One planned clip and the truth behind it, computed when asked for.

    Attributes:
        database: Short name of the database.
        subject: Subject, as ``Sample.subject``.
        clip: Clip name.
        emotion: Native label in lower case, empty if unlabelled.
        objective: Objective class, None where the database has none.
        code: Action units in the notation of the sheet, empty where the database has none.
        script: What happens.
        first: Number of the first frame, as the files count.
    """

    database: str
    subject: str
    clip: str
    emotion: str
    objective: Objective | None
    code: str
    script: Script
    first: int

    @property
    def key(self) -> str:
        """Identity of the clip, as ``Sample.key``."""
        return f"{self.database}/{self.subject}/{self.clip}"

    @property
    def onset(self) -> int:
        """Number of the onset frame."""
        return self.first + self.script.onset

    @property
    def apex(self) -> int:
        """Number of the true apex frame, whatever the sheet says."""
        return self.first + self.script.apex

    @property
    def offset(self) -> int:
        """Number of the true offset frame."""
        return self.first + self.script.offset

    @property
    def sample(self) -> Sample:
        """The clip as an annotated sample with the true frame numbers; there is no file behind it."""
        return Sample(
            database=self.database,
            subject=self.subject,
            clip=self.clip,
            emotion=self.emotion,
            onset=self.onset,
            apex=self.apex,
            offset=self.offset,
            action_units=self.code,
            fps=self.script.fps,
        )

    def flow(self) -> Tensor:
        """True displacement from the onset to the apex; as ``clips.true_flow``."""
        return true_flow(self.script)

    def landmarks(self) -> Tensor:
        """68 points in every frame; as ``clips.track_landmarks``."""
        return track_landmarks(self.script)

    def intensities(self) -> Tensor:
        """Displacement of every action unit in every frame; as ``clips.intensities``."""
        return intensities(self.script)

    def render(self, *, device: torch.device | str = "cpu") -> Clip:
        """Render the clip; as ``clips.render_clip``."""
        return render_clip(self.script, device=device)


def stable_seed(*parts: object) -> int:
    """Turn names and numbers into a seed, the same on every machine; 0 to 2^62."""
    return int.from_bytes(hashlib.sha256("/".join(map(str, parts)).encode()).digest()[:8]) >> 2


def plan_twin(
    database: str,
    *,
    release: str | None = None,
    subjects: int | None = None,
    seed: int = 0,
    size: tuple[int, int] | None = None,
    frames: float = 1.0,
    crop: bool = False,
) -> tuple[Take, ...]:
    """Plan every clip of a twin.

    Args:
        database: Short name; any but ``fer2013``, which has no clips.
        release: Annotation release; None for the default.
        subjects: Only so many subjects, in their order; None for all.
        seed: Other people, other timing and other combinations for another seed; never other counts.
        size: Rows and columns of a frame; None for those of the real camera.
        frames: Factor on the number of frames per clip, above 0 to ``LARGEST_SCALE``; at least five remain.
        crop: Show the face only, instead of the head.

    Returns:
        Takes in the order of the sheet.

    Raises:
        DataError: An argument is impossible.
    """
    camera = _camera(database, size, frames)
    view = (View.crop if crop else View.portrait)(camera.height, camera.width)
    release = census.check_release(database, release)
    entries = census.census(database, release, subjects)
    # what a face does is the same whatever a later sheet calls it
    shown = census.census(database, release, subjects, shown=True)
    plans = (
        _plan(
            entry,
            database,
            camera=camera,
            view=view,
            seed=seed,
            frames=frames,
            row=row,
            context="-e-" in release,
        )
        for row, entry in enumerate(shown)
    )
    return tuple(_relabel(take, entry) for take, entry in zip(plans, entries, strict=True))


def plan_composite(*, seed: int = 0, size: tuple[int, int] = (128, 128), frames: float = 0.2) -> tuple[Take, ...]:
    """Plan the 442 clips of 68 subjects of the MEGC 2019 composite, as face crops.

    Args:
        seed: As ``plan_twin``.
        size: Rows and columns of a frame.
        frames: As ``plan_twin``.

    Returns:
        Takes sorted by key; emotions are the native ones.
    """
    takes = [
        take
        for database, release in (("smic", "smic-hs-164"), ("casme2", "casme2-2014"), ("samm", "samm-v2"))
        for take in plan_twin(database, release=release, seed=seed, size=size, frames=frames, crop=True)
    ]
    # the official list: no others, no fear and sadness of CASME II, and two clips less
    dropped = {census.CASME2_NO_APEX, census.CASME2_APEX_IS_ONSET}
    return tuple(
        sorted(
            (
                take
                for take in takes
                if take.emotion not in {"other", "others"}
                and not (take.database == "casme2" and take.emotion in {"fear", "sadness"})
                and not (take.database == "casme2" and (take.subject, take.clip) in dropped)
            ),
            key=lambda take: take.key,
        )
    )


def plan_unlabelled(take: Take, clip: str) -> Take:
    """Plan one more clip of the same person, which no sheet names."""
    script = replace(take.script, seed=take.script.seed + 1)
    return replace(take, clip=clip, emotion="", objective=None, code="", script=script)


def _relabel(take: Take, entry: CensusEntry) -> Take:
    """Give a take the labels of another sheet, and a code that fits them."""
    if (entry.emotion.lower(), entry.objective) == (take.emotion, take.objective):
        return take
    moved = entry.objective is not None and entry.objective != take.objective
    code = nearest_code(take.code, entry.objective) if moved and entry.objective else take.code
    return replace(take, emotion=entry.emotion.lower(), objective=entry.objective, code=code)


def _camera(database: str, size: tuple[int, int] | None, frames: float) -> Camera:
    census.check_release(database, None)
    if database not in CAMERAS:
        raise DataError(f"{database}: consists of single pictures; it has no clips to plan")
    if not 0 < frames <= LARGEST_SCALE:
        raise DataError(f"{database}: frame scale {frames}; expected a number above zero, {LARGEST_SCALE} at most")
    camera = CAMERAS[database]
    if size is None:
        return camera
    if min(size) < 16 or max(size) > LARGEST_SIDE:
        raise DataError(
            f"{database}: frames of {size[0]} x {size[1]} pixels; expected 16 x 16 to {LARGEST_SIDE} x {LARGEST_SIDE}"
        )
    return replace(camera, height=size[0], width=size[1])


def _length(draw: np.random.Generator, camera: Camera, frames: float) -> int:
    """Draw a number of frames with the mean and the range of the real database."""
    mean = (camera.mean - camera.shortest) / (camera.longest - camera.shortest)
    real = camera.shortest + (camera.longest - camera.shortest) * draw.beta(4 * mean, 4 * (1 - mean))
    return max(SHORTEST, round(real * frames))


@dataclass(frozen=True, slots=True)
class _Timing:
    """Frames of an expression, before and after it, and onset, apex and offset of its further showings."""

    length: int
    lead: int = 0
    tail: int = 0
    again: tuple[tuple[int, int, int], ...] = ()


def _recording(chance: int, entry: CensusEntry, database: str, frames: float) -> _Timing:
    """Time a clip that is cut out of a longer recording, with neutral frames around."""
    twice = entry.subject in census.SMIC_E_SLOW
    camera = CAMERAS["smic_vis" if twice else database]
    draw = np.random.default_rng([chance, 0x1E])
    length = _length(draw, camera, frames)
    lead, tail = (max(1, round(k * frames)) for k in draw.integers(20, 70, 2).tolist())
    again: list[tuple[int, int, int]] = []
    for _ in range(1, census.SMIC_E_SHOWINGS.get(entry.clip, 1)):
        start = (again[-1][2] if again else lead + length - 1) + 3
        again.append((start, start + length // 2, start + length - 1))
    tail += again[-1][2] + 1 - lead - length if again else 0
    if not twice:
        return _Timing(length, lead, tail, tuple(again))
    # what both cameras recorded lasts as long in both
    times = round(CAMERAS[database].fps / camera.fps)
    span = times * (length - 1) + 1
    moments = tuple((times * onset, times * apex, times * offset) for onset, apex, offset in again)
    return _Timing(span, times * lead, times * (lead + length + tail) - times * lead - span, moments)


def _cut(draw: np.random.Generator, camera: Camera, frames: float, family: str) -> _Timing:
    """Length of a clip that was cut out of its recording, with neutral frames where the database leaves some."""
    timing = _Timing(_length(draw, camera, frames), *draw.integers(0, 6, 2).tolist())
    return timing if family in {"casme2", "samm"} else _Timing(timing.length)


def _plan(
    entry: CensusEntry, database: str, *, camera: Camera, view: View, seed: int, frames: float, row: int, context: bool
) -> Take:
    """Plan one clip.

    Args:
        entry: The clip.
        database: Short name.
        camera: How it is recorded.
        view: Where the face lies.
        seed: Seed of the twin.
        frames: Factor on the number of frames.
        row: Row of the clip in the sheet, from 0.
        context: Whether the clip is cut out of a longer recording with neutral frames around.
    """
    # the three cameras of SMIC look at the same people
    family = database.partition("_")[0]
    who = stable_seed(seed, family, entry.subject)
    chance = stable_seed(seed, family, entry.subject, entry.clip)
    draw = np.random.default_rng(chance)
    posed = database == "ckplus"
    expression = draw_expression(
        draw,
        entry.emotion.lower() or "neutral",
        Identity.sample(who),
        objective=entry.objective,
        posed=posed,
        strength=6.0 if posed else 1.0,
    )
    if context:
        timing = _recording(chance, entry, database, frames)
        # the cameras count on their own
        draw = np.random.default_rng(stable_seed(chance, database))
    else:
        timing = _cut(draw, camera, frames, family)
    if database == "casme2" and row == census.CASME2_ROW_91:
        # the offset is frame 91, so the clip must fit in front of it
        timing = replace(timing, length=min(timing.length, 70))
    script = compose(
        who,
        chance,
        view,
        expression.units,
        frames=timing.length,
        lead=timing.lead,
        tail=timing.tail,
        fps=camera.fps,
        grey=camera.grey,
    )
    if posed:
        # posed sequences end at the peak
        script = replace(script, apex=timing.length - 1, offset=timing.length - 1, drift=2.5 * script.drift)
    script = replace(script, again=timing.again)
    first = _first_frame(draw, database, (entry.subject, entry.clip), row, script)
    code = "" if family in {"smic", "ckplus"} else expression.code
    return Take(database, entry.subject, entry.clip, entry.emotion.lower(), entry.objective, code, script, first)


def _first_frame(draw: np.random.Generator, database: str, named: tuple[str, str], row: int, script: Script) -> int:
    """Number the first frame as the database does."""
    # clips whose numbers the literature tells
    known: dict[str, int] = {}
    if database == "casme2":
        known = {census.CASME2_APEX_IS_ONSET[1]: 69 - script.onset} if named == census.CASME2_APEX_IS_ONSET else {}
        known |= {named[1]: 91 - script.offset} if row == census.CASME2_ROW_91 else {}
    elif database == "samm":
        known = {clip: apex - script.apex for clip, apex in census.SAMM_APEX.items()}
        known |= {clip: offset - script.offset for clip, offset in census.SAMM_OFFSET.items()}
    if named[1] in known:
        return known[named[1]]
    if database.startswith("smic"):
        # counters of the cameras: from a few hundred to tens of millions, never padded
        return int(10 ** draw.uniform(2.6, 7.3))
    low, high = {"casme2": (1, 220), "samm": (100, 9800), "ckplus": (1, 2)}[database]
    return int(draw.integers(low, high))
