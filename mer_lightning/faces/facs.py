"""Places of the face and the FACS action units that are seen there, after Table 2 of paper S4.

Source: Li, Zhu, Chinese Journal of Liquid Crystals and Displays 37(3), 2022, Table 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw

from mer_lightning.faces.points import LEFT_EYE, RIGHT_EYE, Points, mean_face
from mer_lightning.faces.regions import REGIONS, face_mask, region_map

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class FacsUnit:
    """One action unit of S4's Table 2.

    Attributes:
        number: FACS number.
        name: Its name in FACS (Ekman and Friesen 1978).
        wording: What the paper's table says of it, translated.
        emotions: Rows of the table that name it.
    """

    number: int
    name: str
    wording: str
    emotions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FacsRegion:
    """A place of the face, on both sides.

    Attributes:
        name: For people.
        parts: Which of the 18 outlines of one side it is made of, see ``mer_lightning.faces.regions``.
        unit: The unit of Table 2 that is seen there; None where the table names none.
    """

    name: str
    parts: tuple[int, ...]
    unit: FacsUnit | None = None

    @property
    def title(self) -> str:
        """``AU12 lip corner puller``, or its place where the table names no unit."""
        return f"AU{self.unit.number} {self.unit.name}" if self.unit else self.name


FACS_REGIONS = (
    FacsRegion(
        "inner forehead",
        (2, 3),
        FacsUnit(1, "inner brow raiser", "muscles around the eye are pulled up", ("surprise",)),
    ),
    FacsRegion("outer forehead", (0, 1), FacsUnit(2, "outer brow raiser", "outer brow is pulled up", ("surprise",))),
    FacsRegion(
        "between the brows",
        (4,),
        FacsUnit(4, "brow lowerer", "brows are lowered and drawn together", ("disgust",)),
    ),
    FacsRegion(
        "brow, upper lid and eye",
        (5, 6, 7),
        FacsUnit(5, "upper lid raiser", "upper lid is raised, the eye opens wide", ("disgust",)),
    ),
    FacsRegion(
        "lower lid and upper cheek",
        (8, 9, 12, 13),
        FacsUnit(6, "cheek raiser", "the ring around the eye contracts", ("happiness",)),
    ),
    FacsRegion("nose", (10, 11)),
    FacsRegion("upper lip", (15,), FacsUnit(10, "upper lip raiser", "upper lip is raised", ("disgust",))),
    FacsRegion(
        "beside the lip corner",
        (14,),
        FacsUnit(12, "lip corner puller", "lip corners are pulled towards the ears", ("happiness",)),
    ),
    FacsRegion("mouth", (16,)),
    FacsRegion(
        "below the lip corner",
        (17,),
        FacsUnit(15, "lip corner depressor", "lip corners are pulled down", ("repression",)),
    ),
)
"""The face divided by which unit of S4's Table 2 is seen where; the table names units, the places are drawn here."""

REST, OUTSIDE = "rest of the face", "outside of the face"
_LIDS = 3


def units_of(emotion: str) -> tuple[FacsUnit, ...]:
    """The units that Table 2 gives for an emotion; none for an emotion that is not in it."""
    units = [region.unit for region in FACS_REGIONS if region.unit]
    return tuple(sorted((u for u in units if emotion.lower() in u.emotions), key=lambda unit: unit.number))


def facs_map(points: Points, height: int, width: int) -> NDArray[np.uint8]:
    """Label every pixel with its place of the face.

    Args:
        points: ``(68, 2)`` pixels.
        height: Height of the picture.
        width: Width of the picture.

    Returns:
        ``(H, W)``, uint8: 1 to 10 by ``FACS_REGIONS``, 11 for the rest of the face, 0 outside of it.

    Raises:
        DataError: Other than 68 points.
    """
    of_part = np.zeros(REGIONS + 1, np.uint8)
    for label, region in enumerate(FACS_REGIONS, start=1):
        for part in region.parts:
            of_part[[part + 1, part + 1 + REGIONS // 2]] = label
    found = of_part[region_map(points, height, width)]
    eyes = Image.new("1", (width, height))
    for eye in (RIGHT_EYE, LEFT_EYE):
        ImageDraw.Draw(eyes).polygon([(float(x), float(y)) for x, y in points[list(eye)]], fill=1)
    found[np.asarray(eyes) & (found == 0)] = _LIDS + 1
    found[face_mask(points, height, width) & (found == 0)] = len(FACS_REGIONS) + 1
    return found


def facs_shares(heat: NDArray[np.floating], places: NDArray[np.uint8]) -> list[tuple[str, FacsRegion | None, float]]:
    """Share of each place of the face in a heat map, largest first.

    Args:
        heat: ``(H, W)``, at least 0 everywhere.
        places: ``(H, W)``, from ``facs_map``.

    Returns:
        Place, its region (None for the rest of the face and outside of it) and its share; the shares sum to 1, or
        are all 0 where the map is.
    """
    sums = np.bincount(places.ravel(), heat.ravel().astype(np.float64), len(FACS_REGIONS) + 2)
    shares = sums / sums.sum() if sums.sum() > 0 else sums
    names = [OUTSIDE, *(region.name for region in FACS_REGIONS), REST]
    rows = [
        (name, FACS_REGIONS[i - 1] if 0 < i <= len(FACS_REGIONS) else None, float(shares[i]))
        for i, name in enumerate(names)
    ]
    return sorted(rows, key=lambda row: -row[2])


def crop_points(height: int, width: int) -> Points:
    """The mean face where crops of the databases have it: from the hairline to the chin, in the middle.

    Args:
        height: Height of the crop.
        width: Width of the crop.

    Returns:
        ``(68, 2)`` pixels, float32.
    """
    # the mean face has its pupils 2 apart; a crop is 3.3 pupil distances high or 2.45 wide
    scale = min(height / 3.3, width / 2.45) / 2
    return (mean_face() * scale + np.array([(width - 1) / 2, 0.4 * height])).astype(np.float32)
