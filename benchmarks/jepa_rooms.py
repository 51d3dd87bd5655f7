"""What a joint-embedding model learns in minutes, from collecting to scores, by the commands alone.

python benchmarks/jepa_rooms.py fixed       goal pictures in two rooms; the wall stands still
python benchmarks/jepa_rooms.py lewm        ... by LeWorldModel's two losses
python benchmarks/jepa_rooms.py random      ... and it stands elsewhere in every episode
python benchmarks/jepa_rooms.py collapse    the same without a regulariser: alarms, and no plans
python benchmarks/jepa_rooms.py pendulum    Pendulum-v1 swung up from pixels by predicted reward

A stage whose output is there is not repeated: delete runs/jepa to begin again. Budgets are in
updates; what they took in CPU seconds of one thread is measured and written down.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

from learned_tasks import RESULTS, Task, foreworld

from foreworld.disk import write_json
from foreworld.evaluation import provenance

SMALL = ("--image-size", "32")


def rooms(wall: str, *changes: str, steps: int, episodes: int = 100) -> Task:
    return Task(
        ("rooms", "--env", f"wall={wall}", "--env", "image_size=32", "--env", "max_steps=32",
         *SMALL, "--steps", "32000", "--num-envs", "16"),
        ("--family", "jepa", "--preset", "rooms", "--steps", str(steps),
         "--threads", "1", *(("--set", *changes) if changes else ())),
        {
            "to_goal_pictures": ("--judge", "goal", "--env", "max_steps=100", "--threads", "1",
                                 "--episodes", str(episodes), "--candidates", "128")
        },
    )  # fmt: skip


TASKS = {
    "fixed": rooms("fixed", steps=1500),
    "lewm": rooms("fixed", "objective=lewm", steps=1500),
    "random": rooms("random", steps=5000),
    "collapse": rooms("fixed", "objective=lewm", "sigreg=0", steps=1000, episodes=50),
    "pendulum": Task(
        ("Pendulum-v1", "--pixels", *SMALL, "--frame-skip", "2", "--env", "max_episode_steps=40",
         "--policy", "wander", "--steps", "32000", "--num-envs", "16"),
        ("--family", "jepa", "--preset", "swing", "--train", "length=16", "batch_size=16",
         "--steps", "2500", "--threads", "1"),
        {
            "swing_up": ("--full", "--episodes", "20", "--env", "max_episode_steps=200",
                         "--horizon", "20", "--candidates", "96", "--iterations", "3",
                         "--action-block", "2", "--threads", "1")
        },
    ),
}  # fmt: skip


def cpu_s(*words: str) -> float:
    """Run a command; the CPU seconds that it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    foreworld(*words)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 1)


def collapse_of(run: Path) -> dict[str, Any]:
    """The collapse panel that `foreworld info` prints."""
    command = [sys.executable, "-m", "foreworld.cli.main", "info", str(run), "--json"]
    answer = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    return json.loads(answer.stdout)["collapse"]


def main(name: str) -> None:
    task, folder = TASKS[name], Path("runs/jepa") / name
    data, run, notes = folder / "data", folder / "run", folder / "training.json"
    if not data.exists():
        foreworld("collect", *task.collect, "--out", str(data))
    if not notes.exists():
        write_json(notes, {"cpu_s": cpu_s("train", str(data), "--run", str(run), *task.train)})
    scores = {}
    for what, words in task.evaluate.items():
        out = folder / f"{what}.json"
        foreworld("evaluate", str(run), *words, "--out", str(out))
        scores[what] = json.loads(out.read_text())
    result = {
        "commands": {"collect": task.collect, "train": task.train, "evaluate": task.evaluate},
        "training": json.loads(notes.read_text()),
        "collapse": collapse_of(run),
        "scores": scores,
        "provenance": provenance(),
    }
    write_json(RESULTS / f"jepa_{name}.json", result)


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in TASKS:
        sys.exit(f"name one of: {', '.join(TASKS)}")
    main(sys.argv[1])
