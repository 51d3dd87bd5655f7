"""How fast the tabletop runs: rendered steps per second of processor time, on one thread.

python benchmarks/tabletop_speed.py
    single 2700/s   vector of 16 5700/s   written to benchmarks/results/tabletop_speed.json
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import numpy as np

from foreworld.worlds.tabletop import Tabletop
from foreworld.worlds.tabletop_vector import TabletopVector

REPEATS = 7
STEPS = 1600  # in each repeat, over all envs; resets included
ENVS = 16
RESULT = Path(__file__).parent / "results" / "tabletop_speed.json"


def single() -> Callable[[np.ndarray], None]:
    """One world, stepped alone."""
    env = Tabletop()
    env.reset(seed=0)

    def run(actions: np.ndarray) -> None:
        for action in actions:
            _, _, terminated, truncated, _ = env.step(action)
            if terminated or truncated:
                env.reset()

    return run


def vector() -> Callable[[np.ndarray], None]:
    """Many worlds, drawn together."""
    envs = TabletopVector(ENVS)
    envs.reset(seed=0)

    def run(actions: np.ndarray) -> None:
        for batch in actions.reshape(-1, ENVS, 2):
            envs.step(batch)

    return run


def measure(run: Callable[[np.ndarray], None]) -> list[float]:
    """Steps per second of processor time, once for each repeat after a warm-up."""
    rng = np.random.default_rng(0)
    speeds = []
    for _ in range(REPEATS + 1):
        actions = rng.uniform(-1.0, 1.0, (STEPS, 2)).astype(np.float32)
        start = time.process_time()
        run(actions)
        speeds.append(STEPS / (time.process_time() - start))
    return speeds[1:]


def commit() -> str | None:
    """The commit measured at, with a + if files have changed since; None outside of git."""

    def git(*words: str) -> str:
        run = subprocess.run(
            ["git", *words], cwd=Path(__file__).parent, capture_output=True, text=True, check=False
        )
        return run.stdout.strip() if run.returncode == 0 else ""

    head = git("rev-parse", "--verify", "HEAD")
    return head + ("+" if git("status", "--porcelain") else "") if head else None


def main() -> None:
    cases = {"single": single(), f"vector of {ENVS}": vector()}
    speeds = {name: measure(run) for name, run in cases.items()}
    result = {
        "what": "rendered 64 px steps per second of processor time, random actions",
        "median_steps_per_cpu_s": {name: round(median(v)) for name, v in speeds.items()},
        "all_steps_per_cpu_s": {name: [round(x) for x in v] for name, v in speeds.items()},
        "n": REPEATS,
        "steps_per_repeat": STEPS,
        "machine": {"platform": platform.platform(), "cpus": os.cpu_count()},
        "python": platform.python_version(),
        "commit": commit(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    fast = "   ".join(f"{name} {v}/s" for name, v in result["median_steps_per_cpu_s"].items())
    print(f"{fast}   written to {RESULT}")


if __name__ == "__main__":
    main()
