"""What happens on the table: pushing, rolling, falling, hiding; and who can solve what."""

from __future__ import annotations

import numpy as np
import pytest

from foreworld.worlds.tabletop import Tabletop
from foreworld.worlds.tabletop_expert import PlayPolicy, ScriptedExpert
from foreworld.worlds.tabletop_physics import Body, Physics
from foreworld.worlds.tabletop_things import INDEX, OBJECTS

STILL = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


def table(**places: tuple[float, float]) -> Physics:
    """A table with some objects and the pusher; all at rest."""
    bodies = {
        name: Body(thing.outline, thing.radius_m, thing.mass_kg, thing.friction * 9.81)
        for name, thing in OBJECTS.items()
        if name in places
    }
    physics = Physics(bodies)
    motions = {name: (*place, 0.0, 0.0, 0.0, 0.0) for name, place in places.items()}
    physics.place(motions, dict.fromkeys(bodies, True))
    return physics


def test_a_push_moves_the_object_with_the_pusher():
    physics = table(pusher=(-0.2, 0.0), cup=(0.0, 0.0))
    for _ in range(6):
        physics.advance(0.5, 0.0)
    gap = physics.motions["cup"][0] - physics.motions["pusher"][0]
    assert gap == pytest.approx(0.09, abs=0.006)
    assert abs(physics.motions["cup"][1]) < 1e-6


def test_a_box_stops_and_a_ball_rolls_on():
    rolled = {}
    for name in ("box", "ball"):
        physics = table(pusher=(-0.3, 0.0), **{name: (-0.2, 0.0)})
        for _ in range(4):
            physics.advance(0.5, 0.0)
        start = physics.motions[name][0]
        for _ in range(15):
            physics.advance(0.0, 0.0)
        rolled[name] = physics.motions[name][0] - start
    assert rolled["box"] < 0.03
    assert 0.1 < rolled["ball"] < 0.4


def test_an_off_centre_push_turns_the_box():
    physics = table(pusher=(-0.15, 0.035), box=(0.0, 0.0))
    for _ in range(6):
        physics.advance(0.5, 0.0)
    assert abs(physics.motions["box"][2]) > 0.2


def test_solid_things_do_not_pass_through_each_other():
    physics = table(pusher=(-0.3, 0.01), cup=(-0.15, 0.0), box=(-0.02, 0.005))
    for _ in range(8):
        physics.advance(0.5, 0.0)
        cup, box = physics.motions["cup"], physics.motions["box"]
        assert np.hypot(cup[0] - box[0], cup[1] - box[1]) > 0.055 + 0.05 - 0.008
    assert physics.motions["box"][0] > 0.05


def test_the_pusher_stays_on_the_table():
    physics = table(pusher=(0.48, 0.0))
    for _ in range(3):
        physics.advance(0.5, 0.5)
    assert physics.motions["pusher"][0] == pytest.approx(0.5, abs=1e-9)


def push_off(name: str, task: str) -> tuple[Tabletop, list]:
    """Drive an object over the right edge; returns what the steps returned."""
    env = Tabletop(task=task)
    env.reset(seed=0)
    state = env.get_state()
    state["motions"] |= {name: [0.4, 0.0, *STILL[2:]], "pusher": [0.3, 0.0, *STILL[2:]]}
    for i, other in enumerate(n for n in OBJECTS if n != name):
        state["motions"][other] = [-0.3, -0.3 + 0.3 * i, *STILL[2:]]
    env.set_state(state)
    steps = []
    while not steps or (env.physics.on_table[name] and len(steps) < 10):
        steps.append(env.step([1.0, 0.0]))
    return env, steps


def test_what_falls_is_gone_costs_and_ends_the_episode():
    env, steps = push_off("cup", "push the cup onto the red mark")
    _, reward, terminated, _, info = steps[-1]
    assert (reward, terminated, info["cost"]) == (-1.0, True, 1.0)
    assert all(s[4]["cost"] == 0.0 and not s[2] for s in steps[:-1])
    assert info["facts"][INDEX["cup_on_table"]] == 0.0
    assert info["facts"][INDEX["cup_x"]] == 0.5
    assert env.step([0.0, 0.0])[4]["cost"] == 0.0
    red = np.array([214, 43, 43])
    near = [np.abs(s[0]["image"].astype(int) - red).sum(-1).min() for s in (steps[0], steps[-1])]
    assert near[0] < 40 < 80 < near[1]


def test_a_box_may_fall_without_cost_and_without_end():
    _, steps = push_off("box", "push the cup onto the red mark")
    *_, terminated, _, info = steps[-1]
    assert info["facts"][INDEX["box_on_table"]] == 0.0
    assert (terminated, info["cost"]) == (False, 0.0)


def test_under_the_cloth_things_go_on():
    open_table, covered = Tabletop(task="push"), Tabletop(task="push", cloth=True)
    policy, hidden = PlayPolicy(0), 0
    for seed in range(3):
        covered.reset(seed=seed)
        open_table.reset(seed=seed)
        open_table.set_state(covered.get_state() | {"factors": covered.factors | {"cloth": 0.0}})
        for _ in range(40):
            action = policy.act(covered)
            seen, _, _, _, info = covered.step(action)
            bare, _, _, _, bare_info = open_table.step(action)
            assert np.array_equal(info["facts"], bare_info["facts"])
            hidden += covered_object(covered, seen["image"], bare["image"])
    assert hidden > 5, "nothing ever lay under the cloth"


def covered_object(env: Tabletop, seen: np.ndarray, bare: np.ndarray) -> bool:
    """Whether an object's middle lies under the cloth; checks that the picture hides it there."""
    x, y, *_, angle = env.get_state()["cloth"]
    found = False
    for name in OBJECTS:
        cx, cy = env.physics.motions[name][:2]
        u, v = cx - x, cy - y
        u, v = u * np.cos(angle) + v * np.sin(angle), v * np.cos(angle) - u * np.sin(angle)
        _, _, wide, high, _ = env.get_state()["cloth"]
        if abs(u) < wide - 0.04 and abs(v) < high - 0.04 and env.physics.on_table[name]:
            column, line = int((cx + 0.62) / 1.24 * 64), int((0.62 - cy) / 1.24 * 64)
            cloth = seen[line, column].astype(int)
            assert cloth[2] > cloth[1] > 80, "the cloth is violet"
            assert np.abs(cloth - bare[line, column].astype(int)).max() > 25
            found = True
    return found


def rate(policy, task: str, episodes: int, **options) -> float:
    """Share of episodes with success at some step."""
    wins = 0
    for seed in range(episodes):
        env = Tabletop(task=task, **options)
        env.begin(seed=seed)
        over = False
        while not over:
            _, terminated, truncated, info = env.advance(policy(env))
            over = terminated or truncated or info["success"]
        wins += info["success"]
    return wins / episodes


@pytest.mark.parametrize(
    ("task", "least"), [("move", 1.0), ("push", 0.95), ("next_to", 0.9), ("keep", 0.9)]
)
def test_the_expert_solves_the_tasks(task, least):
    assert rate(ScriptedExpert().act, task, 20) >= least


def test_noise_makes_the_expert_worse():
    assert rate(ScriptedExpert(noise=1.5, seed=0).act, "push", 10) < 0.6
    with pytest.raises(ValueError, match="negative"):
        ScriptedExpert(noise=-1.0)


@pytest.mark.parametrize(("task", "most"), [("move", 0.2), ("push", 0.05), ("keep", 0.1)])
def test_chance_does_not_solve_the_tasks(task, most):
    rng = np.random.default_rng(0)
    assert rate(lambda env: rng.uniform(-1, 1, 2), task, 20) <= most


def test_unblocked_the_cup_falls_in_time():
    for seed in range(20):
        env = Tabletop(task="keep")
        env.begin(seed=seed)
        steps = 1
        while not (last := env.advance([0.0, 0.0]))[1]:
            steps += 1
        assert 15 <= steps <= 30
        assert last[3]["cost"] == 1.0


def test_keep_succeeds_only_at_the_last_step():
    env, expert = Tabletop(task="keep"), ScriptedExpert()
    env.begin(seed=0)
    seen = [env.advance(expert.act(env))[3]["success"] for _ in range(60)]
    assert seen == [False] * 59 + [True]


def test_play_touches_things():
    env, policy, moved = Tabletop(task="move"), PlayPolicy(0), 0
    for seed in range(6):
        env.begin(seed=seed)
        before = env.facts.copy()
        for _ in range(60):
            env.advance(policy.act(env))
        moved += np.abs(env.facts - before)[2:14].max() > 0.1
    assert moved >= 4
