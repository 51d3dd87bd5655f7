from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from foreworld.outputs import Mse
from foreworld.planners import Cem, Icem, Mppi, RewardObjective
from foreworld.policies import ConstantPolicy, NoopPolicy, PlannedPolicy, RandomPolicy
from foreworld.vocab import Plan, Spec, WorldModel

torch.set_num_threads(1)
BOX = Spec((2,), "float32", "vector", low=(-1.0, 2.0), high=(1.0, 5.0))
MULTI = Spec((2,), "int32", "discrete", classes=(3, 2))
SINGLE = Spec((), "int64", "discrete", classes=(4,))


class Belief(NamedTuple):
    position: Tensor  # [B, 2]
    steps_seen: Tensor  # [B] since the episode began
    action: Tensor  # [B, 2]


class Walker(WorldModel):
    """Moves by 0.1 * action, wants to be at the origin; records what it was given."""

    Config = object
    heads = ("reward",)

    def __init__(self):
        super().__init__()
        self.specs = {
            "position": Spec((2,), "float32", "vector"),
            "hidden": Spec((1,), "float32", "vector", observed=False),
            "action": Spec((2,), "float32", "vector", low=-1.0, high=1.0),
        }
        self.gain = nn.Parameter(torch.tensor(0.1))
        self.batches, self.actions = [], []

    def initial(self, batch_size):
        return Belief(*torch.zeros(3, batch_size, 2))._replace(steps_seen=torch.zeros(batch_size))

    def observe(self, state, batch):
        self.batches.append(batch)
        self.actions.append(state.action)
        kept = torch.where(batch["is_first"][:, 0], 0.0, state.steps_seen)
        return Belief(batch["position"][:, 0], kept + 1, batch["action"][:, 0])

    def imagine(self, state, action, noise=None):
        return Belief(state.position + self.gain * action, state.steps_seen, action)

    def predict(self, state, heads=None):
        return {"reward": Mse(-state.position.norm(dim=-1), 0)}

    def features(self, state):
        return state.position

    def loss(self, batch):
        raise NotImplementedError

    def noise(self, batch_size, horizon, seed):
        return torch.zeros(batch_size, horizon, 1)


def step(position, first=False):
    position = np.asarray(position, np.float32)
    rows = len(position)
    flags = {k: np.zeros(rows, bool) for k in ("is_last", "is_terminal")}
    first = np.broadcast_to(np.asarray(first), rows).copy()
    return {"position": position, "is_first": first, "reward": np.zeros(rows, np.float32), **flags}


def walk(policy, position, num_steps):
    """Drive the true dynamics; returns positions [T + 1, N, 2] and actions [T, N, 2]."""
    carry, positions, actions = policy.init(len(position)), [position], []
    for t in range(num_steps):
        carry, action = policy.act(carry, step(positions[-1], first=t == 0))
        positions.append(positions[-1] + 0.1 * action)
        actions.append(action)
    return np.stack(positions), np.stack(actions)


SMALL = {"horizon": 5, "num_candidates": 64, "iterations": 2}
START = np.array([[0.6, -0.3], [-0.5, 0.5], [0.2, 0.0]], np.float32)


@pytest.mark.parametrize("cls", [Cem, Icem, Mppi])
@pytest.mark.parametrize("replan_every", [1, 3])
def test_planned_walks_home_and_random_does_not(cls, replan_every):
    planned = PlannedPolicy(Walker(), cls(**SMALL), RewardObjective(), replan_every)
    home, actions = walk(planned, START, 12)
    away, _ = walk(RandomPolicy(planned.model.specs["action"]), START, 12)
    assert np.linalg.norm(home[-1], axis=-1).max() < 0.1
    assert np.linalg.norm(away[-1], axis=-1).max() > 0.3
    assert actions.dtype == np.float32 and np.abs(actions).max() <= 1


def test_the_chosen_action_is_in_the_state_that_comes_next():
    model = Walker()
    _, actions = walk(PlannedPolicy(model, Cem(**SMALL), RewardObjective()), START, 3)
    for t in (1, 2):
        assert np.array_equal(model.actions[t].numpy(), actions[t - 1])


def test_the_model_sees_its_keys_the_flags_and_nothing_else():
    model = Walker()
    policy = PlannedPolicy(model, Cem(**SMALL), RewardObjective())
    policy.act(policy.init(3), {**step(START, True), "hidden": np.ones((3, 1)), "log": np.ones(3)})
    flags = {"is_first", "is_last", "is_terminal"}
    assert set(model.batches[0]) == {"position", "action", "reward", *flags}
    assert all(v.shape[:2] == (3, 1) for v in model.batches[0].values())


def test_missing_observations_are_named():
    policy = PlannedPolicy(Walker(), Cem(**SMALL), RewardObjective())
    wrong = step(START, True)
    wrong["positon"] = wrong.pop("position")
    with pytest.raises(ValueError, match="lacks position.*'positon' meant to be 'position'"):
        policy.act(policy.init(3), wrong)


class Recorder:
    """A planner that keeps what it was called with; its plans count 0, 1, 2 ... in each row."""

    def __init__(self, horizon=6):
        self.calls, self.horizon = [], horizon

    def __call__(self, model, state, objective, *, seed, previous=None):
        self.calls.append((seed, previous))
        rows = len(state.action)
        actions = torch.arange(self.horizon).float().view(1, -1, 1).expand(rows, -1, 2)
        return Plan(actions, actions[:, None], torch.zeros(rows, 1))


def test_plans_are_executed_for_as_long_as_asked_and_then_shifted():
    planner = Recorder()
    _, actions = walk(PlannedPolicy(Walker(), planner, RewardObjective(), 3, seed=5), START, 7)
    assert actions[:, 0, 0].tolist() == [0, 1, 2, 0, 1, 2, 0]
    seeds = [seed for seed, _ in planner.calls]
    assert len(set(seeds)) == 3
    previous = planner.calls[1][1]  # planners shift by one more
    assert previous.actions[0, :, 0].tolist() == [2, 3, 4, 5, 5, 5]


def test_a_new_episode_replans_at_once_and_forgets_only_its_row():
    planner = Recorder()
    model = Walker()
    policy = PlannedPolicy(model, planner, RewardObjective(), replan_every=4)
    carry = policy.init(3)
    carry, _ = policy.act(carry, step(START, True))
    carry, _ = policy.act(carry, step(START))
    assert len(planner.calls) == 1
    carry, action = policy.act(carry, step(START, np.array([False, True, False])))
    assert len(planner.calls) == 2 and (action == 0).all()
    assert planner.calls[1][1].scores.isneginf().flatten().tolist() == [False, True, False]
    assert carry.state.steps_seen.tolist() == [3, 1, 3]


def test_acting_is_a_function_of_the_carry():
    policy = PlannedPolicy(Walker(), Icem(**SMALL), RewardObjective(), seed=3)
    carry, _ = policy.act(policy.init(3), step(START, True))
    _, once = policy.act(carry, step(START))
    _, again = policy.act(carry, step(START))
    assert np.array_equal(once, again)
    other = PlannedPolicy(policy.model, policy.planner, RewardObjective(), seed=4)
    assert not np.array_equal(once, other.act(carry, step(START))[1])


def test_plans_shorter_than_their_use_are_refused():
    policy = PlannedPolicy(Walker(), Recorder(horizon=2), RewardObjective(), replan_every=3)
    with pytest.raises(ValueError, match="replan_every=3, but plans are 2 steps long"):
        policy.act(policy.init(3), step(START, True))
    with pytest.raises(ValueError, match="replan_every=0"):
        PlannedPolicy(Walker(), Recorder(), RewardObjective(), replan_every=0)


@pytest.mark.parametrize("spec", [BOX, MULTI, SINGLE], ids=["box", "multi", "single"])
def test_random_actions_cover_their_space_and_nothing_else(spec):
    policy = RandomPolicy(spec, seed=1)
    carry, first = policy.act(policy.init(2000), step(np.zeros((2000, 2))))
    _, second = policy.act(carry, step(np.zeros((2000, 2))))
    assert first.shape == (2000, *spec.shape) and first.dtype == spec.dtype
    assert not np.array_equal(first, second)
    assert np.array_equal(first, policy.act(policy.init(2000), step(np.zeros((2000, 2))))[1])
    low = np.zeros(1) if spec.classes else np.array(spec.low)
    high = np.array(spec.classes) - 1 if spec.classes else np.array(spec.high)
    flat = first.reshape(2000, -1)
    assert (flat >= low).all() and (flat <= high).all()
    np.testing.assert_allclose(flat.mean(0), (low + high) / 2, atol=0.1 * (high - low).max())
    np.testing.assert_allclose(flat.min(0), np.broadcast_to(low, high.shape), atol=0.01)


def test_random_needs_bounds():
    with pytest.raises(ValueError, match="finite bounds"):
        RandomPolicy(Spec((2,), "float32", "vector", low=-1.0))


def test_noop_is_zero_or_the_nearest_allowed():
    rows = step(np.zeros((3, 2)))
    for spec, expected in ((BOX, [0.0, 2.0]), (MULTI, [0, 0]), (SINGLE, 0)):
        _, action = NoopPolicy(spec).act(None, rows)
        assert action.shape == (3, *spec.shape) and action.dtype == spec.dtype
        assert (action == np.array(expected)).all()
    unbounded = Spec((1,), "float32", "vector")
    assert NoopPolicy(unbounded).act(None, rows)[1].tolist() == [[0.0]] * 3
    assert ConstantPolicy(np.array([1.0, 2.0])).act(None, rows)[1].shape == (3, 2)


def test_random_actions_are_legal_where_that_is_shown():
    policy, legal = RandomPolicy(SINGLE, seed=0), np.array([[0, 1, 0, 1], [0, 0, 1, 0]])
    step = {"is_first": np.ones(2, bool), "legal": legal}
    drawn = [policy.act(carry, step)[1].tolist() for carry in range(30)]
    assert {first for first, _ in drawn} == {1, 3} and {second for _, second in drawn} == {2}
