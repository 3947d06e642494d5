"""From a file of predictions to a row of a leaderboard, in a folder of one's own."""

import json

import pytest

from benchmark.__main__ import main
from benchmark.places import SHIPPED
from benchmark.records.run import load_run
from tests.benchmark.evidence.predicted import write_about, write_predictions


@pytest.fixture
def home(tmp_path):
    record = load_run(SHIPPED / "records" / "smic-3" / "linear-svm" / "seed0.json")
    write_predictions(tmp_path / "p.csv", record)
    write_about(tmp_path / "about.yaml", title="Their Net", code="https://example.org/code")
    return tmp_path


def contribute(home, *more, protocol="smic-3"):
    files = [str(home / "p.csv"), "--about", str(home / "about.yaml")]
    return main(["--workspace", str(home), "contribute", *files, "--protocol", protocol, *more])


def test_predictions_become_a_row_of_a_leaderboard(home, capsys):
    assert contribute(home) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "Held against the official list by the clips of each class of every subject." in out
    assert main(["--workspace", str(home), "leaderboards"]) == 0
    text = (home / "boards" / "smic-3.md").read_text()
    (row,) = [line for line in text.splitlines() if "(`contributed-their-net`)" in line]
    (same,) = [line for line in text.splitlines() if "(`linear-svm`)" in line]
    figures = [cell.strip(" *") for cell in row.split("|")]
    assert figures[1:3] == ["–", "Their Net (contributed) (`contributed-their-net`)"]
    assert figures[4:8] == [cell.strip(" *") for cell in same.split("|")][4:8]
    site = home / "boards" / "site"
    assert 'href="method-contributed-their-net.html"' in (site / "board-smic-3.html").read_text()
    page = (site / "method-contributed-their-net.html").read_text()
    assert "its folds were not run here" in page
    assert "make bench" not in page


def test_comparisons_take_it(home, capsys):
    assert contribute(home) == 0
    capsys.readouterr()
    words = ["compare", "contributed-their-net", "linear-svm", "--protocol", "smic-3", "--json"]
    assert main(["--workspace", str(home), *words]) == 0
    (pair,) = json.loads(capsys.readouterr().out)["comparisons"]
    assert (pair["uf1_difference"], pair["p"]) == (0, 1)


def test_the_same_again_changes_nothing_and_another_is_refused(home, capsys):
    assert contribute(home, "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["row"] == "contributed-their-net"
    assert contribute(home) == 0
    write_about(home / "about.yaml", title="Other")
    capsys.readouterr()
    assert contribute(home) == 2
    assert "--replace" in capsys.readouterr().err
    assert contribute(home, "--replace") == 0


@pytest.mark.parametrize(
    ("changes", "protocol", "says"),
    [
        ({"selection": "best"}, "smic-3", "about.yaml: selection: "),
        ({}, "samm-3", "not the official list of samm-3: no clip of samm"),
        ({}, "smic-3+inner_subjects", "how an epoch is chosen has no part here; say smic-3"),
        ({}, "smic-4", "protocol 'smic-4' is unknown"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(home, capsys, changes, protocol, says):
    write_about(home / "about.yaml", **changes)
    assert contribute(home, protocol=protocol) == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1
    assert not (home / "contributed").exists()


class TestUnderAProtocolOfOnesOwn:
    @pytest.fixture
    def lab(self, tmp_path):
        (tmp_path / "protocols").mkdir()
        write_about(tmp_path / "about.yaml")
        rows = [f"lab,p{person},c{person},{label},a" for person, label in ((1, "a"), (2, "b"), (3, "a"))]
        (tmp_path / "p.csv").write_text("\n".join(["database,subject,clip,label,prediction", *rows]) + "\n")
        return tmp_path

    def define(self, lab, *lines):
        stated = ("title: Lab", "classes: [a, b]", "labels: {lab: {x: a, y: b}}", *lines)
        (lab / "protocols" / "lab.yaml").write_text("\n".join(stated) + "\n")

    def test_the_record_says_what_the_protocol_is_and_the_file_may_go(self, lab):
        self.define(lab, "expected: {lab: {clips: {a: 2, b: 1}, subjects: 3}}")
        assert contribute(lab, protocol="lab") == 0
        (lab / "protocols" / "lab.yaml").unlink()
        assert main(["--workspace", str(lab), "leaderboards"]) == 0
        assert "(`contributed-their-net`)" in (lab / "boards" / "lab.md").read_text()

    @pytest.mark.parametrize(
        ("lines", "says"),
        [
            ((), "how many clips lab has is not stated, and no run is recorded on lab"),
            (("split: {test: [p1, p2, p3]}",), "how many clips lab has is not stated"),
            (("split: {test: [p1, p2]}",), "not the official list of lab: lab/p3 is not tested by its split"),
            (("split: {test: [p1, p2, p3, p4]}",), "no clip of lab/p4, whom its split tests"),
            (("held_out: database", "expected: {lab: {clips: {a: 3, b: 1}, subjects: 3}}"), "expected 3 a / 1 b of 3"),
        ],
    )
    def test_what_nobody_can_hold_it_against_is_refused(self, lab, capsys, lines, says):
        self.define(lab, *lines)
        assert contribute(lab, protocol="lab") == 2
        said = capsys.readouterr().err
        assert says in said
        assert said.count("\n") == 1
        assert not (lab / "contributed").exists()

    def test_a_damaged_definition_is_one_line(self, lab, capsys):
        self.define(lab, "expected: {lab: {clips: {a: 2, b: 1}, subjects: 3}}")
        assert contribute(lab, protocol="lab") == 0
        path = lab / "contributed" / "lab" / "their-net.json"
        for change, says in (
            ({"definition": None}, "protocol 'lab' is unknown"),
            ({"protocol_hash": "0" * 64}, "protocol_hash: is not that of the definition"),
            ({"databases": ["other"]}, "databases: expected those of the protocol, lab"),
        ):
            whole = path.read_text()
            path.write_text(json.dumps(json.loads(whole) | change))
            capsys.readouterr()
            assert main(["--workspace", str(lab), "leaderboards"]) == 2
            assert says in capsys.readouterr().err
            path.write_text(whole)
