"""Differences between pushes: known to a model that heeds actions, absent in one that does not."""

import itertools

import gymnasium
import numpy as np
import pytest
import torch

from foreworld.evaluation.branches import BranchingWorld, branch, pushes
from foreworld.evaluation.counterfactual import difference_correlation, measure_counterfactual
from foreworld.policies import RandomPolicy
from foreworld.vocab import Spec


@pytest.fixture
def branches(dot_env, wander):
    return branch(BranchingWorld(dot_env()), wander, starts=6, context=3, horizon=4, wait=5)


def test_a_model_that_heeds_actions_knows_the_differences(branches, dot_model):
    result = measure_counterfactual(dot_model(), branches, {"x": ("position", (0,))})
    assert result.starts == 6 and result.pushes == ("-x", "+x", "-y", "+y")
    for key in ("image", "position", "reward", "x"):
        assert [i.value for i in result.correlation[key]] == pytest.approx([1.0] * 4, abs=1e-4)
    backwards = measure_counterfactual(dot_model(gain=-1.0), branches)
    assert backwards.correlation["position"][-1].high < -0.5


def test_a_model_that_ignores_actions_knows_none(branches, dot_model):
    result = measure_counterfactual(dot_model(gain=0.0), branches)
    for key in ("image", "position"):
        assert [i.value for i in result.correlation[key]] == pytest.approx([0.0] * 4, abs=1e-6)
        assert result.correlation[key][-1].n == 6


def test_every_push_starts_where_the_last_row_seen_was(branches):
    start = branches.seen["position"][:, -1:]
    assert branches.truth["position"].shape == (6, 4, 4, 2)
    first = branches.truth["position"][:, :, 0] - start
    left, right = first[:, 0], first[:, 1]
    assert torch.allclose(left, -right, atol=1e-5) and (left[:, 0] < -0.09).all()
    assert branches.seen["is_first"][:, 0].all()
    moved = branches.seen["position"][:, 1:] - branches.seen["position"][:, :-1]
    assert torch.allclose(moved, 0.1 * branches.seen["action"][:, :-1], atol=1e-5)


def test_an_episode_that_ends_in_a_branch_stands_still(dot_env, wander):
    world = BranchingWorld(dot_env(max_steps=6))
    result = branch(world, wander, starts=3, context=4, horizon=5, wait=0)
    position, last = result.truth["position"], result.truth["is_last"]
    assert last[:, :, 2].all() and not last[:, :, 1].any()
    assert torch.equal(position[:, :, 2], position[:, :, 4])
    assert not torch.equal(position[:, 0, 2], position[:, 1, 2])


def test_starts_that_never_last_are_an_error(dot_env, wander):
    world = BranchingWorld(dot_env(max_steps=2))
    with pytest.raises(ValueError, match="fewer starts"):
        branch(world, wander, starts=1, context=4, horizon=5)


def test_a_world_that_cannot_be_put_back_is_an_error():
    class Unknown(gymnasium.Env):
        pass

    with pytest.raises(ValueError, match="Unknown cannot be put back.*classic_control.*get_state"):
        BranchingWorld(Unknown())


@pytest.mark.parametrize("env_id", ["Pendulum-v1", "CartPole-v1"])
def test_worlds_of_gymnasium_branch(env_id):
    world = BranchingWorld(gymnasium.make(env_id))
    policy = RandomPolicy(world.specs["action"], 0)
    result = branch(world, policy, starts=2, context=3, horizon=6, wait=0, seed=1)
    assert (result.truth["vector"][:, 0] != result.truth["vector"][:, 1]).any()
    for start, (k, push) in itertools.product(range(2), enumerate(result.actions.numpy())):
        env = gymnasium.make(env_id)  # the truth from Gymnasium alone: driven again, then pushed
        rows = [env.reset(seed=1 + start)[0]]
        for action in [*result.seen["action"][start, :2].numpy(), *push]:
            rows.append(env.step(action)[0])
        expected = torch.from_numpy(np.float32(rows))
        assert torch.equal(result.seen["vector"][start], expected[:3])
        assert torch.equal(result.truth["vector"][start, k], expected[3:])


def test_a_branch_may_outlast_the_clock():
    world = BranchingWorld(gymnasium.make("Pendulum-v1", max_episode_steps=4))
    policy = RandomPolicy(world.specs["action"], 0)
    result = branch(world, policy, starts=1, context=3, horizon=6, wait=0)
    assert not result.truth["is_last"].any()


def test_pushes_of_all_kinds_of_actions():
    names, actions = pushes(Spec((2,), "float32", "vector", low=(0.0, -1.0), high=(4.0, 1.0)), 3)
    assert names == ("-x", "+x", "-y", "+y") and actions.shape == (4, 3, 2)
    assert actions[:, 0].tolist() == [[0, 0], [4, 0], [2, -1], [2, 1]]
    names, actions = pushes(Spec((1,), "float32", "vector", low=-2.0, high=2.0), 2)
    assert actions[:, 0, 0].tolist() == [-2, 2] and len(names) == 2
    names, actions = pushes(Spec((), "int64", "discrete", classes=(3,)), 2)
    assert actions.tolist() == [[0, 0], [1, 1], [2, 2]] and actions.dtype == np.int64
    with pytest.raises(ValueError, match="bounded"):
        pushes(Spec((2,), "float32", "vector"), 2)


def test_correlation_counts_only_what_is_counted():
    truth, imagined = torch.zeros(1, 2, 1, 4), torch.zeros(1, 2, 1, 4)
    truth[0, 0, 0] = torch.tensor([1.0, 2.0, 3.0, 0.0])
    imagined[0, 0, 0] = torch.tensor([2.0, 4.0, 6.0, 50.0])
    counted = torch.tensor([True, True, True, False]).expand_as(truth)
    assert difference_correlation(imagined, truth, counted)[0, 0] == pytest.approx(1.0)
    everywhere = torch.ones_like(counted)
    assert difference_correlation(imagined, truth, everywhere)[0, 0] < 0
    same = torch.zeros_like(truth)
    assert np.isnan(difference_correlation(imagined, same, everywhere)[0, 0])
