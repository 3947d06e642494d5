"""Every planted defect is refused, said or harmless, as the page of the documentation says."""

import logging

import pytest

from mer_lightning.types import DataError
from tools.faults.__main__ import PAGE, areas, main, page, plant, row
from tools.faults.planting import FAILED, Area, Fault, Seen, Verdict

AREAS = areas()


@pytest.mark.parametrize("area", AREAS, ids=lambda area: area.name)
def test_no_defect_changes_anything_without_a_word(area):
    verdicts = list(plant(area))
    assert not [verdict for verdict in verdicts if verdict.outcome in FAILED]
    heading = f"\n## {area.name[0].upper()}{area.name[1:]}\n"
    section = PAGE.read_text(encoding="utf-8").split(heading)[1].split("\n## ")[0]
    told = [line for line in section.splitlines() if line.startswith("| ")][1:]
    assert len(told) == len(verdicts)
    for verdict, line in zip(verdicts, told, strict=True):
        assert line.startswith(row(verdict)), f"{line}\n{verdict}\nrun python -m tools.faults"


def test_the_page_has_more_than_250_kinds():
    assert sum(len(area.faults) for area in AREAS) > 250


def sample(read):
    def make(folder):
        (folder / "a.txt").write_text("1")

    return Area("texts", make, read, {}, faults=(Fault("another number", lambda f: (f / "a.txt").write_text("2")),))


def test_what_is_read_otherwise_without_a_word_fails():
    (verdict,) = plant(sample(lambda folder: Seen((folder / "a.txt").read_text())))
    assert verdict == Verdict("texts", "another number", "CHANGED")


def test_what_is_no_clear_line_fails():
    def crashes(folder):
        return Seen(1 // (2 - int((folder / "a.txt").read_text())))

    def says_two_lines(folder):
        if (folder / "a.txt").read_text() == "2":
            raise DataError("")
        return Seen(1)

    assert [one.outcome for one in plant(sample(crashes))] == ["TRACEBACK"]
    assert [one.outcome for one in plant(sample(says_two_lines))] == ["TRACEBACK"]


def test_what_is_refused_or_logged_is_noticed():
    def refuses(folder):
        if (folder / "a.txt").read_text() == "2":
            raise DataError(f"{folder / 'a.txt'}: is 2")
        return Seen(1)

    def logs(folder):
        if (folder / "a.txt").read_text() == "2":
            logging.getLogger("mer_lightning.some").warning("%s: is 2", folder / "a.txt")
        return Seen((folder / "a.txt").read_text())

    assert [(one.outcome, one.line) for one in plant(sample(refuses))] == [("refused", "a.txt: is 2")]
    assert [(one.outcome, one.line) for one in plant(sample(logs))] == [("said", "a.txt: is 2")]


def test_a_cell_of_the_page_holds_no_markup():
    text = page([Verdict("texts", "a|b <c>", "refused", "x" * 500 + "\n")])
    assert r"| a\|b &lt;c> | refused in one line | xxx" in text
    assert max(map(len, text.splitlines())) < 300


def test_an_area_that_there_is_not_is_named(capsys):
    assert main(["--area", "nothing"]) == 2
    assert "--area nothing: expected one of table of clips, " in capsys.readouterr().err
