"""What went through a spreadsheet is read as it was meant, or refused with both lines."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.evidence.predictions import HEADER
from benchmark.evidence.scoring import read_predictions, score
from mer_lightning.types import DataError

CASES = os.environ.get("MER_CASES")


def table(path, *rows):
    path.write_text("\n".join([",".join(HEADER), *rows]))
    return path


SAME = {
    "decimal predictions": (["samm,006,a,0,0.0", "samm,007,b,1,1.0"], "read as one class: 0 = 0.0 (line 2); 1 = 1.0"),
    "decimal columns": (["samm,006,a,0.0,0.0", "samm,007,b,1.0,1.0"], "read as one class: 0 = 0.0 (line 2); 1 = 1.0"),
    "padded numbers": (["samm,006,a,00,0", "samm,007,b,01,1"], "read as one class: 0 = 00 (line 2); 1 = 01 (line 3)"),
    "capitals": (["samm,006,a,Negative,negative", "samm,007,b,b,b"], "read as one class: Negative = negative (line 2)"),
    "blanks": (['samm,006,a,"  negative",negative', "samm,007,b,b,b"], ""),
    "full width": (["samm,006,a,\uff10,0", "samm,007,b,1,1"], "read as one class: 0 = \uff10 (line 2)"),
    "samm": (
        ["samm,6,a,0,0", "samm,006,b,0,0", "samm,06,c,0,0", "samm,7,d,1,1"],
        "subject of samm: 006 = 6 (line 2), 06",
    ),
    "decimal subjects": (["samm,6.0,a,0,0", "samm,006,b,0,0", "samm,7.0,d,1,1"], "subject of samm: 006 = 6.0 (line 2)"),
    "casme2": (
        ["casme2,1,a,0,0", "casme2,sub01,b,0,0", "casme2,Sub1,c,0,0", "casme2,2,d,1,1"],
        "sub01 = 1 (line 2), Sub1",
    ),
    "smic": (["smic,s1,a,0,0", "smic,s01,b,0,0", "smic,2,c,1,1"], "subject of smic: s01 = s1 (line 2)"),
    "databases": (
        ["CASME II,1,a,0,0", "casme2,1,b,0,0", "CASME2,2,c,1,1"],
        "database: casme2 = CASME II (line 2), CASME2",
    ),
    "capitals of others": (
        ["dfme,Sub1,a,0,0", "dfme,sub1,b,0,0", "dfme,sub2,c,1,1"],
        "subject of dfme: Sub1 = sub1 (line 3)",
    ),
}


@pytest.mark.parametrize("name", SAME)
def test_what_is_surely_the_same_is_read_as_the_same_and_said(tmp_path, name):
    rows, says = SAME[name]
    read = read_predictions(table(tmp_path / "p.csv", *rows))
    answer = score(read)
    assert (answer["accuracy"], answer["subjects"], len(answer["databases"])) == (1.0, 2, 1)
    assert len(answer["classes"]) == 2
    assert says in " ".join(read.remarks)
    assert len(read.remarks) == bool(says) + 1


TWO_THINGS = {
    "plural": (["casme2,1,a,others,other"], "line 2: class 'other' may be 'others' of line 2 or another"),
    "hyphen": (
        ["x,1,a,non-negative,positive", "x,1,b,a,non negative"],
        "line 3: class 'non negative' may be 'non-negative'",
    ),
    "numbers and names": (
        ["x,1,a,0,0", "x,1,b,0,negative"],
        "line 3: class 'negative' is a name, but class '0' on line 2",
    ),
    "one column each": (["x,1,a,negative,0"], "line 2: class 'negative' is a name, but class '0' on line 2"),
    "halves": (["x,1,a,0,0.5"], "line 2: class '0.5' is a number that is no class; expected whole numbers"),
    "halves alone": (["x,1,a,0.5,0.5"], "line 2: class '0.5' is a number that is no class"),
    "a missing prediction among names": (["x,1,a,neg,neg", "x,1,b,neg,NaN"], "line 3: class 'NaN' is a number that"),
    "only below 0": (["x,1,a,-1,-2"], "line 2: class '-1' is a number that is no class"),
    "nothing predicted": (["x,1,a,1,nan"], "line 2: class 'nan' is a number that is no class"),
    "below 0": (["x,1,a,1,-1"], "line 2: class '-1' is a number that is no class"),
    "padding": (["x,6,a,0,0", "x,006,b,0,0"], "line 3: subject of x '006' may be '6' of line 2 or another"),
    "two words": (
        ["casme2,s01,a,0,0", "casme2,sub01,b,0,0"],
        "line 3: subject of casme2 'sub01' may be 's01' of line 2",
    ),
    "clip": (
        ["samm,6,006_1_2,0,0", "samm,006,6_1_2,0,0"],
        "line 3: samm/006/6_1_2 was already given on line 2 as samm/6/006_1_2",
    ),
    "capital clip": (["x,1,EP01,0,0", "x,1,ep1,0,0"], "line 3: x/1/ep1 was already given on line 2 as x/1/EP01"),
}


@pytest.mark.parametrize("name", TWO_THINGS)
def test_what_may_be_two_things_is_refused_with_both_lines(tmp_path, name):
    rows, says = TWO_THINGS[name]
    with pytest.raises(DataError) as refused:
        read_predictions(table(tmp_path / "p.csv", *rows))
    assert says in str(refused.value)


def test_what_differs_stays_apart(tmp_path):
    rows = ["x,a1,c,I,II", "x,b1,c,II,I", "y,a1,c,I,I", "casme2,sub01,EP02_01,I,I", "casme2,sub01,EP02_01f,I,I"]
    answer = score(read_predictions(table(tmp_path / "p.csv", *rows)))
    assert (answer["subjects"], len(answer["databases"]), answer["classes"]) == (4, 3, ["I", "II"])


def test_many_spellings_make_one_short_remark(tmp_path):
    rows = [f"samm,{n},a,0,0\nsamm,{n:03},b,0,0" for n in range(1, 30)]
    (remark, _) = read_predictions(table(tmp_path / "p.csv", *rows)).remarks
    assert remark.endswith("; and 25 more")


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(1, 40), *[st.integers(0, 3)] * 3), min_size=1)
)
def test_no_way_of_writing_numbers_changes_a_score(tmp_path_factory, drawn):
    folder = tmp_path_factory.mktemp("p")
    ways = [str, lambda n: f"{n}.0", lambda n: f"0{n}", lambda n: f"{n}."]
    people = [str, lambda n: f"{n:03}", lambda n: f"{n:02}", lambda n: f"{n}.0"]
    plain = [f"samm,{who:03},c{i},{a},{b}" for i, (a, b, who, *_) in enumerate(drawn)]
    written = [f"samm,{people[w](who)},c{i},{ways[u](a)},{ways[v](b)}" for i, (a, b, who, u, v, w) in enumerate(drawn)]
    answers = [score(read_predictions(table(folder / f"{n}.csv", *rows))) for n, rows in enumerate((plain, written))]
    for answer in answers:
        answer.pop("remarks")
    assert answers[0] == answers[1]


@pytest.mark.data
@pytest.mark.skipif(not CASES, reason="MER_CASES names no folder")
def test_files_that_people_sent():
    folder = Path(CASES)
    answer = score(read_predictions(folder / "score-lost-zeros" / "pred.csv"))
    assert (answer["subjects"], round(answer["accuracy_subject_mean"], 4)) == (2, 0.3333)
    assert score(read_predictions(folder / "score-int-float" / "pred.csv"))["accuracy"] == 1
    names = ("negative", "positive", "surprise")
    for name in ("numbers.csv", "names.csv", "same.log"):
        read = read_predictions(folder / "score-absent-class" / name, names)
        assert round(score(read)["uf1"], 4) == 0.6667
    answer = score(read_predictions(folder / "score-python-log" / "log.txt"))
    assert (answer["n"], round(answer["uf1"], 4)) == (6, 0.7222)
