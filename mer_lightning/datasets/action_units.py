"""FACS action units as released, e.g. ``4+L10``, ``R12``, ``15+17?``, ``R12 or R15``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from mer_lightning.types import DataError

Side = Literal["", "L", "R"]
Doubt = Literal["", "?", "or"]

_UNIT = re.compile(r"(?:AU)?([LR]?)(\d{1,2})([A-E]?)([LR]?)(\??)", re.IGNORECASE)
_SEPARATOR = re.compile(r"\s*[+,/&;]\s*|\s+(?!or\b)", re.IGNORECASE)
_OR = re.compile(r"\s*\bor\b\s*", re.IGNORECASE)
_LARGEST = 98


@dataclass(frozen=True, slots=True, order=True)
class ActionUnit:
    """One coded action unit.

    Attributes:
        number: FACS number.
        side: ``L`` or ``R`` where one side of the face moves, empty for both.
        doubt: ``?`` where the coder doubted it, ``or`` where it is one of several readings, empty if certain.
        intensity: ``A`` to ``E``, empty if not coded.
    """

    number: int
    side: Side = ""
    doubt: Doubt = ""
    intensity: str = ""


def parse_action_units(text: str) -> frozenset[ActionUnit]:
    """Parse an action-unit cell.

    Units are joined by ``+`` (or a comma, slash or blank); ``or`` joins the readings of one unit, and each
    of them is kept with the doubt ``or``. An empty cell, ``-``, ``0`` and a lone ``?`` mean that nothing was
    coded.

    Raises:
        DataError: A part is not an action unit; the message names it.
    """
    stripped = text.strip()
    if stripped in ("", "-", "0", "?"):
        return frozenset()
    units: set[ActionUnit] = set()
    for group in _SEPARATOR.split(_OR.sub(" or ", stripped).replace(" or ", "|")):
        readings = group.split("|")
        for reading in readings:
            units.add(_parse_unit(reading.strip(), text, alternative=len(readings) > 1))
    return frozenset(units)


def _parse_unit(part: str, text: str, *, alternative: bool) -> ActionUnit:
    match = _UNIT.fullmatch(part)
    if match is None or (match[1] and match[4]) or not 0 < int(match[2]) <= _LARGEST:
        raise DataError(f"action units '{text[:60]}': '{part[:20]}' is not one; expected e.g. 4+L10, R12, 15+17?")
    side = (match[1] or match[4]).upper()
    return ActionUnit(
        number=int(match[2]),
        side="L" if side == "L" else "R" if side == "R" else "",
        doubt="?" if match[5] else "or" if alternative else "",
        intensity=match[3].upper(),
    )
