from __future__ import annotations

import subprocess
import sys
from functools import partial

import numpy as np
import pytest
from gymnasium.vector import SyncVectorEnv

from foreworld.streams import EpisodeFold, GymStream, collect


class Counting:
    """Chooses the number of rows seen so far, modulo 5: every action tells its row."""

    def init(self, num_envs):
        return np.zeros(num_envs, np.int64)

    def act(self, carry, step):
        carry = np.where(step["is_first"], 0, carry + 1)
        return carry, carry % 5


def test_episodes_follow_the_time_convention(counter):
    stream = GymStream(partial(counter, 4))
    (episode,) = collect(stream, Counting(), episodes=1)
    assert len(episode) == 5
    np.testing.assert_array_equal(episode["count"][:, 0], [0, 1, 2, 3, 4])
    np.testing.assert_array_equal(episode["action"], [0, 1, 2, 3, 0])
    # What the world says it was given (counted from 2, "nothing" is 1) is the action a row earlier.
    np.testing.assert_array_equal(episode["body/last"][1:] - 1, episode["action"][:-1])
    np.testing.assert_array_equal(episode["reward"], [0, 0.5, 1, 1.5, 2])
    np.testing.assert_array_equal(episode["is_first"], [1, 0, 0, 0, 0])
    np.testing.assert_array_equal(episode["is_last"], [0, 0, 0, 0, 1])
    assert not episode["is_terminal"].any()  # the clock ran out
    np.testing.assert_array_equal(episode["twice"][:, 0], 2 * episode["count"][:, 0])


def test_each_world_gives_its_share_of_episodes(counter):
    stream = GymStream(SyncVectorEnv([partial(counter, 1), partial(counter, 9)]))
    lengths = [len(e) for e in collect(stream, Counting(), episodes=5)]
    assert sorted(lengths) == [2, 2, 2, 10, 10]


def test_steps_limit_the_rows_and_open_episodes_are_dropped_or_cut(counter):
    stream = GymStream(partial(counter, 3), num_envs=2)
    seen = []
    dropped = list(collect(stream, Counting(), steps=14, progress=lambda *n: seen.append(n)))
    assert [len(e) for e in dropped] == [4, 4]
    assert seen[-1] == (14, 2)
    cut = list(collect(stream, Counting(), steps=14, truncate=True))
    assert [len(e) for e in cut] == [4, 4, 3, 3]
    assert cut[-1]["is_last"].tolist() == [False, False, True]
    assert not cut[-1]["is_terminal"].any()
    assert cut[-1]["action"][-1] == 0


def test_a_cut_right_after_a_reset_leaves_no_stub(counter):
    stream = GymStream(partial(counter, 3))
    assert len(list(collect(stream, Counting(), steps=5, truncate=True))) == 1


@pytest.mark.parametrize("limits", [{}, {"steps": 1, "episodes": 1}])
def test_one_limit_is_given(limits, counter):
    with pytest.raises(ValueError, match="steps"):
        next(collect(GymStream(counter), Counting(), **limits))


def test_the_fold_rejects_a_row_out_of_place(counter):
    stream = GymStream(counter)
    fold = EpisodeFold(stream.specs, 1)
    stream.reset()
    with pytest.raises(AssertionError, match="is_first"):
        fold.add(stream.step(np.zeros(1, np.int64)), np.zeros(1, np.int64))


def test_importing_streams_imports_no_optional_package():
    code = (
        "import sys, foreworld.streams; "
        "print([m for m in ('minigrid', 'shimmy', 'ale_py', 'pygame', 'foreworld.worlds') "
        "if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
