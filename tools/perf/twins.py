"""How fast synthetic clips are rendered."""

from __future__ import annotations

from mer_lightning.synthetic.action_units import Channel
from mer_lightning.synthetic.clips import true_flow
from mer_lightning.synthetic.faces import draw_texture
from mer_lightning.synthetic.identity import Identity, View
from mer_lightning.synthetic.rendering import render_frames
from mer_lightning.synthetic.scripts import compose
from mer_lightning.synthetic.takes import plan_composite
from tools.perf.measurement import Measurement, best_seconds

UNITS = {Channel(unit, side): 0.02 for unit in (4, 6, 12) for side in ("L", "R")}


def run(*, quick: bool = False) -> list[Measurement]:
    """Measure rendering on the processor with the threads that torch is set to.

    Args:
        quick: Fewer frames and fewer repeats.
    """
    repeats = 2 if quick else 5
    view = View.portrait(256, 256)
    clip = compose(1, 1, view, UNITS, frames=32 if quick else 96)
    render_frames(clip)
    rendered = clip.frames / best_seconds(lambda: render_frames(clip), repeats)
    texture = best_seconds(lambda: draw_texture(Identity.sample(1), view), repeats)
    flow = best_seconds(lambda: true_flow(clip), repeats)
    takes = plan_composite()[:: 20 if quick else 1]

    def whole() -> None:
        for take in takes:
            render_frames(take.script)

    seconds = best_seconds(whole, 1) * 442 / len(takes)
    return [
        _row(
            "frames of 256 x 256 rendered",
            rendered,
            "frames/s",
            "at least 200 frames/s",
            "six action units, drift, noise, flicker",
        ),
        _row("person of 256 x 256 drawn", texture * 1e3, "ms", "", "once per person"),
        _row("true flow of 256 x 256", flow * 1e3, "ms", "", "onset to apex"),
        _row(
            "composite of 442 clips of 128 x 128",
            seconds,
            "s",
            "under 60 s",
            "a fifth of the frames, people included",
        ),
    ]


def _row(name: str, ours: float, unit: str, goal: str, note: str) -> Measurement:
    better = "higher" if unit == "frames/s" else "lower"
    return Measurement(name=name, ours=ours, unit=unit, better=better, goal=goal, note=note)
