"""Success and return: the same starts for everybody, those solved at the start left out."""

import numpy as np
import pytest
import torch

from foreworld.evaluation.control import compare, evaluate_policy, run_episodes, select_rows
from foreworld.planners import Cem, RewardObjective
from foreworld.policies import ConstantPolicy, NoopPolicy, PlannedPolicy, RandomPolicy
from foreworld.streams import GymStream
from foreworld.vocab import Plan


@pytest.fixture
def make_stream(dot_env):
    def make(num_envs: int, seed: int) -> GymStream:
        return GymStream(lambda: dot_env(solved=(7, 9)), num_envs=num_envs, seed=seed)

    return make


RIGHT = ConstantPolicy(np.array([1.0, 0.0], np.float32))


def test_success_is_counted_and_solved_starts_are_left_out(make_stream):
    score = evaluate_policy(RIGHT, make_stream, episodes=6, seed=5)
    assert score.episodes == 6 and score.solved_at_start == 2
    assert (score.success.value, score.success.n) == (1.0, 4)
    assert score.returns is None, "episodes were cut at their success"
    assert 4 <= score.length.value <= 9
    still = evaluate_policy(NoopPolicy(make_stream(1, 0).specs["action"]), make_stream, 6, seed=5)
    assert (still.success.value, still.length.value) == (0.0, 20.0)


def test_returns_are_those_of_whole_episodes(make_stream, dot_env):
    score = evaluate_policy(RIGHT, make_stream, episodes=3, seed=0, until_success=False)
    expected = []
    for seed in range(3):
        env = dot_env()
        env.reset(seed=seed)
        expected.append(sum(env.step(RIGHT.action)[1] for _ in range(20)))
    assert score.returns.value == pytest.approx(np.mean(expected), abs=1e-5)
    assert score.length.value == 20 and score.success.value == 1.0


def test_success_once_is_success_even_if_it_does_not_last(make_stream):
    class ThereAndBack:
        def init(self, num_envs):
            return np.zeros(num_envs)

        def act(self, carry, step):
            speed = np.where(carry < 9, 1.0, -1.0)
            return carry + 1, np.stack([speed, 0 * speed], 1).astype(np.float32)

    score = evaluate_policy(ThereAndBack(), make_stream, 3, seed=0, until_success=False)
    assert score.success.value == 1.0


def test_a_world_without_success_has_returns_only(make_stream):
    score = evaluate_policy(RIGHT, make_stream, episodes=3, seed=0, success_key="no such key")
    assert score.success is None and score.solved_at_start == 0
    assert score.returns.n == 3 and score.cost.value == 0.0
    up = ConstantPolicy(np.array([0.0, 1.0], np.float32))
    assert evaluate_policy(up, make_stream, 3, 0, "no such key").cost.value > 5


def test_everybody_meets_the_same_starts(make_stream):
    """The random policy's rows begin where the others' do, whoever ran before."""
    seen = {}

    class Recorder:
        def __init__(self, name, policy):
            self.name, self.policy = name, policy

        def init(self, num_envs):
            return self.policy.init(num_envs)

        def act(self, carry, step):
            seen.setdefault(self.name, step["position"])
            return self.policy.act(carry, step)

    spec = make_stream(1, 0).specs["action"]
    policies = {"random": Recorder("random", RandomPolicy(spec)), "right": Recorder("right", RIGHT)}
    scores = compare(policies, make_stream, episodes=5, seed=20)
    assert np.array_equal(seen["random"], seen["right"])
    assert scores["right"].success.value > scores["random"].success.value


def test_rows_that_are_done_are_not_planned_for(make_stream):
    rows = []

    class Counter:
        def init(self, num_envs):
            return np.arange(num_envs)

        def act(self, carry, step):
            rows.append(carry.tolist())
            assert not step["is_last"].any() and step["is_first"].all() == (len(rows) == 1)
            return carry, np.tile(RIGHT.action, (len(carry), 1))

    outcomes = run_episodes(Counter(), make_stream(6, 5))
    assert rows[0] == [0, 1, 3, 5], "worlds 2 and 4 (seeds 7 and 9) are solved at the start"
    assert all(set(b) <= set(a) for a, b in zip(rows, rows[1:], strict=False))
    assert outcomes.lengths.sum() == sum(map(len, rows))


def test_leaving_rows_does_not_change_what_others_do(make_stream, dot_model):
    """A planner whose rows leave plans for the rest as if they had been alone from the start."""
    planner = Cem(horizon=4, num_candidates=16, num_elites=4, iterations=2)
    policy = PlannedPolicy(dot_model(), planner, RewardObjective())
    together = run_episodes(policy, make_stream(4, 0))
    alone = [run_episodes(policy, make_stream(1, seed)).lengths[0] for seed in range(4)]
    assert len(set(alone)) > 1, "some row leaves before another"
    assert together.lengths.tolist() == alone
    assert together.success.all()


def test_select_rows_reaches_into_states_and_plans():
    plan = Plan(torch.arange(3)[:, None], torch.zeros(3, 2), torch.zeros(3))
    carry = select_rows((plan, None, 4, {"x": np.arange(3)}), np.array([0, 2]), 3)
    assert carry[0].actions.flatten().tolist() == [0, 2] and isinstance(carry[0], Plan)
    assert carry[1:3] == (None, 4) and carry[3]["x"].tolist() == [0, 2]
