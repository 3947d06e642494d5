"""The forms in which people have predictions; what the STSTNet and HTNet programs print is a Python log."""

import pytest

from benchmark.evidence.predictions import HEADER, read_file
from benchmark.evidence.scoring import read_predictions, score
from mer_lightning.protocols import get_protocol
from mer_lightning.types import DataError

LOG = """lr=0.00005, epochs=800, device=cpu
Subject: 006
Predicted    : [0, 0, 1, 2]
Ground Truth : [0, 0, 0, 2]
Evaluation until this subject:
UF1: 0.8222 | UAR: nan
Subject: 007
Predicted   : [1, 1]
Ground Truth: [1, 0]
UF1: 0.7222 | UAR: 0.8333
Final Evaluation:
Total Time Taken: 12.5
"""
NO_CLIPS = "a Python log has no clip names: pairs of prediction and truth are counted in order"


def write(path, text):
    path.write_text(text)
    return path


def test_a_python_log_is_read_in_order_and_says_so(tmp_path):
    read = read_predictions(write(tmp_path / "log.txt", LOG))
    answer = score(read)
    assert answer["confusion"] == [[2, 2, 0], [0, 1, 0], [0, 0, 1]]
    assert (answer["n"], answer["subjects"], set(answer["databases"])) == (6, 2, {"samm"})
    assert read.remarks == (
        NO_CLIPS,
        "databases are told by the subjects' names: s01 is SMIC, sub01 CASME II, 006 SAMM",
        "scores 3 classes: 0, 1, 2; name all with --classes or --protocol",
    )


def test_the_log_of_ststnet_scores_to_the_digits_that_it_prints(tmp_path):
    matrix = [[195, 39, 16], [36, 68, 5], [12, 7, 64]]  # of STSTNet_python_logfile.txt in its authors' repository
    pairs = [(a, b) for a, row in enumerate(matrix) for b, n in enumerate(row) for _ in range(n)]
    lines = []
    for who in range(68):
        own = pairs[who::68]
        lines += [
            f"Subject: {who:03} ",
            f"Predicted   : {[b for _, b in own]} ",
            f"Ground Truth: {[a for a, _ in own]} ",
        ]
    text = "\n".join([*lines, "Final Evaluation: ", "UF1: 0.7209 | UAR: 0.725 "])
    read = read_predictions(write(tmp_path / "log.txt", text))
    answer = score(read)
    assert (answer["n"], round(answer["uf1"], 4), round(answer["uar"], 4)) == (442, 0.7209, 0.725)
    assert not any("the log itself prints" in remark for remark in read.remarks)


def test_scores_that_a_log_prints_of_other_pairs_are_pointed_out(tmp_path):
    read = read_predictions(write(tmp_path / "log.txt", LOG.replace("0.8333", "0.9000")))
    assert read.remarks[-1] == "the log itself prints UF1 0.7222 and UAR 0.9000; its pairs give 0.7222 and 0.8333"


def test_a_class_that_no_subject_has_counts_as_0(tmp_path):
    text = "Subject: s1\nPredicted: [0, 1]\nGround Truth: [0, 1]\nFinal Evaluation:\n"
    assert score(read_predictions(write(tmp_path / "log.txt", text)))["uf1"] == pytest.approx(2 / 3)


def test_subjects_of_the_composite_tell_their_database_and_others_do_not(tmp_path):
    text = "".join(f"Subject: {who}\nPredicted: [0]\nGround Truth: [0]\n" for who in ("s01", "sub01", "006"))
    assert {row.database for row in read_file(write(tmp_path / "a", text)).rows} == {"smic", "casme2", "samm"}
    text = text.replace("s01", "spNO.1").replace("sub01", "spNO.2").replace("006", "spNO.11")
    read = read_file(write(tmp_path / "b", text))
    assert {row.database for row in read.rows} == {"log"}
    assert read.remarks[1] == "the log ends without its 'Final Evaluation'; it may be cut off between two subjects"
    named = read_predictions(write(tmp_path / "c", text), protocol=get_protocol("smic-3"))
    assert {row.database for row in named.rows} == {"smic"}


def test_the_best_epoch_of_each_subject_is_never_read_in_silence(tmp_path):
    both = LOG.replace("Predicted   : [1, 1]", "Predicted   : [1, 1]\nBest Predicted    : [1, 0]")
    assert score(read_predictions(write(tmp_path / "a", both)))["confusion"][0] == [2, 2, 0]
    best = LOG.replace("Predicted", "Best Predicted")
    assert any(
        "of 2 subjects the log gives 'Best Predicted' alone: the epoch was chosen on the tested subject" in remark
        for remark in read_predictions(write(tmp_path / "b", best)).remarks
    )


def test_lines_of_a_logger_are_read(tmp_path):
    text = "\n".join(f"2024-05-01 10:00:00,123 - INFO - {line}" for line in LOG.splitlines())
    assert score(read_predictions(write(tmp_path / "log.txt", text)))["n"] == 6


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("Predicted   : [1, 1]\n", "", "line 7: subject 007 has no line 'Predicted: [...]'; the log is cut off"),
        ("Ground Truth: [1, 0]\n", "", "line 7: subject 007 has no line 'Ground Truth: [...]'; the log is cut off"),
        ("Ground Truth: [1, 0]", "Ground Truth: [1", "line 9: expected 'Ground Truth: [...]' on one line, found '[1'"),
        ("Ground Truth: [1, 0]", "Ground Truth: [1]", "line 8: subject 007 has 2 predictions and 1 true labels"),
        ("[1, 1]", "[1,, 1]", "line 8: an empty place in the list"),
        ("[1, 1]", "[1, x]", "line 8: class 'x' is a name, but class '0' on line 3 is a whole number"),
        ("Subject: 006\n", "", "line 2: expected 'Subject: ...' before the first 'Predicted'"),
        ("Subject: 007", "Subject: 006", "line 7: subject 006 was already given on line 2"),
        ("Subject: 007", "Subject: 06", "line 8: subject of log '06' may be '006' of line 3"),
        ("Subject: 007", "Subject:", "line 7: expected 'Subject: <name>', found ''"),
        ("Subject: 007\n", "", "line 7: 'Predicted' of subject 006 was already given on line 3"),
        ("Subject: 007", "006_1_2 0 1\nSubject: 007", "line 7: a line of a MEGC2019 log in a Python log"),
        ("Subject: 007", "samm,006,a,0,1\nSubject: 007", "line 7: a line of a table in a Python log"),
        ("Total Time", "Subject: 008\nTotal Time", "line 12: 'Subject' after the final evaluation"),
    ],
)
def test_a_mixed_or_cut_python_log_is_refused_by_its_line(tmp_path, old, new, says):
    assert old in LOG
    with pytest.raises(DataError) as refused:
        read_predictions(write(tmp_path / "log.txt", LOG.replace(old, new)))
    assert says in str(refused.value)


@pytest.mark.parametrize(
    ("text", "line"),
    [("smic s01\na 0 1\nb 1", 3), ("smic s01\nsmic s02\na 0 1\n", 1), ("smic s01\na 0 1\nb 1\nc 1 1\nsmic s02\n", 5)],
    ids=["cut clip", "no clip", "cut subject"],
)
def test_a_megc_log_whose_subject_has_no_clip_is_cut_off(tmp_path, text, line):
    with pytest.raises(DataError, match=f"line {line}: expected a line 'clip truth prediction' after '.*cut off"):
        read_file(write(tmp_path / "log.txt", text))


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_table_may_have_the_separators_of_spreadsheets(tmp_path, separator):
    text = "\n".join(separator.join(row) for row in (HEADER, ["smic", "s1", "a", "0", "1"]))
    assert read_file(write(tmp_path / "p.csv", text)).rows[0].prediction == "1"


@pytest.mark.parametrize("text", ["", "one word and many more", "{}"])
def test_what_has_no_known_form_is_told_the_three(tmp_path, text):
    with pytest.raises(DataError, match=r"a CSV table .* a MEGC2019 log .* a Python log") as refused:
        read_file(write(tmp_path / "p", text))
    assert "\n" not in str(refused.value)
