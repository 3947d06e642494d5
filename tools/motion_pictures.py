"""Pictures of docs/motion.md, by ``python -m tools.motion_pictures``: flow, strain, magnification of a twin."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from matplotlib import rc_context
from matplotlib.colors import hsv_to_rgb
from matplotlib.figure import Figure

from benchmark.places import DOCS
from mer_lightning.motion import farneback_flow, masked_farneback_flow, optical_strain, tvl1_flow
from mer_lightning.motion.frames import to_frames, to_grey
from mer_lightning.motion.magnified import Magnification
from mer_lightning.motion.spotting import smooth_in_time
from mer_lightning.synthetic.clips import true_flow
from mer_lightning.synthetic.rendering import render_frames
from mer_lightning.synthetic.takes import plan_twin

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from torch import Tensor

    from mer_lightning.synthetic.scripts import Script
    from mer_lightning.synthetic.takes import Take

PICTURES = DOCS / "pictures"
_TILE = (170, 140)
# of the motion in the pictures of magnification, which is for motions far below a pixel
_FAINT = 0.15
_STYLE = {"font.size": 8, "axes.titlesize": 8, "savefig.dpi": 130, "figure.constrained_layout.use": True}


def draw_motion(folder: Path) -> list[Path]:
    """Draw all pictures.

    Args:
        folder: Where to write ``flow-methods.png``, ``flow-strain.png`` and ``flow-magnified.png``; it is made.

    Returns:
        The files.
    """
    script = replace(_smile().script, drift=0.0, flicker=0.0)
    faint = replace(script.exaggerate(_FAINT), noise=0.0)
    clip = to_frames(render_frames(script).numpy(), None, None)
    truth = true_flow(script)
    # what the camera's noise hides in two single frames, the frames around them show
    grey = to_grey(smooth_in_time(clip, 2.0))
    pair = grey[[script.onset]], grey[[script.apex]]
    flows = {"truth": truth, "TV-L1": tvl1_flow(*pair)[0], "Farneback": farneback_flow(*pair)[0]}
    flows["masked Farneback (S1)"] = masked_farneback_flow(torch.stack(pair, 2)[:, 0]).flow[0, 0]
    folder.mkdir(parents=True, exist_ok=True)
    with rc_context(_STYLE):  # pyright: ignore[reportArgumentType]
        return [
            _draw_flows(flows, clip[script.apex], folder / "flow-methods.png"),
            _draw_strain(flows, folder / "flow-strain.png"),
            _draw_magnified(to_frames(render_frames(faint).numpy(), None, None), faint, folder / "flow-magnified.png"),
        ]


def _smile() -> Take:
    takes = [take for take in plan_twin("casme2", seed=0, size=_TILE, crop=True) if take.emotion == "happiness"]
    takes.sort(key=lambda take: sum(size for _, size in take.script.units))
    return takes[len(takes) * 2 // 3]


def colour_wheel(flow: Tensor, largest: float) -> NDArray[np.float64]:
    """Flow as colours: the hue is the direction, the saturation the length.

    Args:
        flow: ``(2, H, W)``, pixels.
        largest: Length that gets full colour, pixels.

    Returns:
        ``(H, W, 3)`` in 0..1; white where nothing moves.
    """
    u, v = flow.double().numpy()
    hue = (np.arctan2(v, u) / (2 * np.pi)) % 1
    saturation = np.clip(np.hypot(u, v) / largest, 0, 1)
    return hsv_to_rgb(np.stack((hue, saturation, np.ones_like(hue)), -1))


def _axes(columns: int, width: float = 1.75, height: float = 2.3, rows: int = 1) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(width * columns, height * rows))
    axes = [figure.add_subplot(rows, columns, place + 1) for place in range(rows * columns)]
    for axis in axes:
        axis.set_axis_off()
    return figure, axes


def _draw_flows(flows: dict[str, Tensor], apex: Tensor, path: Path) -> Path:
    figure, axes = _axes(len(flows) + 2)
    truth = flows["truth"]
    largest = float(torch.quantile(truth.norm(dim=0), 0.995))
    axes[0].imshow(apex.permute(1, 2, 0).numpy())
    axes[0].set_title("apex")
    for axis, (name, flow) in zip(axes[1:], flows.items(), strict=False):
        axis.imshow(colour_wheel(flow, largest))
        error = float((flow - truth).norm(dim=0).mean())
        axis.set_title(name if name == "truth" else f"{name}\nerror {error:.2f} px")
    y, x = torch.meshgrid(torch.linspace(-1, 1, 141), torch.linspace(-1, 1, 141), indexing="ij")
    wheel = colour_wheel(torch.stack((x, y)), 1.0)
    wheel[(x.hypot(y) > 1).numpy()] = 1
    axes[-1].imshow(wheel)
    axes[-1].set_title(f"direction; full colour\nfrom {largest:.1f} px")
    return _save(figure, path)


def _draw_strain(flows: dict[str, Tensor], path: Path) -> Path:
    figure, axes = _axes(len(flows))
    strains = {name: optical_strain(flow)[0] for name, flow in flows.items()}
    largest = float(torch.quantile(strains["truth"], 0.995))
    image = None
    for axis, (name, strain) in zip(axes, strains.items(), strict=True):
        image = axis.imshow(strain.numpy(), vmin=0, vmax=largest, cmap="magma")
        axis.set_title(name)
    assert image is not None
    figure.colorbar(image, ax=axes, label="optical strain", shrink=0.8)
    return _save(figure, path)


def _draw_magnified(clip: Tensor, script: Script, path: Path) -> Path:
    figure, axes = _axes(5)
    onset, apex = script.onset, script.apex
    largest = float(true_flow(script).norm(dim=0).max())
    shown = {"onset": clip[onset], f"apex as recorded\n(at most {largest:.2f} px)": clip[apex]}
    for alpha in (5.0, 10.0, 20.0):
        shown[f"apex magnified\nalpha {alpha:.0f}"] = Magnification(alpha=alpha)(clip[onset:])[apex - onset]
    for axis, (name, picture) in zip(axes, shown.items(), strict=True):
        axis.imshow(picture.permute(1, 2, 0).numpy())
        axis.set_title(name)
    return _save(figure, path)


def _save(figure: Figure, path: Path) -> Path:
    # without a date, so that the same code writes the same bytes
    figure.savefig(path, metadata={"Software": None})
    return path


def main() -> None:
    """Write the pictures."""
    parser = argparse.ArgumentParser(description="Draw the pictures of docs/motion.md.")
    parser.add_argument("--out", type=Path, default=PICTURES, help="folder (default: %(default)s)")
    for path in draw_motion(parser.parse_args().out):
        sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main()
