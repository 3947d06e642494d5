import re

import numpy as np
import pytest

from mer_lightning.synthetic.action_units import UNITS
from mer_lightning.synthetic.actions import (
    COMBINATIONS,
    combinations,
    draw_expression,
    objective_class,
)
from mer_lightning.synthetic.identity import Identity
from mer_lightning.types import DataError

WHO = Identity.sample(0)


def test_every_unit_of_the_table_can_be_rendered():
    for rows in COMBINATIONS.values():
        for row in rows:
            assert set(row.numbers) <= set(UNITS)
            assert list(row.numbers) == sorted(row.numbers)


@pytest.mark.parametrize(
    ("units", "expected"),
    [
        ("12", "I"),
        ("7+12", "I"),
        ("1+2", "II"),
        ("4+7", "III"),
        ("4+9", "IV"),
        ("15+17", "V"),
        ("20", "VI"),
        ("14", "VII"),
    ],
)
def test_objective_classes(units: str, expected: str):
    assert objective_class(units) == expected


@pytest.mark.parametrize(
    ("emotion", "units"),
    [("happiness", "6+12"), ("surprise", "1+2+5+25"), ("disgust", "9"), ("repression", "14+15+17"),
     ("fear", "1+2+4+5+20"),
     ("anger", "4+5+7+23"), ("sadness", "1+4+15"), ("contempt", "14")],
)  # fmt: skip
def test_the_table_follows_facs(emotion: str, units: str):
    assert units in {row.units for row in combinations(emotion)}


def test_an_unknown_emotion_is_an_error_that_names_it():
    with pytest.raises(DataError, match="boredom"):
        combinations("boredom")
    with pytest.raises(DataError, match=r"contempt.*class I"):
        combinations("contempt", "I")


def test_an_objective_class_is_kept():
    draw = np.random.default_rng(0)
    for _ in range(30):
        code = draw_expression(draw, "disgust", WHO, objective="IV").code
        assert objective_class("+".join(re.findall(r"\d+", code))) == "IV"


def test_codes_have_the_released_notation():
    draw = np.random.default_rng(1)
    codes = {draw_expression(draw, name, WHO).code for name in ("others", "disgust", "contempt") for _ in range(300)}
    assert all(re.fullmatch(r"[LR]?\d+\??(\+[LR]?\d+\??)*", code) for code in codes)
    assert any("L" in code for code in codes) and any("R" in code for code in codes)
    assert any(code.endswith("?") for code in codes)


def test_micro_expressions_displace_by_less_than_three_pixels():
    draw = np.random.default_rng(2)
    sizes = [60 * size for _ in range(200) for size in draw_expression(draw, "surprise", WHO).units.values()]
    assert min(sizes) > 0.29 and max(sizes) < 3.01


def test_a_neutral_face_does_nothing():
    shown = draw_expression(np.random.default_rng(0), "neutral", WHO)
    assert not shown.units and not shown.code
