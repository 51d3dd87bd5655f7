"""Policies learned in imagination on public tasks, by the commands alone.

python benchmarks/actor_critic.py cartpole_state             seeds 0, 1, 2
python benchmarks/actor_critic.py cartpole_pixels --seeds 0
python benchmarks/actor_critic.py swingup                    needs foreworld[dmc]

A run that was cut short goes on where it stands; a run whose scores are there is not repeated:
delete runs/actor_critic to begin again. The result holds every seed's score and its curve.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foreworld.disk import write_json
from foreworld.log import read_jsonl

RESULTS = Path(__file__).parent / "results"
RUNS = Path("runs/actor_critic")


@dataclass(frozen=True)
class Task:
    """Arguments of `foreworld train` and `evaluate`, and what is to be reached."""

    train: tuple[str, ...]
    bar: float  # mean return over the held-out starts
    evaluate: tuple[str, ...] = ("--full", "--episodes", "20")


LEARN = (
    "--set", "imagine_last=4", "--learner", "actor_critic",
    "--threads", "1", "--prefill", "500", "--num-envs", "4",
)  # fmt: skip
TASKS = {
    "cartpole_state": Task(
        ("CartPole-v1", "--preset", "control", *LEARN, "--learner-set", "horizon=12", "lr=1e-3",
         "entropy=1e-3", "--train-ratio", "32", "--train", "length=16", "batch_size=16",
         "optimiser.final=1", "--steps", "1800"), 500.0
    ),
    # A transformer in place of the recurrent model, by its usual recipe.
    "cartpole_tssm": Task(
        ("CartPole-v1", "--family", "tssm", "--threads", "1", "--steps", "1800"), 500.0
    ),
    "cartpole_pixels": Task(
        ("cartpole_pixels", "--preset", "control", "classes", *LEARN, "--learner-set",
         "horizon=15", "lr=1e-3", "entropy=1e-3", "slow_weight=0.1", "--train-ratio", "10",
         "--until", "475",
         "--train", "length=24", "batch_size=16", "optimiser.final=1", "--steps", "1500"), 500.0
    ),
    # Actions are held for 8 of dm_control's steps: 3,750 decisions are 30,000 steps, of which
    # training collects 375 + 6,400 * 256 / 512 = 3,575 and at most one round of 125 more. What
    # counts is how often and from how many states the policy dreams: 1,600 updates from 64 states
    # ended at 437 (docs/log.md).
    "swingup": Task(
        ("dm_control/cartpole-swingup-v0", "--frame-skip", "8", "--preset", "control", "classes",
         "--set", "imagine_last=16", "--learner", "actor_critic", "--learner-set", "horizon=15",
         "discount=0.99", "lr=1e-3", "entropy=3e-3", "gradient=reinforce",
         "--train", "length=16", "batch_size=16",
         "--threads", "1", "--prefill", "375", "--num-envs", "1", "--train-ratio", "512",
         "--steps", "6400"), 750.0,
    ),
}  # fmt: skip


def foreworld(*words: str) -> float:
    """CPU-seconds that the command took."""
    print("$ foreworld", *words, flush=True)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "foreworld.cli.main", *words], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure(name: str, task: Task, seed: int) -> dict[str, Any]:
    """One seed: scores, the curve of what was collected, and CPU-seconds of training."""
    run = RUNS / f"{name}_{seed}"
    spent, scores = run / "cpu_s.json", run / "evaluation.json"
    if not scores.exists():
        words = ("--resume", "--run", str(run))
        if not (run / "run.json").exists():
            words = (*task.train, "--seed", str(seed), "--run", str(run))
        cpu_s = foreworld("train", *words)
        before = json.loads(spent.read_text()) if spent.exists() else 0.0
        write_json(spent, before + cpu_s)
        foreworld("evaluate", str(run), "--policy", "actor_critic", *task.evaluate)
    records = [r for r in read_jsonl(run / "metrics.jsonl") if "world/return" in r]
    curve = [[r["step"], r["world/steps"], round(r["world/return"], 2)] for r in records]
    evaluation = json.loads(scores.read_text())
    cpu_s = json.loads(spent.read_text())
    return {"seed": seed, "cpu_s": round(cpu_s), "curve": curve} | evaluation


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("task", choices=TASKS)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    args = parser.parse_args()
    task = TASKS[args.task]
    seeds = [measure(args.task, task, seed) for seed in args.seeds]
    returns = [s["scores"]["actor_critic"]["returns"] for s in seeds]
    for s, r in zip(seeds, returns, strict=True):
        score = f"{r['value']:.1f} [{r['low']:.1f}, {r['high']:.1f}], n = {r['n']}"
        print(f"seed {s['seed']}: {score}, {s['curve'][-1][1]} steps, {s['cpu_s']} CPU-seconds")
    write_json(
        RESULTS / f"actor_critic_{args.task}.json",
        {
            "train": task.train,
            "evaluate": task.evaluate,
            "bar": task.bar,
            "reached": sum(r["value"] >= task.bar for r in returns),
            "curve_columns": ["updates", "steps in the world", "return of the last round"],
            "seeds": seeds,
        },
    )


if __name__ == "__main__":
    main()
