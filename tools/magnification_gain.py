"""How far magnification really moves what moves: ``python -m tools.magnification_gain``.

Gratings are moved by known amounts, magnified, and their motion is read from their phase. What was measured is kept in
``docs/magnification.json``, and the table of docs/motion.md is made of it.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import sys
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import torch

from benchmark.places import DOCS
from mer_lightning.files import replacing
from mer_lightning.motion.magnified import Magnification

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from torch import Tensor

Course = Literal["rise", "rise and fall"]

ALPHA = 10.0
SIDE = 128
"""Pixels of a picture: a usual crop of a face."""
WAVELENGTHS = (8.0, 16.0, 32.0, 64.0)
MOTIONS = (0.03, 0.1, 0.25, 0.5)
LENGTHS = (11, 20, 35, 70)
COURSES: tuple[Course, ...] = ("rise", "rise and fall")
RATES = (100.0, 200.0)
GOAL = 0.15
"""Largest share by which the best method may miss 1 + alpha, in clips of ``FROM`` frames on."""
FROM = 20
_WIDE = Magnification(alpha=ALPHA, low=0.05, high=25.0, unit="hz", temporal="butterworth")
WAYS: dict[str, Magnification] = {
    "linear, iir": Magnification(alpha=ALPHA),
    "linear, butterworth": Magnification(alpha=ALPHA, temporal="butterworth"),
    "linear, zero_phase": Magnification(alpha=ALPHA, temporal="zero_phase"),
    "linear, butterworth, .05 to 25 Hz": _WIDE,
    "linear, onset": Magnification(alpha=ALPHA, temporal="onset"),
    "phase, iir": Magnification(alpha=ALPHA, method="phase"),
    "phase, butterworth": Magnification(alpha=ALPHA, temporal="butterworth", method="phase"),
    "phase, zero_phase": Magnification(alpha=ALPHA, temporal="zero_phase", method="phase"),
    "phase, butterworth, .05 to 25 Hz": Magnification.model_validate(
        _WIDE.model_dump(exclude={"wavelength"}) | {"method": "phase"}
    ),
    "phase, onset": Magnification(alpha=ALPHA, temporal="onset", method="phase"),
}
"""What is measured, by its name in the table; the first is the default, the second that of S4."""
BEST = "phase, onset"
TABLE = re.compile(r"(<!-- magnification -->\n).*?(<!-- end -->)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Gain:
    """What came of one planted motion.

    Attributes:
        way: Method and filter, of ``WAYS``.
        frames: Frames of the clip.
        course: Whether the largest motion is at the last frame, or in the middle.
        wavelength: Pixels.
        motion: Planted at the apex, pixels.
        fps: Frames per second; None where the band is in cycles a frame, so that they do not matter.
        gain: Motion from the onset to the apex after magnification, divided by the planted one.
    """

    way: str
    frames: int
    course: Course
    wavelength: float
    motion: float
    fps: float | None
    gain: float


def planted(frames: int, course: Course, wavelength: float, motion: float) -> Tensor:
    """A grating that moves across by up to ``motion`` pixels, in a straight rise (and fall), ``(T, 1, SIDE, SIDE)``."""
    progress = torch.linspace(0, 1, frames, dtype=torch.float64)
    if course == "rise and fall":
        progress = 1 - (progress - progress[apex_of(frames, course)]).abs() / progress[apex_of(frames, course)]
    x = torch.arange(SIDE, dtype=torch.float64) - SIDE / 2
    # an odd start, so that no border is a mirror of the grating
    rows = 0.5 + 0.2 * torch.cos(2 * math.pi * (x - motion * progress[:, None]) / wavelength + 0.7)
    return rows[:, None, None, :].expand(-1, 1, SIDE, -1).float().contiguous()


def apex_of(frames: int, course: Course) -> int:
    """The frame of the largest motion."""
    return frames - 1 if course == "rise" else frames // 2


def moved(clip: Tensor, wavelength: float) -> Tensor:
    """How far a grating has moved since the first frame, read from the middle half of its rows, pixels ``(T,)``.

    Whole turns are counted from frame to frame, so that it may move further than its own length.
    """
    inside = slice(SIDE // 4, SIDE - SIDE // 4)
    x = (torch.arange(SIDE, dtype=torch.float64) - SIDE / 2)[inside]
    waves = torch.stack((torch.cos(2 * math.pi * x / wavelength), torch.sin(2 * math.pi * x / wavelength)), 1)
    fitted = torch.cat((waves, torch.ones_like(x)[:, None]), 1)
    rows = clip[:, 0, inside, inside].double().mean(1)
    cosine, sine, _ = torch.linalg.lstsq(fitted, rows.T).solution
    steps = torch.diff(torch.atan2(sine, cosine))
    steps = torch.remainder(steps + math.pi, 2 * math.pi) - math.pi
    return torch.cat((torch.zeros(1, dtype=torch.float64), steps.cumsum(0))) * wavelength / (2 * math.pi)


def measure(way: str, frames: int, course: Course, wavelength: float, motion: float, fps: float | None = None) -> Gain:
    """Plant one motion, magnify it and read what came of it."""
    clip, apex = planted(frames, course, wavelength, motion), apex_of(frames, course)
    after = moved(WAYS[way](clip, fps), wavelength)[apex]
    gain = float(after / moved(clip, wavelength)[apex])
    return Gain(way, frames, course, wavelength, motion, fps, round(gain, 2))


def measure_all() -> list[Gain]:
    """Every way on every planted motion."""
    return [
        measure(way, frames, course, wavelength, motion, fps)
        for way, magnification in WAYS.items()
        for fps in (RATES if magnification.needs_fps else (None,))
        for frames in LENGTHS
        for course in COURSES
        for wavelength in WAVELENGTHS
        for motion in MOTIONS
    ]


def misses(gains: Iterable[Gain], way: str) -> float:
    """The largest share by which a way misses 1 + alpha in clips of ``FROM`` frames on."""
    return max(abs(one.gain / (1 + ALPHA) - 1) for one in gains if one.way == way and one.frames >= FROM)


def render(gains: Sequence[Gain]) -> str:
    """The table of docs/motion.md."""
    lines = [
        f"| way, asked {1 + ALPHA:g} times | " + " | ".join(f"{n} frames" for n in LENGTHS) + " | misses by at most |",
        "|---|" + "---|" * (len(LENGTHS) + 1),
    ]
    for way, magnification in WAYS.items():
        for fps in RATES if magnification.needs_fps else (None,):
            of = [one for one in gains if (one.way, one.fps) == (way, fps)]
            cells = [_cell([one for one in of if one.frames == frames]) for frames in LENGTHS]
            named = way if fps is None else f"{way} at {fps:g} fps"
            lines.append(f"| {named} | " + " | ".join(cells) + f" | {100 * misses(of, way):.0f} % |")
    return "\n".join(lines) + "\n"


def _cell(gains: Iterable[Gain]) -> str:
    """Of small motions of long waves, rise and rise and fall; then the span of all."""
    of = list(gains)
    plain = [_one(of, course) for course in COURSES]
    return f"{plain[0]:.1f}, {plain[1]:.1f} ({min(one.gain for one in of):.1f} to {max(one.gain for one in of):.1f})"


def _one(gains: Iterable[Gain], course: Course) -> float:
    return next(one.gain for one in gains if (one.course, one.wavelength, one.motion) == (course, 16.0, 0.03))


@cache
def read_kept() -> tuple[Gain, ...]:
    """What was measured and committed."""
    return tuple(Gain(**one) for one in json.loads((DOCS / "magnification.json").read_text(encoding="utf-8")))


def main() -> None:
    """Measure, keep and render; or only render what is kept."""
    parser = argparse.ArgumentParser(description="Measure what magnification gains on planted motion.")
    parser.add_argument("--measure", action="store_true", help="measure anew; else the table is made of what is kept")
    parser.add_argument("--out", type=Path, default=DOCS, help="folder of both files (default: %(default)s)")
    arguments = parser.parse_args()
    if arguments.measure:
        gains = measure_all()
        with replacing(arguments.out / "magnification.json") as part:
            rows = ",\n".join(json.dumps(asdict(one)) for one in gains)
            part.write_text(f"[\n{rows}\n]\n", encoding="utf-8")
    else:
        gains = list(read_kept())
    page = arguments.out / "motion.md"
    table = render(gains)
    if page.is_file():
        text = TABLE.sub(lambda match: f"{match[1]}{table}{match[2]}", page.read_text(encoding="utf-8"))
        page.write_text(text, encoding="utf-8")
    sys.stdout.write(table)


if __name__ == "__main__":
    main()
