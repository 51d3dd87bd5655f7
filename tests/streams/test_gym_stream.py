from __future__ import annotations

import sys
from functools import partial

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv

from foreworld.streams import GymStream

LENGTHS = (1, 2, 3, 6)


class PlainVector(SyncVectorEnv):
    """Not the very class whose environments are stepped one by one, so its own resets are used."""


class BatchedFinals(SyncVectorEnv):
    """Hands out final observations as one batch, as vectorised simulators do."""

    def step(self, actions):
        *rest, info = super().step(actions)
        if "final_obs" in info:
            finals = [
                f if f is not None else self._env_obs[i] for i, f in enumerate(info["final_obs"])
            ]
            info["final_obs"] = {
                "count": np.stack([f["count"] for f in finals]),
                "body": {"last": np.array([f["body"]["last"] for f in finals])},
                "word": tuple(f["word"] for f in finals),
                "eye": np.stack([f["eye"] for f in finals]),
            }
        return *rest, info


class DeafVector(SyncVectorEnv):
    """Knows nothing of reset_mask."""

    def reset(self, *, seed=None, options=None):
        return super().reset(seed=seed)


def run(stream, num_rows=15):
    """All rows [num_rows, N, ...] under actions fixed in advance."""
    actions = np.random.default_rng(1).integers(0, 5, (num_rows, len(LENGTHS)))
    rows = [stream.reset()]
    for t in range(num_rows - 1):
        rows.append(stream.step(actions[t, : stream.num_envs]))
    return {key: np.stack([row[key] for row in rows]) for key in rows[0]}


def alone(counter, i, num_rows=15):
    """The rows of world i, from Gymnasium's own interface."""
    env = counter(LENGTHS[i])
    actions = np.random.default_rng(1).integers(0, 5, (num_rows, len(LENGTHS)))
    rows, over = [], True
    for t in range(num_rows):
        first = over
        if first:
            (observation, info), reward, terminated, over = env.reset(), 0.0, False, False
        else:
            observation, reward, terminated, over, info = env.step(actions[t - 1, i] + 2)
            over = over or terminated
        rows.append(
            (
                observation["count"][0],
                observation["body"]["last"] - 1,
                len(observation["word"]),
                observation["eye"][0, 0, 0],
                info["twice"][0],
                reward,
                first,
                over,
                terminated,
            )
        )
    return np.array(rows, np.float64)


def flat(rows, i):
    words = (rows["word"][:, i] > 0).sum(1)
    columns = [rows["count"][:, i, 0], rows["body/last"][:, i], words, rows["eye"][:, i, 0, 0, 0]]
    columns += [rows["twice"][:, i, 0]]
    columns += [rows[key][:, i] for key in ("reward", "is_first", "is_last", "is_terminal")]
    return np.stack(columns, 1).astype(np.float64)


def vector(kind, mode, **kwargs):
    return lambda fns: kind(fns, autoreset_mode=mode, **kwargs)


MADE = {
    "sync": SyncVectorEnv,
    "sync_same_step": vector(SyncVectorEnv, AutoresetMode.SAME_STEP),
    **{f"vector_{mode.name}": vector(PlainVector, mode) for mode in AutoresetMode},
    "batched_finals": vector(BatchedFinals, AutoresetMode.SAME_STEP),
    **{f"async_{m.name}": vector(AsyncVectorEnv, m, shared_memory=False) for m in AutoresetMode},
}


@pytest.mark.parametrize("name", MADE)
def test_every_autoreset_mode_shows_the_rows_of_a_lone_environment(name, counter):
    if name.startswith("async") and sys.platform == "win32":
        pytest.skip("worker processes cannot be handed local classes on Windows")
    env = MADE[name]([partial(counter, length) for length in LENGTHS])
    # Gymnasium's asynchronous workers do not share class attributes: the declaration goes along.
    env.targets = counter.targets
    stream = GymStream(env)
    rows = run(stream)
    stream.close()
    for i in range(len(LENGTHS)):
        np.testing.assert_array_equal(flat(rows, i), alone(counter, i), err_msg=f"world {i}")


def test_a_vector_environment_that_cannot_reset_one_world_is_refused(counter):
    env = DeafVector([partial(counter, n) for n in LENGTHS], autoreset_mode=AutoresetMode.SAME_STEP)
    with pytest.raises(ValueError, match="NEXT_STEP"):
        run(GymStream(env))


def test_text_in_shared_memory_is_refused(counter):
    env = AsyncVectorEnv([counter])
    with pytest.raises(ValueError, match="shared_memory=False"):
        GymStream(env)
    env.close()


def test_a_vector_environment_without_a_mode_is_refused(counter):
    env = PlainVector([counter])
    del env.metadata["autoreset_mode"]
    with pytest.raises(ValueError, match="autoreset_mode"):
        GymStream(env)


def test_specs_describe_every_kind_of_key(counter):
    specs = GymStream(counter).specs
    assert sorted(specs) == ["action", "body/last", "count", "eye", "twice", "word"]
    assert {key: spec.kind for key, spec in specs.items()} == {
        "action": "discrete",
        "body/last": "discrete",
        "count": "vector",
        "eye": "image",
        "twice": "vector",
        "word": "text",
    }
    assert specs["action"].classes == (5,)
    assert specs["action"].shape == ()
    assert not specs["twice"].observed
    assert specs["count"].observed
    assert (specs["count"].low, specs["count"].high) == (-1.0, 100.0)


@pytest.mark.parametrize("pixels", [False, True, "also"])
def test_rows_match_their_specs(counter, pixels):
    stream = GymStream(partial(counter, render_mode="rgb_array"), num_envs=2, pixels=pixels)
    for step in (stream.reset(), stream.step(np.zeros(2, np.int64))):
        assert {*step} == {*stream.specs, "reward", "is_first", "is_last", "is_terminal"} - {
            "action"
        }
        for key in {*step} & {*stream.specs}:
            assert step[key].shape == (2, *stream.specs[key].shape), key
            assert step[key].dtype == stream.specs[key].dtype, key
        assert step["reward"].dtype == np.float32
        assert step["is_last"].dtype == bool


def test_rows_are_not_overwritten_by_later_steps(counter):
    env = PlainVector([counter, counter], copy=False)
    stream = GymStream(env)
    first = stream.reset()
    before = {key: value.copy() for key, value in first.items()}
    stream.step(np.zeros(2, np.int64))
    for key, value in before.items():
        np.testing.assert_array_equal(first[key], value)


def test_frame_skip_sums_rewards_and_stops_at_the_end(counter):
    stream = GymStream(partial(counter, 5), frame_skip=2)
    stream.reset()
    rows = [stream.step(np.zeros(1, np.int64)) for _ in range(4)]
    assert [row["count"][0, 0] for row in rows] == [2, 4, 5, 0]
    assert [row["reward"][0] for row in rows] == [0.5 + 1, 1.5 + 2, 2.5, 0]
    assert [row["is_last"][0] for row in rows] == [False, False, True, False]
    assert [row["is_first"][0] for row in rows] == [False, False, False, True]


def test_frame_skip_with_a_vector_environment_is_refused(counter):
    with pytest.raises(ValueError, match="frame_skip"):
        GymStream(PlainVector([counter]), frame_skip=2)


@pytest.mark.parametrize("env_id", ["CartPole-v1", "Pendulum-v1"])
def test_pixels_are_the_rendered_frame_made_small(env_id):
    stream = GymStream(env_id, num_envs=2, pixels=True, seed=3)
    step = stream.reset()
    assert step["image"].shape == (2, 64, 64, 3)
    assert sorted(stream.specs) == ["action", "image"]
    frames = stream.frames().astype(float)
    assert frames.shape[1] > 64
    np.testing.assert_allclose(step["image"].mean(), frames.mean(), atol=1)
    moved = stream.step(np.ones((2, *stream.specs["action"].shape), stream.specs["action"].dtype))
    assert (moved["image"] != step["image"]).any()


def test_pixels_show_the_last_instant_of_an_episode(counter):
    stream = GymStream(partial(counter, 2, render_mode="rgb_array"), pixels=True)
    rows = [stream.reset(), *(stream.step(np.zeros(1, np.int64)) for _ in range(3))]
    assert [row["image"][0, 0, 0, 0] for row in rows] == [0, 1, 2, 0]


def test_pixels_of_same_step_vectors_are_refused(counter):
    env = PlainVector([counter], autoreset_mode=AutoresetMode.SAME_STEP)
    with pytest.raises(ValueError, match="SAME_STEP"):
        GymStream(env, pixels=True)


@pytest.mark.parametrize("num_envs", [1, 3])
def test_seeds_repeat_a_run_and_differ_between_worlds(num_envs):
    def rows(seed):
        stream = GymStream("CartPole-v1", num_envs=num_envs, seed=seed)
        steps = [stream.reset(), *(stream.step(np.ones(num_envs, np.int64)) for _ in range(30))]
        return np.stack([step["vector"] for step in steps])

    np.testing.assert_array_equal(rows(5), rows(5))
    assert (rows(5) != rows(6)).any()
    assert len(np.unique(rows(5)[0], axis=0)) == num_envs


def test_world_i_starts_from_seed_plus_i():
    opening = GymStream("Pendulum-v1", num_envs=3, seed=7).reset()["vector"]
    for i in range(3):
        expected, _ = gymnasium.make("Pendulum-v1").reset(seed=7 + i)
        np.testing.assert_array_equal(opening[i], expected)


def test_a_seeded_opening_is_the_same_with_pixels():
    plain = GymStream("Pendulum-v1", seed=7)
    seen = GymStream("Pendulum-v1", seed=7, pixels="also")
    for _ in range(2):  # the second reset goes on from the first
        np.testing.assert_array_equal(plain.reset()["vector"], seen.reset()["vector"])


def test_the_vector_entry_point_is_used_for_several_worlds():
    stream = GymStream("CartPole-v1", num_envs=3)
    assert type(stream._worlds).__name__ == "VectorWorlds"
    rows = [stream.reset(), *(stream.step(np.ones(3, np.int64)) for _ in range(40))]
    last = np.stack([row["is_last"] for row in rows])
    first = np.stack([row["is_first"] for row in rows])
    assert last.any()
    np.testing.assert_array_equal(first[1:], last[:-1])
    assert (np.stack([row["reward"] for row in rows])[first] == 0).all()


def test_an_unknown_id_names_the_nearest():
    with pytest.raises(ValueError, match="CartPole-v1"):
        GymStream("CartPol-v1")


@pytest.mark.parametrize(
    ("env_id", "module", "command"),
    [
        ("MiniGrid-Empty-5x5-v0", "minigrid", r"foreworld\[minigrid\]"),
        ("BabyAI-GoToObj-v0", "minigrid", r"foreworld\[minigrid\]"),
        ("dm_control/cartpole-swingup-v0", "dm_control", r"foreworld\[dmc\]"),
        ("ALE/Pong-v5", "ale_py", r"foreworld\[atari\]"),
        ("gym_pusht/PushT-v0", "gym_pusht", r"foreworld\[pusht\]"),
        ("CarRacing-v3", "Box2D", r"foreworld\[box2d\]"),
        ("VizdoomTakeCover-v1", "vizdoom", r"foreworld\[doom\]"),
    ],
)
def test_a_missing_package_is_answered_with_its_command(env_id, module, command, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)  # importing it fails, installed or not
    with pytest.raises(ImportError, match=command):
        GymStream(env_id)


def test_minigrid_missions_are_text():
    pytest.importorskip("minigrid")
    stream = GymStream("MiniGrid-Empty-5x5-v0")
    step = stream.reset()
    assert bytes(step["mission"][0]).rstrip(b"\0") == b"get to the green goal square"
    assert stream.specs["image"].shape == (7, 7, 3)


def test_a_declared_target_that_is_not_there_is_named(counter):
    class Forgetful(counter):
        targets = {"cost": spaces.Box(0, 1, (), np.float32)}

    with pytest.raises(ValueError, match="'cost'"):
        GymStream(Forgetful).reset()


def test_wrong_actions_are_refused(counter):
    stream = GymStream(counter, num_envs=2)
    stream.reset()
    with pytest.raises(ValueError, match=r"\(3,\)"):
        stream.step(np.zeros(3, np.int64))


@pytest.mark.parametrize(
    "wrong", [{"num_envs": 0}, {"frame_skip": 0}, {"pixels": "all"}, {"env_kwargs": {"length": 2}}]
)
def test_wrong_arguments_are_named(wrong, counter):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        GymStream(counter, **wrong)


@pytest.mark.parametrize("as_vector", [False, True])
def test_frames_without_pictures_say_what_to_pass(counter, as_vector):
    class Blind(counter):
        def render(self):
            return None

    class BlindVector(PlainVector):
        def render(self):
            return None

    stream = GymStream(BlindVector([Blind]) if as_vector else Blind)
    stream.reset()
    with pytest.raises(ValueError, match="render_mode"):
        stream.frames()
