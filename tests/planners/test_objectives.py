import pytest
import torch

from foreworld.outputs import Mse
from foreworld.planners import (
    Cem,
    CostLimitObjective,
    GoalObjective,
    Icem,
    Mppi,
    PredicateObjective,
    RewardObjective,
    WeightedObjective,
    goal_features,
)
from foreworld.vocab import rollout

PLANNERS = pytest.mark.parametrize(
    "planner", [Cem(), Icem(), Mppi()], ids=lambda p: type(p).__name__
)


def score(objective, model, actions):
    states = rollout(model, model.initial(len(actions)), actions)
    return objective(model, states, actions)


def test_reward_is_discounted_and_ends_with_the_episode(corridor):
    actions = torch.tensor([[2, 2, 2, 2, 1], [1, 1, 1, 1, 1]])
    model = corridor(length=3)  # cells 1 2 3 3 3: rewards 0 0 1 1 1; stays: five times 0.05
    assert score(RewardObjective(), model, actions).tolist() == pytest.approx([3, 0.25])
    discounted = score(RewardObjective(discount=0.5), model, actions)
    assert discounted[0].item() == pytest.approx(0.25 + 0.125 + 0.0625)
    deadly = corridor(length=3, deadly=3)  # the reward of the fatal step counts, nothing after it
    assert score(RewardObjective(), deadly, actions)[0].item() == pytest.approx(1)
    assert score(RewardObjective(), corridor(length=3, deadly=2), actions)[0].item() == 0


def test_value_of_the_last_state_is_added_where_there_is_one(corridor):
    class Valued(corridor):
        heads = ("reward", "continue", "value")

        def predict(self, state, heads=None):
            values = {**super().predict(state, corridor.heads), "value": Mse(state.cell * 10.0, 0)}
            return {h: values[h] for h in heads}

    actions = torch.tensor([[2, 2]])
    objective = RewardObjective(discount=0.5)
    assert score(objective, Valued(length=9), actions).item() == pytest.approx(0.25 * 20)
    assert score(objective, Valued(length=9, deadly=2), actions).item() == 0
    silent = RewardObjective(discount=0.5, bootstrap=False)
    assert score(silent, Valued(length=9), actions).item() == 0


def test_a_model_without_the_head_is_refused_with_what_it_has(corridor):
    objective = CostLimitObjective(RewardObjective(), limit=1.0, head="contine")
    with pytest.raises(
        ValueError,
        match="head for CostLimitObjective 'contine'; did you mean 'continue'. Valid: reward",
    ):
        score(objective, corridor(), torch.zeros(1, 2, dtype=torch.long))


def test_goal_distance_is_reduced_over_the_steps(point_mass):
    model = point_mass()
    actions = torch.tensor([[[1.0, 0.0], [-1.0, 0.0], [-1.0, 0.0]]])
    x = rollout(model, model.initial(1), actions).position[0, :, 0]
    goal = torch.tensor([[0.1, 0.0]])
    distance = (x - 0.1).abs()
    expected = {"sum": distance.sum(), "min": distance.min(), "last": distance[-1]}
    for reduce, value in expected.items():
        got = score(GoalObjective(goal, reduce=reduce), model, actions)
        torch.testing.assert_close(got, -value[None])


@pytest.mark.parametrize("distance", ["l2", "l1", "cosine"])
def test_each_row_has_its_own_goal(distance, point_mass):
    model = point_mass()
    batch = {
        "position": torch.tensor([[[0.4, 0.0]], [[0.0, -0.4]]]),
        "is_first": torch.ones(2, 1, dtype=torch.bool),
    }
    goal = goal_features(model, batch)
    assert torch.equal(goal, batch["position"][:, 0])
    objective = GoalObjective(goal, distance, reduce="sum")
    plan = Cem()(model, model.initial(2), objective, seed=0)
    end = rollout(model, model.initial(2), plan.actions).position[:, -1]
    direction = end / end.norm(dim=-1, keepdim=True)
    assert (direction * goal / 0.4).sum(-1).min() > 0.9


def test_wrong_words_name_the_nearest(point_mass):
    with pytest.raises(ValueError, match="did you mean 'cosine'"):
        GoalObjective(torch.zeros(1, 2), distance="cosin")
    with pytest.raises(ValueError, match="unknown reduce 'min'.* Valid: sum, any, all, last"):
        PredicateObjective(lambda p: p["position"], ("position",), reduce="min")


def test_predicates_hold_for_long_sometime_always_or_at_last(point_mass):
    model = point_mass()
    actions = torch.zeros(2, 4, 2)
    actions[1, :, 0] = 1.0
    actions[1, 3, 0] = -10.0
    x = rollout(model, model.initial(2), actions).position[1, :, 0]
    truth = x > 0.15
    assert truth.tolist() == [False, True, True, False]
    for reduce, expected in {"sum": 2.0, "any": 1.0, "all": 0.0, "last": 0.0}.items():
        objective = PredicateObjective(
            lambda p: p["position"][..., 0] > 0.15, ("position",), reduce
        )
        assert score(objective, model, actions).tolist() == [0.0, expected]


def test_a_predicate_of_wrong_shape_is_refused(point_mass):
    objective = PredicateObjective(lambda p: p["position"] > 0, ("position",))
    with pytest.raises(ValueError, match=r"returned shape \(2, 4, 2\)"):
        score(objective, point_mass(), torch.zeros(2, 4, 2))


@PLANNERS
def test_a_predicate_can_be_planned_for(planner, point_mass):
    model = point_mass()
    box = PredicateObjective(
        lambda p: (p["position"] - torch.tensor([-0.5, 0.2])).norm(dim=-1) < 0.2, ("position",)
    )
    plan = planner(model, model.initial(1), box, seed=0)
    assert score(box, model, plan.actions) >= 3


@PLANNERS
def test_the_limit_is_kept_whatever_the_reward(planner, point_mass):
    """The straight way to (1, 1) leads through the pit around (0.5, 0.5)."""
    model = point_mass()
    cost = PredicateObjective(lambda p: p["cost"], ("cost",))
    greedy = planner(model, model.initial(2), RewardObjective(), seed=0)
    assert (score(cost, model, greedy.actions) >= 1).all()
    safe = CostLimitObjective(RewardObjective(), limit=0.0)
    plan = planner(model, model.initial(2), safe, seed=0)
    assert (score(cost, model, plan.actions) == 0).all()
    still = torch.zeros(2, 12, 2)
    reward = RewardObjective()
    assert (score(reward, model, plan.actions) > score(reward, model, still) + 4).all()


def test_a_violation_loses_to_any_safe_future_and_to_smaller_violations(point_mass):
    def reward(model, states, actions):
        return torch.tensor([-1e6, 1e6, 2e6])

    class Priced(point_mass):
        def predict(self, state, heads=None):
            cost = torch.tensor([0.1, 0.1, 0.1001]).repeat_interleave(10)
            return {"cost": Mse(cost, 0)}

    actions = torch.zeros(3, 10, 2)
    scores = score(CostLimitObjective(reward, limit=1.00005), Priced(), actions)
    assert scores[0] == -1e6 and scores[1] == 1e6 and scores[2] < -1e8
    scores = score(CostLimitObjective(reward, limit=0.5), Priced(), actions)
    assert scores[0] == scores[1] > scores[2]


def test_weighted_objectives_add_up(point_mass):
    model = point_mass()
    actions = torch.rand(3, 5, 2)
    goal = GoalObjective(torch.zeros(1, 2))
    both = WeightedObjective(((2.0, RewardObjective()), (0.5, goal)))
    expected = 2 * score(RewardObjective(), model, actions) + 0.5 * score(goal, model, actions)
    torch.testing.assert_close(score(both, model, actions), expected)
