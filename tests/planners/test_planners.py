import pytest
import torch

from foreworld.planners import (
    Cem,
    GoalObjective,
    Gradient,
    Icem,
    Mppi,
    RewardObjective,
    advance,
    forget,
)
from foreworld.planners.proposals import action_space, coloured_noise
from foreworld.vocab import Spec, map_state, rollout

PLANNERS = [Cem(), Icem(), Mppi()]
LARGE = [*PLANNERS, Gradient()]
SMALL = [
    Cem(num_candidates=64, num_elites=8, iterations=2),
    Icem(num_candidates=64, num_elites=8, iterations=2),
    Mppi(num_candidates=64, iterations=2),
    Gradient(num_candidates=8, iterations=5),
]
continuous_by_name = pytest.mark.parametrize("planner", LARGE, ids=lambda p: type(p).__name__)
by_name = pytest.mark.parametrize("planner", PLANNERS, ids=lambda p: type(p).__name__)
small_by_name = pytest.mark.parametrize("planner", SMALL, ids=lambda p: type(p).__name__)


def value(model, state, actions, objective=None):
    with torch.no_grad():
        return (objective or RewardObjective())(model, rollout(model, state, actions), actions)


def starts(model, rows):
    generator = torch.Generator().manual_seed(7)
    state = model.initial(rows)
    return state._replace(position=torch.randn(rows, 2, generator=generator))


@continuous_by_name
def test_plans_a_point_mass_to_its_target(planner, point_mass):
    model = point_mass()
    plan = planner(model, model.initial(1), RewardObjective(), seed=0)
    uniform = torch.rand(4096, 12, 2, generator=torch.Generator().manual_seed(0)) * 2 - 1
    random = value(model, model.initial(4096), uniform)
    # All planners reach about -5; random sequences score -18 on average.
    assert value(model, model.initial(1), plan.actions) > -6 > random.max() > 2 * random.mean()


@by_name
def test_plans_discrete_and_multi_discrete_actions(planner, corridor):
    for components in (1, 2):
        model = corridor(components, length=4)
        plan = planner(model, model.initial(2), RewardObjective(), seed=0)
        assert plan.actions.shape == (2, 12, *model.specs["action"].shape)
        assert plan.actions.dtype == torch.int64
        # Straight on arrives at step 4 of 12 and scores 9; staying in the first cell 0.6.
        assert (value(model, model.initial(2), plan.actions) >= 8).all()


@small_by_name
def test_a_row_is_planned_as_if_it_were_alone(planner, point_mass, corridor):
    model = point_mass()
    state = starts(model, 5)
    first = planner(model, state, RewardObjective(), seed=3)
    second = planner(model, state, RewardObjective(), seed=4, previous=first)
    for row in range(5):
        alone = map_state(lambda x: x[row : row + 1], state)  # noqa: B023
        own = planner(model, alone, RewardObjective(), seed=3)
        torch.testing.assert_close(own.actions[0], first.actions[row])
        own = planner(model, alone, RewardObjective(), seed=4, previous=own)
        torch.testing.assert_close(own.actions[0], second.actions[row])
    assert not torch.equal(first.actions[0], first.actions[1])


@small_by_name
def test_same_seed_same_plan_and_another_seed_another(planner, point_mass):
    model = point_mass()
    plans = [planner(model, starts(model, 2), RewardObjective(), seed=s) for s in (1, 1, 2)]
    assert torch.equal(plans[0].actions, plans[1].actions)
    assert not torch.equal(plans[0].actions, plans[2].actions)


@small_by_name
def test_global_random_state_is_neither_read_nor_moved(planner, point_mass):
    model = point_mass()
    before = torch.get_rng_state()
    planner(model, model.initial(1), RewardObjective(), seed=0)
    assert torch.equal(before, torch.get_rng_state())


@small_by_name
def test_inputs_are_left_as_they_were(planner, point_mass):
    model = point_mass()
    state = starts(model, 2)
    previous = planner(model, state, RewardObjective(), seed=0)
    copies = [map_state(torch.clone, x) for x in (state, previous)]
    planner(model, state, RewardObjective(), seed=1, previous=previous)
    for copy, original in zip(copies, (state, previous), strict=True):
        map_state(
            lambda x, y: torch.testing.assert_close(x, y, rtol=0, atol=0) or x, copy, original
        )


@small_by_name
def test_candidates_scores_and_plan_belong_together(planner, point_mass):
    model = point_mass()
    state = starts(model, 2)
    plan = planner(model, state, RewardObjective(), seed=0)
    assert torch.equal(plan.candidates[:, 0], plan.actions)
    for row in range(2):
        alone = map_state(lambda x: x[row : row + 1].repeat(8, 1), state)  # noqa: B023
        scores = value(model, alone, plan.candidates[row, :8])
        torch.testing.assert_close(scores, plan.scores[row, :8])


@continuous_by_name
def test_actions_are_in_the_units_and_bounds_of_the_world(planner, point_mass):
    model = point_mass(low=(-5.0, 2.0), high=(-3.0, 4.0))
    push = GoalObjective(torch.tensor([[100.0, 100.0]]), reduce="sum")
    plan = planner(model, model.initial(1), push, seed=0)
    low, high = torch.tensor([-5.0, 2.0]), torch.tensor([-3.0, 4.0])
    assert ((plan.candidates >= low) & (plan.candidates <= high)).all()
    early = plan.actions[0, :6].mean(0)  # what comes early moves it for longest
    assert (high - early < 0.5).all()  # at random 1


@small_by_name
def test_warm_start_does_with_less(planner, point_mass):
    model = point_mass()
    state = starts(model, 16)
    first = LARGE[SMALL.index(planner)](model, state, RewardObjective(), seed=0)
    after = model.imagine(state, first.actions[:, 0])
    cold = planner(model, after, RewardObjective(), seed=1)
    warm = planner(model, after, RewardObjective(), seed=1, previous=first)
    gain = value(model, after, warm.actions) - value(model, after, cold.actions)
    assert gain.mean() > 0.1


@small_by_name
def test_forgotten_rows_plan_from_scratch(planner, point_mass, corridor):
    # A choice among classes has no gradient.
    models = (point_mass(),) if isinstance(planner, Gradient) else (point_mass(), corridor())
    for model in models:
        state = model.initial(3)
        previous = planner(model, state, RewardObjective(), seed=0)
        fresh = planner(model, state, RewardObjective(), seed=1)
        rows = torch.tensor([False, True, False])
        mixed = planner(model, state, RewardObjective(), seed=1, previous=forget(previous, rows))
        warm = planner(model, state, RewardObjective(), seed=1, previous=previous)
        assert torch.equal(mixed.actions[1], fresh.actions[1])
        assert torch.equal(mixed.actions[2], warm.actions[2])


def test_advance_drops_what_was_done_and_repeats_the_last(point_mass):
    model = point_mass()
    plan = SMALL[0](model, model.initial(1), RewardObjective(), seed=0)
    later = advance(plan, 5)
    assert torch.equal(later.actions[:, :7], plan.actions[:, 5:])
    assert torch.equal(later.actions[:, 7:], plan.actions[:, -1:].expand(-1, 5, -1))
    assert torch.equal(later.candidates[:, :, 0], plan.candidates[:, :, 5])


@pytest.mark.parametrize("cls", [Cem, Icem, Mppi])
def test_decisions_are_held_and_the_last_block_may_be_short(cls, point_mass):
    model = point_mass()
    planner = cls(horizon=8, action_block=3, num_candidates=32, iterations=2)
    plan = planner(model, model.initial(1), RewardObjective(), seed=0)
    assert plan.candidates.shape[2] == 8
    for block in ((0, 1, 2), (3, 4, 5), (6, 7)):
        held = plan.candidates[:, :, block]
        assert torch.equal(held, held[:, :, :1].expand_as(held))
    assert not torch.equal(plan.actions[:, 2], plan.actions[:, 3])


class Spoiled:
    """RewardObjective, but NaN for futures whose first action points right (or for all)."""

    def __init__(self, everything=False):
        self.everything = everything

    def __call__(self, model, states, actions):
        scores = RewardObjective()(model, states, actions)
        bad = (actions[:, 0, 0] > 0) | self.everything
        return scores.masked_fill(bad, torch.nan)


@small_by_name
def test_nan_scores_lose(planner, point_mass):
    model = point_mass()
    plan = planner(model, model.initial(1), Spoiled(), seed=0)
    assert (plan.actions[:, 0, 0] <= 0).all()
    assert plan.actions.isfinite().all()


@small_by_name
def test_nothing_but_nan_is_an_error_that_says_where(planner, point_mass):
    model = point_mass()
    with pytest.raises(ValueError, match=r"no candidate has a finite score in rows \[0, 1\]"):
        planner(model, model.initial(2), Spoiled(everything=True), seed=0)


@small_by_name
@pytest.mark.parametrize("bounds", [(None, None), (-1.0, None), (-1.0, float("inf"))])
def test_unbounded_actions_are_refused(planner, bounds, point_mass):
    model = point_mass(low=bounds[0], high=bounds[1])
    with pytest.raises(ValueError, match="finite bounds"):
        planner(model, model.initial(1), RewardObjective(), seed=0)


def test_a_previous_plan_of_another_horizon_is_refused(point_mass):
    model = point_mass()
    previous = Cem(horizon=6, num_candidates=16)(model, model.initial(1), RewardObjective(), seed=0)
    with pytest.raises(ValueError, match="same horizon"):
        Cem(horizon=8)(model, model.initial(1), RewardObjective(), seed=0, previous=previous)


@pytest.mark.parametrize("cls", [Cem, Icem, Mppi])
def test_slices_bound_memory_and_change_nothing(cls, point_mass):
    model = point_mass()
    sizes = []

    def objective(model, states, actions):
        sizes.append(len(actions))
        return RewardObjective()(model, states, actions)

    options = {"num_candidates": 64, "iterations": 2}
    whole = cls(**options)(model, starts(model, 3), RewardObjective(), seed=0)
    sliced = cls(**options, max_rows=50)(model, starts(model, 3), objective, seed=0)
    assert max(sizes) <= 50
    torch.testing.assert_close(whole.actions, sliced.actions)


@pytest.mark.parametrize("cls", [Cem, Icem, Mppi])
def test_samples_average_over_the_models_own_noise(cls, point_mass):
    model = point_mass(noise_scale=0.1)
    planner = cls(num_candidates=16, iterations=1, num_samples=5)
    plan = planner(model, starts(model, 2), RewardObjective(), seed=9)
    noise = model.noise(5, 12, 9)
    for row in range(2):
        state = map_state(lambda x: x[row : row + 1].repeat(5, 1), starts(model, 2))  # noqa: B023
        actions = plan.candidates[row, 3].expand(5, -1, -1)
        scores = RewardObjective()(model, rollout(model, state, actions, noise), actions)
        torch.testing.assert_close(scores.mean(), plan.scores[row, 3])
        assert scores.std() > 0.01


def test_smoother_noise_has_more_of_the_low_frequencies():
    correlations = []
    for colour in (0.0, 1.0, 2.0):
        for decisions in (2, 3, 12, 13):
            generator = torch.Generator().manual_seed(0)
            noise = coloured_noise(8192, decisions, 2, colour, generator)
            torch.testing.assert_close(noise.std(0), torch.ones(decisions, 2), rtol=0, atol=0.04)
        correlations.append((noise[:, :-1] * noise[:, 1:]).mean())
    assert correlations[0].abs() < 0.05 < 0.3 < correlations[1] < 0.6 < correlations[2]


@by_name
def test_two_ways_round_an_obstacle_are_not_averaged_into_it(planner, point_mass):
    """Equally good left and right, forbidden in between: the mean of both is the worst."""
    model = point_mass()

    def detour(model, states, actions):
        side = actions[..., 0].mean(1).abs()
        return torch.where(side > 0.2, -side, -100.0)

    plan = planner(model, model.initial(4), detour, seed=0)
    assert (plan.actions[..., 0].mean(1).abs() > 0.2).all()


def contains(candidates_NHA, actions_HA):
    return torch.isclose(candidates_NHA, actions_HA, atol=1e-6).flatten(1).all(1).any()


@pytest.mark.parametrize("cls", [Cem, Icem, Mppi])
def test_the_previous_plan_one_step_on_is_a_candidate(cls, point_mass, corridor):
    for model in (point_mass(), corridor()):
        planner = cls(num_candidates=32, iterations=1)
        previous = planner(model, model.initial(2), RewardObjective(), seed=0)
        plan = planner(model, model.initial(2), RewardObjective(), seed=1, previous=previous)
        for row in range(2):
            assert contains(plan.candidates[row, 1:], advance(previous, 1).actions[row])


def test_icem_reuses_the_best_candidates_of_the_previous_plan(point_mass):
    model = point_mass()
    planner = Icem(num_candidates=64, num_elites=10, keep=0.3, iterations=1)
    previous = planner(model, model.initial(1), RewardObjective(), seed=0)
    plan = planner(model, model.initial(1), RewardObjective(), seed=1, previous=previous)
    shifted = advance(previous, 1).candidates[0, previous.scores[0].topk(3).indices]
    assert all(contains(plan.candidates[0, 1:], elite) for elite in shifted)


def test_codes_return_from_the_world_and_never_leave_its_bounds():
    low = torch.randn(512, generator=torch.Generator().manual_seed(0))
    high = low + torch.rand(512, generator=torch.Generator().manual_seed(1))
    spec = Spec((16, 32), "float32", "vector", tuple(low.tolist()), tuple(high.tolist()))
    space = action_space(spec, torch.device("cpu"))
    for code in (-1.0, -0.3, 1.0):
        actions = space.decode(torch.full((2, 512), code))
        assert actions.shape == (2, 16, 32)
        assert ((actions.flatten(1) >= low) & (actions.flatten(1) <= high)).all()
        torch.testing.assert_close(
            space.encode(actions), torch.full((2, 512), code), atol=1e-3, rtol=0
        )
    space = action_space(Spec((2,), "int64", "discrete", classes=(3, 2)), torch.device("cpu"))
    every = torch.cartesian_prod(torch.arange(3), torch.arange(2))
    assert torch.equal(space.decode(space.encode(every)), every)


@pytest.mark.parametrize("name", ["horizon", "action_block", "iterations", "num_candidates"])
def test_settings_below_one_are_refused(name, point_mass):
    with pytest.raises(ValueError, match=f"{name}=0"):
        Cem(**{name: 0})(point_mass(), point_mass().initial(1), RewardObjective(), seed=0)


def test_objectives_of_wrong_shape_are_refused(point_mass):
    model = point_mass()
    with pytest.raises(ValueError, match=r"returned shape \(256, 12\), expected .* \(256,\)"):
        Cem()(model, model.initial(1), lambda model, states, actions: actions[..., 0], seed=0)
