"""What ``mer-bench run`` answers with, for people, programs and spreadsheets, and where it writes."""

import csv
import io
import json

import pytest

from benchmark.__main__ import main
from benchmark.commands.output import open_console
from benchmark.commands.results import print_results, results_of
from benchmark.places import PROJECT
from mer_lightning.metrics import shown_metrics
from tests.benchmark.example_records import record

RUN = ["run", "--suite", "smoke", "--executor", "local", "--accelerator", "cpu", "--method", "majority"]

PROTOCOL = """
title: Two
classes: [other, surprise]
labels: {smic: {negative: other, positive: other, surprise: surprise}}
metric: mcc
"""


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_MODE", "disabled")
    return tmp_path


def run(capsys, *flags):
    assert main([*RUN, *flags]) == 0
    return capsys.readouterr()


class TestForPeople:
    def test_scores_intervals_and_where_tables_lie_are_said(self, home, capsys):
        said = run(capsys).out
        assert "Synthetic data: SMIC-HS, 3 classes, single database" in said
        assert "│ majority │ 0     │ 0.4286        │ 0.2000" in said
        assert "0.0714–0.2735" in said
        assert "rows truth" not in said
        for ending in ("md", "csv", "tex"):
            table = home / "boards" / f"mine-synthetic-smic-3.{ending}"
            assert f"table: {table}\n" in said
            assert "Majority" in table.read_text()

    @pytest.mark.usefixtures("home")
    def test_seeds_that_change_nothing_are_said(self, capsys):
        said = run(capsys, "--seed", "3", "--seed", "4").out
        assert "1 runs" in said
        assert "with seed 3 alone, since every seed gives the same: majority" in said
        assert "since every seed" not in run(capsys, "--seed", "3").out

    @pytest.mark.usefixtures("home")
    def test_confusion_matrices_come_when_asked_for(self, capsys):
        said = run(capsys, "--confusion").out
        assert "majority, synthetic-smic-3, seed 0: rows truth, columns prediction" in said
        assert "│ negative │ 21       │ 0        │ 0        │" in said

    def test_the_published_figure_stands_beside_the_measured_one(self):
        file = io.StringIO()
        console = open_console(file=file)
        console.width = 150
        print_results(results_of([record("ststnet", title="STSTNet")]), shown_metrics(), console)
        assert "published UF1" in file.getvalue()
        assert "│ 0.7353        │" in file.getvalue()
        assert "│ UF1 of  │ smic   │ casme2 │" in file.getvalue().replace("┃", "│")

    def test_the_score_that_ranks_is_shown_and_pages_of_other_records_are_asked_for_otherwise(self, home, capsys):
        (home / "two.yaml").write_text(PROTOCOL)
        said = run(capsys, "--protocol", "two.yaml", "--records", "my records").out
        assert [name for name in ("Acc", "UF1", "UAR", "MCC") if name in said] == ["Acc", "UF1", "UAR", "MCC"]
        assert "mer-bench leaderboards --records 'my records' --out DIR\n" in said
        assert not (home / "boards").exists()

    def test_the_records_of_the_workspace_by_another_path_have_their_tables(self, home, capsys):
        said = run(capsys, "--records", "records").out
        assert f"table: {home / 'boards' / 'mine-synthetic-smic-3.md'}" in said
        assert said.endswith("pages with all of it: mer-bench leaderboards\n")


@pytest.mark.usefixtures("home")
class TestForPrograms:
    def test_json_stands_alone_on_standard_output(self, capsys):
        (board,) = json.loads(run(capsys, "--json").out)
        (method,) = board["methods"]
        assert (board["board"], method["method"], method["state"]) == ("synthetic-smic-3", "majority", "complete")
        assert method["confusion"]["0"] == [[21, 0, 0], [15, 0, 0], [13, 0, 0]]
        assert method["scores"]["all"]["accuracy"]["mean"] == pytest.approx(21 / 49)
        low, high = method["intervals"]["all"]["uf1"]
        assert low < method["scores"]["all"]["uf1"]["mean"] < high

    def test_csv_has_a_line_for_each_score(self, capsys):
        rows = list(csv.DictReader(io.StringIO(run(capsys, "--csv", "--metrics", "uf1,mcc").out)))
        assert [(row["method"], row["score"]) for row in rows] == [("majority", "uf1"), ("majority", "mcc")]
        assert float(rows[0]["mean"]) == pytest.approx(0.2)
        assert rows[0]["published"] == ""

    def test_status_has_both(self, capsys):
        run(capsys)
        assert main(["status", "--json"]) == 0
        (row,) = json.loads(capsys.readouterr().out)
        assert (row["method"], row["folds"], row["done"], row["failed"]) == ("majority", 5, 5, 0)
        assert main(["status", "--csv"]) == 0
        assert capsys.readouterr().out.splitlines()[1].endswith(",majority,synthetic-smic-3,0,5,5,0,0")


def test_nothing_is_written_but_into_the_workspace(home, capsys):
    before = sorted(PROJECT.glob("*"))
    run(capsys)
    assert sorted(path.name for path in home.iterdir()) == ["boards", "records", "runs"]
    assert sorted(PROJECT.glob("*")) == before


def test_records_elsewhere_write_no_table(home, capsys):
    said = run(capsys, "--records", str(home / "elsewhere")).out
    assert "table:" not in said
    assert not (home / "boards").exists()
