"""How long one training step takes, by stage: world model and policy, batches of 16 x 64.

python benchmarks/training_speed.py                          all cases, some minutes
python benchmarks/training_speed.py rssm/base/vector/all     one of them
    rssm/base/vector/all: 2.10 s a step   sample 0.01   forward 0.41   ...
                                          written to benchmarks/results/training_speed.json

A case is family/size/source/starts; starts: the policy dreams from all 1024 states of a batch, or
from the last 8 of each window. Processor seconds, one thread; other work on the machine makes them
longer, too, so the load is written down. Cases that are not asked for keep what was measured.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from itertools import product
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import torch
from speed_cases import SIZES, SOURCES, Stopwatch, invent_episodes, learner_config

from foreworld.catalog import FAMILIES
from foreworld.disk import write_json
from foreworld.evaluation import provenance
from foreworld.replay import Replay
from foreworld.run import build, make_learner
from foreworld.training.optimiser import OptimiserConfig, apply_gradients, make_optimiser
from foreworld.training.threads import keep_memory
from foreworld.vocab import WorldModel

BATCH, LENGTH = 16, 64
STARTS = {"all": LENGTH, "last8": 8}
FEWEST, MOST = 3, 30  # steps measured of each case, within the seconds given
STAGES = ("sample", "forward", "backward", "optimiser", "policy")
RESULT = Path(__file__).parent / "results" / "training_speed.json"


class Steps:
    """Training steps of one case, as `Trainer.train` makes them, with a watch between stages."""

    def __init__(self, case: str, folder: Path) -> None:
        family, size, source, starts = case.split("/")
        specs = SOURCES[source]
        overrides = {**SIZES[family][size], "imagine_last": STARTS[starts]}
        self.model: WorldModel = build(family, specs, overrides)
        self.learner = make_learner(self.model, "actor_critic", learner_config(size))
        self.replay = Replay(invent_episodes(folder / "store", specs), None, BATCH, LENGTH)
        self.config = OptimiserConfig()
        self.optimiser = make_optimiser(self.model.parameters(), self.config)
        self.phase = max(self.model.phases(), key=lambda phase: phase.share)

    def step(self, watch: Stopwatch) -> None:
        watch.start()
        batch = self.replay.sample()
        watch.lap("sample")
        losses, starts = self.phase.loss(batch)
        total = torch.stack([loss.mean() for loss in losses.values()]).sum()
        watch.lap("forward")
        total.backward()
        watch.lap("backward")
        apply_gradients(self.optimiser, self.config, 1e-4)
        watch.lap("optimiser")
        self.model.eval()
        self.learner.update(batch, starts, 1.0)
        self.model.train()
        watch.lap("policy")


def measure(case: str, seconds: float, most: int = MOST) -> dict[str, Any]:
    """Medians of each stage and of whole steps, after one step to warm up."""
    load = os.getloadavg()[0]
    with TemporaryDirectory() as folder:
        steps = Steps(case, Path(folder))
        steps.step(Stopwatch())
        watch, until, n = Stopwatch(), time.perf_counter() + seconds, 0
        while n < most and (n < FEWEST or time.perf_counter() < until):
            steps.step(watch)
            n += 1
    whole_s = [sum(stages) for stages in zip(*watch.cpu_s.values(), strict=True)]
    parameters = sum(p.numel() for p in steps.model.parameters())
    return {
        "step_cpu_s": round(median(whole_s), 5),
        "all_steps_cpu_s": [round(s, 4) for s in whole_s],
        "n": n,
        "stages": watch.medians(),
        "parameters": parameters,
        "load": load,
        "provenance": provenance(),
    }


def cases() -> list[str]:
    """Of the families that are there."""
    families = [family for family in SIZES if family in FAMILIES]
    sizes = ("nano", "small", "base")
    sources = ("vector", "pixels")
    return ["/".join(case) for case in product(families, sizes, sources, STARTS)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", nargs="*", help=f"such as {cases()[0]}; none: all of them")
    parser.add_argument("--seconds", type=float, default=15.0, help="for each case")
    parser.add_argument("--steps", type=int, default=MOST, help="at most, of each case")
    parser.add_argument("--print", action="store_true", help="as JSON, and write nothing")
    args = parser.parse_args()
    torch.set_num_threads(1)
    keep_memory()
    for case in args.cases or cases():
        row = measure(case, args.seconds, args.steps)
        if args.print:
            print(json.dumps(row))
            continue
        there = json.loads(RESULT.read_text()) if RESULT.exists() else {"cases": {}}
        what = f"processor seconds of a training step, batches of {BATCH} x {LENGTH}, one thread"
        write_json(RESULT, {"what": what, "cases": {**there["cases"], case: row}})
        stages = "   ".join(f"{k} {v:.3f}" for k, v in row["stages"]["cpu_s"].items())
        print(f"{case}: {row['step_cpu_s']:.3f} s a step (n = {row['n']})   {stages}", flush=True)


if __name__ == "__main__":
    main()
