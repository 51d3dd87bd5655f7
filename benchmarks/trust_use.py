"""What trained models are worth in use, beside the simulator and beside themselves gone deaf.

    python benchmarks/trust_use.py bounce     20,000 steps of random play, 3,000 updates of an rssm
    python benchmarks/trust_use.py rooms      32,000 steps, 4,000 updates of a jepa, goal pictures
    python benchmarks/trust_use.py pendulum   20,000 steps of random play, 3,000 updates of an rssm
    python benchmarks/trust_use.py cartpole   the same of CartPole
    python benchmarks/trust_use.py swingup    the model that actor_critic.py swingup has learned

    bars: planning gain   trained >= .7, deaf <= .1       rank correlation   trained >= .8,
          simulator 1.0                                   |deaf| <= .3, simulator 1.0

Collecting and training are the commands alone; a stage whose output is there is not repeated:
delete runs/trust_use to begin again. A deaf model imagines every action as the middle of its range.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from learned_tasks import RESULTS, Task, foreworld
from torch import Tensor

from foreworld.cli.examinee import branching_world
from foreworld.disk import write_json
from foreworld.evaluation import planning_gain, provenance, ranking
from foreworld.evaluation.simulator_model import SimulatorModel
from foreworld.evaluation.subject import Protocol, Subject
from foreworld.evaluation.yardstick import functional_world
from foreworld.run import load, make_stream
from foreworld.streams.disturbed import rest
from foreworld.vocab import State, WorldModel

SMALL = ("--env", "image_size=32", "--image-size", "32")
TASKS = {
    "bounce": Task(
        ("bounce", *SMALL, "--policy", "wander", "--steps", "20000", "--num-envs", "16"),
        ("--family", "rssm", "--preset", "simple", "--train", "length=16", "batch_size=16",
         "--steps", "3000", "--threads", "1"),
        {},
    ),
    "rooms": Task(
        ("rooms", "--env", "wall=fixed", "--env", "max_steps=32", *SMALL, "--steps", "32000",
         "--num-envs", "16"),
        ("--family", "jepa", "--preset", "rooms", "--steps", "4000", "--threads", "1"),
        {},
    ),
    "pendulum": Task(
        ("Pendulum-v1", "--policy", "wander", "--steps", "20000", "--num-envs", "16"),
        ("--family", "rssm", "--preset", "simple", "--train", "length=16", "batch_size=16",
         "--steps", "3000", "--threads", "1"),
        {},
    ),
    "cartpole": Task(
        ("CartPole-v1", "--steps", "20000", "--num-envs", "16"),
        ("--family", "rssm", "--preset", "simple", "--train", "length=16", "batch_size=16",
         "--steps", "3000", "--threads", "1"),
        {},
    ),
}  # fmt: skip
ELSEWHERE = {"swingup": Path("runs/actor_critic/swingup_0")}


def deafened(model: WorldModel) -> WorldModel:
    """The same model, but nothing that is done changes what it imagines."""
    middle, imagine = torch.from_numpy(rest(model.specs["action"]).copy()), model.imagine

    def deaf(state: State, action: Tensor, noise: Tensor | None = None) -> State:
        return imagine(state, middle.to(action).expand_as(action), noise)

    model.imagine = deaf  # type: ignore[method-assign]
    return model


def measured(subject: Subject) -> dict[str, Any]:
    started = time.process_time()
    readings = [*planning_gain.read(subject), *ranking.read(subject)]
    for reading in readings:
        print(f"    {reading}", flush=True)
    cpu_s = round(time.process_time() - started, 1)
    return {"cpu_s": cpu_s, "readings": {r.metric.name: r.to_json() for r in readings}}


def _trained(name: str) -> tuple[Path, dict[str, Any]]:
    """The run of a task, made where it is not there yet, and how."""
    if name in ELSEWHERE:
        return ELSEWHERE[name], {"train": f"benchmarks/actor_critic.py {name} --seeds 0"}
    task, folder = TASKS[name], Path("runs/trust_use") / name
    if not (folder / "data").exists():
        foreworld("collect", *task.collect, "--out", str(folder / "data"))
    if not (folder / "run" / "checkpoints").exists():
        foreworld("train", str(folder / "data"), "--run", str(folder / "run"), *task.train)
    return folder / "run", {"collect": task.collect, "train": task.train}


def main() -> None:
    parser = argparse.ArgumentParser(description="Planning gain and rank correlation")
    parser.add_argument("task", choices=[*TASKS, *ELSEWHERE])
    parser.add_argument("--episodes", type=int, default=32)
    args = parser.parse_args()
    torch.set_num_threads(1)
    run, commands = _trained(args.task)
    trained = load(run)
    assert trained.world is not None
    world = trained.world
    if args.task in ("bounce", "rooms"):  # of our own, whose clock can be set
        world = replace(world, env_kwargs={**world.env_kwargs, "max_steps": 100})
    subject = Subject(
        trained.model,
        [],
        make_stream=partial(make_stream, world),
        branching=partial(branching_world, world),
        world=world,
        protocol=Protocol(episodes=args.episodes),
    )
    models = {"trained": trained.model, "deaf": deafened(load(run).model)}
    simulator = functional_world(subject)
    if simulator is not None:  # the rooms are no function: the expert is their measure
        models["simulator"] = SimulatorModel(simulator, make_stream(world, 1, 0).specs)
    scores = {}
    for name, model in models.items():
        print(name, flush=True)
        scores[name] = measured(replace(subject, model=model))
    out = RESULTS / "trust_use.json"
    known = json.loads(out.read_text()) if out.exists() else {}
    known[args.task] = {
        "commands": commands,
        "protocol": vars(subject.protocol),
        "parameters": sum(p.numel() for p in trained.model.parameters()),
        "scores": scores,
        "provenance": provenance(),
    }
    write_json(out, known)


if __name__ == "__main__":
    main()
