"""The official layout of FER2013: one CSV of grey stills in three parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from mer_lightning.synthetic import census
from mer_lightning.synthetic.actions import draw_expression
from mer_lightning.synthetic.identity import Identity, View
from mer_lightning.synthetic.rendering import Poses, render_poses
from mer_lightning.synthetic.takes import LARGEST_SCALE, stable_seed
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from mer_lightning.synthetic.action_units import Channel
    from mer_lightning.synthetic.actions import Expression

SIDE = 48
MARGIN = 10
PEOPLE = 150
"""People of whom the stills show one each, unless fewer are asked for."""
MOST_PEOPLE = 10_000

FILE = "fer2013.csv"


@dataclass(frozen=True, slots=True)
class Still:
    """One picture of the table and the truth behind it.

    Attributes:
        key: ``fer2013/<part>/<row>``, the row counted from 0 below the header, five digits.
        emotion: Class name.
        part: ``Training``, ``PublicTest`` or ``PrivateTest``.
        who: Which of the people it shows, from 0.
        code: Action units shown.
        units: Displacement per unit and side, pupil distances.
    """

    key: str
    emotion: str
    part: str
    who: int
    code: str
    units: Mapping[Channel, float]


def plan_stills(*, people: int = PEOPLE, seed: int = 0, rows: float = 1.0) -> tuple[Still, ...]:
    """Plan the table.

    Args:
        people: Number of people, at least one.
        seed: Other people and other expressions for another seed; never other counts.
        rows: Factor on the number of rows of every class and part, above zero; at least one remains.

    Returns:
        Rows in the order of the file, the parts one after the other, the classes mixed.

    Raises:
        DataError: An argument is impossible.
    """
    if not (1 <= people <= MOST_PEOPLE and 0 < rows <= LARGEST_SCALE):
        raise DataError(
            f"fer2013: {people} people, row scale {rows}; expected both above zero, "
            f"{MOST_PEOPLE} and {LARGEST_SCALE} at most"
        )
    draw = np.random.default_rng(stable_seed(seed, "fer2013"))
    cast = [Identity.sample(stable_seed(seed, "fer2013", number)) for number in range(people)]
    stills: list[Still] = []
    for part, counts in census.FER2013_PARTS.items():
        names = [
            name
            for name, count in zip(census.FER2013_CLASSES, counts, strict=True)
            for _ in range(max(1, round(count * rows)))
        ]
        for name in draw.permutation(names).tolist():
            number = int(draw.integers(people))
            shown = _show(draw, name, cast[number])
            key = f"fer2013/{part}/{len(stills):05d}"
            stills.append(Still(key, name, part, number, shown.code, shown.units))
    return tuple(stills)


def _show(draw: np.random.Generator, name: str, who: Identity) -> Expression:
    return draw_expression(draw, name, who, posed=True, strength=float(draw.uniform(2.0, 6.0)))


def render_stills(stills: tuple[Still, ...], *, seed: int = 0) -> NDArray[np.uint8]:
    """Render the pictures.

    Args:
        stills: What to show.
        seed: The seed that they were planned with.

    Returns:
        ``(N, 48, 48)`` uint8.
    """
    inner = View.crop(SIDE, SIDE)
    # heads move about: draw more than is shown, so that no border comes into sight
    whole = SIDE + 2 * MARGIN
    view = View(whole, whole, inner.scale, inner.x + MARGIN, inner.y + MARGIN)
    pictures = np.zeros((len(stills), SIDE, SIDE), np.uint8)
    for number in sorted({still.who for still in stills}):
        places = [place for place, still in enumerate(stills) if still.who == number]
        who = stable_seed(seed, "fer2013", number)
        channels = tuple(sorted({channel for place in places for channel in stills[place].units}))
        sizes = torch.tensor(
            [[stills[place].units.get(channel, 0.0) for channel in channels] for place in places]
        ).reshape(len(places), len(channels))
        draw = np.random.default_rng(stable_seed(seed, "fer2013", number, "poses"))
        poses = Poses(
            who=who,
            view=view,
            channels=channels,
            sizes=sizes,
            motion=_scatter(draw, len(places), view),
            gain=torch.from_numpy(draw.uniform(0.75, 1.25, len(places)).astype(np.float32)),
            noise=2.0,
            seed=int(draw.integers(2**62)),
            grey=True,
        )
        pictures[places] = render_poses(poses)[:, MARGIN:-MARGIN, MARGIN:-MARGIN, 0].numpy()
    return pictures


def _scatter(draw: np.random.Generator, count: int, view: View) -> torch.Tensor:
    """Draw where the head is in pictures from the street: ``(N, 2, 3)`` similarities."""
    roll = torch.from_numpy(draw.normal(0, 0.10, count).astype(np.float32))
    zoom = torch.from_numpy(np.exp(draw.normal(0.0, 0.07, count)).astype(np.float32))
    shift = torch.from_numpy(draw.normal(0, 1.5, (count, 2)).astype(np.float32))
    cos, sin = torch.cos(roll) * zoom, torch.sin(roll) * zoom
    linear = torch.stack([torch.stack([cos, -sin], 1), torch.stack([sin, cos], 1)], 1)
    centre = torch.tensor((view.x, view.height / 2))
    return torch.cat([linear, (centre + shift - linear @ centre)[..., None]], 2)


def write(out: Path, stills: tuple[Still, ...], *, seed: int = 0) -> None:
    """Write ``fer2013.csv``.

    Args:
        out: Root.
        stills: Rows of the file.
        seed: The seed that they were planned with.
    """
    pictures = render_stills(stills, seed=seed)
    # text of every grey level once, instead of formatting 80 million numbers
    levels = np.array([str(level) for level in range(256)])
    with (out / FILE).open("w", encoding="ascii", newline="") as file:
        file.write("emotion,pixels,Usage\n")
        for still, picture in zip(stills, pictures, strict=True):
            pixels = " ".join(levels[picture.ravel()].tolist())
            file.write(f"{census.FER2013_CLASSES.index(still.emotion)},{pixels},{still.part}\n")
