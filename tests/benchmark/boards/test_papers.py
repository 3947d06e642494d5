"""A paper's table again: what is printed, what was recorded here, and what was only invented, never mixed."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmark.__main__ import main
from benchmark.boards.papers import render_papers
from benchmark.records.curves import MeanCurve, learning_of
from benchmark.records.fold import confusion_of
from benchmark.records.provenance import PretrainingRecord
from benchmark.records.run import save_run
from mer_lightning.types import DataError
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
        "invented",
        "real, `smic-3`",
        "size: printed",
        "invented",
        "counted",
        "Accuracy averaged",
    ]
    full, cited = cells(text, "Full"), cells(text, "Cited")
    assert full == [
        "Full<sup>1</sup>",
        "`full` (A)",
        "50.5%<sup>2</sup>",
        "not run",
        "not run",
        "3.2",
        "–",
        "–",
        "not stated",
    ]
    assert cited == [
        "Cited<sup>3</sup>",
        "`cited` (D), `megc2019`",
        "drawn",
        *["not run"] * 2,
        "——",
        "–",
        "–",
        "not stated",
    ]
    assert "1. Twice.\n2. Odd.\n3. Not run: the genome is lost.\n" in text
    assert "None of ours for size: Counted." in text
    assert "Held against `megc2019`, on the clips of the column's database: Cited." in text
    assert "- `smic-3` (SMIC-HS, 3 classes, single database): The same clips." in text


def test_a_record_stands_beside_the_printed_figure_in_its_unit(leaderboards):
    save_run(leaderboards / "records", record("full"))
    text = page(leaderboards)
    assert cells(text, "Full")[3:5] == ["not run", f"{100 * POOLED:.2f}"]
    assert "- **FULL** (`full`), `smic-3`, seed 0:" in text
    assert "2 subjects, 5 clips" in text


def test_seeds_give_a_mean_and_a_spread(leaderboards):
    save_run(leaderboards / "records", record("full"))
    save_run(leaderboards / "records", record("full", people=RIGHT, seed=1))
    assert cells(page(leaderboards), "Full")[4] == "80.00 ± 28.28"  # 60 and 100


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
    assert cells(page(leaderboards), "Full")[4] == f"{expected:.4f}"


class TestInventedPeople:
    def test_have_a_column_of_their_own_and_never_enter_the_other(self, leaderboards):
        save_run(leaderboards / "records", record("full", board="synthetic-smic-3"))
        text = page(leaderboards)
        assert cells(text, "As printed")[3:5] == ["invented", "real, `smic-3`"]
        assert cells(text, "Full")[3:5] == [f"*{100 * POOLED:.2f}*", "not run"]
        assert cells(text, "Cited")[3:5] == ["not run", "not run"]
        assert "## Recorded on invented people with" in text
        assert "## Recorded on real people with" not in text
        index = render_papers(leaderboards)[leaderboards / "papers" / "README.md"]
        assert cells(index, "[S7]")[1:] == ["1", "0", "2", "1", "0"]

    def test_show_the_shortened_form_of_a_method_that_has_one_and_name_its_budget(self, leaderboards):
        deviations = {"deviations": ["Shortened to a hundredth."]}
        save_run(leaderboards / "records", record("full-short", board="synthetic-smic-3", recipe=deviations))
        text = page(leaderboards)
        assert cells(text, "Full")[1] == "`full` (A); invented: `full-short`"
        assert cells(text, "Full")[3:5] == [f"*{100 * POOLED:.2f}*", "not run"]
        (line,) = [line for line in text.splitlines() if line.startswith("- **FULL-SHORT** (`full-short`)")]
        assert line.endswith("Shortened to a hundredth.")

    def test_never_show_a_shortened_form_as_a_run_of_real_people(self, leaderboards):
        save_run(leaderboards / "records", record("full-short"))
        assert cells(page(leaderboards), "Full")[3:5] == ["not run", "not run"]

    def test_mention_a_whole_run_beside_the_shortened_one_in_a_note(self, leaderboards):
        save_run(leaderboards / "records", record("full-short", board="synthetic-smic-3"))
        save_run(leaderboards / "records", record("full", board="synthetic-smic-3", people=RIGHT))
        text = page(leaderboards)
        assert cells(text, "Full")[3] == f"*{100 * POOLED:.2f}*"
        assert "Run whole on the invented people of `smic-3`: 100.00." in text


COMPARED = (
    PAPER.replace("  rows:", "  compared: [{more: Full, less: Other}]\n  bars: true\n  rows:", 1)
    .replace("protocol: megc2019, cells: {smic: null", 'cells: {smic: "40"')
    .replace("Cited, method", "Other, method")
)


class TestWhatThePaperSaysIsBetter:
    @pytest.fixture(autouse=True)
    def _paper(self, leaderboards):
        write(leaderboards, COMPARED.replace(", megc2019: Read as parts.", ""))

    def test_is_held_against_the_seeds_that_both_rows_have(self, leaderboards):
        for seed, people in enumerate((RIGHT, RIGHT, PEOPLE)):
            save_run(leaderboards / "records", record("full", board="synthetic-smic-3", people=people, seed=seed))
        for seed in (0, 1):
            save_run(leaderboards / "records", record("cited", board="synthetic-smic-3", seed=seed))
        row = cells(page(leaderboards), "Full over Other, SMIC Acc")
        assert row == ["Full over Other, SMIC Acc", "+10.50", "+40.00 ± 0.00 (holds; ahead in 2 of 2 seeds)", "not run"]

    def test_is_contradicted_in_so_many_words(self, leaderboards):
        save_run(leaderboards / "records", record("full"))
        save_run(leaderboards / "records", record("cited", people=RIGHT))
        row = cells(page(leaderboards), "Full over Other, SMIC Acc")
        assert row[2:] == ["not run", "-40.00 (**does not hold**; ahead in 0 of 1 seed)"]

    def test_is_drawn_printed_and_recorded_apart(self, leaderboards):
        save_run(leaderboards / "records", record("full"))
        files = render_papers(leaderboards)
        drawn = {path.name: text for path, text in files.items() if path.suffix == ".svg"}
        assert drawn.keys() == {"s7-table-1-printed.svg", "s7-table-1-real.svg"}
        assert "50.5" in drawn["s7-table-1-printed.svg"]
        assert "60.0" in drawn["s7-table-1-real.svg"]
        assert "![S7, Table 1: real people](s7-table-1-real.svg)" in page(leaderboards)


TRAINED = PAPER.replace(
    "{id: size, title: size, metric: parameters, unit: number, protocol: none of ours, reason: Counted.}",
    """{id: size, title: epochs, metric: epochs, unit: number, protocol: smic-3}
  - {id: right, title: training Acc, metric: training_accuracy, unit: percent, protocol: smic-3}
  - {id: loss, title: training loss, metric: training_loss, unit: number, protocol: smic-3}
  - {id: start, title: CK+ Acc, metric: pretraining_accuracy, unit: percent, protocol: smic-3}""",
)
TRAINED = TRAINED.replace('size: "3.2"', 'size: "3.2", right: "92.16", loss: "0.458", start: "95.73"').replace(
    'size: "——"', 'size: "——", right: null, loss: null, start: null'
)
TRAINED = TRAINED.replace("protocol: megc2019, ", "").replace(", megc2019: Read as parts.", "")


class TestHowARunLearnt:
    @pytest.fixture(autouse=True)
    def _paper(self, leaderboards):
        figure = "figures: [{number: Figure 5, shows: Curves., here: Below., drawn: learning, methods: [full], "
        write(leaderboards, f"{TRAINED}{figure}protocol: smic-3}}]\n")

    def test_stands_beside_the_figures_of_the_training_side(self, leaderboards):
        curves = [(0.5, 0.9, 0.9, 0.9), (0.2, 0.4, 0.98, 1.0)]
        folds = [
            fold(person).model_copy(update={"curve": {"train_accuracy": curve, "train_loss": (1.0, 0.5)}})
            for person, curve in zip(PEOPLE, curves, strict=True)
        ]
        start = PretrainingRecord(
            source="c", release="r", synthetic=False, hash="h", samples={}, epoch=3, validation_accuracy=0.5
        )
        save_run(leaderboards / "records", record("full", learning=learning_of(folds), pretraining=start))
        # the second fold is within 5 points of its last quarter from its third epoch on
        assert cells(page(leaderboards), "Full")[5:17] == [
            *("3.2", "not run", "2.50"),
            *("92.16", "not run", "95.00"),
            *("0.458", "not run", "0.500"),
            *("95.73", "not run", "50.00"),
        ]
        svg = render_papers(leaderboards)[leaderboards / "papers" / "s7-figure-5-real.svg"]
        assert "full, seed 0" in svg
        assert "fold 1 of 2" in svg

    def test_of_an_older_record_is_the_end_of_its_mean_curve(self, leaderboards):
        curve = MeanCurve(epochs=(1, 2), values={"train_accuracy": (0.5, 0.75), "train_loss": (1.0, 0.25)})
        save_run(leaderboards / "records", record("full", curve=curve))
        found = cells(page(leaderboards), "Full")
        assert (found[7], found[10], found[13], found[16]) == ("not kept", "75.00", "0.250", "not kept")


class TestCounts:
    COUNTS = """counts:
- number: Table 9
  caption: Clips.
  columns: [{title: SMIC, protocol: smic-3, database: smic}]
  rows:
  - {name: bad, cells: ["71"], label: negative}
  - {name: sum, cells: ["164"], label: all}
  - {name: year, cells: ["2012"]}
"""

    def test_stand_beside_those_of_the_protocol(self, leaderboards):
        write(leaderboards, PAPER + self.COUNTS)
        text = page(leaderboards)
        assert cells(text, "bad") == ["bad", "71", "70"]
        assert cells(text, "sum") == ["sum", "164", "164"]
        assert cells(text, "year") == ["year", "2012", "–"]

    @pytest.mark.parametrize(
        ("old", "new", "said"),
        [
            ("negative", "angry", "expected one of negative, positive, surprise, all, found 'angry'"),
            ('cells: ["71"]', 'cells: ["71", "2"]', "row 'bad': expected 1 cells, one per column"),
            ("database: smic}", "database: samm}", "smic-3 has no database samm"),
        ],
    )
    def test_that_cannot_be_are_one_line(self, leaderboards, old, new, said):
        write(leaderboards, PAPER + self.COUNTS.replace(old, new, 1))
        with pytest.raises(DataError, match=re.escape(said)):
            page(leaderboards)


class TestFigures:
    FIGURE = """figures:
- {number: Figure 6, shows: A matrix., here: Below., drawn: confusion, methods: [full], protocol: smic-3}
"""

    def test_show_confusion_matrices_of_what_was_recorded(self, leaderboards):
        write(leaderboards, PAPER + self.FIGURE)
        save_run(leaderboards / "records", record("full-short", board="synthetic-smic-3"))
        text = page(leaderboards)
        assert "*full-short, smic-3, invented people, short budget*: clips, mean over seeds" in text
        assert cells(text, "negative") == ["negative", "2", "0", "0", "1.00"]
        assert cells(text, "positive") == ["positive", "1", "1", "0", "0.50"]

    def test_of_methods_or_pictures_that_are_not_there_are_one_line(self, leaderboards):
        write(leaderboards, PAPER + self.FIGURE.replace("[full]", "[fool]"))
        with pytest.raises(DataError, match=r"Figure 6: methods\.yaml has no method 'fool'"):
            page(leaderboards)
        shot = "figures: [{number: Figure 7, shows: S., here: H., shots: [{file: a.png, title: T, command: c}]}]"
        write(leaderboards, PAPER + shot)
        with pytest.raises(DataError, match=r"Figure 7: no picture .*a\.png"):
            page(leaderboards)

    def test_a_sweep_names_its_axis(self, leaderboards):
        write(leaderboards, PAPER.replace("  rows:", "  sweep: {axis: N, best: 3}\n  rows:", 1))
        with pytest.raises(DataError, match="expected a row 'N = <number>', found 'Full'"):
            page(leaderboards)


def test_a_row_of_the_composite_is_scored_on_the_clips_of_its_column(leaderboards):
    text = METHODS.replace("tier: D, cannot_run: the genome is lost", "tier: B")
    (leaderboards / "reported" / "methods.yaml").write_text(text)
    people = PEOPLE | {"casme2/sub01": ((0, 1), (1, 0), (2, 0))}
    save_run(leaderboards / "records", record("cited", "megc2019", people, folds=3))
    save_run(leaderboards / "records", record("cited", people=RIGHT))  # not the row's protocol
    assert cells(page(leaderboards), "Cited")[4] == f"{100 * POOLED:.2f}"


def test_another_selection_of_the_epoch_is_another_protocol(leaderboards):
    save_run(leaderboards / "records", record("full", board="smic-3+inner_subjects"))
    assert cells(page(leaderboards), "Full")[4] == "not run"
    write(leaderboards, PAPER.replace("smic-3", "smic-3+inner_subjects"))
    text = page(leaderboards)
    assert cells(text, "Full")[4] == f"{100 * POOLED:.2f}"
    assert "epoch selected by inner_subjects" in text


def test_a_run_with_missing_folds_shows_no_number(leaderboards):
    save_run(leaderboards / "records", record("full", folds=16))
    assert cells(page(leaderboards), "Full")[4] == "incomplete 2/16"


def test_editions_of_the_input_stay_apart(leaderboards):
    save_run(leaderboards / "records", record("full"))
    save_run(leaderboards / "records", record("full", people=RIGHT, edition="aligned"))
    assert cells(page(leaderboards), "Full")[4] == "60.00; 100.00 (aligned)"


def test_rendering_is_a_pure_function_of_the_files(leaderboards):
    save_run(leaderboards / "records", record("full"))
    assert render_papers(leaderboards) == render_papers(leaderboards)


def test_no_papers_give_no_pages(tmp_path):
    assert render_papers(tmp_path) == {}


def test_the_committed_pages_are_what_the_committed_files_give():
    leaderboards = PROJECT / "leaderboards"
    pages = render_papers(leaderboards)
    assert {path.name for path in pages if path.suffix == ".md"} == {"README.md", *(f"s{k}.md" for k in range(5))}
    for path, text in pages.items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name}: run make leaderboards"


def test_every_line_of_a_table_has_as_many_cells_as_its_heading():
    files = render_papers(PROJECT / "leaderboards")
    for text in (text for path, text in files.items() if path.suffix == ".md"):
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
