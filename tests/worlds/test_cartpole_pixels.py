"""CartPole in small pictures: the same physics, and what is drawn is where things are."""

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import foreworld.worlds  # noqa: F401 (registers)
from foreworld.streams import GymStream

ID = "foreworld/CartPolePixels-v0"


@pytest.mark.filterwarnings("ignore:.*render.*")
def test_gymnasium_has_no_complaint():
    check_env(gymnasium.make(ID).unwrapped, skip_render_check=True)


def test_the_physics_is_cartpole_v1_to_the_bit():
    ours, theirs = gymnasium.make(ID), gymnasium.make("CartPole-v1")
    for seed in range(3):
        ours.reset(seed=seed)
        wanted, _ = theirs.reset(seed=seed)
        rng, ended = np.random.default_rng(seed), False
        while not ended:
            action = int(rng.integers(2))
            _, *got, _ = ours.step(action)
            wanted, *expected, _ = theirs.step(action)
            assert got == expected
            assert np.array_equal(np.float32(ours.unwrapped.poles.state), wanted)
            ended = got[1]
    assert ours.spec.max_episode_steps == theirs.spec.max_episode_steps == 500


def drawn(cart_m, lean_rad, size=32):
    env = gymnasium.make(ID, size=size).unwrapped
    env.poles.state = np.array([cart_m, 0.0, lean_rad, 0.0])
    return env.render().astype(float)


def column(picture, colour):
    """The mean column, in pixels, of what differs from the wall in one colour's favour."""
    weight = np.clip(picture[..., colour] - picture.mean(-1) - 5, 0, None)
    return (weight * np.arange(picture.shape[1])).sum() / weight.sum()


def test_a_small_move_and_a_small_lean_are_seen():
    blue = [column(drawn(x, 0), 2) for x in (-2.0, 0.0, 0.02, 2.0)]
    assert blue[1] == pytest.approx(15.5, abs=0.1), "in the middle"
    assert blue[3] - blue[0] == pytest.approx(4 * 32 / 5.4, abs=0.5)
    assert 0.05 < blue[2] - blue[1] < 0.5, "an eighth of a pixel"
    red = [column(drawn(0, lean), 0) for lean in (-0.2, 0.0, 0.01, 0.2)]
    assert red[0] < red[1] - 0.8 < red[1] < red[2] < red[3] - 0.7


def test_sizes():
    assert drawn(0, 0, 64).shape == (64, 64, 3)
    with pytest.raises(ValueError, match="nothing can be seen below 8"):
        drawn(0, 0, 4)
    stream = GymStream(ID, num_envs=2)
    assert stream.specs["image"].shape == (32, 32, 3)
    stream.close()
