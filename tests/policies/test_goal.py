"""A policy with a goal: an oracle of the rooms gets there, and models that cannot are told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from foreworld.evaluation import evaluate_policy
from foreworld.planners import Icem
from foreworld.policies.goal import GoalPolicy
from foreworld.reference import locate
from foreworld.streams import GymStream
from foreworld.vocab import goals_of
from foreworld.worlds.rooms import Rooms

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "rooms_planning.py"
PLANNER = Icem(horizon=30, action_block=5, num_candidates=64, iterations=2, num_elites=8)


def stream(num_envs: int, seed: int, **options) -> GymStream:
    return GymStream("foreworld/Rooms-v0", num_envs, seed, env_kwargs={"image_size": 16, **options})


@pytest.fixture(scope="module")
def oracle():
    return locate(f"{BENCHMARK}:Oracle")(stream(1, 0).specs)


def test_the_oracle_knows_the_laws(oracle):
    rng, touched = np.random.default_rng(0), 0
    for seed in range(30):
        env = Rooms(wall="random")
        facts = env.begin(seed=seed)["facts"]
        state = oracle.initial(1)._replace(place=torch.tensor(facts[None, :2]))
        state = state._replace(wall=torch.tensor(facts[None, 2:]))
        for action in rng.uniform(-1, 1, 2) + rng.uniform(-0.5, 0.5, (40, 2)):
            action = action.astype(np.float32)
            state = oracle.imagine(state, torch.tensor(action[None]))
            facts = env.advance(action)[3]["facts"]
            assert np.abs(state.place[0].numpy() - facts[:2]).max() < 1e-6
            touched += bool(np.abs(facts[:2]).max() > 0.399)
    assert touched > 100


@pytest.mark.parametrize("wall", ["fixed", "random"])
def test_it_gets_through_the_door(oracle, wall):
    policy = GoalPolicy(oracle, PLANNER, goals_of(stream(1, 0).specs), replan_every=5)
    found = evaluate_policy(policy, lambda n, seed: stream(n, seed, wall=wall), 12, seed=100)
    assert found.success is not None and found.success.value >= 10 / 12
    assert found.success.n == 12 and found.solved_at_start == 0


def test_goals_are_read_where_episodes_begin(oracle):
    policy = GoalPolicy(oracle, PLANNER, {"goal_facts": "facts"})
    step = dict(stream(2, 0).reset())
    carry, _ = policy.act(policy.init(2), step)
    assert torch.equal(carry.goal, torch.tensor(step["goal_facts"][:, :2]))
    other = {**step, "goal_facts": step["goal_facts"] + 0.1}
    later, _ = policy.act(carry, {**other, "is_first": np.zeros(2, bool)})
    assert torch.equal(later.goal, carry.goal)
    anew, _ = policy.act(carry, {**other, "is_first": np.array([False, True])})
    assert not torch.equal(anew.goal, carry.goal)


@pytest.mark.parametrize("goals", [{}, {"goal": "image"}])
def test_a_world_without_a_goal_for_what_the_model_sees_is_named(oracle, goals):
    with pytest.raises(ValueError, match="sees facts, for which the world shows no goal.*rooms"):
        GoalPolicy(oracle, PLANNER, goals)
