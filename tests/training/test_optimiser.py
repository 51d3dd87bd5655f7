"""The learning rate over a phase."""

from __future__ import annotations

import pytest

from foreworld.training.optimiser import OptimiserConfig, learning_rate


def test_it_warms_up_by_updates_in_long_trainings():
    config = OptimiserConfig(lr=1.0, warmup=100)
    assert learning_rate(config, 0, 0.0) == pytest.approx(0.01)
    assert learning_rate(config, 49, 0.001) == pytest.approx(0.5, rel=1e-3)
    assert learning_rate(config, 99, 0.01) == pytest.approx(1.0, rel=1e-3)


def test_a_short_training_is_warm_after_a_twentieth():
    config = OptimiserConfig(lr=1.0, warmup=100)
    assert learning_rate(config, 3, 0.05) > 0.99
    assert learning_rate(config, 3, 0.025) == pytest.approx(0.5, rel=0.01)


def test_it_ends_at_the_share_that_is_left():
    config = OptimiserConfig(lr=2.0, final=0.1)
    assert learning_rate(config, 10_000, 1.0) == pytest.approx(0.2)
