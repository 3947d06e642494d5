"""Tables of predictions as people have them: other titles, other orders, no header, no subject."""

import csv
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.__main__ import main
from benchmark.evidence.predictions import HEADER, read_file
from benchmark.evidence.scoring import read_predictions, score
from benchmark.evidence.statistics import bootstrap
from mer_lightning.protocols import get_protocol
from mer_lightning.types import DataError

ROWS = [("samm", "006", "006_1_2", "0", "1"), ("samm", "007", "007_2_1", "2", "2"), ("smic", "s01", "ne_01", "0", "0")]


def write(path, rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def said(*arguments):
    with pytest.raises(DataError) as refused:
        read_predictions(*arguments)
    assert "\n" not in str(refused.value)
    return str(refused.value)


class TestTheOfficialListWithPredictions:
    def test_is_read_without_a_header_and_says_so(self, tmp_path):
        plain = read_predictions(write(tmp_path / "a.csv", [HEADER, *ROWS]))
        bare = read_predictions(write(tmp_path / "b.csv", ROWS))
        assert [row.label for row in bare.rows] == [row.label for row in plain.rows]
        assert (bare.rows[0].line, len(bare.rows)) == (1, 3)
        assert bare.remarks[0].startswith("no header: the columns are taken for database, subject, clip, label")

    def test_without_predictions_is_told_where_they_belong(self, tmp_path):
        path = write(tmp_path / "combined_3class_gt.csv", [row[:4] for row in ROWS])
        assert "line 1: no header, and 4 cells; expected database, subject, clip, label, prediction" in said(path)


class TestTitles:
    @given(st.permutations([0, 1, 2, 3, 4]), st.integers(0, 5))
    def test_may_stand_in_any_order_among_others(self, tmp_path_factory, order, where):
        path = tmp_path_factory.mktemp("p") / "p.csv"
        rows = [[row[n] for n in order] for row in (HEADER, *ROWS)]
        for number, row in enumerate(rows):
            row.insert(where, "" if number else "score")
        found = read_file(write(path, rows)).rows
        assert [(r.database, r.subject, r.clip, r.label, r.prediction) for r in found] == ROWS

    def test_that_differ_are_named(self, tmp_path):
        path = write(tmp_path / "p.csv", [["DB", "who", "clip", "Truth", "y_pred"], *ROWS])
        names = {"database": "DB", "subject": "who", "label": "truth", "prediction": "y_pred"}
        assert [row.prediction for row in read_predictions(path, columns=names).rows] == ["1", "2", "0"]

    @pytest.mark.parametrize(
        ("names", "says"),
        [
            ({}, "no column is called label"),
            ({"label": "t"}, "no column is called t, found database,subject,clip,truth,prediction"),
            ({"truth": "label"}, "--columns truth=label: expected one of database, subject, clip, label, prediction"),
            ({"label": "prediction"}, "is named for two things; expected a title for each"),
        ],
    )
    def test_that_do_not_fit_are_refused(self, tmp_path, names, says):
        header = ["database", "subject", "clip", "truth", "prediction"]
        assert says in said(write(tmp_path / "p.csv", [header, *ROWS]), (), None, names)

    def test_that_stand_twice_are_refused(self, tmp_path):
        path = write(tmp_path / "p.csv", [[*HEADER, "Label"], *[(*row, "9") for row in ROWS]])
        assert "line 1: two columns are called label" in said(path)

    def test_are_of_tables_alone(self, tmp_path):
        (tmp_path / "log").write_text("samm 006\n006_1_2 0 1\n")
        assert "is a MEGC2019 log, which has none" in said(tmp_path / "log", (), None, {"label": "x"})


class TestATableThatDoesNotSayWhose:
    def test_has_no_interval_and_says_why(self, tmp_path):
        read = read_predictions(write(tmp_path / "p.csv", [["label", "prediction"], *[row[3:] for row in ROWS]]))
        answer = score(read)
        assert answer["n"] == 3
        assert {answer[key] for key in ("subjects", "intervals", "accuracy_subject_mean")} == {None}
        assert any(remark.startswith("no column subject: without it there is no interval") for remark in read.remarks)

    def test_is_never_the_official_list(self, tmp_path):
        rows = [["label", "prediction"], *[("negative", "negative")] * 92, *[("positive",) * 2] * 26]
        read = read_predictions(
            write(tmp_path / "p.csv", [*rows, *[("surprise",) * 2] * 15]), protocol=get_protocol("samm-3")
        )
        assert "samm has 92 negative / 26 positive / 15 surprise of unknown subjects" in read.differences[0]

    def test_of_the_database_is_told_by_its_subjects(self, tmp_path):
        rows = [row[1:] for row in (HEADER, *ROWS)]
        read = read_predictions(write(tmp_path / "p.csv", rows))
        assert {row.database for row in read.rows} == {"samm", "smic"}
        assert any(remark.startswith("databases are told by the subjects' names") for remark in read.remarks)

    def test_of_the_clips_counts_them(self, tmp_path):
        rows = [[row[0], row[1], *row[3:]] for row in (HEADER, *ROWS, ROWS[0])]
        read = read_predictions(write(tmp_path / "p.csv", rows))
        assert [row.clip for row in read.rows] == ["#1", "#1", "#1", "#2"]
        assert any("a clip that is given twice counts twice" in remark for remark in read.remarks)


class TestTheAnswer:
    @pytest.fixture
    def path(self, tmp_path):
        return write(tmp_path / "p.csv", [HEADER, *ROWS, ("samm", "007", "x", "1", "0")])

    def test_has_intervals_over_subjects(self, path):
        answer = score(read_predictions(path))
        of_each = [*read_predictions(path).matrices.values()]
        interval = bootstrap(of_each)["uf1"]
        assert answer["intervals"]["uf1"] == [interval.low, interval.high]
        assert answer["databases"]["smic"]["intervals"] is None
        assert sum(of_each).tolist() == answer["confusion"]

    def test_shows_intervals_and_the_confusion_matrix(self, path, capsys, monkeypatch):
        monkeypatch.setenv("COLUMNS", "40")
        assert main(["score", str(path), "--classes", "neg,pos,sur"]) == 0
        out = capsys.readouterr().out
        assert "below a score: its 95 % interval over subjects" in " ".join(out.split())
        assert "│ neg                │ 1   │ 1   │ 0   │" in out

    def test_is_a_table_for_spreadsheets(self, path, capsys):
        assert main(["score", str(path), "--csv", "--metrics", "uf1"]) == 0
        rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
        assert [row["part"] for row in rows] == ["all", "samm", "smic"]
        assert (rows[2]["uf1_low"], rows[2]["absent"], rows[0]["subjects"]) == ("", "1 2", "3")
        assert main(["score", str(path), "--json"]) == 0
        assert float(rows[0]["uf1"]) == round(json.loads(capsys.readouterr().out)["uf1"], 4) == 0.5

    @pytest.mark.parametrize("titles", ["", "label", "label=", "label=a,label=b", "=a"])
    def test_is_refused_where_titles_are_no_pairs(self, path, capsys, titles):
        assert main(["score", str(path), "--columns", titles]) == 2
        error = capsys.readouterr().err
        assert f"--columns {titles}: expected pairs such as label=truth" in error
        assert error.count("\n") == 1
