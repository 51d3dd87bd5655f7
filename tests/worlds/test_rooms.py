"""The rooms as a gymnasium world: pictures and goals, its state, its factors, its errors."""

from __future__ import annotations

import json

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import foreworld.worlds  # noqa: F401  (registers the world)
from foreworld.policies.scripted import ExpertPolicy
from foreworld.streams import GymStream, collect
from foreworld.worlds.rooms import TOLERANCE, Rooms
from foreworld.worlds.rooms_physics import RADIUS, STEP

FAR = {"start": (-0.3, -0.3), "goal": (0.3, 0.3)}


def picture(env: Rooms, **options) -> np.ndarray:
    return env.reset(seed=0, options={**FAR, **options})[0]["image"].astype(int)


@pytest.mark.filterwarnings("error")
def test_check_env_passes():
    check_env(gymnasium.make("foreworld/Rooms-v0", render_mode="rgb_array").unwrapped)


def test_same_seed_same_episode():
    for options in ({}, {"wall": "random", "factors": "train"}, {"task": "any", "factors": "test"}):
        one, other, third = (Rooms(**options).reset(seed=s) for s in (7, 7, 8))
        assert np.array_equal(one[0]["image"], other[0]["image"])
        assert np.array_equal(one[1]["goal_facts"], other[1]["goal_facts"])
        assert not np.array_equal(one[1]["goal_facts"], third[1]["goal_facts"])


@pytest.mark.parametrize("size", [32, 64])
def test_the_goal_is_what_will_be_seen_there(size):
    env = Rooms(wall="random", factors="train", image_size=size)
    for seed in range(10):
        obs, info = env.reset(seed=seed, options={"factors": {"noise": 0.0}})
        assert not np.array_equal(obs["image"], obs["goal"]) and not info["success"]
        there = {"start": env.layout.goal, "factors": env.factors}
        again, info = env.reset(options={**there, "goal": env.layout.goal})
        assert np.array_equal(again["image"], obs["goal"])
        assert info["success"] and info["solved_at_start"]
        assert np.array_equal(info["facts"], info["goal_facts"])


@pytest.mark.parametrize("size", [32, 64])
def test_a_tenth_of_a_pixel_is_seen(size):
    env = Rooms(image_size=size)
    for axis in range(2):
        way = np.eye(2)[axis] * 0.1 / size
        steps = [picture(env, start=FAR["start"] + k * way) for k in range(11)]
        assert all((a != b).any() for a, b in zip(steps, steps[1:], strict=False))
    # The middle of what the dot colours is where it is, to a twentieth of a pixel.
    empty = picture(env, start=(0.3, -0.3))
    for x in np.linspace(-0.3, -0.25, 7):
        seen = np.abs(picture(env, start=(x, 0.1)) - empty).sum(-1)[:, : size // 2 - 2]
        columns = (np.arange(seen.shape[1]) + 0.5) / size - 0.5
        assert abs(seen.sum(0) @ columns / seen.sum() - x) * size < 0.05


def test_cross_means_the_other_room_and_any_means_any():
    for task, crosses in (("cross", {True}), ("any", {True, False})):
        env, found = Rooms(task=task, wall="random"), set()
        for seed in range(40):
            env.begin(seed=seed)
            wall = env.layout.house.wall_x
            found.add((env.layout.start[0] < wall) != (env.layout.goal[0] < wall))
            assert env.layout.house.is_free(*env.layout.start)
            assert env.layout.house.is_free(*env.layout.goal)
        assert found == crosses


def test_walls_stay_or_move_as_asked():
    def walls(**options) -> set:
        env = Rooms(**options)
        return {tuple(env.begin(seed=s)["facts"][[2, 4]].tolist()) for s in range(20)}

    assert len(walls()) == len(walls(factors="train")) == 1
    assert len(walls(wall="random")) == 20
    named = walls(wall="random", factors={"wall_x": 0.1})
    assert {x for x, _ in named} == {np.float32(0.1)} and len(named) == 20


def test_actions_move_the_dot_and_success_is_being_there():
    env = Rooms(max_steps=3)
    env.reset(seed=0, options={"start": (0.2, 0.0), "goal": (0.2, TOLERANCE + 0.9 * STEP)})
    _, reward, terminated, truncated, info = env.step([0.0, 0.0])
    assert reward == pytest.approx(-TOLERANCE - 0.9 * STEP) and not info["success"]
    _, reward, terminated, truncated, info = env.step([0.0, 1.0])
    assert info["facts"][:2] == pytest.approx([0.2, STEP]) and info["success"]
    assert not (terminated or truncated), "success does not end an episode"
    assert env.step([-5.0, 0.0])[4]["facts"][0] == pytest.approx(0.2 - STEP), "cut to 1"
    assert env._steps == 3
    sparse = Rooms(reward="sparse")
    sparse.reset(seed=0, options={"start": (0.2, 0.0), "goal": (0.2, 0.1)})
    assert [sparse.step([0.0, 1.0])[1] for _ in range(2)] == [1.0, 1.0]


def test_a_restored_world_goes_on_bit_for_bit():
    rng = np.random.default_rng(0)
    env = Rooms(wall="random", factors="train", max_steps=30)
    for seed in range(3):
        env.reset(seed=seed)
        for _ in range(10):
            env.step(rng.uniform(-1, 1, 2))
        fresh, state = Rooms(max_steps=30), json.loads(json.dumps(env.get_state()))
        fresh.set_state(state)
        for _ in range(20):
            action = rng.uniform(-1, 1, 2)
            mine, theirs = env.step(action), fresh.step(action)
            assert all(np.array_equal(mine[0][key], theirs[0][key]) for key in mine[0])
            assert mine[1:4] == theirs[1:4]
        assert mine[3] and env.get_state() == fresh.get_state()
        rng_follows = (e.np_random.random() for e in (env, fresh))
        assert len(set(rng_follows)) == 1
    with pytest.raises(ValueError, match="state of version 2"):
        env.set_state({"version": 2})


def test_factors_change_what_they_name():
    plain = picture(Rooms())
    for name, factor in Rooms.FACTORS.items():
        changed = picture(Rooms(factors={name: factor.test[0][0]}))
        if name == "speed":
            assert np.array_equal(changed, plain)
        else:
            assert np.abs(changed - plain).max() > 8, name
        low, high = factor.train
        assert all(b < low or a > high for a, b in factor.test), name
        assert low <= factor.default <= high, name
    quick = Rooms(factors={"speed": 1.5})
    quick.reset(seed=0, options=FAR)
    assert quick.step([1, 0])[4]["facts"][0] == pytest.approx(-0.3 + 1.5 * STEP)


def test_noise_is_the_sensors_and_never_the_goals():
    env = Rooms(factors={"noise": 8.0})
    first = env.reset(seed=0, options=FAR)[0]
    second = env.step([0, 0])[0]
    assert not np.array_equal(first["image"], second["image"])
    assert np.array_equal(first["goal"], second["goal"])
    assert np.array_equal(first["goal"], Rooms().reset(seed=0, options=FAR)[0]["goal"])
    assert 4 < (first["image"].astype(float) - second["image"]).std() < 14


@pytest.mark.parametrize("factors", [None, "train", "test"])
@pytest.mark.parametrize("wall", ["fixed", "random"])
def test_the_expert_finds_the_door(wall, factors):
    kwargs = {"wall": wall, "factors": factors, "image_size": 16, "max_steps": 60}
    stream = GymStream("foreworld/Rooms-v0", 30, env_kwargs=kwargs)
    episodes = list(collect(stream, ExpertPolicy(stream.specs["action"]), episodes=30))
    assert all(episode["success"].any() for episode in episodes)
    assert not any(episode["success"][0] for episode in episodes)


def test_render_is_larger_and_needs_a_mode():
    env = Rooms(render_mode="rgb_array", render_size=128)
    with pytest.raises(gymnasium.error.ResetNeeded):
        env.render()
    env.reset(seed=0)
    assert env.render().shape == (128, 128, 3) and Rooms().render_mode is None


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"task": "cros"}, "did you mean 'cross'"),
        ({"wall": "fix"}, "did you mean 'fixed'"),
        ({"reward": "dens"}, "did you mean 'dense'"),
        ({"factors": {"dor_y": 0.1}}, "did you mean 'door_y'"),
        ({"factors": {"door_y": "trian"}}, "did you mean 'train'"),
        ({"max_steps": 0}, "at least 1"),
        ({"image_size": 8}, "at least 16"),
    ],
)
def test_wrong_options_are_explained(options, said):
    with pytest.raises(ValueError, match=said):
        Rooms(**options)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"strat": (0, 0)}, "did you mean 'start'"),
        ({"start": (0.0, -0.3)}, r"start=\(0, -0.3\) is in a wall; valid: .* within 0.4 of 0"),
        ({"goal": (0.5, 0.0)}, "goal=.* is in a wall"),
        ({"factors": {"door_width": 0.01}}, "does not pass"),
    ],
)
def test_wrong_reset_options_are_explained(options, said):
    with pytest.raises(ValueError, match=said):
        Rooms().reset(options=options)
    assert RADIUS < 0.05
