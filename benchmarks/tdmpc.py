"""TD-MPC2 on tasks of dm_control from state, by the commands alone and in its smallest size.

python benchmarks/tdmpc.py swingup                 20,000 environment steps, seed 0
python benchmarks/tdmpc.py walker_walk --seeds 0   100,000

Needs foreworld[dmc]. Environment steps are the simulator's: an action that is held for four counts
four times. A run that was cut short goes on where it stands; a run whose scores are there is not
repeated: delete runs/tdmpc to begin again. Beside the score stand the published one (mean of three
seeds at 100,000 environment steps, results of nicklashansen/tdmpc2) and the random policy's.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from actor_critic import Task, foreworld

from foreworld.disk import write_json
from foreworld.episodes import EpisodeStore
from foreworld.log import read_jsonl
from foreworld.run import read_world

RESULTS = Path(__file__).parent / "results"
RUNS = Path("runs/tdmpc")
PUBLISHED = {"swingup": 839.0, "walker_walk": 962.0}  # at 100,000 environment steps

USUAL = ("--family", "tdmpc", "--recipe", "usual", "--threads", "1")  # the preset nano
TASKS = {
    # 250 decisions an episode: 2 episodes of chance, then an update for every decision.
    "swingup": Task(
        ("dm_control/cartpole-swingup-v0", "--frame-skip", "4", *USUAL, "--set", "discount=0.98",
         "--prefill", "502", "--steps", "4500"), 800.0, ("--full", "--episodes", "20"),
    ),
    # 500 decisions an episode, an update for every second one.
    "walker_walk": Task(
        ("dm_control/walker-walk-v0", "--frame-skip", "2", *USUAL, "--set", "members=5",
         "--prefill", "2004", "--train-ratio", "256", "--steps", "24000"), 900.0,
        ("--full", "--episodes", "10"),
    ),
}  # fmt: skip


def measure(name: str, task: Task, seed: int) -> dict[str, Any]:
    """One seed: scores, the curve of what was collected, and CPU-seconds of training."""
    run = RUNS / f"{name}_{seed}"
    spent, scores = run / "cpu_s.json", run / "evaluation.json"
    if not scores.exists():
        words = ("--resume", "--run", str(run), "--threads", "1")
        if not (run / "run.json").exists():
            words = (*task.train, "--seed", str(seed), "--run", str(run))
        cpu_s = foreworld("train", *words)
        before = json.loads(spent.read_text()) if spent.exists() else 0.0
        write_json(spent, before + cpu_s)
        foreworld("evaluate", str(run), "--threads", "1", *task.evaluate)
    records = [r for r in read_jsonl(run / "metrics.jsonl") if "world/return" in r]
    curve = [[r["step"], r["world/steps"], round(r["world/return"], 1)] for r in records]
    world = read_world(run / "episodes")
    assert world is not None
    with EpisodeStore.open(run / "episodes") as store:
        decisions, returns = store.num_steps - len(store), store.returns.round(1).tolist()
    return {
        "seed": seed,
        "cpu_s": round(json.loads(spent.read_text())),
        "decisions": decisions,
        "environment_steps": decisions * world.frame_skip,
        "returns_of_episodes_collected": returns,
        "curve": curve,
    } | json.loads(scores.read_text())


def main() -> None:
    parser = argparse.ArgumentParser(description="TD-MPC2 on tasks of dm_control")
    parser.add_argument("task", choices=TASKS)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    args = parser.parse_args()
    task = TASKS[args.task]
    seeds = [measure(args.task, task, seed) for seed in args.seeds]
    returns = [s["scores"]["mppi"]["returns"] for s in seeds]
    for s, r in zip(seeds, returns, strict=True):
        score = f"{r['value']:.1f} [{r['low']:.1f}, {r['high']:.1f}], n = {r['n']}"
        print(
            f"seed {s['seed']}: {score}, {s['environment_steps']} steps, {s['cpu_s']} CPU-seconds"
        )
    write_json(
        RESULTS / f"tdmpc_{args.task}.json",
        {
            "train": task.train,
            "evaluate": task.evaluate,
            "bar": task.bar,
            "published": PUBLISHED[args.task],
            "reached": sum(r["value"] >= task.bar for r in returns),
            "curve_columns": ["updates", "rows in the store", "return of the last round"],
            "seeds": seeds,
        },
    )


if __name__ == "__main__":
    main()
