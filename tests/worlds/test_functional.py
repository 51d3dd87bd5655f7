"""Worlds that are functions of flat arrays, and the environments around them: one set for all."""

from __future__ import annotations

import json

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import SyncVectorEnv

import foreworld.worlds  # noqa: F401  (registers the worlds)
from foreworld.episodes.check import check_episode
from foreworld.policies.random import RandomPolicy
from foreworld.streams import GymStream, collect
from foreworld.vocab import observation_keys, target_keys
from foreworld.worlds.bounce import Bounce, BounceVector
from foreworld.worlds.functional import FlatState
from foreworld.worlds.gallery import Gallery, GalleryVector

EVERYTHING = {"gravity": "train", "kick": "train", "noise": 8.0}
WORLDS = {
    "bounce": (Bounce, BounceVector, EVERYTHING),
    "gallery": (Gallery, GalleryVector, {"kick": "train", "noise": 8.0, "balls": 2, "boxes": 2}),
}
ALL = pytest.mark.parametrize("name", WORLDS)


def check_same(a, b) -> None:
    """Equal to the last bit, through dicts and object arrays."""
    if isinstance(a, dict):
        assert a.keys() == b.keys()
        for key in a:
            check_same(a[key], b[key])
    elif isinstance(a, tuple) or (isinstance(a, np.ndarray) and a.dtype == object):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            check_same(x, y)
    elif isinstance(a, np.ndarray):
        assert a.dtype == b.dtype
        assert np.array_equal(a, b)
    else:
        assert a == b


def test_a_flat_state_reads_what_was_written():
    flat = FlatState(place=(3, 2), clock=(), rgb=(3,))
    state = np.zeros((4, flat.width))
    flat.write(state, clock=np.arange(4.0), place=[1.0, 2.0])
    assert flat.width == 10
    assert flat.read(state, "clock").tolist() == [0, 1, 2, 3]
    assert (flat.read(state, "place") == [1, 2]).all() and (flat.read(state, "rgb") == 0).all()
    flat.read(state, "clock")[:] = 7
    assert flat.read(state, "clock")[1] == 1, "what is read is a copy"


@ALL
@pytest.mark.filterwarnings("error")
def test_check_env_passes(name):
    env_id = f"foreworld/{name.capitalize()}-v0"
    check_env(gymnasium.make(env_id, render_mode="rgb_array").unwrapped)


@ALL
def test_same_seed_same_episode(name):
    single, _, factors = WORLDS[name]
    one, other, third = (single(factors=factors).reset(seed=s) for s in (7, 7, 8))
    check_same(one, other)
    assert not np.array_equal(one[1]["state"], third[1]["state"])


@ALL
@pytest.mark.parametrize("mode", ["NextStep", "SameStep"])
def test_many_equal_single_ones(name, mode):
    single, vector, factors = WORLDS[name]
    options = {"max_steps": 12, "factors": factors, "image_size": 32}
    many = vector(5, autoreset_mode=mode, **options)
    alone = SyncVectorEnv([lambda: single(**options)] * 5, autoreset_mode=mode)
    check_same(many.reset(seed=3), alone.reset(seed=3))
    rng = np.random.default_rng(0)
    for _ in range(30):
        actions = rng.uniform(-1, 1, (5, 2))
        check_same(many.step(actions), alone.step(actions))


@ALL
def test_rows_do_not_know_of_each_other(name):
    _, vector, factors = WORLDS[name]
    many = vector(6, factors=factors)
    many.reset(seed=0)
    world, state = many.world, many.state
    rng = np.random.default_rng(0)
    for _ in range(20):
        actions, noise = rng.uniform(-1, 1, (6, 2)), rng.normal(size=(6, world.noise_width))
        before = state.copy()
        after = world.advance(state, actions, noise)
        assert np.array_equal(state, before), "states are never written to"
        some = [4, 1]
        assert np.array_equal(world.advance(state[some], actions[some], noise[some]), after[some])
        check_same(world.look(after[some]), {k: v[some] for k, v in world.look(after).items()})
        state = after


@ALL
def test_a_restored_world_goes_on_bit_for_bit(name):
    single, vector, factors = WORLDS[name]
    rng = np.random.default_rng(0)
    env, fresh = single(factors=factors, max_steps=30), single(max_steps=30)
    for seed in range(3):
        env.reset(seed=seed)
        for _ in range(10):
            env.step(rng.uniform(-1, 1, 2))
        fresh.set_state(json.loads(json.dumps(env.get_state())))
        for _ in range(20):
            action = rng.uniform(-1, 1, 2)
            mine, theirs = env.step(action), fresh.step(action)
            check_same(mine, theirs)
        assert mine[3] and env.get_state() == fresh.get_state()
    with pytest.raises(ValueError, match="state of version 2"):
        env.set_state({"version": 2})
    many, again = (vector(3, factors=factors, max_steps=7) for _ in range(2))
    many.reset(seed=0)
    many.step(np.zeros((3, 2)))
    again.set_state(json.loads(json.dumps(many.get_state())))
    for _ in range(10):
        actions = rng.uniform(-1, 1, (3, 2))
        check_same(many.step(actions), again.step(actions))
    with pytest.raises(ValueError, match="state of 3 envs"):
        vector(2).set_state(many.get_state())


@ALL
def test_an_episode_may_begin_in_a_state(name):
    env = WORLDS[name][0]()
    env.reset(seed=1)
    for _ in range(5):
        observation, *_, info = env.step([1.0, -1.0])
    seen, told = env.reset(options={"state": info["state"]})
    check_same(seen, observation)
    assert np.array_equal(told["state"], info["state"])
    for wrong in (info["state"][1:], info["state"] * np.nan):
        with pytest.raises(ValueError, match="finite numbers"):
            env.reset(options={"state": wrong})


@ALL
def test_a_stream_records_the_state_and_no_model_sees_it(name):
    stream = GymStream(f"foreworld/{name.capitalize()}-v0", 3, env_kwargs={"max_steps": 6})
    assert "state" not in observation_keys(stream.specs)
    assert "state" not in target_keys(stream.specs) and "facts" in target_keys(stream.specs)
    for episode in collect(stream, RandomPolicy(stream.specs["action"]), episodes=4):
        check_episode(episode, stream.specs)
        assert episode["state"].dtype == np.float64 and len(episode) == 7
        world = WORLDS[name][0]().world
        seen = world.look(episode["state"], ["image", "facts"])
        assert np.array_equal(seen["image"], episode["image"])
        assert np.array_equal(seen["facts"], episode["facts"])
        assert np.array_equal(world.reward(episode["state"]).astype("f4"), episode["reward"])


@ALL
def test_factors_change_what_they_name(name):
    single = WORLDS[name][0]
    usual = {k: f.default for k, f in single.FACTORS.items()}
    plain = single(factors=usual).reset(seed=0)[1]["state"]
    for factor_name, factor in single.FACTORS.items():
        value = factor.test[0][0]
        changed = single(factors={**usual, factor_name: value}).reset(seed=0)[1]["state"]
        assert not np.array_equal(changed, plain), factor_name
        low, high = factor.train
        assert all(b < low or a > high for a, b in factor.test), factor_name
        assert factor.optional or low <= factor.default <= high, factor_name
    kinds = {factor.structural for factor in single.FACTORS.values()}
    assert kinds == {True, False}


@ALL
def test_wrong_words_are_explained(name):
    single, vector, _ = WORLDS[name]
    wrong = (
        ({"imagesize": 32}, "did you mean 'image_size'"),
        ({"factors": {"hui": 1.0}}, "unknown factor"),
        ({"max_steps": 0}, "at least 1"),
        ({"render_mode": "human"}, "Valid: rgb_array"),
        ({"image_size": 8}, "16 pixels"),
    )
    for options, said in wrong:
        with pytest.raises(ValueError, match=said):
            single(**options)
    env = single()
    with pytest.raises(gymnasium.error.ResetNeeded):
        env.step([0.0, 0.0])
    with pytest.raises(ValueError, match="unknown reset option"):
        env.reset(options={"stat": 1})
    env.reset(seed=0)
    for action in ([0.0], [np.nan, 0.0]):
        with pytest.raises(ValueError, match="action"):
            env.step(action)
    with pytest.raises(ValueError, match="unknown key 'imag'"):
        env.world.look(env.state[None], ["imag"])
    for options, said in (({"num_envs": 0}, "1 or more"), ({"autoreset_mode": "No"}, "NextStep")):
        with pytest.raises(ValueError, match=said):
            vector(**options)


@ALL
def test_reset_of_some(name):
    vector = WORLDS[name][1](3, max_steps=2, autoreset_mode="Disabled")
    first, _ = vector.reset(seed=0)
    for _ in range(2):
        *_, truncated, _ = vector.step(np.ones((3, 2)))
    assert truncated.all()
    with pytest.raises(ValueError, match="reset_mask"):
        vector.step(np.ones((3, 2)))
    mask = np.array([True, False, True])
    seen, infos = vector.reset(seed=[0, 0, 2], options={"reset_mask": mask})
    assert np.array_equal(infos["_success"], mask)
    assert np.array_equal((seen["image"] == first["image"]).all((1, 2, 3)), mask)
    with pytest.raises(ValueError, match="reset_mask"):
        vector.reset(options={"reset_mask": np.zeros(3, bool)})
    with pytest.raises(ValueError, match="2 seeds for 3"):
        vector.reset(seed=[0, 1])
