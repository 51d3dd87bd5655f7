"""What keeping and putting back a running simulator costs, and MuJoCo's pictures, fine and fast.

MUJOCO_GL=egl python benchmarks/snapshots.py
    CartPole-v1   snapshot 0.11 ms   restore 0.12 ms   step 0.01 ms
    ...           written to benchmarks/results/snapshots.json

Worlds that are not installed are skipped. Results of an environment of its own (PushT needs an
older pymunk) are added: python benchmarks/snapshots.py gym_pusht/PushT-v0
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import gymnasium
import numpy as np

from foreworld.disk import write_json
from foreworld.evaluation.provenance import provenance
from foreworld.streams import GymStream
from foreworld.streams.registry import find_spec, make_env
from foreworld.worlds.snapshots import restore, snapshot

RESULT = Path(__file__).parent / "results" / "snapshots.json"
REPEATS = 100
FRAMES = 40
STREAM_STEPS = 4000
DRAWN = ("HalfCheetah-v5", "Ant-v5", "dm_control/cartpole-swingup-v0", "dm_control/walker-walk-v0")
WORLDS = (
    "CartPole-v1",
    "Pendulum-v1",
    "foreworld/Tabletop-v0",
    "MiniGrid-DoorKey-5x5-v0",
    "BabyAI-GoToObj-v0",
    "HalfCheetah-v5",
    "Ant-v5",
    "Humanoid-v5",
    "dm_control/cartpole-swingup-v0",
    "dm_control/walker-walk-v0",
    "ALE/Breakout-v5",
    "gym_pusht/PushT-v0",
)


def main(only: list[str]) -> None:
    result = json.loads(RESULT.read_text()) if only and RESULT.exists() else {}
    for env_id in only or WORLDS:
        try:
            env = make_env(find_spec(env_id), {})
        except ImportError as error:
            print(f"{env_id}: skipped ({error})")
            continue
        keeping = result.setdefault("keeping", {})
        keeping[env_id] = costs(env)
        print(env_id, keeping[env_id])
    if not only:
        result["dm_control_stream"] = stream_speed("dm_control/cartpole-swingup-v0")
        result["pictures_64px"] = {env_id: pictures(env_id) for env_id in DRAWN}
        result |= {"n": REPEATS, "frames": FRAMES, "gl": os.environ.get("MUJOCO_GL")}
        result["provenance"] = provenance()
    write_json(RESULT, result)
    print(f"written to {RESULT}")


def costs(env: gymnasium.Env) -> dict[str, float]:
    """Median milliseconds of wall time, in the middle of an episode."""
    env.reset(seed=0)
    env.action_space.seed(0)
    for _ in range(5):
        env.step(env.action_space.sample())
    kept = snapshot(env)

    def step() -> None:
        if any(env.step(env.action_space.sample())[2:4]):
            restore(env, kept)

    return {
        "snapshot_ms": _median_ms(lambda: snapshot(env)),
        "restore_ms": _median_ms(lambda: restore(env, kept)),
        "step_ms": _median_ms(step),
    }


def stream_speed(env_id: str) -> dict[str, Any]:
    """Steps per second of processor time: through the stream, and in dm_control without it."""
    speeds = {}
    for frame_skip in (1, 2):
        stream = GymStream(env_id, frame_skip=frame_skip)
        actions = _actions(stream.specs["action"].shape)
        stream.reset()
        begun = time.process_time()
        for action in actions:
            stream.step(action[None])
        spent = time.process_time() - begun
        speeds[f"frame_skip_{frame_skip}"] = round(frame_skip * STREAM_STEPS / spent)
    bare = make_env(find_spec(env_id), {}).unwrapped._env  # pyright: ignore
    bare.reset()
    begun = time.process_time()
    for action in actions:
        bare.step(action)
    speeds["dm_control_alone"] = round(STREAM_STEPS / (time.process_time() - begun))
    return {"world_steps_per_cpu_s": speeds, "steps": STREAM_STEPS}


def pictures(env_id: str) -> dict[str, float]:
    """Frames of 64 pixels a side per second of processor time."""
    rates = {}
    for name, fast in (("fine", False), ("fast", True)):
        stream = GymStream(env_id, pixels=True, fast_pictures=fast)
        stream.reset()
        action = _actions(stream.specs["action"].shape)[:1]
        stream.step(action)  # the first frame sets up the drawing
        begun = time.process_time()
        for _ in range(FRAMES):
            step = stream.step(action)
        assert step["image"].std() > 5, "nothing was drawn"
        rates[name] = round(FRAMES / (time.process_time() - begun), 1)
        stream.close()
    print(env_id, rates)
    return rates


def _actions(shape: tuple[int, ...]) -> Any:
    return np.random.default_rng(0).uniform(-1, 1, (STREAM_STEPS, *shape)).astype(np.float32)


def _median_ms(call: Callable[[], Any]) -> float:
    times = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        call()
        times.append(time.perf_counter() - begun)
    return round(1e3 * median(times), 4)


if __name__ == "__main__":
    main(sys.argv[1:])
