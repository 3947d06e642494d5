"""Titles and names that mean something to Markdown, LaTeX, HTML, a spreadsheet or matplotlib are shown as they are."""

import csv
import json
import xml.etree.ElementTree as ET
from io import StringIO
from pathlib import Path

import pytest

from benchmark.boards.board import load_boards
from benchmark.boards.figures import draw_board
from benchmark.boards.site.curves import Curve, curve_picture
from benchmark.boards.site.figures import themed
from benchmark.boards.tables import fill_tables, render
from benchmark.commands.output import print_csv
from benchmark.files import csv_cell
from benchmark.places import SHIPPED
from benchmark.records.curves import MeanCurve
from benchmark.records.run import load_run, save_run
from mer_lightning.types import DataError
from tests.benchmark.example_records import record

ODD = r"=1+1|<img src=x>" + "\n" + r"$x_1$ \1 \g<0> $\frac"


@pytest.fixture(scope="module")
def board():
    (found,) = load_boards(SHIPPED, [record("odd", title=ODD), record("good")])
    return found


class TestATitle:
    def test_neither_breaks_nor_enters_markdown(self, board):
        page = render(Path(), [board])[Path("megc2019.md")]
        rows = [line for line in page.splitlines() if line.startswith("| ") and "1+1" in line]
        others = [line for line in page.splitlines() if line.startswith("| ") and "GOOD" in line]
        assert [row.replace(r"\|", "").count("|") for row in rows] == [row.count("|") for row in others]
        assert "<img" not in page
        assert r"\1 \g&lt;0> $\frac" in page

    def test_is_filled_into_documents_as_it_is(self, board):
        text = f"<!-- table: {board.id} -->\n<!-- end of table -->\n"
        assert r"\1 \g&lt;0>" in fill_tables(text, [board])

    def test_is_no_formula_of_a_spreadsheet(self, board, capsys):
        rows = list(csv.reader(StringIO(render(Path(), [board])[Path("megc2019.csv")])))
        assert f"'{ODD}" in {row[2] for row in rows}
        print_csv(["a"], [[ODD], ["-0.5"], [-1], [None], ["@sum"]])
        assert list(csv.reader(StringIO(capsys.readouterr().out)))[1:] == [
            [f"'{ODD}"],
            ["-0.5"],
            ["-1"],
            [""],
            ["'@sum"],
        ]
        assert csv_cell("a=b") == "a=b"

    def test_is_no_mathematics_of_a_picture(self, board):
        drawn = draw_board(board)
        ET.fromstring(drawn)
        assert "$x_1$" in drawn


class TestAPicture:
    def test_has_ids_that_are_words(self):
        drawn = themed('<svg viewBox="0 0 1 1"><g id="a"></g></svg>', r'x"><script>\1', "said")
        assert 'id="x---script--1-a"' in drawn

    @pytest.mark.parametrize("value", [1.7e308, -1.7e308, 1e30])
    def test_is_drawn_whatever_a_loss_came_to(self, value):
        curve = MeanCurve(epochs=(1, 2), values={"train_loss": (value, 1.0), "train_accuracy": (0.1, 0.2)})
        assert "<svg" in curve_picture([Curve("a", curve)])


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("method", "<script>"),
        ("method", "../../up"),
        ("method", "M"),
        ("method", ""),
        ("method", "a\n"),
        ("edition", "a/b"),
        ("edition", "<b>"),
    ],
)
def test_a_method_and_an_edition_are_short_words(tmp_path, key, value):
    path = save_run(tmp_path, record("good"))
    body = json.loads(path.read_text())
    body[key] = value
    path.write_text(json.dumps(body))
    with pytest.raises(DataError, match=rf"seed0\.json: {key}: String should match pattern"):
        load_run(path)
