"""``mer-bench compare`` and ``ranks`` say what the statistics say, of committed records alone."""

import itertools
import json
import re

import pytest

from benchmark.__main__ import main
from benchmark.boards.figures import draw_ranks
from benchmark.evidence.comparisons import compare
from benchmark.evidence.statistics import average_ranks, bootstrap, stack_runs
from benchmark.places import SHIPPED
from benchmark.records.run import load_run, save_run
from mer_lightning.metrics import METRICS
from tests.benchmark.commands.a_project import make_project
from tests.benchmark.example_records import BAD, GOOD, record


@pytest.fixture
def records(tmp_path):
    for r in (record("good"), record("good", 1), record("bad", pairs=BAD), record("bad", 1, GOOD), record("bad", 2)):
        save_run(tmp_path, r)
    return tmp_path


def run(capsys, *flags):
    assert main([*flags, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_compare_says_which_seeds_are_paired_and_which_are_left_out(records, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    flags = ["compare", "good", "bad", "--protocol", "megc2019", "--records", str(records)]
    body = run(capsys, *flags)
    (pair,) = body["comparisons"]
    assert (pair["seed_pairs"], pair["left_out"]) == ([[0, 0], [1, 1]], ["bad s2"])
    assert pair["uf1_difference"] == pytest.approx((1 - 0.5 / 3) / 2)
    assert pair["exact"]
    assert main(flags) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "0–0, 1–1; without bad s2" in out
    assert "good − bad" in out


def test_compare_shows_the_metrics_that_are_asked_for(records, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    flags = ["compare", "good", "bad", "--protocol", "megc2019", "--records", str(records)]
    body = run(capsys, *flags)
    assert set(body["methods"]["bad"]["scores"]) == {metric.name for metric in METRICS}
    assert main([*flags, "--metrics", "kappa"]) == 0
    out = capsys.readouterr().out
    assert "Kappa" in out
    assert "UAR" not in out
    assert f"{body['methods']['bad']['scores']['kappa']['mean']:.4f}" in out
    assert main([*flags, "--metrics", "cappa"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_compare_of_committed_records_is_what_the_statistics_give(capsys):
    body = run(capsys, "compare", "linear-svm", "majority", "--protocol", "casme2-3")
    svm, majority = (
        load_run(SHIPPED / "records" / "casme2-3" / method / "seed0.json") for method in ("linear-svm", "majority")
    )
    interval = bootstrap(stack_runs([svm]))["uf1"]
    assert body["methods"]["linear-svm"]["intervals"]["uf1"] == [interval.low, interval.high]
    (pair,) = body["comparisons"]
    assert pair["p"] == compare(svm.matrices(), majority.matrices()).p < 0.001
    assert body["methods"]["majority"]["without"][0]["subject"] == "casme2/sub17"


def test_without_names_every_method_is_compared_and_p_adjusted(records, capsys):
    save_run(records, record("middling", pairs=(GOOD[0], GOOD[1], BAD[2])))
    body = run(capsys, "compare", "--protocol", "megc2019", "--records", str(records))
    pairs = {frozenset((pair["one"], pair["other"])) for pair in body["comparisons"]}
    assert pairs == set(map(frozenset, itertools.combinations(["good", "bad", "middling"], 2)))
    assert len(body["comparisons"]) == 3
    assert all(pair["p_holm"] >= pair["p"] for pair in body["comparisons"])


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["compare", "good", "nosuch", "--protocol", "megc2019"], "method 'nosuch' has no record under megc2019"),
        (["compare", "good", "--protocol", "megc2019"], "comparing needs two methods, found good"),
        (["compare", "--protocol", "nosuch"], "protocol 'nosuch' has no record"),
        (["ranks", "--protocol", "megc2019"], "ranks need three methods that are complete under two protocols"),
    ],
)
def test_a_mistake_is_one_line(records, capsys, flags, says):
    assert main([*flags, "--records", str(records)]) == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("pairs", "says"),
    [
        (BAD, "'new' has no record under megc2019; did you mean mine-new? found good, mine-new"),
        ((*BAD, (2, 2)), "'new' has no record under megc2019; it has one under mine-megc2019; found good"),
    ],
)
def test_a_method_of_ones_own_is_found_by_what_it_is_called_there(tmp_path, capsys, monkeypatch, pairs, says):
    save_run(tmp_path / "project" / "leaderboards" / "records", record("good"))
    make_project(tmp_path / "project", monkeypatch)
    save_run(tmp_path / "home" / "records", record("new", pairs=pairs))
    assert main(["--workspace", str(tmp_path / "home"), "compare", "--protocol", "megc2019", "good", "new"]) == 2
    assert says in capsys.readouterr().err


def test_ranks_of_committed_records(capsys, tmp_path):
    body = run(capsys, "ranks", "--svg", str(tmp_path / "cd.svg"))
    assert set(body["protocols"]) >= {"casme2-3", "samm-3", "smic-3"}
    methods = len(body["average_rank"])
    assert sum(body["average_rank"].values()) == pytest.approx(methods * (methods + 1) / 2)
    picture = (tmp_path / "cd.svg").read_text()
    assert "Linear SVM" in picture
    assert main(["ranks"]) == 0
    assert "critical difference" in capsys.readouterr().out


def test_a_diagram_joins_methods_within_the_critical_difference():
    table = [[0.9, 0.8, 0.2, 0.1]] * 9
    ranks = average_ranks(table)
    assert 1 < ranks.critical_difference < 2
    picture = draw_ranks(ranks, ["A", "B", "C", "D"])
    assert picture == draw_ranks(ranks, ["A", "B", "C", "D"])
    # three neighbours at a distance of one rank each
    assert len(re.findall(r"stroke-width: 3\b", picture)) == 3
