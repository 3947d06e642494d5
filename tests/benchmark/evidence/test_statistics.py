"""Intervals agree with brute force, cover as often as they say, and depend on nothing but the matrices."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.evidence.comparisons import compare
from benchmark.evidence.resampling import draw_subjects
from benchmark.evidence.statistics import average_ranks, bootstrap, influence, over_seeds, stack_runs
from benchmark.records.fold import confusion_of
from mer_lightning.metrics import accuracy, uar, uf1
from mer_lightning.types import DataError
from tests.benchmark.evidence.populations import population, stacks
from tests.benchmark.example_records import fold, run_record

GOLDEN = {
    "all": ([[219, 22, 9], [40, 62, 7], [21, 3, 59]], ".7692 .7353 .7186"),
    "smic": ([[54, 10, 6], [17, 30, 4], [14, 1, 28]], ".6829 .6801 .6703"),
    "casme2": ([[83, 5, 0], [12, 19, 1], [2, 0, 23]], ".8621 .8382 .8190"),
    "samm": ([[82, 7, 3], [11, 13, 2], [5, 2, 8]], ".7744 .6588 .6415"),
}


@pytest.mark.parametrize(("matrix", "printed"), GOLDEN.values(), ids=GOLDEN)
def test_the_matrices_of_the_ststnet_log_score_to_the_printed_digits(matrix, printed):
    scores = over_seeds([matrix, np.zeros((3, 3))])
    assert [f"{scores[name].mean:.4f}"[1:] for name in ("accuracy", "uf1", "uar")] == printed.split()
    assert scores["uf1"].spread is None


@given(stacks, st.randoms(use_true_random=False))
def test_the_order_of_subjects_changes_no_score(matrices, random):
    order = list(range(len(matrices)))
    random.shuffle(order)
    assert over_seeds(matrices[order]) == over_seeds(matrices)


def test_the_order_of_samples_changes_nothing():
    pairs = [((0, 0), (1, 2), (1, 1), (2, 2)), ((0, 1), (0, 0), (2, 1))]
    one, other = ([fold(f"smic/s0{i}", p[::step]) for i, p in enumerate(pairs)] for step in (1, -1))
    first, second = (stack_runs([run_record(confusion=confusion_of(f, 3))]) for f in (one, other))
    assert bootstrap(first) == bootstrap(second)
    assert compare(first, first[:, :, ::-1]) == compare(second, second[:, :, ::-1])


def test_a_class_absent_in_a_fold_changes_nothing():
    # the same clips in two folds that hold every class, and in two that hold one or two
    whole = np.array([[[3, 1, 0], [0, 2, 0], [1, 0, 4]], [[1, 0, 1], [2, 2, 0], [0, 0, 3]]])
    parted = np.zeros_like(whole)
    parted[0, 0], parted[1, 1:] = whole[:, 0].sum(0), whole[:, 1:].sum(0)
    assert over_seeds(parted) == over_seeds(whole)


def test_bootstrap_is_what_redrawing_every_clip_of_the_drawn_subjects_gives(rng):
    matrices = population(12, rng)
    again = np.random.default_rng([0, 0]).multinomial(12, np.full(12, 1 / 12), 400)
    scores = []
    for counts in again:
        pooled = np.zeros((3, 3))
        for subject, times in enumerate(counts):
            for _ in range(times):
                pooled += matrices[subject]
        scores.append(uf1(pooled))
    interval = bootstrap(matrices, resamples=400)["uf1"]
    # the tail of the expanded interval, from tables: t(.025; 11) = -2.201, times sqrt(12/11) = -2.299, Phi = .01076
    assert np.quantile(scores, [0.01076, 1 - 0.01076]) == pytest.approx([interval.low, interval.high], abs=2e-4)


def test_bootstrap_agrees_with_scipy(rng):
    from scipy import stats

    matrices = population(60, rng)

    def statistic(rows, axis):
        assert axis == -1
        return uf1(matrices[rows].sum(-3))

    theirs = stats.bootstrap(
        (np.arange(60),), statistic, method="percentile", n_resamples=20_000, rng=3, batch=2000
    ).confidence_interval
    ours = bootstrap(matrices, resamples=20_000, level=0.945)["uf1"]  # 60 subjects widen .945 to about .950
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=4e-3)


def test_the_methods_of_a_table_share_their_draws():
    draws = draw_subjects(68, 10_000, 0)
    assert draw_subjects(68, 10_000, 0) is draws
    assert not draws.flags.writeable


def test_a_method_that_never_changes_has_an_interval_of_no_width():
    always = np.zeros((9, 3, 3), dtype=int)
    always[:, :, 0] = 2
    interval = bootstrap(always)
    assert (interval["uar"].low, interval["uar"].high) == pytest.approx((1 / 3, 1 / 3))


def test_seeds_are_averaged_before_and_after_drawing(rng):
    a, b = population(20, rng), population(20, rng)
    scores = over_seeds([a, b])["uf1"]
    values = [uf1(a.sum(0)), uf1(b.sum(0))]
    assert (scores.mean, scores.spread) == pytest.approx((np.mean(values), np.std(values, ddof=1)))
    assert str(scores) == f"{np.mean(values):.4f} ± {np.std(values, ddof=1):.4f}"
    narrow, wide = bootstrap([a, b])["uf1"], bootstrap(a)["uf1"]
    assert narrow.low < scores.mean < narrow.high
    assert bootstrap([a, a])["uf1"] == wide


# so few subjects as one database has, of such unequal size, are too few for any interval to keep its word fully
@pytest.mark.parametrize(("subjects", "least"), [(68, 930), (24, 920)])
def test_the_interval_covers_the_population_in_93_to_97_of_100_trials(subjects, least):
    rng = np.random.default_rng(7)
    pool = sum(population(50_000, rng).sum(0) for _ in range(6))
    truth = {"accuracy": accuracy(pool), "uf1": uf1(pool), "uar": uar(pool)}
    covered = dict.fromkeys(truth, 0)
    for trial in range(1000):
        intervals = bootstrap(population(subjects, rng), resamples=1000, seed=trial)
        for name, value in truth.items():
            covered[name] += intervals[name].low <= value <= intervals[name].high
    assert all(least <= count <= 970 for count in covered.values()), covered


def test_ranks_are_averaged_over_protocols_and_equal_scores_share_one():
    ranks = average_ranks([[0.9, 0.8, 0.7, 0.1], [0.8, 0.9, 0.7, 0.1], [0.9, 0.5, 0.5, 0.1]])
    assert ranks.average == pytest.approx([4 / 3, (2 + 1 + 2.5) / 3, (3 + 3 + 2.5) / 3, 4])
    # Friedman by hand: 12 N / (k (k + 1)) (sum of squared averages - k (k + 1)^2 / 4), over 1 - ties / (N (k^3 - k))
    square = 12 * 3 / 20 * (sum(r**2 for r in ranks.average) - 4 * 25 / 4) / (1 - 6 / (3 * 60))
    from scipy.stats import chi2

    assert ranks.p == pytest.approx(chi2.sf(square, 3))


def test_the_critical_difference_is_that_of_nemenyis_table():
    # q(.05) of four classifiers is 2.569 (Demsar 2006, table 5); fourteen data sets
    ranks = average_ranks(np.random.default_rng(0).random((14, 4)))
    assert ranks.critical_difference == pytest.approx(2.569 * np.sqrt(4 * 5 / (6 * 14)), abs=1e-3)


def test_ranks_need_methods_and_protocols():
    with pytest.raises(DataError, match="three methods under two protocols; found 2 under 3"):
        average_ranks(np.zeros((3, 2)))
    assert average_ranks(np.zeros((3, 4))).p == 1.0


def test_influence_leaves_out_the_largest_subjects(rng):
    matrices, people = population(10, rng), [f"smic/s{i:02}" for i in range(10)]
    found = influence(matrices, people, largest=3)
    clips = matrices.sum((1, 2))
    assert [f.clips for f in found] == sorted(clips.tolist(), reverse=True)[:3]
    first = people.index(found[0].subject)
    assert found[0].scores["uf1"] == pytest.approx(float(uf1(np.delete(matrices, first, 0).sum(0))))
    assert found[0].share == pytest.approx(clips[first] / clips.sum())


def test_runs_over_other_clips_do_not_stack():
    whole = run_record(run="whole")
    with pytest.raises(DataError, match=r"smic/s02 is in one of them only"):
        stack_runs([whole, run_record(people=("smic/s01",), folds=1, run="less")])
    other = confusion_of([fold("smic/s01", ((0, 0), (1, 2))), fold("smic/s02", ((0, 0), (2, 2)))], 3)
    with pytest.raises(DataError, match="not the same clips per class of subject smic/s02"):
        stack_runs([whole, run_record(run="other", confusion=other)])
    with pytest.raises(DataError, match="incomplete 2/9"):
        stack_runs([run_record(folds=9)])
    with pytest.raises(DataError, match="at least two; found 1"):
        bootstrap(np.ones((1, 3, 3)))
