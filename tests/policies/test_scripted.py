"""Scripted policies solve the tabletop from facts and words, and say where they cannot."""

import numpy as np
import pytest

from foreworld.catalog import POLICIES, resolve
from foreworld.policies import RandomPolicy
from foreworld.policies.scripted import SHARES, ExpertPolicy, MixedPolicy
from foreworld.streams import GymStream, collect
from foreworld.vocab import Spec

SPEC = Spec((2,), "float32", "vector", low=-1.0, high=1.0)


def play(name, episodes=20, task=("move", "push"), seed=0):
    stream = GymStream("foreworld/Tabletop-v0", 10, seed, env_kwargs={"task": list(task)})
    policy = resolve(POLICIES, name)(stream.specs["action"], seed)
    return list(collect(stream, policy, episodes=episodes))


def success(episodes):
    return np.mean([e["success"][1:].any() for e in episodes])


def test_the_expert_is_an_expert_and_noise_costs():
    assert success(play("expert")) > 0.9
    assert success(play("noisy")) > 0.5
    assert success(play("random")) < 0.3


@pytest.mark.parametrize("name", POLICIES)
def test_every_policy_of_the_catalog_is_built_alike_and_repeats_itself(name):
    one, other = (play(name, 10, seed=4) for _ in range(2))
    assert all(np.array_equal(a["action"], b["action"]) for a, b in zip(one, other, strict=True))
    actions = np.concatenate([e["action"] for e in one])
    assert actions.dtype == np.float32 and np.abs(actions).max() <= 1


def test_a_mixture_changes_hands_with_the_episode_only():
    policy, rows = MixedPolicy(SPEC, seed=1), 4000
    stream = GymStream("foreworld/Tabletop-v0", 2, 0, env_kwargs={"task": "push"})
    step = {k: np.resize(v, (rows, *v.shape[1:])) for k, v in stream.reset().items()}
    carry, _ = policy.act(policy.init(rows), step)
    shares = np.bincount(carry.chosen, minlength=len(SHARES)) / rows
    assert shares == pytest.approx(SHARES, abs=0.03)
    later, _ = policy.act(carry, {**step, "is_first": np.arange(rows) < 10})
    assert np.array_equal(later.chosen[10:], carry.chosen[10:])


def test_each_part_of_a_mixture_acts_where_it_was_chosen():
    stream = GymStream("foreworld/Tabletop-v0", 30, 0, env_kwargs={"task": "push"})
    step, policy = stream.reset(), MixedPolicy(SPEC, seed=1)
    carry, action = policy.act(policy.init(30), step)
    _, chance = RandomPolicy(SPEC, 1).act(0, step)
    assert (carry.chosen == 2).any()
    alike = (action == chance).all(1)
    assert np.array_equal(alike, carry.chosen == 2)


def test_other_worlds_are_told():
    step = {"is_first": np.ones(3, bool), "vector": np.zeros((3, 2))}
    with pytest.raises(ValueError, match="no facts and no instruction.*--policy random"):
        ExpertPolicy(SPEC).act(ExpertPolicy(SPEC).init(3), step)
