"""Balls in a box: what is conserved, what is hidden, what is rewarded, what is held out."""

from __future__ import annotations

import numpy as np
import pytest

from foreworld.policies.scripted import ExpertPolicy
from foreworld.streams import GymStream, collect
from foreworld.worlds.bounce import NAMES, PACE, TOLERANCE, Bounce, BounceWorld
from foreworld.worlds.bounce_physics import HALF, PUSH, TOP
from foreworld.worlds.bounce_state import BALLS, MARK_RADIUS, STATE, B
from foreworld.worlds.factors import shifts

WORLD = BounceWorld(image_size=32)
STILL, QUIET = np.zeros((1, 2)), np.zeros((1, 2 * B))


def begin(count: int = 32, **factors) -> np.ndarray:
    states = [WORLD.begin(np.random.default_rng(seed), factors) for seed in range(count)]
    return np.stack(states)


def run(state: np.ndarray, steps: int, action=STILL, noise=QUIET) -> np.ndarray:
    for _ in range(steps):
        state = WORLD.advance(state, np.broadcast_to(action, (len(state), 2)), noise)
    return state


def of(state: np.ndarray, name: str) -> np.ndarray:
    return STATE.read(state, name)


def energy(state: np.ndarray) -> np.ndarray:
    mass = of(state, "radius") ** 2 * of(state, "there")
    kinetic = 0.5 * mass * (of(state, "speed") ** 2).sum(-1)
    height = mass * of(state, "gravity")[:, None] * of(state, "place")[..., 1]
    return (kinetic + height).sum(-1)


def test_energy_is_kept_without_pushes_and_momentum_in_a_collision():
    state = begin(64, balls=4, screen=0)
    after = run(state, 200)
    assert np.abs(energy(after) / energy(state) - 1).max() < 1e-12
    moved = np.abs(of(after, "speed") - of(state, "speed")).max((1, 2))
    assert (moved > 0.01).all()
    fallen = run(begin(64, balls=2, gravity=0.001, screen=0), 1)
    drift = np.abs(energy(run(fallen, 100)) - energy(fallen)) / energy(fallen)
    assert np.median(np.abs(drift)) < 0.2
    pair = begin(1, balls=2, screen=0)
    other = int(np.flatnonzero(of(pair, "there")[0])[1])
    place, speed = np.zeros((1, B, 2)), np.zeros((1, B, 2))
    place[0, 0], place[0, other], speed[0, 0] = (-0.12, 0.0), (0.05, 0.02), (0.05, 0.0)
    STATE.write(pair, place=place, speed=speed)
    mass = of(pair, "radius")[..., None] ** 2
    hit = run(pair, 3)
    assert np.allclose((mass * of(hit, "speed")).sum(1), (mass * speed).sum(1), atol=1e-15)
    assert of(hit, "speed")[0, other, 0] > 0.03 > of(hit, "speed")[0, 0, 0]
    assert of(hit, "speed")[0, 0, 1] < 0 < of(hit, "speed")[0, other, 1], "hit below the middle"


def test_balls_stay_inside_and_apart():
    rng = np.random.default_rng(0)
    state = begin(32, balls=4, gravity=0.001, speed=0.05)
    for _ in range(200):
        noise = rng.normal(size=(32, 2 * B))
        state = WORLD.advance(state, rng.uniform(-1, 1, (32, 2)), noise)
        place, radius = of(state, "place"), of(state, "radius")
        assert (np.abs(place) + radius[..., None] <= HALF + 0.05).all()
        gap = np.sqrt(((place[:, :, None] - place[:, None]) ** 2).sum(-1))
        reach = radius[:, :, None] + radius[:, None]
        assert (gap / reach)[:, ~np.eye(B, dtype=bool)].min() > 0.6
        assert np.sqrt((of(state, "speed") ** 2).sum(-1)).max() <= TOP + 1e-12


def test_pushes_gravity_friction_and_kicks_do_what_they_say():
    state = begin(8, screen=0)
    pushed = run(state, 1, action=(1.0, -1.0))
    assert np.allclose(np.abs(of(pushed, "speed")[:, 0]), PUSH)
    assert (np.sign(of(pushed, "speed")[:, 0]) == (1, -1)).mean() > 0.8, "but for walls"
    assert np.array_equal(of(pushed, "speed")[:, 1:], of(run(state, 1), "speed")[:, 1:])
    double = begin(8, screen=0, push=2.0)
    ahead = np.abs(of(run(double, 1, action=(1.0, 0.0)), "speed")[:, 0, 0])  # or off a wall
    assert np.allclose(ahead, 2 * PUSH)
    fall = run(begin(8, gravity=0.002), 1)
    assert np.allclose(of(fall, "speed")[:, 0, 1], -0.002)
    slow = begin(32, friction=0.05, balls=2)
    assert np.allclose(energy(run(slow, 10)), energy(slow) * 0.95**20)
    kicked = begin(400, kick=0.004)
    noise = np.random.default_rng(0).normal(size=(400, 2 * B))
    spread = of(run(kicked, 1, noise=noise), "speed")[:, 0].std()
    assert spread == pytest.approx(0.004, rel=0.1)
    assert np.array_equal(run(state, 5, noise=noise[:8]), run(state, 5)), "no kicks, no noise"


def test_reward_success_and_the_end():
    state = begin(1, balls=1, screen=0)
    STATE.write(state, mark=(0.2, 0.1))
    place = of(state, "place")
    place[0, 0] = (0.2 - TOLERANCE - 0.01, 0.1)
    STATE.write(state, place=place)
    assert WORLD.reward(state)[0] == 0.0, "nothing arrives with the first state"
    after = run(state, 1)
    assert WORLD.reward(after)[0] == pytest.approx(-TOLERANCE - 0.01)
    assert WORLD.look(after, ["success"])["success"][0] == 0.0
    ends = BounceWorld(ends=True)
    near = after
    for _ in range(2):
        assert not ends.terminal(near)[0]
        near = ends.advance(near, np.array([[1.0, 0.0]]), QUIET)
    assert ends.terminal(near)[0] and ends.look(near, ["success"])["success"][0] == 1.0
    assert not WORLD.terminal(run(after, 3, action=(1.0, 0.0)))[0]


def test_facts_and_what_can_be_seen():
    state = begin(16)
    seen = WORLD.look(state)
    assert NAMES[0] == "you.x" and seen["facts"].shape == (16, len(NAMES))
    for k, ball in enumerate(BALLS):
        columns = [NAMES.index(f"{ball}.{what}") for what in ("x", "y", "vx", "vy", "there")]
        x, y, vx, vy, there = seen["facts"][:, columns].T
        assert np.allclose(np.stack([x, y], 1), of(state, "place")[:, k])
        assert np.allclose(np.stack([vx, vy], 1), PACE * of(state, "speed")[:, k])
        assert np.array_equal(there, of(state, "there")[:, k])
    one = state[:1].copy()
    STATE.write(one, there=(1, 1, 1, 0), screen=(0.0, 0.0, 0.15, 0.27))
    STATE.write(one, place=[[(-0.4, 0), (0, 0), (0.15, 0), (0, 0.3)]])
    visible = WORLD.look(one, ["visible"])["visible"][0]
    assert visible[0] == 1 and visible[1] == 0 and 0.3 < visible[2] < 0.7 and visible[3] == 0


def test_what_the_screen_hides_does_not_change_the_picture_and_goes_on():
    state = begin(1, balls=2)
    other = int(np.flatnonzero(of(state, "there")[0])[1])
    place, speed = of(state, "place"), of(state, "speed")
    place[0, 0], place[0, other], speed[0, other] = (-0.4, -0.4), (0.0, 0.0), (0.0, 0.03)
    STATE.write(state, place=place, speed=speed, screen=(0, 0, 0.15, 0.27), mark=(0.4, 0.4))
    without = state.copy()
    STATE.write(without, there=(1, 0, 0, 0))
    look = lambda s: WORLD.look(s, ["image"])["image"]  # noqa: E731
    assert np.array_equal(look(state), look(without))
    assert not np.array_equal(look(run(state, 8)), look(run(without, 8))), "it comes out"


def test_a_tenth_of_a_pixel_is_seen():
    state = begin(1, balls=1, screen=0)
    for axis in range(2):
        place = np.zeros((1, B, 2))
        pictures = []
        for k in range(11):
            place[0, 0, axis] = 0.1 * k / 32
            moved = state.copy()
            STATE.write(moved, place=place, mark=(0.4, 0.4))
            pictures.append(WORLD.look(moved, ["image"])["image"].astype(int))
        assert all((a != b).any() for a, b in zip(pictures, pictures[1:], strict=False))


def test_the_mark_can_be_seen_and_is_not_where_you_are():
    for split in ("train", "test"):
        for seed in range(100):
            state = WORLD.begin(np.random.default_rng(seed), split)[None]
            (mx, my), (x, y, half_x, half_y) = of(state, "mark")[0], of(state, "screen")[0]
            assert abs(mx - x) >= half_x + MARK_RADIUS or abs(my - y) >= half_y + MARK_RADIUS
            assert WORLD.look(state, ["success"])["success"][0] == 0.0


def test_more_balls_and_other_gravity_are_held_out():
    def count(split: str) -> set:
        states = [WORLD.begin(np.random.default_rng(s), split) for s in range(60)]
        return set(of(np.stack(states), "there").sum(1).astype(int).tolist())

    assert count("train") == {2, 3} and count("test") == {4}
    named = shifts(Bounce.FACTORS)
    assert named["gravity"]["gravity"] == "test" and named["gravity"]["hue"] == "train"
    assert "kick" not in named["gravity"], "what is optional varies only when named"
    pairs = shifts(Bounce.FACTORS, pairs=True)
    assert len(pairs) == 14 * 13 / 2 and pairs["gravity+hue"]["hue"] == "test"
    assert (of(begin(40, gravity="test"), "gravity") < 0).any()
    with pytest.raises(ValueError, match="valid: 1 to 4"):
        begin(1, balls=5)


def test_the_expert_brings_its_ball_to_the_mark():
    stream = GymStream("foreworld/Bounce-v0", 16, env_kwargs={"factors": "train"}, image_size=None)
    expert = ExpertPolicy(stream.specs["action"])
    episodes = list(collect(stream, expert, episodes=16))
    reached = [bool(e["success"][-20:].all()) for e in episodes]
    assert np.mean([bool(e["success"].any()) for e in episodes]) >= 0.9
    assert np.mean(reached) >= 0.5, "and holds it there, unless others knock it away"


def test_worlds_whose_screens_stand_far_apart_are_drawn_together():
    left, right = (begin(1, screen=0.04, screen_x=x, noise=0) for x in (-0.24, 0.24))
    together = WORLD.look(np.concatenate([left, right]), ["image"])["image"]
    alone = [WORLD.look(state, ["image"])["image"][0] for state in (left, right)]
    assert np.array_equal(together, np.stack(alone))
