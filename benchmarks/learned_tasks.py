"""What planning inside a trained model achieves, from collecting to scores, by the commands alone.

python benchmarks/learned_tasks.py push        150,000 steps, 30 minutes of training, 100 starts
python benchmarks/learned_tasks.py pendulum    20,000 steps, 5 minutes of training, 20 starts
python benchmarks/learned_tasks.py minigrid

A stage whose output is there is not repeated: delete runs/bench to begin again.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from foreworld.disk import write_json

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Task:
    """Arguments of `foreworld collect`, `train` and, for each name, `evaluate`."""

    collect: tuple[str, ...]
    train: tuple[str, ...]
    evaluate: dict[str, tuple[str, ...]]


PLAN = ("--policy", "cem", "--horizon", "12", "--iterations", "3", "--candidates", "128")
BLOCKS = (*PLAN, "--action-block", "2", "--replan-every", "2", "--episodes", "100")
SIXTY = ("--env", "max_steps=60")
TASKS = {
    "push": Task(
        ("tabletop", "--env", 'task=["move","push"]', "--env", "max_steps=30", "--steps", "150000",
         "--policy", "mixed", "--num-envs", "32"),
        ("--family", "slots", "--budget", "30m", "--threads", "1"),
        {
            f"{task}_by_{judge}": ("--task", task, "--judge", judge, *SIXTY, *BLOCKS)
            for judge in ("instruction", "reward")
            for task in ("push", "move")
        },
    ),
    "pendulum": Task(
        ("Pendulum-v1", "--pixels", "--image-size", "32", "--frame-skip", "2",
         "--env", "max_episode_steps=40", "--steps", "20000"),
        ("--preset", "simple", "--train", "length=16", "batch_size=16", "--budget", "5m",
         "--threads", "1"),
        {
            "swing_up": ("--full", "--episodes", "20", "--env", "max_episode_steps=200",
                         "--horizon", "14", "--candidates", "96", "--iterations", "3",
                         "--action-block", "2")
        },
    ),
    "minigrid": Task(
        ("MiniGrid-Empty-Random-6x6-v0", "--pixels", "--image-size", "32", "--env", "max_steps=40",
         "--steps", "40000"),
        ("--preset", "simple", "--set", "codec.reward=two_hot", "--train", "length=16",
         "batch_size=16", "--budget", "5m", "--threads", "1"),
        {
            "reach_goal": ("--full", "--episodes", "40", "--horizon", "12", "--candidates", "128",
                           "--iterations", "3")
        },
    ),
}  # fmt: skip


def foreworld(*words: str) -> None:
    command = [sys.executable, "-m", "foreworld.cli.main", *words]
    print("$ foreworld", *words, flush=True)
    subprocess.run(command, check=True)


def main(name: str) -> None:
    task, folder = TASKS[name], Path("runs/bench") / name
    data, run = folder / "data", folder / "run"
    if not data.exists():
        foreworld("collect", *task.collect, "--out", str(data))
    if not run.exists():
        foreworld("train", str(data), "--run", str(run), *task.train)
    commands = {"collect": task.collect, "train": task.train, "evaluate": task.evaluate}
    scores = {}
    for what, words in task.evaluate.items():
        out = folder / f"{what}.json"
        foreworld("evaluate", str(run), *words, "--out", str(out))
        scores[what] = json.loads(out.read_text())
        write_json(RESULTS / f"{name}.json", {"commands": commands, "scores": scores})


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in TASKS:
        sys.exit(f"name one of: {', '.join(TASKS)}")
    main(sys.argv[1])
