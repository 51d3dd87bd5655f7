"""How fast the built-in worlds run: rendered steps per second of processor time, on one thread.

python benchmarks/worlds_speed.py
    rooms: single 2700/s   vector of 16 15000/s   stream of 16 14000/s
    ...                                     written to benchmarks/results/worlds_speed.json

Other work on the machine makes processor time longer, too: the load at the start is written down.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import gymnasium
import numpy as np

import foreworld.worlds  # noqa: F401  (registers the worlds)
from foreworld import catalog
from foreworld.disk import write_json
from foreworld.evaluation import provenance
from foreworld.streams import GymStream

WORLDS = {name: catalog.WORLDS[name] for name in ("bounce", "gallery", "rooms", "tabletop")}
REPEATS = 7
STEPS = 1600  # in each repeat, over all envs; resets included
ENVS = 16
SIZES = (64, 32)  # pixels
RESULT = Path(__file__).parent / "results" / "worlds_speed.json"

Run = Callable[[np.ndarray], None]


def single(env_id: str, size: int) -> Run:
    """One world, stepped alone."""
    env = gymnasium.make(env_id, image_size=size, disable_env_checker=True).unwrapped
    env.reset(seed=0)

    def run(actions: np.ndarray) -> None:
        for action in actions:
            _, _, terminated, truncated, _ = env.step(action)
            if terminated or truncated:
                env.reset()

    return run


def vector(env_id: str, size: int) -> Run:
    """Many worlds, drawn together."""
    envs = gymnasium.make_vec(env_id, ENVS, image_size=size)
    envs.reset(seed=0)
    return stepped(envs.step)


def stream(env_id: str, size: int) -> Run:
    """Many worlds as rows of steps, as collecting takes them."""
    rows = GymStream(env_id, ENVS, image_size=size, env_kwargs={"image_size": size})
    rows.reset()
    return stepped(rows.step)


def stepped(step: Callable[[np.ndarray], object]) -> Run:
    """A run that hands `step` the actions of all worlds at once."""

    def run(actions: np.ndarray) -> None:
        for batch in actions.reshape(-1, ENVS, 2):
            step(batch)

    return run


def measure(run: Run) -> list[float]:
    """Steps per second of processor time, once for each repeat after a warm-up."""
    rng = np.random.default_rng(0)
    speeds = []
    for _ in range(REPEATS + 1):
        actions = rng.uniform(-1.0, 1.0, (STEPS, 2)).astype(np.float32)
        start = time.process_time()
        run(actions)
        speeds.append(STEPS / (time.process_time() - start))
    return speeds[1:]


def main() -> None:
    load = os.getloadavg()[0]
    ways = {"single": single, f"vector of {ENVS}": vector, f"stream of {ENVS}": stream}
    speeds = {
        name: {
            f"{way} at {size} px": measure(begin(env_id, size))
            for size in SIZES
            for way, begin in ways.items()
        }
        for name, env_id in WORLDS.items()
    }
    medians = {name: {k: round(median(v)) for k, v in row.items()} for name, row in speeds.items()}
    result = {
        "what": "rendered steps per second of processor time, random actions",
        "median_steps_per_cpu_s": medians,
        "all_steps_per_cpu_s": {
            name: {k: [round(x) for x in v] for k, v in row.items()} for name, row in speeds.items()
        },
        "n": REPEATS,
        "steps_per_repeat": STEPS,
        "load_at_start": load,
        "provenance": provenance(),
    }
    write_json(RESULT, result)
    for name, row in medians.items():
        print(f"{name}: {'   '.join(f'{way} {speed}/s' for way, speed in row.items())}")
    print(f"written to {RESULT}")


if __name__ == "__main__":
    main()
