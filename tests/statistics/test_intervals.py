"""Intervals, tests and verdicts against published values, a second formula, and their properties."""

from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.stats import binom, binomtest, multinomial

from pupila.statistics.estimate import Estimate
from pupila.statistics.intervals import (
    Z_95,
    Array,
    Statistic,
    bootstrap,
    bootstrap_all,
    median_ratio,
    paired_interval,
    trials_for_width,
    wilson_interval,
    wilson_width,
)
from pupila.statistics.tests import (
    MARGIN,
    holm,
    images_for_mean_power,
    images_for_power,
    mcnemar,
    permutation_test,
    sign_flip,
    verdict,
)


@pytest.mark.parametrize(
    ("right", "n", "low", "high"),
    # Newcombe 1998, table I, method 3 (81 of 263, 15 of 148, 0 of 20, 1 of 29)
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_published_intervals(right: int, n: int, low: float, high: float) -> None:
    assert wilson_interval(right, n) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 3000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_another_formula_gives_the_same(trial: tuple[int, int]) -> None:
    right, n = trial
    theirs = binomtest(right, n).proportion_ci(method="wilson")
    assert wilson_interval(right, n) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


def test_no_trial_gives_the_widest_interval() -> None:
    assert wilson_interval(0, 0) == (0.0, 1.0)


def test_rounding_never_puts_a_share_outside_its_interval() -> None:
    # without care the upper end of 10 of 10 is 0.9999999999999999
    assert {wilson_interval(n, n)[1] for n in range(1, 500)} == {1.0}
    assert {wilson_interval(0, n)[0] for n in range(1, 500)} == {0.0}


@pytest.mark.parametrize(
    ("n", "worst"),
    # The score interval is right on average and dips near the ends (Brown, Cai and DasGupta 2001, figure 5):
    # no worse than 0.90 at the sizes of a small test split, and closer to 0.95 the larger it is.
    [(24, 0.90), (78, 0.92), (117, 0.92), (1000, 0.94)],
)
def test_wilson_has_its_nominal_coverage(n: int, worst: float) -> None:
    shares = np.linspace(0.5, 0.99, 99)
    low, high = np.array([wilson_interval(right, n) for right in range(n + 1)]).T
    covers = (low <= shares[:, None]) & (shares[:, None] <= high)
    covered = (binom.pmf(np.arange(n + 1), n, shares[:, None]) * covers).sum(axis=1)
    print(f"n={n}: mean {covered.mean():.4f}, worst {covered.min():.4f} at {shares[covered.argmin()]:.3f}")
    assert 0.94 < covered.mean() < 0.97
    assert covered.min() > worst


@given(st.floats(0.01, 0.99), st.floats(0.02, 0.5))
def test_the_number_of_trials_is_the_least(share: float, width: float) -> None:
    n = trials_for_width(share, width)
    assert wilson_width(share, n) <= width
    assert n == 1 or wilson_width(share, n - 1) > width


def mean_of(values: Array) -> Statistic:
    return lambda times: (times @ values) / times.sum(axis=1)


def test_the_bootstrap_resamples_groups() -> None:
    # 10 groups of 7 identical members are 10 witnesses and not 70
    units = np.array([0, 0, 1, 1, 1, 1, 1, 1, 1, 0])
    alone = bootstrap(np.arange(10), mean_of(units))
    assert bootstrap(np.repeat(np.arange(10), 7), mean_of(np.repeat(units, 7))) == pytest.approx(alone)
    low, high = bootstrap(np.arange(70), mean_of(np.repeat(units, 7)))
    assert high - low < 0.5 * (alone[1] - alone[0])


def test_the_names_of_groups_do_not_matter_and_the_seed_decides() -> None:
    values, groups = np.random.default_rng(0).random(30), np.repeat(np.arange(15), 2)
    known = bootstrap(groups, mean_of(values))
    assert bootstrap(groups, mean_of(values), seed=0) == known
    assert bootstrap(100 + 3 * groups, mean_of(values)) == known
    assert bootstrap(groups, mean_of(values), seed=1) != known


def test_the_bootstrap_covers_only_because_it_resamples_groups() -> None:
    # 40 groups of 1 to 5 images; half of the variance is the group's. The percentile interval of 40 units is known to
    # be a little narrow (about 0.93); 400 repeats measure that with a standard error of 0.013, so 0.90 is 2.5 of them
    # below. Drawing image by image promises 0.95 and keeps about 0.80.
    rng, repeats = np.random.default_rng(1), 400
    covered = np.zeros(2)
    for seed in range(repeats):
        groups = np.repeat(np.arange(40), rng.integers(1, 6, 40))
        values = rng.normal(0, 0.3, 40)[groups] + rng.normal(0, 0.3, len(groups))
        for column, units in enumerate((groups, np.arange(len(groups)))):
            low, high = bootstrap(units, mean_of(values), seed=seed, repeats=400)
            covered[column] += low <= 0 <= high
    by_group, by_image = covered / repeats
    print(f"coverage of groups {by_group:.3f}, of images {by_image:.3f}")
    assert 0.90 < by_group < 0.98
    assert by_image < 0.86


@pytest.mark.parametrize(
    ("first", "second", "p"),
    # 2 / 2**5; 2 * (1 + 10) / 2**10; a draw; nothing to tell by
    [(0, 5, 0.0625), (5, 0, 0.0625), (1, 9, 0.021484375), (4, 4, 1.0), (0, 0, 1.0)],
)
def test_mcnemar_by_hand(first: int, second: int, p: float) -> None:
    assert mcnemar(first, second) == pytest.approx(p, rel=1e-12)


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_a_fair_coin_thrown_twice_sided(first: int, second: int) -> None:
    n, less = first + second, min(first, second)
    tail = sum(comb(n, k) for k in range(less + 1)) / 2**n
    assert mcnemar(first, second) == pytest.approx(min(1.0, 2 * tail), rel=1e-9)
    assert mcnemar(first, second) == pytest.approx(min(1.0, 2 * binom.cdf(less, n, 0.5)), rel=1e-9)


def test_holm_by_hand() -> None:
    # 4 * 0.005, 3 * 0.01, 2 * 0.03, and 1 * 0.04 raised to what its predecessor has
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.2]) == [0.2]
    assert holm([]) == []
    assert holm([0.9, 0.8]) == [1.0, 1.0]


@given(st.lists(st.floats(0, 1), max_size=8), st.floats(0.001, 0.5))
def test_holm_rejects_what_stepping_down_rejects(p_values: list[float], level: float) -> None:
    rejected: set[int] = set()
    for rank, i in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        if (len(p_values) - rank) * p_values[i] > level:
            break
        rejected.add(i)
    assert {i for i, p in enumerate(holm(p_values)) if p <= level} == rejected


@pytest.mark.parametrize(
    ("low", "high", "p", "word"),
    [
        (0.001, 0.2, 0.049, "better"),
        (-0.2, -0.001, 0.049, "worse"),
        (0.001, 0.2, 0.05, "not distinguishable"),  # the interval alone is not enough
        (-0.2, -0.001, 0.05, "not distinguishable"),
        (0.0, 0.2, 0.01, "not distinguishable"),  # nor is the test alone
        (-0.2, 0.0, 0.01, "not distinguishable"),
        (-0.019, 0.019, 1.0, "equivalent"),
        (-MARGIN, 0.0, 1.0, "not distinguishable"),  # the margin itself is outside
        (0.0, MARGIN, 1.0, "not distinguishable"),
        (0.001, 0.015, 0.2, "equivalent"),
        (0.001, 0.015, 0.01, "better"),  # a small difference that is sure is a difference
    ],
)
def test_the_verdict_in_a_word(low: float, high: float, p: float, word: str) -> None:
    assert verdict((low, high), p) == word


def test_a_wider_margin_makes_equivalent() -> None:
    assert verdict((-0.04, 0.04), 1.0) == "not distinguishable"
    assert verdict((-0.04, 0.04), 1.0, margin=0.05) == "equivalent"


@pytest.mark.parametrize(
    ("first", "second", "n", "expected"),
    [
        # share 0.1, difference 0.08: (1.96 * 0.3162 + 0.8416 * 0.3059)^2 / 0.0064 = 120.2
        (1, 9, 100, 121),
        (9, 1, 100, 121),
        (1, 0, 78, 610),  # R3's winner, where it is one image ahead
        (10, 0, 100, 101),  # 77 would do, and 100 are there
        (3, 3, 50, None),
        (0, 0, 50, None),
    ],
)
def test_images_for_power_by_hand(first: int, second: int, n: int, expected: int | None) -> None:
    assert images_for_power(first, second, n) == expected


@given(st.integers(0, 40), st.integers(0, 40), st.integers(80, 2000))
def test_never_fewer_images_than_there_are(first: int, second: int, n: int) -> None:
    expected = images_for_power(first, second, n)
    assert (expected is None) == (first == second)
    assert expected is None or expected >= n


@pytest.mark.parametrize(("first", "second", "n"), [(1, 9, 100), (5, 15, 200), (1, 0, 78)])
def test_the_number_of_images_gives_power_four_times_in_five(first: int, second: int, n: int) -> None:
    # Exact power of the exact test, which is a little more careful than the normal one that the formula is for.
    images, share = images_for_power(first, second, n) or 0, (first + second) / n
    power = 0.0
    for differ in range(int(images * share) + 60):
        chances = binom.pmf(np.arange(differ + 1), differ, first / (first + second))
        power_at_k = sum(p for k, p in enumerate(chances) if p > 1e-9 and mcnemar(k, differ - k) < 0.05)
        power += binom.pmf(differ, images, share) * power_at_k
    assert 0.74 < power < 0.82


@pytest.mark.parametrize(
    ("b", "c", "n"), [(9, 1, 100), (1, 9, 100), (12, 2, 50), (3, 3, 40), (20, 0, 20), (0.5, 2.5, 30)]
)
def test_the_paired_interval_ends_where_the_likelihood_says(b: float, c: float, n: float) -> None:
    # The second formula: the share of the second at a given difference is found by maximising the likelihood itself.
    for end in paired_interval(b, c, n):
        if abs(end) > 1 - 1e-6:
            continue

        def unlikely(share: float, end: float = end) -> float:
            cells = ((b, share + end), (c, share), (n - b - c, 1 - 2 * share - end))
            return -float(sum(count * np.log(max(p, 1e-300)) for count, p in cells if count))

        low, high = max(0.0, -end), (1 - end) / 2
        share = minimize_scalar(unlikely, bounds=(low, high), method="bounded", options={"xatol": 1e-12}).x
        score = (b - c - n * end) / np.sqrt(n * (2 * share + end - end**2))
        assert abs(score) == pytest.approx(Z_95, rel=1e-3)


def test_the_paired_interval_of_no_difference_is_wilsons() -> None:
    low, high = paired_interval(0, 0, 160)
    assert high == pytest.approx(wilson_interval(0, 160)[1]) and low == pytest.approx(-high)


@pytest.mark.parametrize(("p", "q"), [(0.02, 0.02), (0.05, 0.02), (0.1, 0.03), (0.2, 0.2), (0.3, 0.05)])
def test_the_paired_interval_covers_as_often_as_it_says(p: float, q: float) -> None:
    n, covered = 40, 0.0
    for b, c in ((first, second) for first in range(n + 1) for second in range(n + 1 - first)):
        chance = multinomial.pmf([b, c, n - b - c], n, [p, q, 1 - p - q])
        if chance > 1e-7:
            low, high = paired_interval(b, c, n)
            covered += chance * (low <= p - q <= high)
    assert 0.93 < covered < 0.995


def test_many_statistics_of_the_same_draws_have_the_intervals_of_each() -> None:
    rng = np.random.default_rng(0)
    values, groups = rng.random((60, 2, 3)), np.arange(60) // 3

    def means(times: Array) -> Array:
        return np.asarray(np.tensordot(times, values, axes=1) / times.sum(axis=1)[:, None, None])

    low, high = bootstrap_all(groups, means)
    assert low.shape == high.shape == (2, 3)
    assert (low[1, 2], high[1, 2]) == bootstrap(groups, lambda times: means(times)[:, 1, 2])


def test_flipped_signs_by_hand() -> None:
    # of the eight ways to sign 1, 2 and 3 only +6 and -6 are as far as +6; with -1 four are as far as 4
    assert sign_flip(np.array([1.0, 2, 3]), np.arange(3)) == 2 / 8
    assert sign_flip(np.array([-1.0, 2, 3]), np.arange(3)) == 4 / 8
    assert sign_flip(np.zeros(5), np.arange(5)) == 1.0
    # images of one group are flipped as one, and groups that don't differ change nothing
    assert sign_flip(np.array([1.0, 1, 0, 0]), np.array([7, 7, 8, 9])) == 1.0


def test_a_permutation_test_of_a_mean_is_the_sign_flip_test() -> None:
    rng = np.random.default_rng(0)
    for groups in (8, 40):  # all permutations, and random ones
        place, first, other = np.arange(3 * groups) % groups, *rng.random((2, 3 * groups, 1))
        p_value = permutation_test(first, other, place, lambda sums: sums[:, 0])
        assert p_value == sign_flip((first - other)[:, 0], place)


def test_a_permutation_test_of_f1_by_hand() -> None:
    # counts (2 true positives, predictions + positives) of two images, each a group; the models differ in both
    first, other = np.array([[2.0, 2], [2, 2]]), np.array([[0.0, 1], [2, 4]])

    def f1(sums: Array) -> Array:
        return np.asarray(sums[:, 0] / sums[:, 1])

    # as they are: 4/4 - 2/5 = 0.6; the first exchanged: |2/3 - 4/6| = 0; the second: |4/6 - 2/3| = 0; both: 0.6
    assert permutation_test(first, other, np.arange(2), f1) == 2 / 4
    assert permutation_test(first, other, np.zeros(2), f1) == 1.0
    assert permutation_test(first, first, np.arange(2), f1) == 1.0


def test_many_groups_are_thrown_as_the_exact_test_would_have_it() -> None:
    # equal differences make it the sign test: 30 groups, 21 of one sign
    differences = np.where(np.arange(30) < 21, 0.1, -0.1)
    assert sign_flip(differences, np.arange(30)) == pytest.approx(binomtest(21, 30).pvalue, rel=0.2)
    assert sign_flip(differences, np.arange(30)) == sign_flip(differences, np.arange(30))
    assert sign_flip(np.full(30, 0.1), np.arange(30)) == 1 / 10_000  # never 0: the observed one counts


def test_the_number_of_images_for_a_mean_gives_power_four_times_in_five() -> None:
    rng = np.random.default_rng(0)
    differences = rng.normal(0, 0.1, 400)
    differences += 0.01 - differences.mean()
    expected = images_for_mean_power(differences, np.arange(400)) or 0
    assert expected == pytest.approx((2.8016 * differences.std() / 0.01) ** 2, rel=0.01)
    noise = rng.normal(0.01, differences.std(), (4000, expected)).mean(axis=1)
    assert (noise > Z_95 * differences.std() / np.sqrt(expected)).mean() == pytest.approx(0.8, abs=0.03)
    # ten equal images in each group are worth one
    assert images_for_mean_power(np.repeat(differences, 10), np.repeat(np.arange(400), 10)) == pytest.approx(
        10 * expected, rel=0.01
    )
    assert images_for_mean_power(np.zeros(5), np.arange(5)) is None


def test_the_median_ratio_is_taken_within_pairs() -> None:
    # The second is twice as fast in each pair, while the machine is up to 50 times as slow: exactly 2.
    slow = np.array([1.0, 50.0, 2.0, 9.0, 1.0])
    assert median_ratio(slow, slow / 2) == Estimate(value=2, low=2, high=2)
    # Ratios 1, 2, 3: the median is 2, and resamples reach each end.
    assert median_ratio(np.array([1.0, 2.0, 3.0]), np.ones(3)) == Estimate(value=2, low=1, high=3)
    mixed, other = np.random.default_rng(0).random((2, 40)) + 0.5
    estimate = median_ratio(mixed, other)
    assert estimate.low is not None and estimate.low < 1 < (estimate.high or 0)
