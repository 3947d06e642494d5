"""Facial action units as smooth displacement fields and shading, in the face coordinates of ``faces``."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import torch
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mer_lightning.synthetic.identity import Identity

Side = Literal["L", "R"]
"""Side of the person, as FACS writes it: the person's left is on the right of the picture."""


class Channel(NamedTuple):
    """One action unit on one side of the face."""

    unit: int
    side: Side


class Pull(NamedTuple):
    """One muscle's tug: an axis-aligned hill, of different width on its four flanks, times a direction.

    Abscissae count from the middle of the face outwards, so one description serves both sides.

    Attributes:
        x: Centre, outwards.
        y: Centre, downwards.
        medial: Width towards the middle of the face.
        lateral: Width away from it.
        above: Width upwards.
        below: Width downwards.
        dx: Displacement outwards, in units of the largest displacement of the action unit.
        dy: Displacement downwards.
    """

    x: float
    y: float
    medial: float
    lateral: float
    above: float
    below: float
    dx: float
    dy: float


class Crease(NamedTuple):
    """One line or patch that gets darker (negative) or lighter when the action unit acts.

    Attributes:
        x: Centre, outwards.
        y: Centre, downwards.
        length: Width along the line.
        width: Width across the line.
        dx: Direction of the line, outwards.
        dy: Direction of the line, downwards.
        depth: Change of brightness for a displacement of one hundredth of the pupil distance.
    """

    x: float
    y: float
    length: float
    width: float
    dx: float
    dy: float
    depth: float


@dataclass(frozen=True, slots=True)
class Action:
    """What one action unit does to one side of a face."""

    pulls: tuple[Pull, ...]
    creases: tuple[Crease, ...] = ()


UNITS = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 16, 17, 18, 20, 23, 24, 25, 26, 38)
"""Action units that can be rendered."""


def actions(who: Identity) -> dict[int, Action]:
    """Attach the action units to the features of a person.

    Where each unit acts and which way it pulls follows the appearance changes of the FACS manual
    (P. Ekman, W. Friesen, J. Hager, Facial Action Coding System, 2002).
    """
    found = _brows(who) | _eyes(who) | _nose(who) | _corners(who) | _chin(who) | _lips(who)
    return {unit: found[unit] for unit in UNITS}


def _brows(who: Identity) -> dict[int, Action]:
    """The brows, units 1, 2 and 4."""
    inner, peak, tail, _ = who.brow
    lift = 0.5 * (inner + peak)
    return {
        1: Action(
            (Pull(0.20, lift, 0.20, 0.17, 0.38, 0.10, -0.10, -1.0),),
            (
                Crease(0.05, lift - 0.22, 0.22, 0.016, 1, 0.12, -0.030),
                Crease(0.05, lift - 0.34, 0.20, 0.016, 1, 0.1, -0.02),
            ),
        ),
        2: Action(
            (Pull(0.74, tail, 0.19, 0.18, 0.38, 0.09, 0.08, -1.0),),
            (
                Crease(0.66, peak - 0.18, 0.18, 0.016, 1, -0.2, -0.028),
                Crease(0.62, peak - 0.30, 0.16, 0.016, 1, -0.2, -0.02),
            ),
        ),
        4: Action(
            (
                Pull(0.20, lift, 0.17, 0.20, 0.16, 0.10, -0.50, 0.70),
                Pull(0.55, peak, 0.20, 0.22, 0.16, 0.085, -0.25, 0.80),
            ),
            (
                Crease(0.075, inner + 0.05, 0.10, 0.016, 0.12, 1, -0.05),
                Crease(0.0, inner + 0.18, 0.10, 0.02, 1, 0, -0.015),
            ),
        ),
    }


def _eyes(who: Identity) -> dict[int, Action]:
    """Lids and cheeks, units 5, 6 and 7."""
    _, upper, lower = who.eye
    return {
        5: Action(
            (
                Pull(0.5, -upper, 0.19, 0.19, 0.085, 0.060, 0.0, -1.0),
                Pull(0.5, lower, 0.17, 0.17, 0.03, 0.07, 0, 0.1),
            ),
            (Crease(0.5, -upper + 0.01, 0.13, 0.012, 1, 0, 0.030),),
        ),
        6: Action(
            (
                Pull(0.62, 0.36, 0.24, 0.24, 0.22, 0.26, -0.10, -0.95),
                Pull(0.56, lower + 0.03, 0.2, 0.2, 0.05, 0.10, 0, -0.35),
                Pull(0.92, -0.02, 0.14, 0.12, 0.20, 0.20, -0.45, 0.05),
            ),
            (
                Crease(0.86, -0.04, 0.07, 0.014, 1, -0.35, -0.035),
                Crease(0.86, 0.06, 0.07, 0.014, 1, 0.25, -0.035),
                Crease(0.52, 0.19, 0.20, 0.022, 1, 0.05, -0.030),
                Crease(0.64, 0.38, 0.16, 0.08, 1, 0, 0.012),
            ),
        ),
        7: Action(
            (
                Pull(0.5, lower + 0.015, 0.19, 0.20, 0.045, 0.10, -0.10, -1.0),
                Pull(0.52, -upper + 0.005, 0.17, 0.19, 0.06, 0.035, -0.05, 0.45),
            ),
            (Crease(0.5, lower + 0.05, 0.18, 0.018, 1, 0, -0.035),),
        ),
    }


def _nose(who: Identity) -> dict[int, Action]:
    """Nose and upper lip, units 9, 10 and 38."""
    inner, peak, *_ = who.brow
    wing, base, _ = who.nose
    _, line, above, _ = who.mouth
    lift = 0.5 * (inner + peak)
    return {
        9: Action(
            (
                Pull(wing * 0.85, base - 0.12, 0.16, 0.13, 0.26, 0.13, 0.05, -1.0),
                Pull(0.20, 0.16, 0.16, 0.16, 0.16, 0.2, 0.0, -0.55),
                Pull(0.20, lift, 0.17, 0.16, 0.14, 0.12, -0.30, 0.45),
                Pull(0.18, line - above, 0.16, 0.16, 0.13, 0.06, 0, -0.45),
            ),
            (
                Crease(0.07, 0.02, 0.09, 0.014, 1, -0.25, -0.045),
                Crease(0.09, 0.11, 0.08, 0.013, 1, -0.4, -0.04),
                Crease(0.16, 0.24, 0.08, 0.014, 1, -0.9, -0.03),
                Crease(wing + 0.07, base - 0.10, 0.11, 0.024, 0.55, 1, -0.04),
            ),
        ),
        10: Action(
            (
                Pull(0.20, line - 0.6 * above, 0.18, 0.15, 0.20, 0.055, 0.04, -1.0),
                Pull(wing + 0.04, base - 0.06, 0.13, 0.14, 0.18, 0.12, 0.12, -0.50),
                Pull(0.42, 0.62, 0.15, 0.16, 0.18, 0.18, 0.0, -0.45),
            ),
            (Crease(*_furrow(who), 0.14, 0.026, 0.75, 1, -0.05), Crease(0.40, 0.50, 0.12, 0.06, 0.6, 1, 0.014)),
        ),
        38: Action(
            (Pull(wing, base - 0.07, 0.10, 0.10, 0.12, 0.10, 1.0, -0.1),),
            (Crease(wing + 0.05, base - 0.06, 0.05, 0.016, 0, 1, -0.04),),
        ),
    }


def _corners(who: Identity) -> dict[int, Action]:
    """Corners of the lips, units 12, 14, 15 and 20."""
    wide, line, _, below = who.mouth
    cheek = Pull(0.60, 0.46, 0.22, 0.25, 0.20, 0.26, 0.10, -0.75)
    return {
        12: Action(
            (Pull(wide + 0.01, line, 0.19, 0.17, 0.18, 0.14, 0.74, -0.68), cheek),
            (
                Crease(*_furrow(who), 0.15, 0.028, 0.85, 1, -0.045),
                Crease(0.56, 0.56, 0.15, 0.11, 1, 0.2, 0.018),
                Crease(wide + 0.10, line + 0.0, 0.06, 0.022, 0.5, 1, -0.03),
            ),
        ),
        14: Action(
            (
                Pull(wide + 0.05, line + 0.01, 0.11, 0.14, 0.12, 0.12, 0.85, -0.05),
                Pull(wide - 0.02, line - 0.09, 0.12, 0.12, 0.06, 0.06, 0.1, 0.55),
                Pull(wide - 0.02, line + 0.11, 0.12, 0.12, 0.06, 0.06, 0.1, -0.60),
            ),
            (
                Crease(wide + 0.08, line, 0.05, 0.022, 0.1, 1, -0.07),
                Crease(wide + 0.16, line, 0.08, 0.03, 0, 1, 0.02),
            ),
        ),
        15: Action(
            (
                Pull(wide, line + 0.015, 0.16, 0.16, 0.13, 0.20, 0.12, 1.0),
                Pull(wide + 0.02, line + 0.24, 0.15, 0.15, 0.1, 0.14, 0.15, 0.40),
            ),
            (
                Crease(wide + 0.07, line + 0.12, 0.08, 0.022, 0.4, 1, -0.05),
                Crease(wide - 0.05, line + 0.22, 0.08, 0.05, 1, 0, 0.012),
            ),
        ),
        20: Action(
            (
                Pull(wide + 0.02, line + 0.02, 0.22, 0.22, 0.15, 0.18, 1.0, 0.10),
                Pull(wide + 0.12, line + 0.18, 0.16, 0.16, 0.12, 0.16, 0.55, 0.10),
            ),
            (
                Crease(wide + 0.12, line + 0.05, 0.10, 0.024, 0.1, 1, -0.045),
                Crease(0.2, line + 1.4 * below, 0.18, 0.02, 1, 0.1, -0.02),
            ),
        ),
    }


def _chin(who: Identity) -> dict[int, Action]:
    """Lower lip, chin and jaw, units 16, 17, 25 and 26."""
    _, line, above, below = who.mouth
    return {
        16: Action(
            (Pull(0.14, line + below, 0.2, 0.2, 0.07, 0.2, 0.05, 1.0),),
            (Crease(0.1, line + 1.5 * below, 0.2, 0.03, 1, 0, -0.03),),
        ),
        17: Action(
            (
                Pull(0.08, who.chin - 0.28, 0.24, 0.22, 0.20, 0.16, 0.0, -1.0),
                Pull(0.08, line + below, 0.26, 0.22, 0.07, 0.12, 0, -0.75),
            ),
            (
                Crease(0.0, line + 1.5 * below, 0.17, 0.028, 1, 0.1, -0.03),
                Crease(0.10, who.chin - 0.25, 0.03, 0.02, 1, 0.3, -0.03),
                Crease(0.05, who.chin - 0.17, 0.03, 0.02, 1, -0.4, -0.03),
                Crease(0.14, who.chin - 0.16, 0.03, 0.018, 0.3, 1, -0.02),
            ),
        ),
        25: Action(
            (
                Pull(0.05, line + 0.5 * below, 0.26, 0.20, 0.055, 0.34, 0.0, 1.0),
                Pull(0.05, line - 0.6 * above, 0.26, 0.2, 0.10, 0.045, 0.0, -0.35),
            ),
            (Crease(0.0, line + 0.004, 0.20, 0.016, 1, 0, -0.11),),
        ),
        26: Action(
            (
                Pull(0.05, who.chin - 0.1, 0.55, 0.55, 0.30, 0.9, 0.0, 1.0),
                Pull(0.05, line + below, 0.3, 0.24, 0.06, 0.4, 0, 0.5),
            ),
            (Crease(0.0, line + 0.012, 0.19, 0.022, 1, 0, -0.13),),
        ),
    }


def _lips(who: Identity) -> dict[int, Action]:
    """Both lips, units 18, 23 and 24."""
    wide, line, above, below = who.mouth
    return {
        18: Action(
            (Pull(wide * 0.8, line, 0.2, 0.14, 0.14, 0.16, -1.0, 0.0),),
            (Crease(wide, line, 0.04, 0.03, 0, 1, -0.03),),
        ),
        23: Action(
            (
                Pull(0.13, line - above, 0.2, 0.18, 0.08, 0.05, -0.25, 0.75),
                Pull(0.13, line + below, 0.2, 0.18, 0.05, 0.09, -0.25, -0.85),
                Pull(wide, line, 0.15, 0.13, 0.09, 0.09, -0.60, 0.0),
            ),
            (
                Crease(0.1, line - above - 0.03, 0.2, 0.018, 1, 0.1, -0.025),
                Crease(0.1, line + below + 0.04, 0.2, 0.02, 1, 0, -0.03),
            ),
        ),
        24: Action(
            (
                Pull(0.10, line - above, 0.26, 0.2, 0.11, 0.05, 0.10, 1.0),
                Pull(0.10, line + below, 0.26, 0.2, 0.05, 0.12, 0.10, -0.95),
            ),
            (
                Crease(0.1, line - 1.4 * above, 0.2, 0.04, 1, 0, 0.02),
                Crease(0.1, line + 1.35 * below, 0.2, 0.04, 1, 0, 0.022),
            ),
        ),
    }


def _furrow(who: Identity) -> tuple[float, float]:
    """Middle of the line from the nose to the corner of the lips."""
    wing, base, _ = who.nose
    return wing + 0.17, 0.5 * (base + who.mouth[1]) - 0.06


def _hill(offset: Tensor, low: float, high: float) -> Tensor:
    """Give a Gaussian with a different width on either flank."""
    return torch.exp(-0.5 * (offset / torch.where(offset < 0, low, high)) ** 2)


def _displacement(pulls: Sequence[Pull], sign: int, x: Tensor, y: Tensor) -> Tensor:
    """Sum the pulls of one side; ``(2, ...)``, x and y broadcast against each other."""
    parts = [
        torch.stack([hill * (pull.dx * sign), hill * pull.dy])
        for pull in pulls
        for hill in [_hill(x * sign - pull.x, pull.medial, pull.lateral) * _hill(y - pull.y, pull.above, pull.below)]
    ]
    return torch.stack(parts).sum(0)


_actions = functools.lru_cache(maxsize=256)(actions)


@functools.lru_cache(maxsize=4096)
def _factor(who: Identity, unit: int) -> float:
    """Give the factor that makes the largest bilateral displacement of a unit one."""
    x = torch.linspace(-1.3, 1.3, 66)[None, :]
    y = torch.linspace(-1.3, 2.2, 88)[:, None]
    pulls = _actions(who)[unit].pulls
    both = _displacement(pulls, 1, x, y) + _displacement(pulls, -1, x, y)
    return 1.0 / float((both * both).sum(0).max()) ** 0.5


def side_sign(side: Side) -> int:
    """Give the sign of the abscissa of a side: the person's left is on the right of the picture."""
    return 1 if side == "L" else -1


def displacement_basis(who: Identity, channels: Sequence[Channel], x: Tensor, y: Tensor) -> Tensor:
    """Give the displacement that each channel makes at intensity one.

    Args:
        who: The person.
        channels: Action units with their sides.
        x: Abscissae, face coordinates.
        y: Ordinates; broadcast against ``x``.

    Returns:
        ``(K, 2, ...)`` float32; a unit that acts on both sides has a largest displacement of one.
    """
    library = _actions(who)
    fields = [
        _displacement(library[channel.unit].pulls, side_sign(channel.side), x, y) * _factor(who, channel.unit)
        for channel in channels
    ]
    return (
        torch.stack(fields)
        if fields
        else torch.zeros((0, 2, *torch.broadcast_shapes(x.shape, y.shape)), device=x.device)
    )


def shading_basis(who: Identity, channels: Sequence[Channel], x: Tensor, y: Tensor) -> Tensor:
    """Give the change of log brightness that each channel makes at intensity one; ``(K, ...)`` float32.

    Folds of people with little age show less.
    """
    maps: list[Tensor] = []
    library = _actions(who)
    for channel in channels:
        sign = side_sign(channel.side)
        total = torch.zeros(torch.broadcast_shapes(x.shape, y.shape), device=x.device)
        for fold in library[channel.unit].creases:
            norm = (fold.dx**2 + fold.dy**2) ** 0.5
            ux, uy = fold.dx / norm, fold.dy / norm
            u, v = x * sign - fold.x, y - fold.y
            along, across = u * ux + v * uy, v * ux - u * uy
            hill = torch.exp(-0.5 * ((along / fold.length) ** 2 + (across / fold.width) ** 2))
            total = total + fold.depth * hill
        maps.append(total * (100 * (0.45 + 0.6 * who.age)))
    return torch.stack(maps) if maps else torch.zeros((0, *torch.broadcast_shapes(x.shape, y.shape)), device=x.device)
