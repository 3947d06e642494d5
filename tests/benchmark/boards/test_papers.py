"""A paper's table again: what is printed, what was recorded here, and what was only invented, never mixed."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmark.__main__ import main
from benchmark.boards.papers import render_papers
from benchmark.records.fold import confusion_of
from benchmark.records.run import save_run
from tests.benchmark.boards.test_reported import METHODS, PAPER
from tests.benchmark.commands.a_project import make_project
from tests.benchmark.example_records import fold, run_record

PROJECT = Path(__file__).parents[3]
# subject one: 2 of 4 right; subject two: its only clip right
PEOPLE = {"smic/s01": ((0, 0), (0, 0), (1, 0), (2, 0)), "smic/s02": ((1, 1),)}
RIGHT = {person: tuple((truth, truth) for truth, _ in pairs) for person, pairs in PEOPLE.items()}
POOLED, OF_SUBJECTS = 3 / 5, (2 / 4 + 1) / 2
UF1 = (2 * 2 / (2 * 2 + 2) + 2 * 1 / (2 * 1 + 1) + 0) / 3


def record(method, board="smic-3", people=PEOPLE, **changes):
    return run_record(
        **{
            "method": method,
            "title": method.upper(),
            "board": board,
            "confusion": confusion_of([fold(person, pairs) for person, pairs in people.items()], 3),
        }
        | changes
    )


@pytest.fixture
def leaderboards(tmp_path):
    folder = tmp_path / "leaderboards"
    (folder / "reported" / "papers").mkdir(parents=True)
    (folder / "reported" / "methods.yaml").write_text(METHODS)
    write(folder, PAPER)
    return folder


def write(leaderboards, text):
    (leaderboards / "reported" / "papers" / "s7.yaml").write_text(text)


def page(leaderboards):
    return render_papers(leaderboards)[leaderboards / "papers" / "s7.md"]


def cells(text, start):
    (row,) = [line for line in text.splitlines() if line.startswith(f"| {start}")]
    return [cell.strip() for cell in row.strip("|").split("|")]


def test_rows_and_columns_are_those_of_the_paper_and_nothing_is_run_without_a_record(leaderboards):
    text = page(leaderboards)
    assert cells(text, "As printed") == [
        "As printed",
        "Here",
        "SMIC Acc: printed",
        "reproduced, `smic-3`",
        "size: printed",
        "none of ours",
        "Accuracy averaged",
    ]
    full, cited = cells(text, "Full"), cells(text, "Cited")
    assert full == [
        "Full<sup>1</sup>",
        "`full` (A)",
        "50.5%<sup>2</sup>",
        "not run",
        "3.2",
        "–",
        "not stated",
    ]
    assert cited == ["Cited<sup>3</sup>", "`cited` (D), `megc2019`", "drawn", "not run", "——", "–", "not stated"]
    assert "1. Twice.\n2. Odd.\n3. Not run: the genome is lost.\n" in text
    assert "None of ours for size: Counted." in text
    assert "Held against `megc2019`, on the clips of the column's database: Cited." in text
    assert "- `smic-3` (SMIC-HS, 3 classes, single database): The same clips." in text


def test_a_record_stands_beside_the_printed_figure_in_its_unit(leaderboards):
    save_run(leaderboards / "records", record("full"))
    text = page(leaderboards)
    assert cells(text, "Full")[3] == f"{100 * POOLED:.2f}"
    assert "- **FULL**, `smic-3`, seed 0:" in text
    assert "2 subjects, 5 clips" in text


def test_seeds_give_a_mean_and_a_spread(leaderboards):
    save_run(leaderboards / "records", record("full"))
    save_run(leaderboards / "records", record("full", people=RIGHT, seed=1))
    assert cells(page(leaderboards), "Full")[3] == "80.00 ± 28.28"  # 60 and 100


@pytest.mark.parametrize(
    ("metric", "evaluation", "expected"),
    [
        ("accuracy", "pooled", POOLED),
        ("accuracy", "unknown", POOLED),
        ("accuracy", "subject_mean", OF_SUBJECTS),
        ("uf1", "subject_mean", UF1),
        ("f1", "unknown", UF1),
        ("uar", "pooled", (1 + 1 / 2 + 0) / 3),
    ],
)
def test_accuracy_is_averaged_as_the_paper_does_and_other_scores_are_pooled(leaderboards, metric, evaluation, expected):
    changes = {"accuracy": metric, "unknown": evaluation, "percent": "fraction", "50.5%": "0.505"}
    text = PAPER
    for old, new in changes.items():
        text = text.replace(old, new, 1)
    write(leaderboards, text)
    save_run(leaderboards / "records", record("full"))
    assert cells(page(leaderboards), "Full")[3] == f"{expected:.4f}"


def test_invented_data_has_a_column_of_its_own_and_never_enters_the_other(leaderboards):
    save_run(leaderboards / "records", record("full", board="synthetic-smic-3"))
    text = page(leaderboards)
    assert cells(text, "As printed")[3:5] == ["reproduced, `smic-3`", "*synthetic*"]
    assert cells(text, "Full")[3:5] == ["not run", f"*{100 * POOLED:.2f}*"]
    assert cells(text, "Cited")[3:5] == ["not run", "not run"]
    assert "`synthetic-smic-3`" in text
    index = render_papers(leaderboards)[leaderboards / "papers" / "README.md"]
    assert cells(index, "[S7]")[1:] == ["1", "2", "0", "1"]


def test_a_row_of_the_composite_is_scored_on_the_clips_of_its_column(leaderboards):
    text = METHODS.replace("tier: D, cannot_run: the genome is lost", "tier: B")
    (leaderboards / "reported" / "methods.yaml").write_text(text)
    people = PEOPLE | {"casme2/sub01": ((0, 1), (1, 0), (2, 0))}
    save_run(leaderboards / "records", record("cited", "megc2019", people, folds=3))
    save_run(leaderboards / "records", record("cited", people=RIGHT))  # not the row's protocol
    assert cells(page(leaderboards), "Cited")[3] == f"{100 * POOLED:.2f}"


def test_another_selection_of_the_epoch_is_another_protocol(leaderboards):
    save_run(leaderboards / "records", record("full", board="smic-3+inner_subjects"))
    assert cells(page(leaderboards), "Full")[3] == "not run"
    write(leaderboards, PAPER.replace("smic-3", "smic-3+inner_subjects"))
    text = page(leaderboards)
    assert cells(text, "Full")[3] == f"{100 * POOLED:.2f}"
    assert "epoch selected by inner_subjects" in text


def test_a_run_with_missing_folds_shows_no_number(leaderboards):
    save_run(leaderboards / "records", record("full", folds=16))
    assert cells(page(leaderboards), "Full")[3] == "incomplete 2/16"


def test_editions_of_the_input_stay_apart(leaderboards):
    save_run(leaderboards / "records", record("full"))
    save_run(leaderboards / "records", record("full", people=RIGHT, edition="aligned"))
    assert cells(page(leaderboards), "Full")[3] == "60.00; 100.00 (aligned)"


def test_rendering_is_a_pure_function_of_the_files(leaderboards):
    save_run(leaderboards / "records", record("full"))
    assert render_papers(leaderboards) == render_papers(leaderboards)


def test_no_papers_give_no_pages(tmp_path):
    assert render_papers(tmp_path) == {}


def test_the_committed_pages_are_what_the_committed_files_give():
    leaderboards = PROJECT / "leaderboards"
    pages = render_papers(leaderboards)
    assert {path.name for path in pages} == {"README.md", *(f"s{k}.md" for k in range(5))}
    for path, text in pages.items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name}: run make leaderboards"


def test_every_line_of_a_table_has_as_many_cells_as_its_heading():
    for text in render_papers(PROJECT / "leaderboards").values():
        blocks = [block.splitlines() for block in text.split("\n\n") if block.startswith("|")]
        assert blocks
        for block in blocks:
            assert len({line.count("|") for line in block}) == 1
            assert len(block) > 2


def test_pages_are_written_checked_and_cleared(leaderboards, monkeypatch, capsys):
    make_project(leaderboards.parent, monkeypatch)
    assert main(["leaderboards"]) == 0
    assert main(["leaderboards", "--check"]) == 0
    stale = leaderboards / "papers" / "s8.md"
    stale.write_text("of a paper that is no longer kept\n")
    (leaderboards / "papers" / "s7.md").write_text("edited by hand\n")
    capsys.readouterr()
    assert main(["leaderboards", "--check"]) == 1
    said = capsys.readouterr().err
    assert "papers/s7.md: differs from the records; run make leaderboards" in said
    assert "papers/s8.md: differs" in said
    assert main(["leaderboards"]) == 0
    assert not stale.exists()
    write(leaderboards, PAPER.replace("year", "jear"))
    assert main(["leaderboards"]) == 2
    assert "s7.yaml: jear: unknown key" in capsys.readouterr().err


@pytest.mark.parametrize("heavy", ["torch", "lightning", "wandb", "sklearn.svm"])
def test_pages_render_without_heavy_packages(heavy):
    program = f"import sys, benchmark.boards.papers, benchmark.commands.methods; sys.exit('{heavy}' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=PROJECT, check=False).returncode == 0
