"""Many worlds at once are the same as each alone."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv

import foreworld.worlds  # noqa: F401  (registers the worlds)
from foreworld.worlds.rooms import Rooms
from foreworld.worlds.rooms_vector import RoomsVector
from foreworld.worlds.tabletop import Tabletop
from foreworld.worlds.tabletop_expert import ScriptedExpert
from foreworld.worlds.tabletop_vector import TabletopVector


def check_same(a, b) -> None:
    """Equal to the last bit, through dicts, tuples and object arrays."""
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


@pytest.mark.parametrize("mode", ["NextStep", "SameStep"])
def test_tabletops_equal_single_ones(mode):
    options = {"max_steps": 18, "factors": "train", "cloth": True}
    vector = gymnasium.make_vec("foreworld/Tabletop-v0", 5, autoreset_mode=mode, **options)
    single = SyncVectorEnv([lambda: Tabletop(**options)] * 5, autoreset_mode=mode)
    assert isinstance(vector, TabletopVector)
    check_same(vector.reset(seed=3), single.reset(seed=3))
    expert = ScriptedExpert(noise=0.5)
    for _ in range(45):
        actions = expert.act_batch(vector.facts, vector.tasks)
        check_same(vector.step(actions), single.step(actions))


@pytest.mark.parametrize("mode", ["NextStep", "SameStep"])
@pytest.mark.parametrize("noise", ["train", 0.0])
def test_rooms_equal_single_ones(mode, noise):
    factors = {**dict.fromkeys(Rooms.FACTORS, "train"), "noise": noise}
    options = {"max_steps": 18, "factors": factors, "image_size": 32}
    vector = gymnasium.make_vec("foreworld/Rooms-v0", 5, autoreset_mode=mode, **options)
    single = SyncVectorEnv([lambda: Rooms(**options)] * 5, autoreset_mode=mode)
    assert isinstance(vector, RoomsVector)
    check_same(vector.reset(seed=3), single.reset(seed=3))
    rng = np.random.default_rng(0)
    for _ in range(45):
        actions = rng.uniform(-1, 1, (5, 2))
        check_same(vector.step(actions), single.step(actions))


@pytest.mark.parametrize("kind", [TabletopVector, RoomsVector])
def test_spaces_and_mode(kind):
    vector = kind(3)
    assert vector.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    obs, _ = vector.reset(seed=[5, None, 7])
    assert vector.observation_space.contains(obs)
    assert vector.action_space.shape == (3, 2)


def test_reset_of_some():
    vector = TabletopVector(3, task="move", max_steps=2, autoreset_mode="Disabled")
    first, _ = vector.reset(seed=0)
    for _ in range(2):
        *_, truncated, _ = vector.step(np.ones((3, 2)))
    with pytest.raises(ValueError, match="reset_mask"):
        vector.step(np.ones((3, 2)))
    mask = np.array([True, False, True])
    obs, infos = vector.reset(seed=[0, 0, 2], options={"reset_mask": mask})
    assert truncated.all()
    assert np.array_equal(infos["_success"], mask)
    assert np.array_equal((obs["image"] == first["image"]).all((1, 2, 3)), mask)


@pytest.mark.parametrize("kind", [TabletopVector, RoomsVector])
def test_state_goes_on_bit_for_bit(kind):
    vector, other = (kind(3, max_steps=10, factors="train") for _ in range(2))
    vector.reset(seed=0)
    rng = np.random.default_rng(0)
    for _ in range(10):
        vector.step(rng.uniform(-1, 1, (3, 2)))
    other.set_state(vector.get_state())
    for _ in range(15):
        actions = rng.uniform(-1, 1, (3, 2))
        check_same(vector.step(actions), other.step(actions))


@pytest.mark.parametrize(
    ("options", "said"),
    [({"num_envs": 0}, "1 or more"), ({"autoreset_mode": "Never"}, "Valid: NextStep")],
)
def test_wrong_options_are_explained(options, said):
    with pytest.raises(ValueError, match=said):
        TabletopVector(**options)
