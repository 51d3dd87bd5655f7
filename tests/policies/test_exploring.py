"""Exploring disturbs plans, leaves some episodes to others, and tells the model what was done."""

from typing import NamedTuple

import numpy as np
import pytest
import torch

from foreworld.policies import ConstantPolicy
from foreworld.policies.exploring import ExploringPolicy
from foreworld.policies.planned import PlannedCarry
from foreworld.vocab import Spec

SPEC = Spec((1,), "float32", "vector", low=(-2.0,), high=(4.0,))
CLASSES = Spec((), "int64", "discrete", classes=(3,))


class State(NamedTuple):
    action: torch.Tensor


class Model:
    device = torch.device("cpu")


class Planned:
    """Always plans one action."""

    model = Model()

    def __init__(self, action, dtype):
        self.action, self.dtype = action, dtype

    def init(self, num_envs):
        return PlannedCarry(State(torch.zeros(num_envs)), None, 0, 0)

    def act(self, carry, step):
        return carry, np.full(
            (len(step["is_first"]), *np.shape(self.action)), self.action, self.dtype
        )


def rows(num, first=True):
    return {"is_first": np.full(num, first)}


def test_noise_is_in_halves_of_the_range_and_bounded():
    other = ConstantPolicy(np.full(1, -2.0, np.float32))
    policy = ExploringPolicy(Planned([1.0], np.float32), other, SPEC, share=0.0, noise=0.1)
    carry, action = policy.act(policy.init(5000), rows(5000))
    assert action.dtype == np.float32 and action.shape == (5000, 1)
    assert action.std() == pytest.approx(0.3, rel=0.1) and action.mean() == pytest.approx(
        1, abs=0.05
    )
    assert torch.equal(carry.acting.state.action, torch.from_numpy(action)), "told of the noise"
    wild = ExploringPolicy(Planned([1.0], np.float32), other, SPEC, share=0.0, noise=9.0)
    _, action = wild.act(wild.init(500), rows(500))
    assert (action.min(), action.max()) == (-2.0, 4.0)


def test_discrete_actions_are_replaced_by_chance():
    other = ConstantPolicy(np.int64(0))
    policy = ExploringPolicy(Planned(2, np.int64), other, CLASSES, share=0.0, noise=0.3)
    _, action = policy.act(policy.init(6000), rows(6000))
    assert action.dtype == np.int64
    assert (action != 2).mean() == pytest.approx(0.3 * 2 / 3, abs=0.03)


def test_others_play_whole_episodes():
    other = ConstantPolicy(np.full(1, -2.0, np.float32))
    policy = ExploringPolicy(Planned([1.0], np.float32), other, SPEC, share=0.25, noise=0.0)
    carry, action = policy.act(policy.init(4000), rows(4000))
    theirs = action[:, 0] == -2.0
    assert theirs.mean() == pytest.approx(0.25, abs=0.03)
    carry, action = policy.act(carry, rows(4000, first=False))
    assert np.array_equal(action[:, 0] == -2.0, theirs)
    _, action = policy.act(carry, rows(4000))
    assert not np.array_equal(action[:, 0] == -2.0, theirs)
