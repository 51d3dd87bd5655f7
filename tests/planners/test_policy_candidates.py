"""Planners weigh what the model's own policy would do, value what follows, and explore."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from foreworld.outputs import Mse, Normal, Squashed
from foreworld.planners import Mppi, RewardObjective
from foreworld.vocab import rollout

MPPI = Mppi(horizon=3, num_candidates=64, num_policy=8, num_elites=8, iterations=3, spread=2.0)


@pytest.fixture
def lock(point_mass):
    """Reward where the action is the secret combination, which only the policy knows."""

    class Lock(point_mass):
        heads = ("reward", "policy")
        secret = torch.tensor([0.731, -0.412])

        def predict(self, state, heads=None):
            open = (state.action - self.secret).abs().amax(-1) < 1e-3
            mean = self.secret.atanh().expand(len(open), -1)
            unit = torch.ones(2)
            known = Squashed(Normal(mean, torch.full_like(mean, 1e-5)), 0 * unit, unit, (2,))
            said = {"reward": Mse(open.float(), 0), "policy": known}
            return {h: said[h] for h in heads or self.heads}

    return Lock()


def test_what_only_the_policy_knows_is_found(lock):
    state = lock.initial(2)
    plan = MPPI(lock, state, RewardObjective(), seed=0)
    assert (plan.actions - lock.secret).abs().max() < 1e-3
    assert (plan.scores.amax(1) == 3).all()
    without = replace(MPPI, num_policy=0)(lock, state, RewardObjective(), seed=0)
    assert without.scores.max() == 0


def test_as_many_candidates_as_asked_are_weighed(lock, point_mass):
    # And the plan itself, which `candidates` begin with.
    for model in (lock, point_mass()):  # with such a head, and without
        plan = MPPI(model, model.initial(1), RewardObjective(), seed=0)
        assert plan.candidates.shape[1] == MPPI.num_candidates + 1


def test_a_policy_acts_in_what_it_imagines(point_mass):
    """At every decision in the state it has then, held as long as decisions are."""

    class Homing(point_mass):
        heads = ("reward", "policy")

        def predict(self, state, heads=None):
            said = super().predict(state, ["reward"])
            mean = 0.5 - state.position
            said["policy"] = Normal(mean, torch.zeros_like(mean))
            return {h: said[h] for h in heads or self.heads}

    model, planner = Homing(), replace(MPPI, horizon=4, action_block=2, num_policy=1)
    plan = planner(model, model.initial(1), RewardObjective(), seed=0)
    first = torch.full((1, 2, 2), 0.5)
    states = rollout(model, model.initial(1), first)
    second = (0.5 - states.position[:, -1:]).expand(-1, 2, -1)
    wanted = torch.cat([first, second], 1)
    assert torch.isclose(plan.candidates[0], wanted).flatten(1).all(1).any()


def test_exploring_changes_the_first_decision_alone(point_mass, corridor):
    for model in (point_mass(), corridor(length=4)):
        state = model.initial(3)
        plain = replace(MPPI, horizon=6)
        plan = plain(model, state, RewardObjective(), seed=0)
        drawn = [plain.exploring()(model, state, RewardObjective(), seed=s) for s in (0, 0, 1)]
        assert torch.equal(drawn[0].actions[:, 1:], plan.actions[:, 1:])
        assert torch.equal(drawn[0].actions, drawn[1].actions)
        assert not torch.equal(drawn[0].candidates, drawn[2].candidates)


def test_exploring_draws_from_what_was_weighed(point_mass):
    """As wide as the last elites lie apart, and never narrower than the least spread."""
    model = point_mass()
    plans = [replace(MPPI, min_spread=0.2).exploring()] * 60
    firsts = [p(model, model.initial(1), RewardObjective(), seed=s) for s, p in enumerate(plans)]
    spread = torch.cat([p.actions[:, 0] for p in firsts]).clamp(-1, 1).std(0)
    means = [MPPI(model, model.initial(1), RewardObjective(), seed=s) for s in range(60)]
    still = torch.cat([p.actions[:, 0] for p in means]).std(0)
    assert (spread > 1.5 * still).all()


def test_the_future_is_worth_what_the_model_says_it_is(point_mass):
    class Valued(point_mass):
        heads = ("reward", "value")
        discount = 0.5

        def predict(self, state, heads=None):
            rows = len(state.position)
            said = {"reward": Mse(torch.ones(rows), 0), "value": Mse(torch.full((rows,), 8.0), 0)}
            return {h: said[h] for h in heads or self.heads}

    model, actions = Valued(), torch.zeros(2, 3, 2)
    states = rollout(model, model.initial(2), actions)
    scores = RewardObjective()(model, states, actions)
    torch.testing.assert_close(scores, torch.full((2,), 1 + 0.5 + 0.25 + 0.125 * 8))
    undiscounted = RewardObjective(discount=1.0)(model, states, actions)
    torch.testing.assert_close(undiscounted, torch.full((2,), 11.0))
    short = RewardObjective(bootstrap=False)(model, states, actions)
    torch.testing.assert_close(short, torch.full((2,), 1.75))
