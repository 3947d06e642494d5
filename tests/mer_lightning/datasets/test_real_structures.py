"""The real sheets have the structure that the twins are held against; they lie in the folder ``MER_SHEETS``."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from openpyxl import load_workbook

from tests.mer_lightning.datasets.sheet_structures import SHEETS, TITLES, read_structure

pytestmark = pytest.mark.data


def real(file: str) -> Path:
    folder = os.environ.get("MER_SHEETS")
    assert folder, "name the folder of the annotation sheets by MER_SHEETS"
    return Path(folder) / file


@pytest.mark.parametrize(("file", "title", "header"), SHEETS)
def test_structure_of_a_real_sheet(file: str, title: str, header: int):
    assert read_structure(real(file), title, header) == SHEETS[file, title, header]


@pytest.mark.parametrize("file", TITLES)
def test_sheets_of_a_real_workbook(file: str):
    assert load_workbook(real(file)).sheetnames == TITLES[file]
