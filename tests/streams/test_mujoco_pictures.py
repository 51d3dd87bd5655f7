"""Fast pictures are set up before the first one is drawn, and only where MuJoCo draws."""

import gc
import os

import numpy as np
import pytest

from foreworld.run import World, make_stream
from foreworld.streams import GymStream

IDS = {"HalfCheetah-v5": "mujoco", "dm_control/cartpole-swingup-v0": "dm_control"}


def stream(env_id, **words):
    pytest.importorskip(IDS[env_id], reason=f"needs {IDS[env_id]}")
    return make_stream(World(env_id, **words), 2, seed=0)


def model(env):
    base = env.unwrapped
    return base.model if hasattr(base, "model") else base._env.physics.model.ptr


@pytest.mark.parametrize("env_id", IDS)
def test_the_finery_goes_when_asked(env_id):
    fine, fast = (stream(env_id, fast_pictures=fast) for fast in (False, True))
    for env in fine._worlds.envs:
        assert model(env).vis.quality.shadowsize > 0 and model(env).light_castshadow.any()
    for env in fast._worlds.envs:
        quality = model(env).vis.quality
        assert (quality.shadowsize, quality.offsamples) == (0, 0)
        assert not model(env).mat_reflectance.any() and not model(env).light_castshadow.any()
    actions = np.full((2, *fine.specs["action"].shape), 0.5, np.float32)
    key = next(key for key in fine.specs if key != "action")  # what is no picture stays as it was
    for one, two in ((fine.reset(), fast.reset()), (fine.step(actions), fast.step(actions))):
        np.testing.assert_array_equal(one[key], two[key])


draws = pytest.mark.skipif(
    os.environ.get("MUJOCO_GL") not in ("egl", "osmesa"),
    reason="draws: set MUJOCO_GL=egl or osmesa where that library is installed",
)


@draws
def test_a_world_that_goes_does_not_blacken_the_others():
    words = {"image_size": 32, "pixels": True, "fast_pictures": True}
    goes = stream("HalfCheetah-v5", **words)
    before = goes.frames()
    goes.close()
    stays = stream("HalfCheetah-v5", **words)
    del goes
    gc.collect()
    np.testing.assert_array_equal(stays.frames(), before)
    assert before.std() > 5
    stays.close()


@draws
@pytest.mark.parametrize("env_id", IDS)
def test_pictures_are_drawn_at_the_size_asked_for(env_id):
    seen = stream(env_id, image_size=48, pixels=True, fast_pictures=True)
    assert seen.frames().shape == (2, 48, 48, 3)
    assert seen.reset()["image"].std() > 5
    seen.close()


def test_worlds_that_mujoco_does_not_draw_are_refused():
    with pytest.raises(ValueError, match="CartPoleEnv is not drawn"):
        GymStream("CartPole-v1", fast_pictures=True)
    with pytest.raises(ValueError, match="vector environment"):
        GymStream("CartPole-v1", num_envs=2, fast_pictures=True)
