"""Every action-unit cell of the real sheets is read and printed back; they lie in the folder ``MER_SHEETS``."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from openpyxl import load_workbook

from mer_lightning.datasets.action_units import parse_action_units

pytestmark = pytest.mark.data

SHEETS = {
    "CASME2-coding-20140508.xlsx": (None, 1, "Action Units", 255),
    "CASME2-coding-20190701.xlsx": (None, 1, "Action Units", 255),
    "SAMM_Micro_FACS_Codes_v2.xlsx": ("MICRO_ONLY", 14, "Action Units", 159),
    "casme3_part_A_ME_v2.xlsx": ("label", 1, "AU", 860),
    "DFME_training.xlsx": (None, 1, "AU", 1856),
    "DFME_testA.xlsx": (None, 1, "AU", 474),
}


@pytest.mark.parametrize("file", SHEETS)
def test_every_cell_is_read_and_printed_back(file: str):
    folder = os.environ.get("MER_SHEETS")
    assert folder, "name the folder of the annotation sheets by MER_SHEETS"
    title, header, column, expected = SHEETS[file]
    book = load_workbook(Path(folder) / file, data_only=True)
    sheet = book[title] if title else book.worksheets[0]
    titles, *rows = sheet.iter_rows(min_row=header, values_only=True)
    cells = [row[titles.index(column)] for row in rows]
    assert len(cells) == expected
    for cell in cells:
        coded = parse_action_units(cell)
        assert "".join(str(coded).split()).casefold() == "".join(str(cell).split()).casefold()
        assert coded.units or str(cell).strip() == "?"
