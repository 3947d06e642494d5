"""Habits on hand-made candidates whose answers are known, laws that hold for all, and random guesses."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from sklearn.metrics import accuracy_score, f1_score, recall_score

from benchmark.evidence.habits import (
    HABITS,
    NUMBERS,
    Guesses,
    LeakRecord,
    best_common,
    best_of_last,
    confusion_by_person,
    fold_mean,
    gaps,
    load_leak,
    load_leaks,
    noise_curve,
    oracle_per_fold,
    read_guesses,
    save_leaks,
)
from benchmark.places import SHIPPED
from benchmark.records.fold import FoldRecord, PredictionRecord, confusion_of
from benchmark.records.run import load_run, load_runs
from mer_lightning.metrics import accuracy, uf1
from mer_lightning.types import DataError, person_of
from tests.benchmark.example_records import run_record


def fold(person, labels, candidates):
    """A fold whose clip i has the class ``labels[i]`` and, under candidate e, the prediction ``candidates[i][e]``."""
    return FoldRecord(
        held_out=person,
        predictions=tuple(
            PredictionRecord(key=f"{person}/c{i}", label=int(label), prediction=int(row[-1]))
            for i, (label, row) in enumerate(zip(labels, candidates, strict=True))
        ),
        samples={"train": 1, "validation": 0},
        seconds=1.0,
        candidates=tuple(candidates),
    )


# two subjects of two clips, three epochs; hits of the first 2, 2, 0, of the second 0, 1, 1
FOLDS = [fold("smic/s01", "01", ["002", "110"]), fold("smic/s02", "20", ["001", "200"])]


def study(folds, **changes):
    people = {person_of(p.key) for f in folds for p in f.predictions}
    honest = run_record(board="megc2019", confusion=confusion_of(folds, 3), folds=len(people))
    return LeakRecord(**{"honest": honest} | changes)


def test_the_oracle_keeps_the_first_best_candidate_of_each_subject():
    guesses = read_guesses(FOLDS)
    assert [chosen.tolist() for chosen in oracle_per_fold(guesses)] == [[0, 1], [0, 0]]
    assert [chosen.tolist() for chosen in oracle_per_fold(guesses, 2)] == [[0, 1], [0, 0]]
    assert [chosen.tolist() for chosen in oracle_per_fold(guesses, 1)] == [[2, 0], [1, 0]]


def test_the_best_common_candidate_has_the_best_pooled_uf1():
    guesses = read_guesses(FOLDS)
    labels = [0, 1, 2, 0]
    columns = {0: [0, 1, 0, 2], 1: [0, 1, 0, 0], 2: [2, 0, 1, 0]}
    by_hand = {e: f1_score(labels, c, average="macro", labels=[0, 1, 2], zero_division=0) for e, c in columns.items()}
    best, predictions = best_common(guesses, 3)
    assert best == max(by_hand, key=by_hand.get) == 1
    assert np.concatenate(predictions).tolist() == columns[1]


def test_the_matrices_are_those_of_each_subject():
    guesses = read_guesses(FOLDS)
    confusion = confusion_by_person(guesses, oracle_per_fold(guesses), 3)
    assert confusion["smic/s01"] == ((1, 0, 0), (0, 1, 0), (0, 0, 0))
    assert confusion["smic/s02"] == ((1, 0, 0), (0, 0, 0), (1, 0, 0))


CLASS = st.integers(0, 2)
candidates = st.integers(1, 6).flatmap(
    lambda number: st.lists(
        st.lists(st.tuples(CLASS, st.lists(CLASS, min_size=number, max_size=number)), min_size=1, max_size=6),
        min_size=1,
        max_size=5,
    )
)


def as_guesses(drawn):
    return [
        Guesses(
            tuple(f"smic/s{i:02d}" for _ in rows),
            np.array([label for label, _ in rows]),
            np.array([row for _, row in rows]),
        )
        for i, rows in enumerate(drawn)
    ]


def pooled(folds, predictions):
    return np.array(list(confusion_by_person(folds, predictions, 3).values())).sum(0)


@given(candidates)
def test_an_oracle_is_never_worse_than_any_candidate_in_what_it_chooses_by(drawn):
    folds = as_guesses(drawn)
    oracle, common = pooled(folds, oracle_per_fold(folds)), pooled(folds, best_common(folds, 3)[1])
    for e in range(folds[0].guesses.shape[1]):
        honest = pooled(folds, [f.guesses[:, e] for f in folds])
        assert accuracy(oracle) >= accuracy(honest)
        assert uf1(common) >= uf1(honest)
    assert accuracy(oracle) >= accuracy(common)


@given(candidates)
def test_more_candidates_never_lower_the_hits_and_one_is_the_last_epoch(drawn):
    folds = as_guesses(drawn)
    curve = best_of_last(folds, 3)
    assert curve[0].number == 1
    assert np.array_equal(curve[0].confusion, pooled(folds, [f.guesses[:, -1] for f in folds]))
    assert curve[-1].number == folds[0].guesses.shape[1]
    assert np.array_equal(curve[-1].confusion, pooled(folds, oracle_per_fold(folds)))
    hits = [np.trace(best.confusion) for best in curve]
    assert hits == sorted(hits)


@given(st.lists(st.lists(st.tuples(CLASS, CLASS), min_size=1, max_size=6), min_size=2, max_size=5))
def test_the_mean_of_folds_is_what_scikit_learn_gives_fold_by_fold(drawn):
    folds = [fold(f"smic/s{i:02d}", [a for a, _ in rows], [str(b) for _, b in rows]) for i, rows in enumerate(drawn)]
    record = study(folds)
    pairs = [list(zip(*rows, strict=True)) for rows in drawn]
    scores = fold_mean(record, record.honest.confusion)
    assert scores["accuracy"] == pytest.approx(np.mean([accuracy_score(a, b) for a, b in pairs]))
    assert scores["uf1"] == pytest.approx(np.mean([f1_score(a, b, average="macro", zero_division=0) for a, b in pairs]))
    recalls = [recall_score(a, b, labels=sorted(set(a)), average="macro") for a, b in pairs]
    assert scores["uar"] == pytest.approx(np.mean(recalls))


def test_where_a_database_is_held_out_it_is_the_fold():
    folds = [fold("smic/s01", "0", ["0"]), fold("smic/s02", "000", ["1", "1", "1"]), fold("samm/006", "1", ["1"])]
    one = study(folds)
    other = one.model_copy(update={"honest": one.honest.model_copy(update={"protocol": "megc2019-holdout"})})
    assert fold_mean(one, one.honest.confusion)["accuracy"] == pytest.approx(2 / 3)
    assert fold_mean(other, other.honest.confusion)["accuracy"] == pytest.approx((1 / 4 + 1) / 2)


def test_every_habit_stands_beside_its_own_counterpart():
    guesses = read_guesses(FOLDS)
    oracle = confusion_by_person(guesses, oracle_per_fold(guesses), 3)
    found = gaps(
        study(FOLDS, candidates="epoch", number=3, outcomes={"test_oracle": oracle, "scaled_together": oracle})
    )
    # without its counterpart, a habit is not shown
    assert [gap.habit.name for gap in found] == ["test_oracle", "fold_mean", "test_oracle_fold_mean"]
    assert (found[0].honest["accuracy"], found[0].leaky["accuracy"]) == (0.25, 0.75)
    both = gaps(study(FOLDS, outcomes={"scaled_apart": oracle, "scaled_together": study(FOLDS).honest.confusion}))
    (scaled,) = (gap for gap in both if gap.habit.name == "scaled_together")
    assert (scaled.honest["accuracy"], scaled.leaky["accuracy"]) == (0.75, 0.25)


def test_random_guesses_are_those_of_a_plain_loop():
    truth = np.array([[3, 1, 0], [0, 2, 2], [5, 0, 1]])
    shares, rng = truth.sum(0) / truth.sum(), np.random.default_rng(1)
    values = []
    for _ in range(300):
        labels, chosen = [], []
        for counts in truth:
            own = np.repeat(np.arange(3), counts)
            guesses = rng.choice(3, size=(4, len(own)), p=shares)
            labels += own.tolist()
            chosen += max(guesses, key=lambda guess, own=own: int((guess == own).sum())).tolist()
        values.append(f1_score(labels, chosen, average="macro", labels=[0, 1, 2], zero_division=0))
    ours = [noise_curve(truth, [1, 4], seed)[1] for seed in range(15)]
    assert np.mean(ours) == pytest.approx(np.mean(values), abs=0.02)


def test_on_the_composite_choosing_among_random_guesses_rises_to_what_papers_print():
    truth = load_run(SHIPPED / "records" / "megc2019" / "majority" / "seed0.json").matrices().sum(2)
    curve = dict(zip(NUMBERS, noise_curve(truth), strict=True))
    assert list(curve.values()) == sorted(curve.values())
    assert curve[1] == pytest.approx(1 / 3, abs=0.02)
    assert curve[10] == pytest.approx(0.57, abs=0.04)
    assert curve[800] == pytest.approx(0.83, abs=0.02)
    # as the README says
    ranked = [run for run in load_runs(SHIPPED / "records") if run.board == "megc2019" and run.complete]
    assert curve[800] > max(float(uf1(run.matrices().sum(0))) for run in ranked)


@pytest.mark.parametrize(
    ("folds", "says"),
    [
        ([FOLDS[0].model_copy(update={"candidates": ()})], "smic/s01: expected the predictions of every candidate"),
        ([FOLDS[0].model_copy(update={"candidates": ("01", "011")})], "smic/s01: expected the predictions of every"),
        ([FOLDS[0], fold("smic/s02", "0", ["00"])], "the folds have 2 or 3 candidates; expected one number"),
    ],
)
def test_folds_without_their_candidates_are_named(folds, says):
    with pytest.raises(DataError, match=says):
        read_guesses(folds)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"outcomes": {"nosuch": {}}}, "outcomes.nosuch: expected one of"),
        ({"outcomes": {"test_oracle": {"smic/s01": ((1, 0, 0), (0, 0, 0), (0, 0, 0))}}}, "other clips than those of"),
        (
            {"outcomes": {"test_oracle": {"smic/s01": ((1,),)}}},
            r"test_oracle\.smic/s01: expected 3 x 3 counts",
        ),
        ({"best_of": ({"number": 1, "confusion": ((1, 0), (0, 1))},)}, r"best_of\.0: expected 3 x 3 counts"),
        ({"honest": run_record(folds=3)}, "honest: incomplete 2/3"),
    ],
)
def test_a_study_that_does_not_fit_together_is_refused(change, says):
    with pytest.raises(ValidationError, match=says):
        study(FOLDS, **change)


def test_a_study_comes_back_as_it_was_saved_and_is_not_written_twice(tmp_path):
    path = save_leaks(tmp_path, study(FOLDS))
    assert load_leaks(tmp_path) == [study(FOLDS)]
    before = path.stat().st_mtime_ns
    slower = study(FOLDS)
    save_leaks(tmp_path, slower.model_copy(update={"honest": slower.honest.model_copy(update={"seconds": 9.0})}))
    assert path.stat().st_mtime_ns == before


def test_a_damaged_or_misplaced_study_is_one_line(tmp_path):
    path = save_leaks(tmp_path, study(FOLDS))
    moved = path.parent.parent / "other" / path.name
    moved.parent.mkdir()
    path.rename(moved)
    with pytest.raises(DataError, match="holds the study of") as error:
        load_leaks(tmp_path)
    assert "\n" not in str(error.value)
    moved.write_text("{}")
    with pytest.raises(DataError, match="honest: missing"):
        load_leak(moved)


def test_a_study_among_the_records_is_refused_and_never_ranked(tmp_path):
    save_leaks(tmp_path, study(FOLDS))
    with pytest.raises(DataError, match="unknown key") as error:
        load_runs(tmp_path)
    assert "\n" not in str(error.value)


def test_committed_studies_are_honest_about_the_same_run():
    studies = [record for record in load_leaks(SHIPPED / "leaks") if not record.honest.data.synthetic]
    assert studies
    for record in studies:
        path = SHIPPED / "records" / record.honest.board / record.honest.entry / f"seed{record.honest.seed}.json"
        ranked = load_run(path)
        assert (record.honest.run, record.honest.confusion) == (ranked.run, ranked.confusion)
        found = {gap.habit.name: gap for gap in gaps(record)}
        if "test_oracle" in found:
            assert found["test_oracle"].leaky["accuracy"] >= found["test_oracle"].honest["accuracy"]
    assert {habit.name for habit in HABITS} >= set(found)
