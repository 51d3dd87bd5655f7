"""Planning by gradient: what it needs, and what it is for."""

import pytest
import torch

from foreworld.planners import Cem, Gradient, RewardObjective
from foreworld.vocab import rollout

torch.set_num_threads(1)


def value(model, plan):
    with torch.no_grad():
        states = rollout(model, model.initial(1), plan.actions)
        return RewardObjective()(model, states, plan.actions).item()


def test_it_reaches_the_optimum_with_a_tenth_of_the_imagination(point_mass):
    climbed, drawn = point_mass(), point_mass()
    gradient = Gradient(num_candidates=4, iterations=24)
    plan = gradient(climbed, climbed.initial(1), RewardObjective(), seed=0)
    other = Cem()(drawn, drawn.initial(1), RewardObjective(), seed=0)
    # The pit around the target's norm has no effect on the reward: both climb one hill.
    assert value(climbed, plan) > value(drawn, other) - 0.1
    assert climbed.num_imagined < drawn.num_imagined / 8


def test_weights_get_no_gradient_and_chance_none_of_its_state(point_mass):
    model = point_mass()
    with torch.no_grad():  # as policies call it
        Gradient(num_candidates=2, iterations=2)(model, model.initial(1), RewardObjective(), seed=0)
    assert model.target.requires_grad and model.target.grad is None


def test_bounds_do_not_hold_an_action_fast(point_mass):
    model = point_mass(low=(-0.3, -0.7), high=(0.7, 1.3))
    previous = None
    away = lambda model, states, actions: -actions.sum((1, 2))  # noqa: E731
    back = lambda model, states, actions: actions.sum((1, 2))  # noqa: E731
    planner = Gradient(horizon=3, num_candidates=1, iterations=40)
    previous = planner(model, model.initial(1), away, seed=0)
    torch.testing.assert_close(
        previous.actions[0, 0], torch.tensor([-0.3, -0.7]), atol=1e-4, rtol=0
    )
    plan = planner(model, model.initial(1), back, seed=0, previous=previous)
    torch.testing.assert_close(plan.actions[0, 0], torch.tensor([0.7, 1.3]), atol=1e-4, rtol=0)


def test_what_has_no_gradient_is_refused(point_mass, corridor):
    model = corridor()
    with pytest.raises(ValueError, match="plan discrete actions with cem"):
        Gradient()(model, model.initial(1), RewardObjective(), seed=0)
    model = point_mass()
    with pytest.raises(ValueError, match="passes no gradient"):
        Gradient()(model, model.initial(1), lambda m, s, a: torch.zeros(len(a)), seed=0)
