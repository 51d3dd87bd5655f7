"""VizDoom's take-cover as a stream: a small screen, classes, a reward for every tic survived."""

import numpy as np
import pytest

from foreworld.streams import GymStream

pytest.importorskip("vizdoom")
SETTINGS = {"frame_skip": 4, "screen_resolution": "RES_160X120"}


@pytest.fixture
def stream(request):
    made = GymStream("VizdoomTakeCover-v1", env_kwargs=SETTINGS | getattr(request, "param", {}))
    yield made
    made.close()


def test_a_screen_and_the_health(stream):
    assert stream.specs["screen"].shape == (64, 64, 3)
    assert stream.specs["gamevariables"].shape == (1,)
    assert stream.specs["action"].classes == (3,)
    step = stream.reset()
    assert step["screen"].std() > 10 and step["gamevariables"].tolist() == [[100.0]]


@pytest.mark.parametrize(
    "stream", [{"available_game_variables": [], "episode_timeout": 41}], indirect=True
)
def test_the_screen_alone_and_what_a_step_is_worth(stream):
    assert set(stream.specs) == {"screen", "action"}
    stream.reset()
    steps = [stream.step(np.array([0])) for _ in range(11)]
    ended = [bool(step["is_last"][0]) for step in steps]
    assert ended.index(True) == 10 and sum(ended) == 1
    rewards = [float(step["reward"][0]) for step in steps]
    assert rewards == [4.0] * 10 + [1.0]  # tics; the last step is cut short
