import csv
import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score, recall_score

from benchmark.__main__ import main
from benchmark.evidence.scoring import HEADER, read_predictions, score
from mer_lightning.types import DataError

FULL = [[219, 22, 9], [40, 62, 7], [21, 3, 59]]  # the STSTNet authors' log


def table(path, rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([HEADER, *rows])
    return path


def rows_of(matrix):
    pairs = [(i, j) for i, row in enumerate(matrix) for j, n in enumerate(row) for _ in range(n)]
    random.Random(0).shuffle(pairs)
    return [("smic" if k % 2 else "samm", f"s{k % 9}", f"c{k}", a, b) for k, (a, b) in enumerate(pairs)]


def test_a_published_log_scores_to_the_printed_digits(tmp_path, capsys):
    assert main(["score", str(table(tmp_path / "p.csv", rows_of(FULL))), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["n"], answer["subjects"], answer["confusion"]) == (442, 18, FULL)
    assert [round(answer[name], 4) for name in ("accuracy", "uf1", "uar")] == [0.7692, 0.7353, 0.7186]
    assert set(answer["databases"]) == {"smic", "samm"}
    assert sum(block["n"] for block in answer["databases"].values()) == 442


def test_names_with_brackets_are_names(tmp_path, capsys):
    rows = [("[red]", "s1", "c1", "[/x]", "[/x]"), ("[red]", "s2", "c2", "[b]", "[/x]")]
    assert main(["score", str(table(tmp_path / "p.csv", rows))]) == 0
    assert "[red]" in capsys.readouterr().out


def test_the_challenge_log_gives_the_same_as_the_table(tmp_path):
    rows = rows_of(FULL)
    lines, owner = [], None
    for database, subject, clip, label, guess in sorted(rows):
        if (database, subject) != owner:
            owner = (database, subject)
            lines += ["", f"{database} {subject}"]
        lines.append(f"{clip} {label} {guess}")
    log = tmp_path / "log.txt"
    log.write_text("\r\n".join(lines))
    assert score(*read_predictions(log)) == score(*read_predictions(table(tmp_path / "p.csv", rows)))


@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.integers(0, 3), st.sampled_from("xyz"), st.sampled_from("xyz")), min_size=1
    )
)
def test_scores_agree_with_scikit_learn_for_any_names(tmp_path_factory, drawn):
    rows = [(db, f"s{who}", f"c{i}", a, b) for i, (db, who, a, b) in enumerate(drawn)]
    answer = score(*read_predictions(table(tmp_path_factory.mktemp("p") / "p.csv", rows)))
    truth, guess = [r[3] for r in rows], [r[4] for r in rows]
    options = {"labels": answer["classes"], "average": "macro", "zero_division": 0}
    assert answer["accuracy"] == pytest.approx(accuracy_score(truth, guess))
    assert answer["uf1"] == pytest.approx(f1_score(truth, guess, **options))
    assert answer["uar"] == pytest.approx(recall_score(truth, guess, **options))


def test_an_absent_class_is_said_and_counts(tmp_path, capsys):
    path = table(tmp_path / "p.csv", [("smic", "s1", "a", 0, 0), ("smic", "s1", "b", 2, 2), ("samm", "1", "c", 1, 1)])
    assert main(["score", str(path)]) == 0
    assert "smic: no true sample of class 1; it counts as 0" in " ".join(capsys.readouterr().out.split())
    assert score(*read_predictions(path))["databases"]["smic"]["uf1"] == pytest.approx(2 / 3)


def test_accuracy_as_mean_of_subjects_stands_beside_the_pooled_one(tmp_path):
    rows = [("smic", "s1", f"c{i}", 0, 0) for i in range(9)] + [("smic", "s2", "c", 0, 1)]
    answer = score(*read_predictions(table(tmp_path / "p.csv", rows)))
    assert answer["accuracy"] == pytest.approx(0.9)
    assert answer["accuracy_subject_mean"] == pytest.approx(0.5)


def test_a_table_from_a_spreadsheet_with_byte_order_mark_and_blank_lines_is_read(tmp_path):
    path = tmp_path / "p.csv"
    path.write_bytes(b"\xef\xbb\xbf" + ",".join(HEADER).encode() + b"\r\n\r\nsmic,s1,a,1,0\r\n,,,,\r\n")
    assert score(*read_predictions(path))["n"] == 1


BAD = {
    "empty": ("", "no prediction in it"),
    "header only": (",".join(HEADER), "no prediction in it"),
    "other header": ("database,subject,clip,truth,prediction\nsmic,s1,a,0,0", "line 1: expected the header"),
    "short row": (",".join(HEADER) + "\nsmic,s1,a,0", "line 2: expected 5 filled cells"),
    "empty cell": (",".join(HEADER) + "\nsmic,s1,a,,0", "line 2: expected 5 filled cells"),
    "twice": (",".join(HEADER) + "\nsmic,s1,a,0,0\nsmic,s1,a,0,1", "line 3: smic/s1/a was already given on line 2"),
    "many": (
        "\n".join([",".join(HEADER), *(f"smic,s1,c{n},a{n},b{n}" for n in range(501))]),
        "1002 different labels and predictions; expected 1000 at most",
    ),
    "quotes": (",".join(HEADER) + '\nsmic,s1,"a,0,0', "not a CSV row"),
    "clip first": ("c1 0 1", "line 1: expected a line 'database subject' before the first clip"),
    "class": ("smic s1\n\nc1 0 3", "line 3: expected a class 0, 1 or 2, found '3'"),
    "words": ("smic s1\nc1 0 1 2", "line 2: expected 'database subject' or"),
    "log twice": ("smic s1\nc1 0 1\nsmic s1\nc1 0 1", "line 4: smic/s1/c1 was already given on line 2"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_malformed_file_exits_2_and_names_file_and_line(tmp_path, capsys, name):
    content, says = BAD[name]
    path = tmp_path / "p.txt"
    path.write_text(content)
    assert main(["score", str(path)]) == 2
    error = capsys.readouterr().err
    assert says in error
    assert str(path) in error
    assert error.count("\n") == 1


def test_a_label_of_many_digits_is_a_name(tmp_path):
    path = tmp_path / "p.csv"
    path.write_text("\n".join([",".join(HEADER), f"smic,s1,a,{'9' * 6000},0"]))
    assert read_predictions(path)[1] == ("0", "9" * 6000)


def test_a_missing_or_binary_file_exits_2(tmp_path, capsys):
    (tmp_path / "b").write_bytes(b"\xff\xfe\x00\x01")
    for name in ("a", "b"):
        assert main(["score", str(tmp_path / name)]) == 2
    with pytest.raises(DataError):
        read_predictions(tmp_path)
