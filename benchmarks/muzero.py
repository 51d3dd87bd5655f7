"""MuZero: CartPole, tic-tac-toe against a perfect player, connect four against random rollouts.

python benchmarks/muzero.py cartpole        20 held-out episodes
python benchmarks/muzero.py tictactoe       100 games a side, needs foreworld[boards]
python benchmarks/muzero.py connect_four    50 games a side, needs foreworld[boards]
python benchmarks/muzero.py speed           simulations a second at batch 1, 8, 64, 512

Training that was cut short goes on where it stands; --steps and --budget say how far. Delete
runs/muzero to begin again.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from foreworld.disk import write_json
from foreworld.evaluation import HELD_OUT, provenance
from foreworld.evaluation.control import run_episodes
from foreworld.evaluation.intervals import bootstrap_mean, wilson
from foreworld.log import read_jsonl
from foreworld.planners import Mcts, RewardObjective
from foreworld.policies import PlannedPolicy, RandomPolicy
from foreworld.run import Run, build, load, load_policy
from foreworld.streams import GymStream
from foreworld.vocab import Policy, Spec

RESULTS = Path(__file__).parent / "results"
RUNS = Path("runs/muzero")


@dataclass(frozen=True)
class Task:
    """Arguments of `foreworld train`, and who is met afterwards."""

    train: tuple[str, ...]
    steps: int
    env: str
    episodes: int  # against each opponent, from each side
    opponents: tuple[dict[str, Any], ...] = ()  # arguments of the world
    bar: str = ""


def sides(**opponent: Any) -> tuple[dict[str, Any], ...]:
    return tuple(opponent | {"side": side} for side in ("first", "second"))


TASKS = {
    "cartpole": Task(("CartPole-v1", "--until", "490"), 3000, "CartPole-v1", 20, bar="500"),
    "tictactoe": Task(
        ("board", "--recipe", "tictactoe"), 3000, "foreworld/Board-v0", 100,
        (*sides(opponent="perfect"), *sides(opponent="random")), "no game lost to perfect",
    ),
    "connect_four": Task(
        ("board", "--env", "game=connect_four", "--recipe", "connect_four"), 20000,
        "foreworld/Board-v0", 50,
        (*sides(game="connect_four", opponent="mcts", rollouts=500),
         *sides(game="connect_four", opponent="random")), "80 % won against mcts",
    ),
}  # fmt: skip


def foreworld(*words: str) -> None:
    subprocess.run([sys.executable, "-m", "foreworld.cli.main", *words], check=True)


def train(task: Task, run: Path, seed: int, until: list[str]) -> float:
    """Train until then, or go on with it; CPU-seconds of all that, breaks included."""
    words = [*until, "--threads", "1", "--run", str(run)]
    words += ["--resume"] if (run / "run.json").exists() else ["--seed", str(seed)]
    words = words if "--resume" in words else [*task.train, "--family", "muzero", *words]
    spent = run.with_suffix(".cpu_s.json")
    before = json.loads(spent.read_text()) if spent.exists() else 0.0
    try:
        foreworld("train", *words)
    finally:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        write_json(spent, before + used.ru_utime + used.ru_stime)
    return json.loads(spent.read_text())


def alone(run: Run, task: Task) -> dict[str, Any]:
    """Scores in a world without opponents, not measured twice."""
    file = run.path / "evaluation.json"
    if not file.exists() or json.loads(file.read_text())["protocol"]["step"] != run.step:
        foreworld("evaluate", str(run.path), "--full", "--episodes", str(task.episodes))
    return json.loads(file.read_text())["scores"]


def against(run: Run, task: Task) -> dict[str, Any]:
    """Scores of every player against every opponent."""
    scores = {}
    for who, policy in players(run).items():
        for kwargs in task.opponents:
            name = f"{who} | {json.dumps(kwargs)}"
            scores[name] = met(policy, task, kwargs)
            print(name, scores[name], flush=True)
    return scores


def players(run: Run) -> dict[str, Policy]:
    """What was learned, the same without looking ahead and further ahead, and chance."""
    planned = {
        name: PlannedPolicy(run.model, Mcts(num_simulations=num, max_considered=min(16, num)),
                            RewardObjective())
        for name, num in (("policy alone", 1), ("search 100", 100))
    }  # fmt: skip
    random = RandomPolicy(run.model.specs["action"], seed=1)
    return {"search": load_policy(run), **planned, "random": random}


def met(policy: Policy, task: Task, kwargs: dict[str, Any]) -> dict[str, Any]:
    """Games of one policy against one opponent: mean result, and how many were won and lost."""
    stream = GymStream(task.env, task.episodes, HELD_OUT, env_kwargs=kwargs)
    returns = run_episodes(policy, stream, until_success=False).returns
    stream.close()
    assert returns is not None
    told = {
        name: wilson(int((np.sign(returns) == sign).sum()), len(returns)).to_json()
        for name, sign in (("won", 1), ("drawn", 0), ("lost", -1))
    }
    return {"returns": bootstrap_mean(returns).to_json()} | told


def measure(name: str, task: Task, seed: int, until: list[str]) -> dict[str, Any]:
    """One seed: scores, the curve, and CPU-seconds of training."""
    run = RUNS / f"{name}_{seed}"
    cpu_s = train(task, run, seed, until)
    opened = load(run)
    scores = against(opened, task) if task.opponents else alone(opened, task)
    records = [r for r in read_jsonl(run / "metrics.jsonl") if "world/return" in r]
    curve = [[r["step"], r["world/steps"], round(r["world/return"], 3)] for r in records]
    return {"seed": seed, "updates": opened.step, "cpu_s": round(cpu_s), "scores": scores,
            "curve": curve}  # fmt: skip


def speed() -> dict[str, Any]:
    """Simulations a second of CPU, of the CartPole model; medians of 5."""
    torch.set_num_threads(1)
    specs = {
        "vector": Spec((4,), "float32", "vector"),
        "action": Spec((), "int64", "discrete", classes=(2,)),
    }
    model, rates = build("muzero", specs, {}).eval(), {}
    for rule in ("gumbel", "puct"):
        mcts = Mcts(rule, num_simulations=50)
        for rows in (1, 8, 64, 512):
            search = partial(mcts.search, model, model.initial(rows))
            search()
            times = []
            for _ in range(5):
                start = time.process_time()
                search()
                times.append(time.process_time() - start)
            rates[f"{rule}, batch {rows}"] = round(50 * rows / float(np.median(times)))
    return {"simulations_per_cpu_s": rates}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("task", choices=[*TASKS, "speed"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--steps", type=int, default=None)
    parser.add_argument("--budget", default=None, help="training time, earlier parts included: 30m")
    args = parser.parse_args()
    if args.task == "speed":
        result = speed()
    else:
        task = TASKS[args.task]
        until = ["--steps", str(args.steps or task.steps)]
        until += ["--budget", args.budget] if args.budget else []
        result = {
            "train": task.train,
            "bar": task.bar,
            "curve_columns": ["updates", "steps in the world", "return of the last round"],
            "seeds": [measure(args.task, task, seed, until) for seed in args.seeds],
        }
    print(json.dumps(result)[:2000])
    write_json(RESULTS / f"muzero_{args.task}.json", result | {"provenance": provenance()})


if __name__ == "__main__":
    main()
