"""Intervals against known numbers."""

import math

import numpy as np
import pytest

from foreworld.evaluation.intervals import bootstrap_mean, bootstrap_skill, wilson


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    # 8/10 and 0/20: Brown, Cai and DasGupta (2001), the Wilson interval at 95 %.
    [(8, 10, 0.4901, 0.9433), (0, 20, 0.0, 0.1611), (48, 50, 0.8654, 0.9890)],
)
def test_wilson_against_known_numbers(successes, n, low, high):
    rate = wilson(successes, n)
    assert rate.value == successes / n and rate.n == n
    assert (rate.low, rate.high) == pytest.approx((low, high), abs=2e-4)


def test_nothing_measured_is_not_zero():
    assert math.isnan(wilson(0, 0).value)
    assert bootstrap_mean([]).to_json() == {"value": None, "low": None, "high": None, "n": 0}
    assert math.isnan(bootstrap_mean([3.0]).low) and bootstrap_mean([3.0]).value == 3.0


def test_a_bootstrap_of_a_mean_is_near_the_normal_one():
    values = np.random.default_rng(1).normal(5, 2, 200)
    interval = bootstrap_mean(values)
    half = 1.96 * values.std() / math.sqrt(200)
    assert interval.value == pytest.approx(values.mean())
    assert interval.high - interval.value == pytest.approx(half, rel=0.15)
    assert interval.value - interval.low == pytest.approx(half, rel=0.15)
    assert bootstrap_mean(values) == interval, "the seed is fixed"
    assert bootstrap_mean([4.0, 4.0, 4.0]).low == 4.0


def test_skill_pools_over_episodes_and_drops_those_without_reference_error():
    skill = bootstrap_skill(np.array([1.0, 1.0, 9.0]), np.array([2.0, 6.0, 0.0]))
    assert skill.value == 1 - 2 / 8 and skill.n == 2
    assert (skill.low, skill.high) == pytest.approx((0.5, 1 - 1 / 6))


def test_how_intervals_are_written():
    assert str(wilson(45, 50)) == "0.90 [0.79, 0.96], n = 50"
    assert str(wilson(0, 0)) == "n/a"
    assert str(bootstrap_mean([12.34])) == "12.3 (n = 1)"
