"""A claim is impossible only when no matrix gives it: brute force and the figures of real matrices agree."""

import itertools
import json
import re
import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.__main__ import main
from benchmark.boards.tables import render_claims
from benchmark.evidence.claims.printed import PrintedScore
from benchmark.evidence.claims.search import EFFORT, Allowance, find_matrices
from benchmark.evidence.claims.verdicts import Claim, check_claim, claims_csv, example_scores, judge_claims
from benchmark.places import SHIPPED
from mer_lightning.types import DataError

SMIC, CASME2, SAMM, ALL = (70, 51, 43), (88, 32, 25), (92, 26, 15), (250, 109, 83)


def check(counts, uf1=None, uar=None, accuracy=None, **options):
    figures = {"uf1": uf1, "uar": uar, "accuracy": accuracy}
    return check_claim(Claim(tuple(counts), **{k: PrintedScore.parse(v) for k, v in figures.items() if v}), **options)


def printed(value, digits):
    return f"{value:.{digits}f}"


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [("0.6831", 0.68305, 0.68315), (".68", 0.675, 0.685), ("68.31%", 0.68305, 0.68315), ("1.0", 0.95, 1.05)],
)
def test_a_figure_holds_what_rounds_to_it_half_up_or_half_even(text, low, high):
    figure = PrintedScore.parse(text)
    assert (float(figure.low), float(figure.high)) == pytest.approx((low, high))
    assert figure.holds(figure.low)
    assert figure.holds(figure.high)


@pytest.mark.parametrize("text", ["", ".", "68.31", "-0.1", "1.2", "a", "0,68", "168%", "nan"])
def test_a_figure_that_is_none_is_named(text):
    with pytest.raises(DataError, match=r"expected a score of 0\.\.1"):
        PrintedScore.parse(text)


@pytest.mark.parametrize(
    ("counts", "figures", "answer"),
    [
        (SMIC, (".2000", ".5280"), "impossible"),  # LBP-TOP baseline of the challenge
        (SMIC, (".6801", ".6703", ".6829"), "possible"),  # STSTNet, its log
        (CASME2, (".8382", ".8190"), "possible"),
        (SAMM, (".6588", ".6415"), "possible"),
        (CASME2, (".8382", ".8686"), "macro-precision"),  # STSTNet, its paper
        (CASME2, (".8382", ".8686", ".8621"), "macro-precision"),
        (SAMM, (".6588", ".6810"), "macro-precision"),
        (CASME2, (".8764", ".8681"), "impossible"),  # OFF-ApexNet
        (CASME2, (".8302", ".8419"), "impossible"),  # ME-ResNet
        ((86, 32, 28), (".8302", ".8419"), "possible"),  # ... on the list of its own paper
        ((86, 32, 28), (".8302", ".8419", ".8442"), "impossible"),
        (SMIC, (".7002", ".7225"), "possible"),
        (SMIC, (".7002", ".7225", ".7256"), "impossible"),
        (SAMM, (".6831", ".7023"), "possible"),
        (SAMM, (".6831", ".7023", ".7041"), "impossible"),
        (CASME2, (".798", ".775"), "possible"),  # AT-Net
        (SMIC, (".553", ".543"), "possible"),
        (SAMM, (".496", ".482"), "possible"),
        (SAMM, (".6164", ".7164"), "possible"),  # RCN-W
        (ALL, (".8603", ".8475"), "possible"),  # HTNet
        (ALL, (".8976", ".9020"), "possible"),  # CausalNet
        (ALL, (".7885", ".7824"), "possible"),  # EMR
        ((249,), (None, None, "44.97%"), "impossible"),  # cut off, not rounded: 112/249 = .44980
        ((249,), (None, None, "43.37%"), "possible"),
        ((247,), (None, None, ".584"), "impossible"),
        ((255,), (None, None, ".584"), "possible"),
    ],
)
def test_known_claims(counts, figures, answer):
    assert check(counts, *figures).answer == answer


def test_a_verdict_says_how_far_the_figures_are_from_what_is_possible():
    assert check(SMIC, ".2000", ".5280").uf1_range == pytest.approx((0.398, 0.555), abs=5e-4)
    joint = check(SMIC, ".7002", ".7225", ".7256")
    assert joint.accuracy_range == pytest.approx((0.683, 0.701), abs=5e-4)
    assert check(SMIC, ".7002", ".7225").patterns == 6
    only = check(SAMM, ".6831", ".7023", ".7041")
    assert only.accuracy_range == pytest.approx((0.7669, 0.7669), abs=5e-5)
    assert check(SAMM, ".6831", ".7023").patterns == 1
    assert "no fraction of 133 samples" in only.reasons[0]
    assert "93/133 = 0.6992 and 94/133 = 0.7068" in only.reasons[0]
    own = check((86, 32, 28), ".8302", ".8419", ".8442")
    assert own.accuracy_range == pytest.approx((0.870, 0.877), abs=5e-4)


matrices = st.integers(2, 3).flatmap(
    lambda c: st.lists(st.lists(st.integers(0, 30), min_size=c, max_size=c), min_size=c, max_size=c)
)


@settings(max_examples=40)
@given(matrices, st.integers(2, 5))
def test_figures_of_a_matrix_are_always_possible(rows, digits):
    counts = [max(sum(row), 1) for row in rows]
    rows = [row if sum(row) else [1] + [0] * (len(row) - 1) for row in rows]
    scores = example_scores(rows)
    verdict = check(counts, *(printed(scores[name], digits) for name in ("uf1", "uar", "accuracy")))
    assert verdict.answer == "possible"
    for example in verdict.examples:
        assert [sum(row) for row in example] == counts
        assert min(map(min, example)) >= 0
        own = example_scores(example)
        assert all(abs(own[n] - round(scores[n], digits)) <= 0.5000001 * 10**-digits for n in ("uf1", "uar"))


@settings(max_examples=25)
@given(st.lists(st.integers(1, 40), min_size=2, max_size=4), st.data())
def test_an_accuracy_alone_has_matrices_however_uneven_the_classes(counts, data):
    right = data.draw(st.integers(0, sum(counts)))
    verdict = check(counts, None, None, printed(right / sum(counts), 4), effort=2_000_000)
    assert verdict.answer == "possible"
    assert verdict.matrices > 0
    for example in verdict.examples:
        assert [sum(row) for row in example] == counts
        assert min(map(min, example)) >= 0
        assert sum(row[i] for i, row in enumerate(example)) == right


@settings(max_examples=15)
@given(st.integers(4, 5), st.randoms(use_true_random=False))
def test_figures_of_a_matrix_of_more_classes_are_never_impossible(classes, random):
    rows = [[random.randint(0, 6) + 12 * (i == j) for j in range(classes)] for i in range(classes)]
    scores = example_scores(rows)
    uf1 = printed(scores["uf1"], 4)
    verdict = check([sum(r) for r in rows], uf1, printed(scores["uar"], 4), effort=3_000_000)
    assert verdict.answer != "impossible"
    for example in verdict.examples:
        assert [sum(row) for row in example] == [sum(row) for row in rows]
        # half a digit away is printed either way
        assert abs(example_scores(example)["uf1"] - float(uf1)) <= 0.5000001e-4


def every_matrix(counts):
    rows = [[c for c in itertools.product(range(n + 1), repeat=len(counts)) if sum(c) == n] for n in counts]
    return list(itertools.product(*rows))


@pytest.mark.parametrize("counts", [(5, 3), (4, 3, 2), (2, 2, 3), (2, 1, 1, 2)])
def test_brute_force_agrees(counts):
    all_scores = [example_scores(m) for m in every_matrix(counts)]
    made = {(printed(s["uf1"], 2), printed(s["uar"], 2)) for s in all_scores}
    precise = {(printed(s["uf1"], 2), printed(s["macro_precision"], 2)) for s in all_scores}
    rng = np.random.default_rng(0)
    for uf1, uar in sorted({*made, *precise, *((f"{a:.2f}", f"{b:.2f}") for a, b in rng.random((60, 2)))}):
        f, r = PrintedScore.parse(uf1), PrintedScore.parse(uar)

        def near(value, figure):
            return float(figure.low) - 1e-12 <= value <= float(figure.high) + 1e-12

        fitting = [s for s in all_scores if near(s["uf1"], f) and near(s["uar"], r)]
        as_precision = [s for s in all_scores if near(s["uf1"], f) and near(s["macro_precision"], r)]
        verdict = check(counts, uf1, uar)
        expected = "possible" if fitting else "impossible"
        if len(counts) == 3 and not fitting and as_precision:
            expected = "macro-precision"
        assert verdict.answer == expected, (uf1, uar)
        if len(counts) <= 3 and expected != "impossible":
            assert verdict.matrices == len(fitting or as_precision)
        if expected == "impossible" and len(counts) <= 3:
            ranged = [s["uf1"] for s in all_scores if near(s["uar"], r)]
            found = verdict.uf1_range
            assert (found is None) == (not ranged)
            assert not ranged or found == pytest.approx((min(ranged), max(ranged)))


def test_the_order_of_classes_does_not_matter():
    for counts in itertools.permutations(SAMM):
        verdict = check(counts, ".6831", ".7023")
        assert (verdict.answer, verdict.patterns, verdict.matrices) == ("possible", 1, 2)
        assert [sum(row) for row in verdict.examples[0]] == list(counts)


@pytest.mark.parametrize(
    ("figures", "answer"),
    [
        ((".7103", ".7311"), "possible"),
        ((".7103", None, ".5011"), "impossible"),
        pytest.param((".9983", None), "impossible", marks=pytest.mark.slow),
        pytest.param((".4103", ".7311"), "macro-precision", marks=pytest.mark.slow),
        pytest.param((".6111", ".8111"), "macro-precision", marks=pytest.mark.slow),
    ],
)
def test_three_classes_of_300_are_decided_with_little_more_than_the_usual_effort(figures, answer):
    verdict = check((300, 299, 298), *figures)
    assert verdict.answer == answer
    # what a precision in place of a recall would give is a search of its own
    assert verdict.examined < 1.1 * EFFORT


def test_what_is_too_large_is_undecided_and_says_how_far_it_came():
    verdict = check((50,) * 7, ".5103", ".6314", effort=500_000)
    assert verdict.answer == "undecided"
    assert not verdict.complete
    assert "given up after" in verdict.reasons[-1]
    assert check((57,) * 12, ".5688", ".8814").answer == "undecided"


TWENTY = {"pairs": (2,) * 20, "alone": (1,) * 19 + (50,), "uneven": tuple(range(1, 21)), "many": (30,) * 20}


@pytest.mark.parametrize("counts", TWENTY.values(), ids=TWENTY)
@pytest.mark.parametrize("figures", [(".5123", ".5456"), (".5", ".5"), (".3", ".6"), (".6123", ".6123", ".61")])
def test_twenty_classes_have_an_answer_or_are_given_up_soon(counts, figures):
    tracemalloc.start()
    began = time.process_time()
    verdict = check(counts, *figures)
    assert time.process_time() - began < 20  # about one, without what else the machine does and tracing costs
    assert tracemalloc.get_traced_memory()[1] < 1 << 29
    tracemalloc.stop()
    assert verdict.examined < 3_000_000
    if verdict.answer == "undecided":
        assert re.search(r"given up after \d{3},\d{3}|given up after \d,\d{3},\d{3}", verdict.reasons[-1])
    for example in verdict.examples:
        assert [sum(row) for row in example] == list(counts)
        figure, least = PrintedScore.parse(figures[0]), 1e-9
        assert float(figure.low) - least <= example_scores(example)["uf1"] <= float(figure.high) + least


def test_a_search_that_was_given_up_gives_up_at_the_same_place_every_time():
    assert check(TWENTY["many"], ".3", ".6") == check(TWENTY["many"], ".3", ".6")
    # too many diagonals to go through: some are tried, and none is counted twice
    assert check(TWENTY["many"], ".5", ".5").answer == "possible"
    perfect = find_matrices(TWENTY["many"], None, PrintedScore.parse("1.0000"), None, EFFORT)
    assert perfect.diagonals.tolist() == [list(TWENTY["many"])]
    assert not perfect.complete


def test_the_usual_numbers_of_classes_have_the_whole_effort():
    assert [Allowance(EFFORT, classes).effort for classes in (2, 3, 7)] == [EFFORT] * 3
    assert Allowance(EFFORT, 8).effort < EFFORT / 5


def test_what_is_too_large_is_gone_through_a_part_at_a_time():
    tracemalloc.start()
    assert check((3000,) * 3, ".5", ".5", effort=2_000_000).answer == "undecided"
    assert tracemalloc.get_traced_memory()[1] < 1 << 30
    tracemalloc.stop()


def test_a_claim_without_figures_or_counts_is_named():
    with pytest.raises(DataError, match="needs a figure"):
        check(SAMM)
    with pytest.raises(DataError, match="counts 92,0,15: expected"):
        check((92, 0, 15), ".5")
    with pytest.raises(DataError, match="counts 249: expected"):
        check((249,), ".5")


def test_the_command_answers_for_people_and_programs(capsys):
    flags = ["check-claim", "--uf1", "0.6831", "--uar", "0.7023"]
    assert main([*flags, "--counts", "92,26,15"]) == 0
    assert "possible: 2 matrices" in capsys.readouterr().out
    assert main([*flags, "--database", "samm", "--protocol", "megc2019", "--accuracy", "0.7041", "--json"]) == 1
    body = json.loads(capsys.readouterr().out)
    assert body["counts"] == [92, 26, 15]
    assert body["answer"] == "impossible"
    assert main(["check-claim", "--protocol", "megc2019", "--uf1", ".7353", "--uar", ".7186"]) == 0
    capsys.readouterr()
    assert main(["check-claim", "--counts", ",".join(["2"] * 20), "--uf1", ".5123", "--uar", ".5456", "--json"]) == 3
    body = json.loads(capsys.readouterr().out)
    assert (body["answer"], body["complete"]) == ("undecided", False)


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--counts", "92,26,15"], "needs a figure"),
        (["--uf1", ".7"], "--counts or --protocol"),
        (["--counts", "92;26", "--uf1", ".7"], "--counts '92;26': expected"),
        (["--protocol", "nosuch", "--uf1", ".7"], "protocol 'nosuch' is unknown"),
        (["--protocol", "megc2019", "--database", "mmew", "--uf1", ".7"], "megc2019 has smic, casme2, samm, not mmew"),
        (["--counts", "9,9", "--database", "samm", "--uf1", ".7"], "--database samm: a part of a protocol"),
        (["--counts", "9,9", "--uf1", "70"], "figure '70'"),
        (["--counts", "9,9", "--uf1", f".{'1' * 5000}"], "expected a score of 0..1"),
        (["--counts", f"9,{'9' * 5000}", "--uf1", ".7"], "expected whole numbers"),
        (["--counts", "9,999999999", "--uf1", ".7"], "counts of 100000 samples in all at most"),
    ],
)
def test_a_mistake_is_one_line(capsys, flags, says):
    assert main(["check-claim", *flags]) == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1


HEADER = "method,samples,counts,accuracy,uf1,uar,source,note,verdict,detail\n"


def test_a_table_of_claims_is_judged_anew_whatever_it_said(tmp_path):
    path = tmp_path / "claims.csv"
    path.write_text(
        HEADER
        + "A,SMIC,70 51 43,,.2000,.5280,Somewhere 2019,,possible,never looked\n"
        + "B,SMIC,164,.4329,.5,,Somewhere 2019,,,\n"
        + "C,SMIC,,.4329,,,Somewhere 2019,,,\n"
    )
    rows = judge_claims(path)
    assert [row.verdict for row in rows] == ["impossible", "possible", "not checked"]
    files = render_claims(tmp_path)
    assert files[path] == claims_csv(rows)
    path.write_text(files[path])
    assert render_claims(tmp_path) == files
    page = files[tmp_path / "claims.md"]
    assert "1 impossible, 1 not checked, 1 possible" in page
    assert "| A | SMIC | 70 / 51 / 43 | – | .2000 | .5280 | **impossible** | UAR .5280 goes with UF1 0.39" in page


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("A,SMIC,70 51 43,,70,,S,,,", r"claims.csv: line 2: figure '70'"),
        ("A,SMIC,70/51,,.7,,S,,,", r"line 2: counts '70/51'"),
        ("A,SMIC,70 51,,.7,,,,,", r"line 2: A: a figure needs a source"),
        ("A,SMIC", r"line 2: expected 10 cells"),
    ],
)
def test_a_mistake_in_the_table_is_named(tmp_path, line, says):
    path = tmp_path / "claims.csv"
    path.write_text(HEADER + line + "\n")
    with pytest.raises(DataError, match=says):
        judge_claims(path)
    path.write_text("method\n")
    with pytest.raises(DataError, match="line 1: expected the columns method,samples"):
        judge_claims(path)
    path.write_bytes(HEADER.encode() + b"\xff,SMIC\n")
    with pytest.raises(DataError, match=r"claims\.csv: line \d: 'utf-8' codec can't decode byte 0xff"):
        judge_claims(path)


def test_the_committed_claims_are_current_and_none_is_undecided():
    rows = judge_claims(SHIPPED / "claims.csv")
    assert {row.verdict for row in rows} <= {"possible", "impossible", "macro-precision", "not checked"}
    assert claims_csv(rows) == (SHIPPED / "claims.csv").read_text(encoding="utf-8")
