"""A perfect ensemble passes whatever its size; who is too sure, or not enough, does not."""

import numpy as np
import pytest

from foreworld.evaluation import ensemble_scores as scores
from foreworld.evaluation.intervals import bootstrap_mean, wilson

SAMPLES = 100_000
DEVIATION = 1.099  # of a Gaussian whose fair CRPS is DEVIATION / sqrt(pi) = 0.620
TRUTH_CRPS = 0.620


def gaussian(n, factor=1.0, samples=SAMPLES):
    """An ensemble whose members and whose truth share a centre that nobody knows."""
    rng = np.random.default_rng(n)
    scale = rng.choice([0.5, 1.0, 1.8], samples)  # some cases are harder than others
    draws = factor * scale * rng.standard_normal((n, samples))
    return draws, scale * rng.standard_normal(samples), rng


@pytest.mark.parametrize("n", [2, 5, 10, 30])
def test_a_perfect_ensemble_is_as_uncertain_as_it_is_wrong(n):
    spread, error = scores.spread_and_error(*gaussian(n)[:2])
    assert np.sqrt(spread.mean() / error.mean()) == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("factor", [0.3, 3.0])
@pytest.mark.parametrize("n", [2, 5, 10])
def test_spread_tells_by_how_much_it_is_wrong(n, factor):
    spread, error = scores.spread_and_error(*gaussian(n, factor)[:2])
    ratio = np.sqrt(spread.mean() / error.mean())
    # Draws that spread wider have a mean that errs more: (1 + 1/n) s² over 1 + s²/n.
    assert ratio == pytest.approx(factor * np.sqrt((1 + 1 / n) / (1 + factor**2 / n)), rel=0.03)


@pytest.mark.parametrize("n, plain", [(2, 0.930), (5, 0.745), (10, 0.683)])
def test_fair_crps_does_not_depend_on_the_size(n, plain):
    """The plain CRPS charges small ensembles half as much again; the fair one none of them."""
    rng = np.random.default_rng(n)
    draws, truth = (
        DEVIATION * rng.standard_normal((n, SAMPLES)),
        DEVIATION * rng.standard_normal(SAMPLES),
    )
    gaps = np.abs(draws[:, None] - draws[None]).mean((0, 1)) / 2
    careless = (np.abs(draws - truth).mean(0) - gaps).mean()
    assert careless == pytest.approx(plain, abs=0.01)
    assert scores.fair_crps(draws, truth).mean() == pytest.approx(TRUTH_CRPS, abs=0.006)


@pytest.mark.parametrize("n", [2, 8, 30])
def test_ranks_of_a_perfect_ensemble_are_uniform_and_cover_what_they_should(n):
    draws, truth, rng = gaussian(n, samples=20_000)
    where = scores.ranks(draws, truth, rng)
    value, p = scores.unevenness(where, n)
    assert value.low == 0 and value.value < 0.002 and p > 0.01
    k, share = scores.central(1.0, n)
    assert (k, share) == (1, pytest.approx((n - 1) / (n + 1)))
    for level in (0.5, 0.8, 0.95):
        k, share = scores.central(level, n)
        assert ((where >= k) & (where <= n - k)).mean() == pytest.approx(share, abs=0.015)


@pytest.mark.parametrize("factor, extremes", [(0.3, True), (3.0, False)])
def test_ranks_of_a_wrong_spread_are_uneven(factor, extremes):
    draws, truth, rng = gaussian(8, factor, 500)
    where = scores.ranks(draws, truth, rng)
    value, p = scores.unevenness(where, 8)
    assert value.low > 0.03 and p < 1e-6
    assert (np.isin(where, (0, 8)).mean() > 2 / 9) == extremes


def test_ties_are_drawn_by_lot():
    rng = np.random.default_rng(0)
    where = scores.ranks(np.full((4, 5000), 1 + 1e-9), np.ones(5000), rng, same=1e-6)
    assert np.bincount(where) / 5000 == pytest.approx(np.full(5, 0.2), abs=0.03)
    exact = scores.ranks(np.full((4, 5000), 1 + 1e-9), np.ones(5000), rng)
    assert (exact == 0).all(), "without a tolerance rounding decides"


def test_unevenness_of_one_bin_is_one_and_its_interval_holds_the_truth():
    assert scores.unevenness(np.zeros(300, int), 4)[0].value == pytest.approx(1.0, abs=0.01)
    weights = np.array([0.3, 0.15, 0.1, 0.15, 0.3])
    true = 5 * np.square(weights).sum() - 1  # chi2 per sample
    rng, inside = np.random.default_rng(0), 0
    for _ in range(400):
        value = scores.unevenness(rng.choice(5, 200, p=weights), 4)[0]
        inside += value.low <= true / 4 <= value.high
    assert inside / 400 == pytest.approx(0.95, abs=0.03)


def test_reliability_tells_claims_from_facts():
    rng = np.random.default_rng(0)
    claimed = rng.random(50_000)
    came = rng.random(50_000) < claimed
    assert scores.reliability(claimed, came).error < 0.01
    boaster = scores.reliability(np.full(1000, 0.9), rng.random(1000) < 0.5)
    assert boaster.error == pytest.approx(0.4, abs=0.05) and boaster.share == (1.0,)


def test_certain_ones_err_less_where_certainty_means_something():
    rng = np.random.default_rng(0)
    spread = rng.random(5000)
    error = (spread * rng.standard_normal(5000)) ** 2
    curve = scores.retained_error(spread, error)
    assert curve[500] < 0.1 * curve[-1] and curve[-1] == pytest.approx(error.mean())
    assert scores.retained_error(rng.random(5000), error)[500] > 0.6 * curve[-1]


def test_kaplan_meier_counts_only_who_is_watched():
    # One of four fails at 1; one is lost from sight at 2; one of the two left fails at 3.
    times, failed = np.array([1, 2, 3, 4]), np.array([True, False, True, False])
    assert scores.kaplan_meier(times, failed, 4).tolist() == pytest.approx(
        [0.75, 0.75, 0.375, 0.375]
    )


def test_intervals_hold_the_truth_as_often_as_they_say():
    """95 % ± 3 over simulated examinations: means of skewed numbers of 40 episodes, and rates."""
    rng, times = np.random.default_rng(0), 400
    means = [bootstrap_mean(rng.gamma(4.0, 0.25, 40), seed) for seed in range(times)]
    assert np.mean([i.low <= 1 <= i.high for i in means]) == pytest.approx(0.95, abs=0.03)
    rates = [wilson(int(rng.binomial(40, 0.3)), 40) for _ in range(times)]
    assert np.mean([i.low <= 0.3 <= i.high for i in rates]) == pytest.approx(0.95, abs=0.03)
