"""Tables for people at any width, and for programs."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.table import Table

from benchmark.commands.output import open_console, print_csv, print_table

ROWS = [
    ("linear-svm-motion-tuned", "0.7594\n0.6907 – 0.8200", "a method with a title of several words"),
    ("majority", "0.2408", ""),
]
words = st.text(st.characters(categories=["L", "N"], max_codepoint=0x17F), min_size=1, max_size=30)
cells = st.lists(words, max_size=5).map(" ".join)


def printed(rows, width):
    file = io.StringIO()
    console = open_console(file=file)
    console.width = width
    table = Table("method", "UF1", "title")
    for row in rows:
        table.add_row(*row)
    print_table(console, table)
    return file.getvalue()


def test_a_wide_terminal_shows_a_row_in_a_line():
    assert "│ linear-svm-motion-tuned │ 0.7594          │ a method with a title of several words │" in printed(
        ROWS, 120
    )


def test_a_narrow_one_breaks_cells_between_words():
    said = printed(ROWS, 70)
    assert max(map(len, said.splitlines())) <= 70
    assert "│ linear-svm-motion-tuned │ 0.7594          │ a method with a title" in said
    assert "│                         │ 0.6907 – 0.8200 │ of several words" in said


def test_where_words_do_not_stand_side_by_side_a_row_is_a_paragraph():
    assert printed(ROWS, 40).splitlines() == [
        "linear-svm-motion-tuned",
        "  UF1: 0.7594, 0.6907 – 0.8200",
        "  title: a method with a title of several words",
        "majority",
        "  UF1: 0.2408",
    ]


@given(st.lists(st.tuples(words, cells, cells), min_size=1, max_size=4), st.integers(10, 130))
def test_nothing_is_cut_at_any_width(rows, width):
    said = "".join(one for one in printed(rows, width) if one.isalnum())
    for name, *others in rows:
        assert name in printed(rows, width)
        for word in " ".join(others).split():
            # a long word may go on in the next line, beside other cells
            assert len(word) > 20 or word in said


@pytest.mark.parametrize("columns", ["0", "80"])
def test_a_terminal_without_a_width_has_the_usual_one(columns, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", columns)
    open_console().print("a line")
    assert capsys.readouterr().out == "a line\n"


def test_csv_has_a_heading_and_empty_cells(capsys):
    print_csv(["a", "b"], [[1, None], ["x,y", 0.5]])
    assert list(csv.reader(io.StringIO(capsys.readouterr().out))) == [["a", "b"], ["1", ""], ["x,y", "0.5"]]
