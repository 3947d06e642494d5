"""From an emotion to the action units that show it, and to the code that an annotator writes down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from mer_lightning.datasets.action_units import parse_action_units
from mer_lightning.synthetic.action_units import UNITS, Channel
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

    from mer_lightning.synthetic.action_units import Side
    from mer_lightning.synthetic.identity import Identity

Objective = Literal["I", "II", "III", "IV", "V", "VI", "VII"]

# A. Davison, W. Merghani, M. H. Yap, Objective Classes for Micro-Facial Expression Recognition, J. Imaging
# 4(10), 2018
OBJECTIVE_CLASSES: dict[Objective, tuple[str, ...]] = {
    "I": ("6", "12", "6+12", "6+7+12", "7+12"),
    "II": ("1+2", "5", "25", "1+2+25", "25+26", "5+24"),
    "III": ("23", "4", "4+7", "4+5", "4+5+7", "17+24", "4+6+7", "4+38"),
    "IV": ("10", "9", "4+9", "4+40", "4+5+40", "4+7+9", "4+9+17", "4+7+10", "4+5+7+9", "7+10"),
    "V": ("1", "15", "1+4", "6+15", "15+17"),
    "VI": ("1+2+4", "20"),
}
"""Action units of each objective class; every other combination is class VII."""

OBJECTIVE_NUMBERS: dict[Objective, int] = {"I": 1, "II": 2, "III": 3, "IV": 4, "V": 5, "VI": 6, "VII": 7}
"""Objective classes as the sheets write them."""


@dataclass(frozen=True, slots=True)
class Combination:
    """A combination of action units that shows an emotion, with how often it does.

    Attributes:
        units: Action units joined by ``+``.
        weight: Relative frequency among the combinations of the emotion.
    """

    units: str
    weight: float = 1.0

    @property
    def numbers(self) -> tuple[int, ...]:
        """Action units in ascending order."""
        return tuple(int(unit) for unit in self.units.split("+") if unit)

    @property
    def objective(self) -> Objective:
        """Objective class of the combination."""
        return objective_class(self.units)


def _table(**weights: float) -> tuple[Combination, ...]:
    return tuple(Combination(name[2:].replace("_", "+"), weight) for name, weight in weights.items())


# Prototypes: EMFACS, P. Ekman and W. Friesen, Facial Action Coding System, 1978, and the investigator's guide
# of 2002. Micro-expressions seldom show a whole prototype; which parts they show follows the criteria in
# W.-J. Yan et al., CASME II, PLoS ONE 9(1), 2014 (happiness 6 or 12; disgust 9, 10 or 4+7; surprise
# 1+2, 25 or 2; repression 15, 17 or 14 alone or together; sadness 1; fear 1+2+4 or 20) and in A. Davison et
# al., SAMM, TAFFC 9(1), 2018.
# fmt: off
COMBINATIONS: dict[str, tuple[Combination, ...]] = {
    "happiness": _table(
        AU12=7, AU6_12=6, AU6_7_12=2, AU7_12=2, AU6=0.6, AU12_25=1.2, AU6_12_25=1.2, AU12_14=0.8, AU12_17=0.4,
        AU4_12=0.6, AU14=0.6, AU12_15=0.5,
    ),
    "surprise": _table(
        AU1_2=6, AU5=1, AU25=0.4, AU1_2_25=3, AU25_26=0.6, AU1_2_5=3, AU1_2_5_25=2, AU1_2_5_25_26=1, AU2=1.5,
        AU2_4=1, AU1_2_14=0.6, AU5_7=0.5, AU4_5_25=0.5,
    ),
    "disgust": _table(
        AU4_7=5, AU4=3, AU4_5_7=0.3, AU9=1.5, AU10=1.5, AU4_9=1.8, AU4_7_9=1.5, AU4_7_10=1, AU7_10=0.8,
        AU4_9_17=0.5, AU4_7_9_10=1, AU9_10=1, AU4_7_14=0.5,
    ),
    "repression": _table(
        AU15=2, AU15_17=3, AU14=2, AU17=3, AU14_17=2, AU14_15=1, AU12_14_17=1, AU14_15_17=1, AU12_15_17=0.5,
        AU7_14=0.5,
    ),
    "sadness": _table(AU1=1.5, AU1_4=2, AU15=0.5, AU4=0.6, AU1_4_15=2, AU1_15_17=0.6),
    "fear": _table(AU20=1.5, AU1_2_4=1.5, AU4_5=0.5, AU1_4_20=1, AU1_2_4_5_20=1, AU5_20=0.6),
    "anger": _table(
        AU4=2.5, AU4_7=3, AU4_5_7=1.2, AU23=1, AU17_24=0.6, AU4_7_23=2.5, AU4_5_7_23=1.5, AU4_24=1.2,
        AU7_24=0.8, AU7_23=1.2, AU7=1.5, AU2_4_7=0.6, AU4_12=0.5,
    ),
    "contempt": _table(AU14=8, AU12_14=2.5, AU14_24=0.8),
    "others": _table(
        AU4=5, AU4_7=2, AU15=0.4, AU1=0.4, AU20=0.2, AU1_2_4=0.2, AU14=1.2, AU17=0.8, AU7=1.5, AU4_14=0.8,
        AU4_17=0.8, AU18=0.4, AU2_4=0.6, AU14_24=0.4, AU24=0.6, AU4_15=0.5,
    ),
    # full displays, for the databases of posed and of wild faces
    "posed anger": _table(AU4_5_7_23=3, AU4_7_17_23_24=3, AU4_7_17_24=2),
    "posed contempt": _table(AU14=3, AU12_14=1),
    "posed disgust": _table(AU4_7_9_17=3, AU7_9_10_25=2, AU6_7_9_10=1, AU9_17=2),
    "posed fear": _table(AU1_2_4_5_20_25=3, AU1_4_5_20_25=2, AU1_2_4_5_25=1),
    "posed happiness": _table(AU6_12_25=6, AU6_7_12_25=2, AU12_25=1),
    "posed sadness": _table(AU1_4_15_17=4, AU1_4_15=3, AU4_15_17=1),
    "posed surprise": _table(AU1_2_5_25_26=6, AU1_2_25_26=2, AU1_2_5_26=2),
}
# fmt: on

ALIASES = {
    "other": "others",
    "happy": "happiness",
    "angry": "anger",
    "sad": "sadness",
    "positive": "happiness",
}
NEGATIVE = {"disgust": 0.4, "repression": 0.2, "anger": 0.15, "sadness": 0.15, "fear": 0.1}
"""What the coarse class ``negative`` of SMIC is drawn from."""

LARGEST = {5: 0.045, 7: 0.045, 23: 0.06, 24: 0.06}
"""Largest displacement of units that lids and lips stop, pupil distances."""

MISMATCH = 0.14
"""How often a face contradicts the self-report that SMIC's labels rest on."""

ONE_SIDED = {
    14: 0.35,
    12: 0.18,
    10: 0.22,
    2: 0.18,
    15: 0.12,
    9: 0.06,
    1: 0.05,
    4: 0.05,
    20: 0.1,
    6: 0.04,
    5: 0.04,
}
"""How often a unit moves one side of the face only; midline units never do."""

MIDLINE = frozenset({17, 18, 23, 24, 25, 26, 16})


@dataclass(frozen=True, slots=True)
class Expression:
    """What a face does, and what was written down about it.

    Attributes:
        code: Action units in the notation of the released sheets, e.g. ``4+L10``.
        units: Largest displacement per unit and side, pupil distances.
    """

    code: str
    units: Mapping[Channel, float]


def objective_class(units: str) -> Objective:
    """Give the objective class of a combination; sides and doubts play no part.

    Args:
        units: Plain action units joined by ``+``.
    """
    wanted = frozenset(units.split("+"))
    for name, combinations in OBJECTIVE_CLASSES.items():
        if any(frozenset(one.split("+")) == wanted for one in combinations):
            return name
    return "VII"


def nearest_code(code: str, objective: Objective) -> str:
    """Give the code of an objective class that shares most units with another code.

    Args:
        code: Action units in the notation of the released sheets.
        objective: Class that the answer must have.
    """
    units = {str(unit.number) for unit in parse_action_units(code).units}
    choices = OBJECTIVE_CLASSES.get(objective, ("+".join(sorted({*units, "14"}, key=int)), "14"))
    fitting = [one for one in choices if objective_class(one) == objective]
    return min(fitting, key=lambda one: len(units ^ set(one.split("+"))))


def combinations(emotion: str, objective: Objective | None = None, *, posed: bool = False) -> tuple[Combination, ...]:
    """Give the combinations that show an emotion.

    Args:
        emotion: Emotion as a database calls it.
        objective: Only combinations of this class; None for all.
        posed: Full displays instead of the fragments that micro-expressions show.

    Raises:
        DataError: The emotion is not in the table, or never shows the objective class.
    """
    name = ALIASES.get(emotion, emotion)
    found = COMBINATIONS.get(f"posed {name}" if posed else name)
    if found is None:
        raise DataError(f"{emotion}: no action units are known for it; expected one of {', '.join(COMBINATIONS)}")
    chosen = tuple(one for one in found if objective in (None, one.objective))
    if not chosen:
        raise DataError(f"{emotion}: no combination of objective class {objective}")
    return chosen


def draw_expression(
    draw: np.random.Generator,
    emotion: str,
    who: Identity,
    *,
    objective: Objective | None = None,
    posed: bool = False,
    strength: float = 1.0,
) -> Expression:
    """Draw what a person does when an emotion shows, and how a coder notes it.

    Micro-expressions displace the skin by 0.3 to 3 pixels where the pupils are 60 pixels apart. Sides differ,
    people differ, parts are missing, weak movements go uncoded, and some units are coded with a doubt: so are
    the released sheets.

    Args:
        draw: Source of chance.
        emotion: Emotion as a database calls it; ``neutral`` gives no units.
        who: Who shows it.
        objective: Objective class that the combination must have; None for any.
        posed: Full displays.
        strength: Factor on all displacements.
    """
    if emotion == "neutral":
        return Expression("", {})
    coarse = emotion in {"negative", "positive"} or (emotion == "surprise" and objective is None and not posed)
    if emotion == "negative":
        emotion = str(draw.choice(list(NEGATIVE), p=list(NEGATIVE.values())))
    if coarse and draw.random() < MISMATCH:
        emotion = str(draw.choice(("happiness", "surprise", "disgust", "repression")))
    options = combinations(emotion, objective, posed=posed)
    weight = [one.weight for one in options]
    chosen = options[int(draw.choice(len(options), p=[one / sum(weight) for one in weight]))]
    overall = strength * who.expressivity * float(draw.lognormal(0.0, 0.40))
    units: dict[Channel, float] = {}
    parts: list[str] = []
    for unit in chosen.numbers:
        size = 0.014 * overall * float(draw.lognormal(0.0, 0.25))
        # contempt is the one-sided expression
        lean = 0.75 if ALIASES.get(emotion, emotion) == "contempt" else ONE_SIDED.get(unit, 0.02)
        alone: Side | None = None
        if unit not in MIDLINE and draw.random() < lean:
            alone = "L" if draw.random() < 0.5 + 0.8 * who.balance else "R"
        doubt = "?" if len(chosen.numbers) > 1 and draw.random() < 0.05 else ""
        if doubt:
            size *= 0.6
        _move(units, unit, size, alone, who, posed=posed)
        parts.append(f"{alone or ''}{unit}{doubt}")
    for _ in range(0 if posed else int(draw.integers(0, 3))):
        # too faint to be coded
        faint = int(draw.choice([unit for unit in UNITS if unit not in chosen.numbers]))
        _move(units, faint, float(draw.uniform(0.004, 0.012)) * overall, None, who, posed=posed)
    return Expression("+".join(parts), units)


def _move(
    units: dict[Channel, float], unit: int, size: float, alone: Side | None, who: Identity, *, posed: bool
) -> None:
    """Enter one unit, within 0.3 to 3 pixels at 60 pixels between the pupils unless posed."""
    small, large = (0.005, 0.050) if not posed else (0.02, LARGEST.get(unit, 0.14))
    sides: tuple[tuple[Side, float], ...] = (("L", who.balance), ("R", -who.balance))
    for side, bias in sides:
        if alone in (None, side):
            lopsided = 1.0 if unit in MIDLINE else 1.0 + 0.7 * bias
            units[Channel(unit, side)] = min(max(size * lopsided, small), large)
