"""Tree search: what it finds where the truth is known, what it never does, and what it refuses."""

from __future__ import annotations

from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from foreworld.outputs import Bernoulli, Categorical, Mse
from foreworld.planners import Mcts, RewardObjective
from foreworld.planners.mcts import draw
from foreworld.policies import PlannedPolicy
from foreworld.vocab import Spec, WorldModel

TAKE = 3  # matches, at most


class Heap(NamedTuple):
    left: Tensor  # [B] matches
    won: Tensor  # [B] 1 where the last one was just taken
    action: Tensor  # [B]


class Nim(WorldModel):
    """Take one to three matches by turns; who takes the last wins. Knows rules, and nothing else.

    Who leaves a multiple of four wins.
    """

    Config = object
    heads = ("reward", "value", "policy", "continue", "legal")

    def __init__(self):
        super().__init__()
        classes = (TAKE,)
        self.specs = {
            "legal": Spec((TAKE,), "int64", "discrete", classes=(2,) * TAKE),
            "left": Spec((), "int64", "discrete", classes=(20,)),
            "action": Spec((), "int64", "discrete", classes=classes, turns=True),
        }
        self.weight = torch.nn.Parameter(torch.zeros(()))

    def initial(self, batch_size):
        zeros = torch.zeros(batch_size)
        return Heap(zeros, zeros, zeros.long())

    def observe(self, state, batch):
        left = batch["left"][:, -1].float()
        return Heap(left, torch.zeros_like(left), torch.zeros_like(left).long())

    def imagine(self, state, action, noise=None):
        left = state.left - 1 - action
        over = (left <= 0) & (state.left > 0)
        return Heap(left.clamp(min=0), over.float(), torch.zeros_like(action))

    def predict(self, state, heads=None):
        zeros = torch.zeros_like(state.left)
        legal = (torch.arange(TAKE) < state.left[:, None]).float()
        said = {
            "reward": Mse(state.won, 0),
            "value": Mse(zeros, 0),
            "policy": Categorical(torch.zeros(len(zeros), TAKE), (TAKE,), scalar=True),
            "continue": Bernoulli(torch.where(state.left > 0, 30.0, -30.0)),
            "legal": Mse(legal, 1),
        }
        return {h: said[h] for h in heads or self.heads}

    features = loss = noise = initial


def heaps(*left):
    rows = torch.tensor(left, dtype=torch.float32)
    return Heap(rows, torch.zeros_like(rows), torch.zeros(len(left), dtype=torch.long))


@pytest.mark.parametrize("rule", ["gumbel", "puct"])
def test_the_other_players_gain_is_a_loss(rule):
    found = Mcts(rule, num_simulations=150).search(Nim(), heaps(2, 5, 6, 7, 3))
    assert found.action.tolist() == [1, 0, 1, 2, 2]  # leave nothing, or a multiple of four
    assert (found.policy.argmax(-1) == found.action).all()
    assert found.expected[0] > 0.9 and found.expected.min() > 0.3


@pytest.mark.parametrize("rule", ["gumbel", "puct"])
@pytest.mark.parametrize("explore", [False, True])
def test_what_is_not_allowed_is_never_done(rule, explore):
    mcts = Mcts(rule, num_simulations=8, explore=explore)
    for seed in range(20):
        found = mcts.search(Nim(), heaps(1, 2, 3), seed=seed)
        assert (found.action < torch.tensor([1, 2, 3])).all()
        assert found.visits[0].tolist() == [8, 0, 0]
        assert not found.policy[0, 1:].any() and not found.policy[1, 2:].any()
    plan = mcts(Nim(), heaps(1, 2, 3), RewardObjective(), seed=0)
    assert plan.scores[0, 1:].isneginf().all() and plan.candidates.shape == (3, 3, 1)


def test_where_nothing_is_allowed_any_action_will_do():
    found = Mcts(num_simulations=4).search(Nim(), heaps(0))
    assert found.policy.isfinite().all() and 0 <= int(found.action) < TAKE


@pytest.mark.parametrize("rule", ["gumbel", "puct"])
def test_a_row_is_searched_as_it_is_alone(rule):
    mcts = Mcts(rule, num_simulations=20, explore=True)
    together = mcts.search(Nim(), heaps(5, 6, 7), seed=3)
    alone = mcts.search(Nim(), heaps(5), seed=3)
    assert torch.equal(together.visits[0], alone.visits[0])
    assert torch.equal(together.action[0], alone.action[0])
    few, many = (draw(rows, 3, 0.3, 7, torch.device("cpu")) for rows in (2, 5))
    assert all(torch.equal(a, b[:2]) for a, b in zip(few, many, strict=True))


def test_noise_explores_and_a_seed_repeats_it():
    mcts = Mcts(num_simulations=4, explore=True)
    actions = [mcts.search(Nim(), heaps(9), seed=seed).action.item() for seed in range(20)]
    assert len(set(actions)) == TAKE
    assert actions[3] == mcts.search(Nim(), heaps(9), seed=3).action.item()


def test_found_can_be_learned_from():
    found = Mcts(num_simulations=4).search(Nim(), heaps(5))
    assert not any(part.is_inference() for part in found)


def test_as_a_policy():
    policy = PlannedPolicy(Nim(), Mcts(num_simulations=100), RewardObjective())
    step = {"left": torch.tensor([7, 3]).numpy(), "legal": torch.ones(2, 3).numpy(),
            "is_first": torch.ones(2, dtype=torch.bool).numpy()}  # fmt: skip
    _, action = policy.act(policy.init(2), step)
    assert action.tolist() == [2, 2]


def test_what_it_refuses():
    model = Nim()
    model.specs["action"] = Spec((2,), "float32", "vector", low=-1.0, high=1.0)
    with pytest.raises(ValueError, match="it takes one discrete action"):
        Mcts().search(model, heaps(3))
    model.heads = ("reward", "value")
    with pytest.raises(ValueError, match="unknown head for a tree search 'policy'"):
        Mcts().search(model, heaps(3))
    with pytest.raises(ValueError, match="num_simulations=0"):
        Mcts(num_simulations=0)
