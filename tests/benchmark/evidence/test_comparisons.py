"""Two methods differ by what brute force counts, and every pair of a table as the two of it alone."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from benchmark.evidence.comparisons import compare, compare_methods, holm, pair_seeds
from benchmark.evidence.statistics import interval_of
from benchmark.records.fold import confusion_of
from mer_lightning.metrics import uf1
from mer_lightning.types import DataError
from tests.benchmark.evidence.populations import SIZES, population, stacks
from tests.benchmark.example_records import fold, run_record


def brute_force_p(one, other):
    """Swap every set of subjects, one after the other."""
    observed, differences = None, []
    for swap in itertools.product([False, True], repeat=len(one)):
        a = sum((o if s else m) for m, o, s in zip(one, other, swap, strict=True))
        b = sum((m if s else o) for m, o, s in zip(one, other, swap, strict=True))
        differences.append(float(uf1(a) - uf1(b)))
        observed = differences[0]
    return float(np.mean([abs(d) >= abs(observed) - 1e-12 for d in differences]))


@settings(max_examples=40)
@given(stacks, st.data())
def test_the_test_counts_what_brute_force_counts(one, data):
    other = data.draw(arrays(np.int64, one.shape, elements=st.integers(0, 9)))
    found = compare(one, other)
    assert found.exact
    assert found.p == pytest.approx(brute_force_p(one, other))
    assert found.difference == pytest.approx(float(uf1(one.sum(0)) - uf1(other.sum(0))))
    back = compare(other, one)
    assert (back.p, back.difference) == pytest.approx((found.p, -found.difference))


def test_drawn_swaps_come_close_to_all_swaps(rng):
    one, other = population(13, rng), population(13, rng)
    drawn, counted = compare(one, other, resamples=8000), compare(one, other, resamples=8192)
    assert counted.exact
    assert not drawn.exact
    assert drawn.p == pytest.approx(counted.p, abs=0.02)


def test_a_method_does_not_differ_from_itself_and_does_from_guessing(rng):
    good = population(68, rng)
    same = compare(good, good)
    assert (same.difference, same.p) == (0, 1)
    guess = np.zeros_like(good)
    guess[..., 0] = good.sum(-1)
    assert compare(good, guess).p < 0.001


def test_the_test_rejects_3_to_7_of_100_equal_pairs():
    rng, rejected = np.random.default_rng(11), 0
    for trial in range(1000):
        # two methods of the same skill on the same people: the same rates, drawn twice
        mix = rng.dirichlet([1.7, 0.75, 0.55], 68)
        shown = rng.multinomial(rng.choice(SIZES, 68), mix)
        rates = np.stack([rng.dirichlet(row, 68) for row in ([5, 1, 1], [2, 4, 1], [2, 1, 4])], axis=1)
        one, other = rng.multinomial(shown, rates), rng.multinomial(shown, rates)
        rejected += compare(one, other, resamples=999, seed=trial).p <= 0.05
    assert 30 <= rejected <= 70, rejected


def test_holm_is_the_textbook_example():
    # smallest times 4, next times 3, ... and never below the one before
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_keeps_the_order_and_never_lowers(p):
    adjusted = holm(p)
    assert all(a >= b for a, b in zip(adjusted, p, strict=True))
    assert all((x <= y) or (a >= b) for x, a in zip(p, adjusted, strict=True) for y, b in zip(p, adjusted, strict=True))


def test_seeds_pair_with_the_same_seed():
    one = [run_record(method="a", seed=seed, run=f"a{seed}") for seed in (0, 1, 2)]
    other = [run_record(method="b", seed=seed, run=f"b{seed}") for seed in (1, 2, 7)]
    paired = pair_seeds(one, other)
    assert paired.seeds == ((1, 1), (2, 2))
    assert paired.unmatched == ("a s0", "b s7")
    assert paired.one.shape == paired.other.shape == (2, 2, 3, 3)
    with pytest.raises(DataError, match="a has seeds 0, b has 7: no seed in common"):
        pair_seeds(one[:1], other[2:])


def test_a_method_without_seeds_pairs_with_every_seed():
    svm = [run_record(method="svm", recipe={"estimator": {"name": "svm.X"}, "training": None, "deviations": []})]
    net = [run_record(method="net", seed=seed, run=f"net{seed}") for seed in (3, 4)]
    assert pair_seeds(svm, net).seeds == ((0, 3), (0, 4))
    assert pair_seeds(net, svm).seeds == ((3, 0), (4, 0))


def plain_comparison(one, other, resamples, seed):
    """The differences of all draws as plain expressions over whole matrices: (swapped, drawn again)."""
    subjects = one.shape[1]
    if 2**subjects <= resamples:
        swaps = (np.arange(2**subjects)[:, None] >> np.arange(subjects)) & 1
    else:
        swaps = np.random.default_rng([seed, 1]).integers(0, 2, (resamples, subjects))
    draws = np.random.default_rng([seed, 0]).multinomial(subjects, np.full(subjects, 1 / subjects), resamples)
    pool = lambda matrices, weights: np.einsum("rs,ksij->rkij", weights, matrices)  # noqa: E731
    both, swapped = (one + other).sum(1), one.sum(1) + pool(other - one, swaps)
    again = (uf1(pool(one, draws)) - uf1(pool(other, draws))).mean(-1)
    return (uf1(swapped) - uf1(both - swapped)).mean(-1), again


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 10), st.integers(2, 11), st.integers(0, 3), st.data())
def test_a_comparison_is_to_the_last_digit_what_plain_expressions_give(seeds, subjects, seed, data):
    shape = (seeds, subjects, 3, 3)
    one, other = (data.draw(arrays(np.int64, shape, elements=st.integers(0, 6))) for _ in range(2))
    swapped, again = plain_comparison(one, other, 300, seed)
    found = compare(one, other, resamples=300, seed=seed, level=0.9)
    large = int((np.abs(swapped) >= abs(found.difference) - 1e-12).sum())
    assert found.p == (large / len(swapped) if found.exact else (large + 1) / (len(swapped) + 1))
    low, high = np.quantile(again, [0.0, 1.0])
    assert low <= found.interval.low <= found.interval.high <= high
    assert found.interval == interval_of(again, 0.9, subjects)
    assert found.difference == float((uf1(one.sum(1)) - uf1(other.sum(1))).mean())


def test_all_methods_at_once_are_every_pair_alone(rng):
    people, seeds = (
        [f"smic/s{i:02}" for i in range(14)],
        {"a": (0, 1, 2), "b": (1, 2, 5), "c": (0, 1, 2, 5), "svm": (0,)},
    )
    shown = rng.integers(1, 9, (14, 3))
    recipe = {"svm": {"estimator": {"name": "svm.X"}, "training": None, "deviations": []}}
    methods = {
        name: [
            run_record(
                method=name,
                seed=seed,
                run=f"{name}{seed}",
                folds=14,
                recipe=recipe.get(name, {"deviations": []}),
                confusion={
                    person: tuple(tuple(rng.multinomial(n, [0.5, 0.3, 0.2]).tolist()) for n in counts)
                    for person, counts in zip(people, shown, strict=True)
                },
            )
            for seed in own
        ]
        for name, own in seeds.items()
    }
    found = compare_methods(methods)
    assert list(found) == list(itertools.combinations(methods, 2))
    for (one, other), (paired, comparison) in found.items():
        alone = pair_seeds(methods[one], methods[other])
        assert (paired.seeds, paired.unmatched) == (alone.seeds, alone.unmatched)
        assert comparison == compare(alone.one, alone.other)


def test_methods_of_other_clips_do_not_compare():
    other = confusion_of([fold("smic/s01", ((0, 0), (1, 2))), fold("smic/s02", ((0, 0), (2, 2)))], 3)
    methods = {"a": [run_record(run="a")], "b": [run_record(run="b", confusion=other)]}
    with pytest.raises(DataError, match="b and a: not the same clips per class of subject smic/s02"):
        compare_methods(methods)
