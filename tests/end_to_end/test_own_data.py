"""From a folder of clips to a leaderboard, in a workspace of one's own."""

import csv
import json
import shutil

import pytest

from benchmark.__main__ import main
from benchmark.files import read_yaml, yaml_text
from tests.own_clips import write_tree

pytestmark = pytest.mark.slow
QUICK = ("--accelerator", "cpu", "--executor", "local", "--method", "majority", "--method", "linear-svm")


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "disabled")
    write_tree(tmp_path / "lab", ("p1", "p2", "p3", "p4"), each=1)
    return tmp_path


def bench(home, *words, status=0):
    assert main(["--workspace", str(home), *map(str, words)]) == status


def fill_in(table):
    """What a user types into the draft: here it is named after the label that the tree could not tell."""
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row["label"] = "tense" if row["path"].split("/")[1] == "y2" else "calm"
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)


def test_a_tree_becomes_a_leaderboard(home, capsys):
    for person in (home / "lab").iterdir():
        # names of folders that tell nothing
        (person / "happy").rename(person / "x1")
        (person / "sad").rename(person / "y2")
    table = home / "lab" / "clips.csv"
    bench(home, "data", "index", home / "lab")
    assert "label: empty in 8 of 8 rows" in capsys.readouterr().out
    bench(home, "data", "verify", table, status=1)
    fill_in(table)
    bench(home, "data", "verify", table)
    bench(home, "new", "database", "mylab", "--data", table)
    capsys.readouterr()
    bench(home, "run", "--suite", "mylab", "--data", table, *QUICK, "--plan", "--json")
    plan = json.loads(capsys.readouterr().out)
    assert plan["problems"] == []
    assert plan["clips"] == [
        {"protocol": "mylab", "database": "mylab", "clips": {"calm": 4, "tense": 4}, "subjects": 4}
    ]
    assert [run["folds"] for run in plan["runs"]] == [4, 4]
    bench(home, "run", "--suite", "mylab", "--data", table, *QUICK)
    bench(home, "audit", home / "records", home / "runs")
    said = capsys.readouterr().out
    assert said.count("clean, 4 folds") == 4
    shutil.rmtree(home / "protocols")
    shutil.rmtree(home / "suites")
    bench(home, "leaderboards", "--records", home / "records", "--out", home / "boards")
    bench(home, "compare", "--records", home / "records", "--protocol", "mylab")
    bench(home, "audit", home / "runs")
    assert "| Linear SVM (`linear-svm`) |" in (home / "boards" / "mylab.md").read_text()
    assert "mylab, 4 subjects" in capsys.readouterr().out


def test_a_protocol_with_a_fixed_split_and_another_ranking(home, capsys):
    bench(home, "data", "index", home / "lab")
    bench(home, "new", "database", "mylab", "--data", home / "lab")
    own = read_yaml(home / "protocols" / "mylab.yaml")
    del own["held_out"], own["expected"]
    own |= {"split": {"test": ["p3", "p4"], "validation": ["p2"]}, "metric": "kappa"}
    (home / "parted.yaml").write_text(yaml_text(own))
    flags = ("--protocol", home / "parted.yaml", "--data", home / "lab", *QUICK)
    bench(home, "run", "--suite", "mylab", *flags)
    record = json.loads((home / "records" / "parted" / "majority" / "seed0.json").read_text())
    assert (record["folds"], sorted(record["confusion"])) == (1, ["mylab/p3", "mylab/p4"])
    assert record["definition"]["split"]["test"] == ["mylab/p3", "mylab/p4"]
    assert record["definition"]["metric"] == "kappa"
    # who validates and selects nothing is on no side
    assert record["audit"]["test"]["train"]["samples"] == 2
    bench(home, "audit", home / "records", home / "runs")
    bench(home, "leaderboards", "--records", home / "records", "--out", home / "boards")
    text = (home / "boards" / "parted.md").read_text()
    assert "One fixed split by subjects" in text
    assert "**Ranked by Cohen's kappa**" in text
    assert "| Kappa |" in text
    capsys.readouterr()
    # the same name for something else, while its records are there
    (home / "parted.yaml").write_text(yaml_text(own | {"metric": "uar"}))
    bench(home, "run", "--suite", "mylab", *flags, status=2)
    said = capsys.readouterr().err
    assert "seed0.json: protocol parted is not that of" in said
    assert "they differ in metric" in said
    assert said.count("\n") == 1
