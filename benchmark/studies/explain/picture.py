"""The picture of one explained prediction: the face, what the network saw, and which places spoke for a class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from matplotlib import colormaps, rc_context
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from torch.nn import functional

from mer_lightning.faces.facs import FACS_REGIONS, OUTSIDE, REST, facs_map, facs_shares
from mer_lightning.faces.points import JAW, LEFT_BROW, LEFT_EYE, MOUTH, NOSE, RIGHT_BROW, RIGHT_EYE

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import SubFigure
    from numpy.typing import NDArray
    from torch import Tensor

    from mer_lightning.explain import Heat
    from mer_lightning.faces.facs import FacsRegion
    from mer_lightning.faces.points import Points

SIDE = 320
"""Shorter side of the face on which heat is laid and shares are counted, pixels."""
_STEPS = 5
_PERCENTILE = 99
"""Of the distances from no motion, where the colours of u and v end."""
_STYLE = {"font.size": 8, "axes.titlesize": 8, "savefig.dpi": 130, "text.parse_math": False}
_HEAT = "inferno"
_INK = "#1a1a2e"
_LINES = ((JAW, False), (RIGHT_BROW, False), (LEFT_BROW, False), (NOSE, False), (RIGHT_EYE, True), (LEFT_EYE, True))
_LIPS = (MOUTH[:12], MOUTH[12:])
_COLOURS = ("red", "green", "blue")

Share = tuple[str, "FacsRegion | None", float]


@dataclass(frozen=True)
class Face:
    """The face that is looked at.

    Attributes:
        onset: ``(H, W, 3)`` in 0..1; None where the data has no frames.
        apex: As onset.
        seen: Frames that the representation sampled, ``(T, H, W, 3)`` in 0..1; None where the data has none.
        points: ``(68, 2)`` pixels of a picture of ``size``; None where nobody knows where the face is.
        size: Height and width that the points refer to.
        origin: Where the points come from, for the caption.
    """

    onset: NDArray[np.float32] | None
    apex: NDArray[np.float32] | None
    seen: NDArray[np.float32] | None
    points: Points | None
    size: tuple[int, int]
    origin: str

    @property
    def canvas(self) -> tuple[int, int]:
        """Height and width of the picture on which heat is laid."""
        height, width = self.size
        return round(SIDE * height / min(self.size)), round(SIDE * width / min(self.size))

    @property
    def canvas_points(self) -> Points | None:
        """The points in that picture."""
        if self.points is None:
            return None
        scale = np.array([self.canvas[1] / self.size[1], self.canvas[0] / self.size[0]])
        # pixel centres stay pixel centres
        return ((self.points + 0.5) * scale - 0.5).astype(np.float32)


@dataclass(frozen=True)
class Explanation:
    """Everything that the picture and the table show.

    Attributes:
        face: The face.
        inputs: What the network saw, ``(C, H, W)`` or ``(C, T, H, W)``.
        channels: Their names.
        value_range: Their range; its centre is no motion.
        heat: Grad-CAM of it.
        heading: First line, e.g. method and classes.
        lines: What else stands above the picture.
    """

    face: Face
    inputs: Tensor
    channels: tuple[str, ...]
    value_range: tuple[float, float]
    heat: Heat
    heading: str
    lines: tuple[str, ...]

    def heat_on_face(self) -> NDArray[np.float32]:
        """Heat in the size of the canvas, ``(H, W)``; that of a clip averaged over time."""
        values = self.heat.values
        return _resize_map(values.mean(0) if values.ndim == 3 else values, self.face.canvas)

    def shares(self) -> list[Share]:
        """Share of every place of the face, largest first; empty where nobody knows where the face is."""
        points = self.face.canvas_points
        if points is None:
            return []
        return facs_shares(self.heat_on_face(), facs_map(points, *self.face.canvas))


def colour_reach(distances: Tensor) -> float:
    """How far from no motion the colours of a map reach.

    Args:
        distances: From no motion, 0 or more, any shape.

    Returns:
        What 1 of 100 pixels exceeds; the largest one where so few are not 0 that all of them would.
    """
    return float(distances.flatten().quantile(_PERCENTILE / 100)) or float(distances.max())


def draw_explanation(explanation: Explanation, path: Path) -> None:
    """Draw one explanation as PNG."""
    strip = _strip(explanation)
    columns = max(len(row) for row in strip)
    panel = 1.38 if columns > 4 else 1.6
    with rc_context(_STYLE):  # pyright: ignore[reportArgumentType]
        above = panel * 1.17 * len(strip)
        figure = Figure(figsize=(9.2, 5.6 + above), facecolor="white")
        parts: Any = figure.subfigures(3, 1, height_ratios=(0.85, 4.75, above))
        title, upper, lower = parts
        _draw_title(title, explanation)
        _draw_face_and_shares(upper, explanation)
        _draw_strip(lower, strip, columns)
        # without a date, so that the same numbers write the same bytes
        figure.savefig(path, metadata={"Software": None})


def _draw_title(figure: SubFigure, explanation: Explanation) -> None:
    figure.text(0.03, 0.86, explanation.heading, fontsize=13, fontweight="bold", color=_INK, va="top")
    figure.text(0.03, 0.5, "\n".join(explanation.lines), color="#555566", va="top", linespacing=1.45)


def _draw_face_and_shares(figure: SubFigure, explanation: Explanation) -> None:
    grid = figure.add_gridspec(1, 2, width_ratios=(1.3, 1.0), left=0.03, right=0.97, top=0.93, bottom=0.06, wspace=0.54)
    face = explanation.face
    axis = figure.add_subplot(grid[0])
    heat = explanation.heat_on_face()
    axis.imshow(_laid_over(face.onset, heat, face.canvas))
    when = "mean over time on the onset frame" if explanation.heat.values.ndim == 3 else "on the onset frame"
    axis.set_title(f"Grad-CAM {when if face.onset is not None else 'on the mean face'}", color=_INK)
    axis.set_axis_off()
    points, bars = face.canvas_points, figure.add_subplot(grid[1])
    if points is None:
        bars.set_axis_off()
        bars.text(0.5, 0.5, "No landmarks: nobody knows where the face is.", ha="center", transform=bars.transAxes)
        return
    if face.onset is None:
        _draw_outline(axis, points)
    _draw_regions(axis, points, face.canvas)
    _draw_shares(bars, explanation.shares())


def _draw_regions(axis: Axes, points: Points, canvas: tuple[int, int]) -> None:
    places = facs_map(points, *canvas)
    stroke = [withStroke(linewidth=1.8, foreground=_INK)]
    for label, region in enumerate(FACS_REGIONS, start=1):
        axis.contour(places == label, levels=[0.5], colors="white", linewidths=0.7, alpha=0.9)
        if region.unit is None:
            continue
        # one number on each side, or one in the middle where both sides touch
        rows, columns = np.nonzero(places == label)
        middle = (points[JAW[0], 0] + points[JAW[-1], 0]) / 2
        sides = (columns < middle, columns >= middle)
        if region.parts == (4,):
            sides = (np.ones_like(columns, bool),)
        for side in sides:
            axis.text(
                columns[side].mean(),
                rows[side].mean(),
                str(region.unit.number),
                color="white",
                fontsize=7.5,
                fontweight="bold",
                ha="center",
                va="center",
                path_effects=stroke,
                clip_on=True,
            )
    axis.set_xlim(-0.5, canvas[1] - 0.5)
    axis.set_ylim(canvas[0] - 0.5, -0.5)


def _draw_shares(axis: Axes, shares: list[Share]) -> None:
    largest = max(shares[0][2], 1e-9)
    colours = colormaps[_HEAT]
    for row, (name, region, share) in enumerate(shares):
        axis.barh(row, share, color=colours(0.25 + 0.55 * share / largest), height=0.62)
        axis.text(share + 0.015 * largest, row, f"{100 * share:.1f} %", va="center", color=_INK, fontsize=7.5)
        unit = region.unit if region else None
        bold, plain = (f"AU{unit.number} {unit.name}", name) if unit else (name, "")
        offset = 0.17 if plain else 0.0
        known = name not in {REST, OUTSIDE}
        axis.text(
            -0.02 * largest, row - offset, bold, ha="right", va="center", color=_INK if known else "#888899", fontsize=8
        )
        axis.text(-0.02 * largest, row + 0.26, plain, ha="right", va="center", color="#888899", fontsize=6.3)
    axis.set_xlim(0, 1.16 * largest)
    axis.set_ylim(len(shares) - 0.4, -0.6)
    axis.set_xticks([])
    axis.set_yticks([])
    axis.set_title("share of the attribution per place of the face", color=_INK)
    for side in ("top", "right", "bottom"):
        axis.spines[side].set_visible(False)
    axis.spines["left"].set_color("#bbbbcc")


@dataclass(frozen=True)
class _Panel:
    image: NDArray[Any]
    title: str
    look: dict[str, Any]


def _strip(explanation: Explanation) -> list[list[_Panel]]:
    """Small pictures: onset, apex and maps in one row, or rows over time for a clip."""
    face, inputs = explanation.face, explanation.inputs
    if inputs.ndim == 3:
        frames = [
            _Panel(frame, name, {}) for name, frame in (("onset", face.onset), ("apex", face.apex)) if frame is not None
        ]
        return [frames + _maps(explanation, inputs, "")]
    steps = np.unique(np.linspace(0, inputs.shape[1] - 1, _STEPS).round().astype(int)).tolist()
    values, total = explanation.heat.values, float(explanation.heat.values.sum())
    rows = [_maps(explanation, inputs[:, step], f" {step + 1}") for step in steps]
    strip = [[row[i] for row in rows] for i in range(len(rows[0]))]
    heats: list[_Panel] = []
    for step in steps:
        # of a sequence of flow the frame that the flow starts from
        frame = None if face.seen is None else face.seen[min(step, len(face.seen) - 1)]
        canvas = explanation.face.canvas
        heat = _resize_map(values[step], canvas) * float(values[step].max() / values.max().clamp(min=1e-12))
        share = float(values[step].sum()) / total if total else 0.0
        shown = _laid_over(frame, heat, canvas, largest=float(_resize_map(values[step], canvas).max()))
        heats.append(_Panel(shown, f"step {step + 1} of {inputs.shape[1]}: {100 * share:.0f} %", {}))
    return [heats, *strip]


def _maps(explanation: Explanation, maps: Tensor, suffix: str) -> list[_Panel]:
    """Every channel of one map, the three colours of a picture together."""
    low, high = explanation.value_range
    panels: list[_Panel] = []
    named = dict(zip(explanation.channels, maps, strict=True))
    if set(_COLOURS) <= set(named):
        picture = torch.stack([named.pop(name) for name in _COLOURS], -1)
        panels.append(_Panel(picture.clamp(0, 1).numpy(), f"input{suffix}", {}))
    everything = dict(zip(explanation.channels, explanation.inputs, strict=True))
    for name, values in named.items():
        whole = everything[name]
        if name in {"u", "v"}:
            centre = (low + high) / 2
            # a few pixels of noise must not wash out the rest; they are drawn as the ends of the scale
            reach = max(colour_reach((whole - centre).abs()), 1e-6)
            look: dict[str, Any] = {"cmap": "RdBu_r", "norm": TwoSlopeNorm(centre, centre - reach, centre + reach)}
        elif name == "grey":
            look = {"cmap": "gray", "vmin": 0, "vmax": 1}
        else:
            look = {"cmap": "magma", "vmin": float(whole.min()), "vmax": max(float(whole.max()), 1e-6)}
        panels.append(_Panel(values.numpy(), f"{name}{suffix}", look))
    return panels


def _draw_strip(figure: SubFigure, strip: list[list[_Panel]], columns: int) -> None:
    grid = figure.add_gridspec(
        len(strip), columns, left=0.03, right=0.97, top=0.94, bottom=0.03, hspace=0.2, wspace=0.06
    )
    for row, panels in enumerate(strip):
        for column, panel in enumerate(panels):
            axis = figure.add_subplot(grid[row, column])
            axis.imshow(panel.image, interpolation="nearest", **panel.look)
            axis.set_title(panel.title, fontsize=7.5, color=_INK, pad=3)
            axis.set_axis_off()


def _draw_outline(axis: Axes, points: Points) -> None:
    for indices, closed in (*_LINES, *((lip, True) for lip in _LIPS)):
        line = points[[*indices, indices[0]] if closed else list(indices)]
        axis.plot(line[:, 0], line[:, 1], color=_INK, linewidth=1.1, solid_capstyle="round")


def _laid_over(
    frame: NDArray[np.float32] | None, heat: NDArray[np.float32], canvas: tuple[int, int], largest: float | None = None
) -> NDArray[np.float32]:
    """Heat over the greys of a face (or over paper), more opaque where it is hotter, ``(H, W, 3)``."""
    if frame is None:
        base = np.full((*canvas, 3), 0.93, np.float32)
    else:
        grey = _resize_map(torch.from_numpy(np.ascontiguousarray(frame)).mean(-1), canvas)
        base = np.repeat(grey[..., None], 3, -1) * 0.9
    scaled = heat / max(float(heat.max()) if largest is None else largest, 1e-12)
    colour = colormaps[_HEAT](0.15 + 0.83 * scaled)[..., :3]
    opacity = 0.8 * np.sqrt(scaled)[..., None]
    return ((1 - opacity) * base + opacity * colour).clip(0, 1).astype(np.float32)


def _resize_map(values: Tensor, size: tuple[int, int]) -> NDArray[np.float32]:
    return functional.interpolate(values[None, None].float(), size, mode="bilinear", antialias=True)[0, 0].numpy()
