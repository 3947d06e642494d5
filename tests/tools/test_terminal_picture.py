"""The picture of the terminal is of a real command, and loads nothing."""

import re
import xml.etree.ElementTree as ET

import pytest

from mer_lightning.types import DataError
from tools.terminal_picture import COMMAND, PICTURE, draw_terminal


class TestTerminalPicture:
    def test_shows_a_command_and_what_it_says(self):
        picture = draw_terminal(("check-claim", "--counts", "3,3,3", "--uf1", "1.0", "--uar", "1.0"))
        text = "".join(ET.fromstring(picture).itertext()).replace("\xa0", " ")
        assert "$ mer-bench check-claim --counts 3,3,3" in text
        assert "UF1 1.0, UAR 1.0 over 3 / 3 / 3 samples" in text

    def test_the_one_of_the_readme_loads_nothing(self):
        picture = PICTURE.read_text(encoding="utf-8")
        assert not re.search(r"url\((?!#)|href=|<script|<image|@font-face|@import", picture)
        assert f"mer-bench {' '.join(COMMAND)}" in "".join(ET.fromstring(picture).itertext()).replace("\xa0", " ")

    def test_a_command_that_fails_is_not_drawn(self):
        with pytest.raises(DataError, match="mer-bench compare no-such-method"):
            draw_terminal(("compare", "no-such-method", "ststnet", "--protocol", "megc2019"))
