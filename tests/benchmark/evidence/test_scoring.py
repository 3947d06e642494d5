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


def test_no_figure_is_cut_however_many_are_shown(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    path = str(table(tmp_path / "p.csv", rows_of(FULL)))
    assert main(["score", path, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert main(["score", path, "--metrics", "all"]) == 0
    shown = capsys.readouterr().out
    # too narrow for a table: a paragraph for each row
    whole = shown[: shown.index("smic")]
    for name in ("accuracy", "uf1", "uar", "weighted_f1", "macro_precision", "kappa", "mcc"):
        assert f": {answer[name]:.4f}, " in whole
    assert "…" not in shown


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
    answers = [score(read_predictions(path)) for path in (log, table(tmp_path / "p.csv", rows))]
    assert answers[1].pop("remarks") == ["scores 3 classes: 0, 1, 2; name all with --classes or --protocol"]
    assert answers[0].pop("remarks") == []
    assert answers[0] == answers[1]


@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.integers(0, 3), st.sampled_from("xyz"), st.sampled_from("xyz")), min_size=1
    )
)
def test_scores_agree_with_scikit_learn_for_any_names(tmp_path_factory, drawn):
    rows = [(db, f"s{who}", f"c{i}", a, b) for i, (db, who, a, b) in enumerate(drawn)]
    answer = score(read_predictions(table(tmp_path_factory.mktemp("p") / "p.csv", rows)))
    truth, guess = [r[3] for r in rows], [r[4] for r in rows]
    options = {"labels": answer["classes"], "average": "macro", "zero_division": 0}
    assert answer["accuracy"] == pytest.approx(accuracy_score(truth, guess))
    assert answer["uf1"] == pytest.approx(f1_score(truth, guess, **options))
    assert answer["uar"] == pytest.approx(recall_score(truth, guess, **options))


def test_an_absent_class_is_said_and_counts(tmp_path, capsys):
    path = table(tmp_path / "p.csv", [("smic", "s1", "a", 0, 0), ("smic", "s1", "b", 2, 2), ("samm", "1", "c", 1, 1)])
    assert main(["score", str(path)]) == 0
    assert "smic: no true sample of class 1; it counts as 0" in " ".join(capsys.readouterr().out.split())
    assert score(read_predictions(path))["databases"]["smic"]["uf1"] == pytest.approx(2 / 3)


def test_accuracy_as_mean_of_subjects_stands_beside_the_pooled_one(tmp_path):
    rows = [("smic", "s1", f"c{i}", 0, 0) for i in range(9)] + [("smic", "s2", "c", 0, 1)]
    answer = score(read_predictions(table(tmp_path / "p.csv", rows)))
    assert answer["accuracy"] == pytest.approx(0.9)
    assert answer["accuracy_subject_mean"] == pytest.approx(0.5)


def test_a_table_from_a_spreadsheet_with_byte_order_mark_and_blank_lines_is_read(tmp_path):
    path = tmp_path / "p.csv"
    path.write_bytes(b"\xef\xbb\xbf" + ",".join(HEADER).encode() + b"\r\n\r\nsmic,s1,a,1,0\r\n,,,,\r\n")
    assert score(read_predictions(path))["n"] == 1


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
    "no form": ("some words that say nothing", "begins no known form; expected a CSV table with the header"),
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
    assert read_predictions(path).classes == ("0", "9" * 6000)


def test_a_missing_or_binary_file_exits_2(tmp_path, capsys):
    (tmp_path / "b").write_bytes(b"\xff\xfe\x00\x01")
    for name in ("a", "b"):
        assert main(["score", str(tmp_path / name)]) == 2
    with pytest.raises(DataError):
        read_predictions(tmp_path)


def run(capsys, *arguments):
    """Exit status, and what ``score --json`` answers or says is wrong."""
    status = main(["score", *map(str, arguments), "--json"])
    shown = capsys.readouterr()
    return status, json.loads(shown.out) if status == 0 else shown.err


PERFECT = [("samm", "901", f"901_1_{n}", c, c) for n, c in enumerate("0011")]
NAMES = {"0": "negative", "1": "positive", "2": "surprise"}


def test_without_names_the_classes_that_are_scored_are_said(tmp_path, capsys):
    path = table(tmp_path / "p.csv", PERFECT)
    _, answer = run(capsys, path)
    assert answer["uf1"] == 1
    assert answer["remarks"] == ["scores 2 classes: 0, 1; name all with --classes or --protocol"]
    assert main(["score", str(path)]) == 0
    assert "scores 2 classes: 0, 1; name all" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("flags", [["--classes", "negative,positive,surprise"], ["--protocol", "samm-3"]])
@pytest.mark.parametrize("named", [True, False])
def test_a_class_without_a_sample_counts_as_0_once_the_classes_are_named(tmp_path, capsys, flags, named):
    rows = [(*row[:3], *(NAMES[c] if named else c for c in row[3:])) for row in PERFECT]
    _, answer = run(capsys, table(tmp_path / "p.csv", rows), *flags)
    assert answer["uf1"] == answer["uar"] == pytest.approx(2 / 3)
    assert answer["absent"] == ["surprise"]
    assert answer["classes"] == list(NAMES.values())
    assert ("numbers are taken for: 0 negative, 1 positive, 2 surprise" in answer["remarks"]) is not named


def test_names_give_the_order_of_numbers(tmp_path, capsys):
    path = table(tmp_path / "p.csv", [("samm", "1", "a", 2, 2), ("samm", "2", "b", 0, 2)])
    _, answer = run(capsys, path, "--classes", "surprise,positive,negative")
    assert answer["confusion"] == [[0, 0, 1], [0, 0, 0], [0, 0, 1]]
    _, answer = run(capsys, path, "--protocol", "samm-3", "--classes", "surprise,positive,negative")
    assert "numbers are taken for: 0 surprise, 1 positive, 2 negative" in answer["remarks"]
    assert "samm has 1 negative / 0 positive / 1 surprise of 2 subjects" in answer["protocol"]["differences"][0]


def test_numbers_from_1_are_pointed_out(tmp_path, capsys):
    path = table(tmp_path / "p.csv", [("samm", "1", "a", 1, 1), ("samm", "2", "b", 2, 2)])
    _, answer = run(capsys, path)
    assert "class 0 is in neither column; if yours begin at 1, say --classes 1,2" in answer["remarks"]
    _, answer = run(capsys, path, "--classes", "1,2")
    assert (answer["classes"], answer["uf1"]) == (["1", "2"], 1.0)


REFUSED = {
    "--classes a,A": "expected names that differ",
    "--classes a,": "expected names that differ",
    "--classes 0,b": "expected either numbers or names",
    "--classes negative,positive": "line 4: class '2' is unknown; expected 0 to 1 (negative, positive)",
    "--classes 0,1": "line 4: class '2' is unknown; expected 0, 1",
    "--protocol nobody": "protocol 'nobody' is unknown",
    "--protocol samm-3+inner_subjects": "how an epoch is chosen has no part here; say samm-3",
    "--protocol samm-3 --classes negative,positive,surprise": "--protocol samm-3 says so already",
    "--protocol samm-3 --classes a,b,c": "samm-3 has the classes negative, positive, surprise",
}


@pytest.mark.parametrize("flags", REFUSED)
def test_flags_that_do_not_fit_or_do_nothing_are_refused(tmp_path, capsys, flags):
    path = table(tmp_path / "p.csv", [("samm", str(n), "a", n, n) for n in range(3)])
    status, error = run(capsys, path, *flags.split())
    assert status == 2
    assert REFUSED[flags] in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(("classes", "says"), [("a,b", "has 3 classes; a, b are 2"), ("0,1,2", "has no others")])
def test_a_challenge_log_has_its_three_classes(tmp_path, capsys, classes, says):
    (tmp_path / "log.txt").write_text("samm 006\n006_1_2 0 1\n")
    status, error = run(capsys, tmp_path / "log.txt", "--classes", classes)
    assert (status, says in error) == (2, True)
    _, answer = run(capsys, tmp_path / "log.txt", "--classes", "negative,positive,surprise")
    assert answer["classes"] == list(NAMES.values())


def official(change=lambda rows: rows):
    """Invented clips with the counts of the official list of SAMM's three classes."""
    labels = ["negative"] * 92 + ["positive"] * 26 + ["surprise"] * 15
    return change([("samm", f"{n % 28:03}", f"c{n}", label, label) for n, label in enumerate(labels)])


def test_the_official_list_is_known_by_its_counts(tmp_path, capsys):
    _, answer = run(capsys, table(tmp_path / "p.csv", official()), "--protocol", "samm-3")
    assert answer["protocol"] == {"name": "samm-3", "official": True, "differences": []}
    assert any("official list of samm-3: 133 of 28 subjects" in remark for remark in answer["remarks"])
    _, answer = run(capsys, table(tmp_path / "p.csv", official()), "--protocol", "megc2019")
    assert [text.split(";")[0] for text in answer["protocol"]["differences"]] == [
        "no clip of smic",
        "no clip of casme2",
    ]


CHANGES = {
    "a clip less": (
        lambda rows: rows[1:],
        "samm has 91 negative / 26 positive / 15 surprise of 28 subjects; expected 92",
    ),
    "another class": (lambda rows: [(*rows[0][:3], "surprise", "negative"), *rows[1:]], "samm has 91 negative"),
    "a subject more": (lambda rows: [("samm", "099", *rows[0][2:]), *rows[1:]], "of 29 subjects; expected"),
    "a database more": (lambda rows: [*rows, ("smic", "s1", "c", "negative", "negative")], "smic is no part of it"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_another_list_is_said_to_be_one(tmp_path, capsys, change):
    how, says = CHANGES[change]
    path = table(tmp_path / "p.csv", official(how))
    _, answer = run(capsys, path, "--protocol", "samm-3")
    assert answer["protocol"]["official"] is False
    assert says in answer["protocol"]["differences"][0]
    assert any(remark.startswith("not the official list of samm-3: ") for remark in answer["remarks"])


def test_a_clip_that_the_official_list_leaves_out_is_named(tmp_path, capsys):
    rows = [("casme2", "5", "EP09_05f", 0, 0), ("casme2", "6", "x", 0, 0)]
    _, answer = run(capsys, table(tmp_path / "p.csv", rows), "--protocol", "casme2-3")
    assert (
        "it has casme2/sub05/EP09_05f (line 2), which the official list leaves out" in answer["protocol"]["differences"]
    )
