import csv
import io
import subprocess
import sys
from pathlib import Path

import pytest

from benchmark.boards.board import load_boards
from benchmark.boards.figures import describe, draw_board
from benchmark.boards.tables import fill_tables, render
from benchmark.records.run import load_run, save_run
from mer_lightning.metrics import METRICS, UF1, get_metric
from mer_lightning.types import DataError
from tests.benchmark.example_records import record


def page(leaderboards, name="megc2019.md"):
    return render(leaderboards, load_boards(leaderboards))[leaderboards / name]


def line(text, start):
    return next(row for row in text.splitlines() if start in row)


def test_published_numbers_stand_beside_the_measured_ones_and_are_not_ranked(leaderboards):
    text = page(leaderboards)
    assert "| 0.9000 | 0.9100 |" in line(text, "(`bad`)")
    assert "**on the test subject** | Somewhere 2020 | Too good." in line(text, "| Bad et al. |")


def test_what_is_not_ranked_stands_below_what_is_and_takes_no_place(leaderboards):
    reason = "It sees the tested pictures."
    save_run(leaderboards / "records", record("sees", recipe={"deviations": [], "unranked": reason}))
    save_run(leaderboards / "records", record("half", folds=68))
    board = load_boards(leaderboards)[0]
    assert [row.method for row in board.rows] == ["good", "bad", "sees", "half"]
    good, _, sees, _ = board.rows
    assert sees.scores["all"]["uf1"].mean == good.scores["all"]["uf1"].mean
    assert (board.place(good, "all", "uf1"), board.place(sees, "all", "uf1")) == (0, None)
    text = page(leaderboards)
    assert line(text, "(`sees`)").startswith("| – | SEES (not ranked) (`sees`) |")
    assert line(text, "(`bad`)").startswith("| 2 |")
    assert f"**Not ranked**: {reason}" in line(text, "- **SEES")
    assert "SEES (not ranked)" in page(leaderboards, "megc2019.tex")


def test_a_run_with_missing_folds_shows_no_number(leaderboards):
    save_run(leaderboards / "records", record("half", folds=68))
    row = line(page(leaderboards), "(`half`)")
    assert "incomplete 2/68" in row
    assert "0." not in row


def test_synthetic_boards_say_so_in_the_title(leaderboards):
    save_run(leaderboards / "records", record("good", board="synthetic-megc2019"))
    assert "# Synthetic data: MEGC2019 composite" in page(leaderboards, "synthetic-megc2019.md")
    assert load_boards(leaderboards)[-1].id == "synthetic-megc2019"


def test_intervals_over_subjects_stand_beside_uf1(leaderboards):
    from benchmark.evidence.statistics import bootstrap, stack_runs

    runs = [r for r in (load_run(p) for p in sorted((leaderboards / "records").rglob("*.json"))) if r.method == "bad"]
    interval = bootstrap(stack_runs(runs))["uf1"]
    assert f"| {interval.low:.4f} – {interval.high:.4f} |" in line(page(leaderboards), "(`bad`)")
    row = list(csv.DictReader(io.StringIO(page(leaderboards, "megc2019.csv"))))[1]
    assert (row["all_uf1_low"], row["all_uf1_high"]) == (f"{interval.low:.4f}", f"{interval.high:.4f}")
    assert row["smic_uf1_low"] == ""  # one subject has no other to be drawn instead


def test_metrics_that_are_asked_for_have_columns_and_the_csv_has_all(leaderboards):
    boards = load_boards(leaderboards)
    chosen = (UF1, get_metric("kappa"))
    files = render(leaderboards, boards, chosen)
    text = files[leaderboards / "megc2019.md"]
    bad = boards[0].rows[1]
    assert "| Seeds | UF1 | 95 % interval | Kappa | published UF1 |" in text
    assert f"| {bad.scores['all']['kappa']} | 0.9000 |" in line(text, "(`bad`)")
    assert "| SMIC UF1 | SMIC Kappa | CASME II UF1 | CASME II Kappa |" in text
    assert r"& UF1 & Kappa & UF1 & Kappa" in files[leaderboards / "megc2019.tex"]
    assert files[leaderboards / "megc2019.csv"] == page(leaderboards, "megc2019.csv")
    row = list(csv.DictReader(io.StringIO(page(leaderboards, "megc2019.csv"))))[1]
    for metric in METRICS:
        assert row[f"all_{metric.name}"] == f"{bad.scores['all'][metric.name].mean:.4f}"


def test_without_uf1_the_first_column_says_how_far_a_run_is(leaderboards):
    save_run(leaderboards / "records", record("half", folds=68))
    text = render(leaderboards, load_boards(leaderboards), (get_metric("mcc"),))[leaderboards / "megc2019.md"]
    assert "| 1 | incomplete 2/68 |" in line(text, "(`half`)")
    assert "interval |" not in text


def test_published_scores_may_be_of_any_metric(leaderboards):
    path = leaderboards / "reported" / "megc2019.yaml"
    path.write_text(path.read_text().replace("uf1: 0.9,", "uf1: 0.9, kappa: -0.5,"))
    rows = list(csv.DictReader(io.StringIO(page(leaderboards, "megc2019.csv"))))
    assert rows[2]["all_kappa"] == "-0.5000"
    path.write_text(path.read_text().replace("kappa", "cappa"))
    with pytest.raises(DataError, match=r"megc2019\.yaml: rows\.0\.scores\.all: cappa: expected one of accuracy, uf1"):
        load_boards(leaderboards)


def test_another_selection_has_a_board_and_a_title_of_its_own(leaderboards):
    save_run(leaderboards / "records", record("good", board="megc2019+inner_subjects"))
    assert "epoch selected by inner_subjects" in page(leaderboards, "megc2019+inner_subjects.md")


def test_the_csv_reads_back(leaderboards):
    rows = list(csv.DictReader(io.StringIO(page(leaderboards, "megc2019.csv"))))
    assert [(r["kind"], r["method"]) for r in rows] == [("measured", "good"), ("measured", "bad"), ("reported", "bad")]
    assert rows[0]["all_uf1"] == rows[0]["smic_uar"] == "1.0000"
    assert rows[2]["all_uf1"] == "0.9000"


def test_latex_marks_best_and_second_and_escapes(leaderboards):
    save_run(leaderboards / "records", record("a", title="50% & more_", pairs=((0, 0), (1, 1), (2, 0))))
    text = page(leaderboards, "megc2019.tex")
    assert r"50\% \& more\_" in text
    assert r"\textbf{1.0000}" in text
    assert r"\underline{" in text
    assert text.count("{tabular}") == 2


def test_rendering_is_a_pure_function_of_the_files(leaderboards):
    one, two = (load_boards(leaderboards) for _ in range(2))
    assert render(leaderboards, one) == render(leaderboards, two)
    assert draw_board(one[0]) == draw_board(two[0])


def test_markers_in_a_document_are_filled(leaderboards):
    boards = load_boards(leaderboards)
    text = fill_tables("a\n<!-- table: megc2019 -->\nold\n<!-- end of table -->\nb\n", boards)
    assert "old" not in text
    assert "| 1 | GOOD | 1 |" in text
    assert fill_tables(text, boards) == text
    with pytest.raises(DataError, match="samm-9"):
        fill_tables("<!-- table: samm-9 -->\n<!-- end of table -->", boards)


@pytest.mark.parametrize("heavy", ["torch", "lightning", "wandb", "sklearn.svm"])
def test_tables_render_without_heavy_packages(heavy):
    program = f"import sys, benchmark.boards.tables, benchmark.evidence.scoring; sys.exit('{heavy}' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parents[3], check=False).returncode == 0


def test_the_picture_shows_every_measured_and_published_method(leaderboards):
    picture = draw_board(load_boards(leaderboards)[0])
    assert "GOOD" in picture
    assert "BAD" in picture
    assert "epoch chosen on the held-out subject" in picture
    assert "GOOD 1.000" in describe(load_boards(leaderboards)[0])
