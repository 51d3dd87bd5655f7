"""Actor and critic learn from imagination alone, and leave the world model as it is."""

import copy
import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from foreworld.checkpoint import Checkpoint
from foreworld.policies.actor_critic import Actor, ActorCriticConfig
from foreworld.training.actor_critic import (
    ActorCriticLearner,
    LearnerConfig,
    Spread,
    lambda_returns,
    weights,
)
from foreworld.vocab import Spec

torch.set_num_threads(1)
_spec = importlib.util.spec_from_file_location("line", Path(__file__).with_name("line.py"))
line = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(line)
SMALL = LearnerConfig(ActorCriticConfig(hidden=16, layers=1, bins=31), horizon=6, lr=1e-2)


def starts(model, rows=64):
    return model.initial(rows)._replace(x=torch.linspace(-1, 2.5, rows))


def learner(discrete, updates, config=SMALL, **model):
    torch.manual_seed(0)
    made = ActorCriticLearner(line.Line(discrete, **model), config)
    said = {}
    for _ in range(updates):
        said = made.update({}, starts(made.model), 1.0)
    return made, said


def distance(made):
    """From 1, after 12 steps with the actor's favourite actions."""
    policy, x = made.policy(), np.linspace(-1, 2.5, 8, dtype=np.float32)
    carry = policy.init(8)
    for t in range(12):
        carry, action = policy.act(carry, {"x": x, "is_first": np.full(8, t == 0)})
        x = x + 0.3 * (action - 1 if action.ndim == 1 else action[:, 0] - 3).astype(np.float32)
    return np.abs(x - 1).max()


def test_returns_are_what_the_sum_says():
    reward, going_on, value = torch.rand(4, 3), torch.rand(5, 3), torch.rand(5, 3)
    for trace in (0.0, 0.5, 1.0):
        wanted = []
        for t in range(4):
            total, alive = torch.zeros(3), torch.ones(3)
            # Σ_n (1 - λ) λ^n (n-step return), the last with all the weight that is left
            for n in range(1, 5 - t):
                alive_n, rewards = torch.ones(3), torch.zeros(3)
                for k in range(n):
                    rewards = rewards + alive_n * reward[t + k]
                    alive_n = alive_n * going_on[t + k + 1]
                share = trace ** (n - 1) * (1 - trace if t + n < 4 else 1)
                total = total + share * (rewards + alive_n * value[t + n])
            wanted.append(total * alive)
        torch.testing.assert_close(
            lambda_returns(reward, going_on, value, trace), torch.stack(wanted)
        )


def test_what_comes_after_the_end_does_not_count():
    going_on = torch.tensor([[0.9, 0.0], [0.9, 0.9], [0.0, 0.9]])
    assert weights(going_on).tolist() == [
        [pytest.approx(0.9), 0], [pytest.approx(0.81), 0], [0, 0]
    ]  # fmt: skip


@pytest.mark.parametrize("discrete", [True, False], ids=["reinforce", "dynamics"])
def test_it_finds_the_place_and_the_model_stays(discrete):
    untrained, _ = learner(discrete, 0)
    made, said = learner(discrete, 150)
    assert distance(made) < 0.35 < 1 < distance(untrained)
    assert made.model.gain.item() == pytest.approx(0.3) and made.model.gain.grad is None
    assert all(v.isfinite() for v in said.values())


def test_reinforce_works_for_continuous_actions_too():
    from dataclasses import replace

    made, _ = learner(False, 200, replace(SMALL, gradient="reinforce"))
    assert distance(made) < 0.5


def test_an_end_is_avoided_where_it_costs_and_the_critic_knows():
    made, _ = learner(True, 150, deadly=True)
    # Every step costs: to end them all, beyond 0.5, is the best that can be done.
    with torch.no_grad():
        value = made.networks.critic(torch.tensor([[0.4], [-1.0]])).mean
    assert value[0] > value[1] + 1
    policy = made.policy()
    _, action = policy.act(policy.init(1), {"x": np.float32([0.4]), "is_first": np.array([True])})
    assert action.tolist() == [2]


def test_the_spread_is_that_of_returns_and_at_least_one():
    spread = Spread(0.5)
    assert spread.update(torch.linspace(0, 100, 101)) == pytest.approx(90)
    assert spread.update(torch.zeros(10)) == pytest.approx(45)
    for _ in range(10):
        spread.update(torch.zeros(10))
    assert spread.width == 1


def test_going_on_equals_not_stopping():
    whole, _ = learner(True, 20)
    half, _ = learner(True, 10)
    arrays, documents = copy.deepcopy(half.state())
    chance = torch.get_rng_state()
    torch.manual_seed(5)
    resumed = ActorCriticLearner(line.Line(True), SMALL)
    resumed.restore(Checkpoint(arrays, documents, {}))
    torch.set_rng_state(chance)
    for _ in range(10):
        resumed.update({}, starts(resumed.model), 1.0)
    one, other = whole.state()[0], resumed.state()[0]
    assert one.keys() == other.keys() == {"policy", "policy_actor", "policy_critic"}
    for group in one:
        assert all(torch.equal(v, other[group][k]) for k, v in one[group].items()), group


def test_disagreement_draws_to_what_was_not_seen():
    from dataclasses import replace

    torch.manual_seed(0)
    made = ActorCriticLearner(line.Line(True), replace(SMALL, explore=1.0))
    x = torch.rand(16, 8).cumsum(1) * 0.1 - 0.5  # near the origin only
    first = torch.zeros(16, 8, dtype=torch.bool)
    batch = {"x": x, "action": torch.randint(3, (16, 8)), "is_first": first}
    for _ in range(100):
        made.update(batch, starts(made.model), 1.0)
    there = torch.tensor([[0.0], [6.0]])
    known, unknown = made.ensemble.disagreement(there, torch.tensor([1, 1]))
    assert unknown > 3 * known
    assert "policy_ensemble" in made.state()[0]


@pytest.mark.parametrize(
    ("spec", "code_width"),
    [
        (Spec((), "int64", "discrete", classes=(4,)), ()),
        (Spec((2,), "int64", "discrete", classes=(3, 2)), (2,)),
        (Spec((2, 1), "float32", "vector", low=(-1.0, 2.0), high=(1.0, 5.0)), (2,)),
        (Spec((), "float32", "vector", low=-2.0, high=0.0), (1,)),
    ],
)
def test_choices_become_actions_of_every_kind(spec, code_width):
    actor = Actor(3, spec, ActorCriticConfig(hidden=8, layers=1))
    choice = actor(torch.randn(500, 3))
    code = choice.sample(torch.randn(500, spec.width))
    action = actor.action(code)
    assert code.shape == (500, *code_width) and action.shape == (500, *spec.shape)
    assert choice.loss(code).shape == actor.entropy(choice, code).shape == (500,)
    if spec.classes:
        most = torch.tensor(spec.classes).double().log().sum()
        assert torch.allclose(actor.entropy(choice, code).double(), most, atol=1e-2), "undecided"
    else:
        low, high = torch.tensor(spec.low), torch.tensor(spec.high)
        flat = action.flatten(1) if action.ndim > 1 else action
        assert ((flat >= low) & (flat <= high)).all() and action.std() > 0.2


def test_an_estimated_entropy_is_that_of_the_squashed_choice():
    spec = Spec((1,), "float32", "vector", low=-1.0, high=1.0)
    actor = Actor(1, spec, ActorCriticConfig())
    choice = actor(torch.zeros(200_000, 1))
    code = choice.sample(torch.randn(200_000, 1, generator=torch.Generator().manual_seed(0)))
    counts = torch.histc(actor.action(code).detach(), 200, -1, 1) / len(code)
    wanted = -(counts * (counts / 0.01).clamp(min=1e-9).log()).sum()
    assert actor.entropy(choice, code).mean().item() == pytest.approx(wanted.item(), abs=0.02)


def test_what_cannot_be_learned_is_said():
    class Unrewarded(line.Line):
        def __init__(self):
            super().__init__(True)
            self.heads = ("continue",)

    with pytest.raises(ValueError, match="unknown head for learning a policy 'reward'"):
        ActorCriticLearner(Unrewarded(), SMALL)
    with pytest.raises(ValueError, match="a class has no gradient; leave it at auto"):
        ActorCriticLearner(line.Line(True), LearnerConfig(gradient="dynamics"))
    with pytest.raises(ValueError, match="an actor needs bounds"):
        Actor(2, Spec((1,), "float32", "vector"), ActorCriticConfig())
