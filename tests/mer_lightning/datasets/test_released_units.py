from __future__ import annotations

import pytest

from mer_lightning.datasets.action_units import ActionUnit, parse_action_units
from mer_lightning.types import DataError


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("4+L10", {ActionUnit(4), ActionUnit(10, "L")}),
        ("R12", {ActionUnit(12, "R")}),
        ("15+17?", {ActionUnit(15), ActionUnit(17, "", "?")}),
        ("R12 or R15", {ActionUnit(12, "R", "or"), ActionUnit(15, "R", "or")}),
        ("4+ 7 or 6", {ActionUnit(4), ActionUnit(7, "", "or"), ActionUnit(6, "", "or")}),
        ("AU4, AU7", {ActionUnit(4), ActionUnit(7)}),
        ("R14A", {ActionUnit(14, "R", "", "A")}),
        ("14R", {ActionUnit(14, "R")}),
        ("R12 + R15", {ActionUnit(12, "R"), ActionUnit(15, "R")}),
        ("", set()),
        (" - ", set()),
        ("?", set()),
    ],
)
def test_released_forms(text, units):
    assert parse_action_units(text) == units


@pytest.mark.parametrize("text", ["smile", "4++7", "4+", "L12R", "0+4", "123", "4 or", "or 4"])
def test_other_text_is_an_error(text):
    with pytest.raises(DataError, match="is not one; expected"):
        parse_action_units(text)
