"""How coders write action units down: the same units in every form that the released sheets have."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mer_lightning.datasets.action_units import parse_action_units
from mer_lightning.synthetic.actions import MIDLINE
from mer_lightning.synthetic.takes import stable_seed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mer_lightning.datasets.action_units import Unit
    from mer_lightning.synthetic.takes import Take
    from mer_lightning.synthetic.writing import Cell

REMARKS = ("head turns", "blinking")
LIPS = frozenset({18, 23})
UNCODED = 5
"""Cells of CASME II in which the coder saw nothing that has a number."""


def plain_cell(code: str) -> Cell:
    """Give a cell as Excel keeps it: a single unit is a number."""
    return int(code) if code.isdigit() else code


def spell_casme2(takes: Sequence[Take], release: str) -> dict[str, Cell]:
    """Spell the codes of CASME II: numbers, one side, sums and, in 2014, a lone question mark.

    Returns:
        Cell per key.
    """
    cells = {take.key: plain_cell(take.code.replace("?", "")) for take in takes}
    if release != "casme2-2019":
        others = [take.key for take in takes if take.emotion == "others" and take.objective == "VII"]
        cells |= dict.fromkeys(sorted(others, key=stable_seed)[:UNCODED], "?")
    return cells


def spell_samm(take: Take) -> Cell:
    """Spell a code of SAMM: side or asymmetry, lip, intensity, references, alternatives and remarks."""
    draw = np.random.default_rng(stable_seed("spelling", take.key, take.code))
    units = parse_action_units(take.code).units
    parts = [_spell(unit, draw, alone=len(units) == 1) for unit in units]
    if draw.random() < 0.03:
        parts.append(str(draw.choice(REMARKS)))
    joiner = " + " if draw.random() < 0.1 else "+"
    return plain_cell(joiner.join(parts)) if draw.random() < 0.95 else f"{joiner.join(parts)} "


def _spell(unit: Unit, draw: np.random.Generator, *, alone: bool) -> str:
    side, number = "".join(unit.sides), str(unit.number)
    if not side and unit.number in LIPS and draw.random() < 0.5:
        side = str(draw.choice(("T", "B")))
    elif not side and unit.number not in MIDLINE and draw.random() < 0.12:
        side = str(draw.choice(("A", "A", "A/L", "A/R")))
    grade = ""
    if draw.random() < 0.4:
        grade = str(draw.choice(("A", "B", "C", "D", "E", "A/B"), p=(0.35, 0.25, 0.15, 0.1, 0.05, 0.1)))
    spelled = f"{side}{number}{grade}"
    if unit.doubt:
        return f"ref({spelled})"
    if side in {"L", "R"} and draw.random() < 0.3:
        # the coder could not tell the side
        either = f"{spelled} or {'R' if side == 'L' else 'L'}{number}"
        return either if alone else f"({either})"
    return spelled
