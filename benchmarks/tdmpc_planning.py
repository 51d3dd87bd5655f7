"""How long TD-MPC2 takes to decide: MPPI over three steps, from one state, in wall-clock time.

python benchmarks/tdmpc_planning.py
    base, 512 x 6, 2 threads: 190 ms     writes benchmarks/results/tdmpc_planning.json

base is the paper's size (5M parameters), 512 x 6 the paper's search: 512 candidates, 24 of them the
policy's, weighed 6 times. Observations of 24 numbers, actions of 6, as dm_control's walker has.
Every setting is timed in turns, so that a busy moment hits them all.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from statistics import quantiles
from typing import Any

import torch

from foreworld.disk import write_json
from foreworld.evaluation import provenance
from foreworld.families.tdmpc import PRESETS
from foreworld.planners import Mppi, RewardObjective
from foreworld.run import build
from foreworld.training.threads import keep_memory
from foreworld.vocab import Plan, Spec, WorldModel

SPECS = {
    "vector": Spec((24,), "float32", "vector"),
    "action": Spec((6,), "float32", "vector", low=-1.0, high=1.0),
}
SIZES, SEARCHES, THREADS, ROUNDS = ("base", "small"), ((512, 6), (256, 4)), (1, 2), 15
RESULT = Path(__file__).parent / "results" / "tdmpc_planning.json"


def planner(candidates: int, iterations: int) -> Mppi:
    return Mppi(horizon=3, num_candidates=candidates, iterations=iterations, num_policy=24,
                num_elites=64, spread=2.0, temperature=0.5)  # fmt: skip


def decide(model: WorldModel, search: Mppi, previous: Plan | None) -> tuple[Plan, float, float]:
    """The plan, its seconds by the clock and of the processor."""
    clock, processor = time.perf_counter(), time.process_time()
    state = model.initial(1)
    plan = search(model, state, RewardObjective(), seed=0, previous=previous)
    return plan, time.perf_counter() - clock, time.process_time() - processor


def summary(times: list[float]) -> dict[str, Any]:
    low, middle, high = quantiles(times, n=4)
    return {"median_ms": round(1e3 * middle, 1), "quartiles_ms": [round(1e3 * low, 1),
            round(1e3 * high, 1)], "least_ms": round(1e3 * min(times), 1)}  # fmt: skip


def main() -> None:
    keep_memory()
    load = os.getloadavg()[0]
    # As in a world without ends, such as dm_control's: there is no head for them.
    models = {size: build("tdmpc", SPECS, {**PRESETS[size], "ends": 0.0}) for size in SIZES}
    cases: dict[tuple[str, tuple[int, int], int], list[tuple[float, float]]] = {
        (size, search, threads): [] for size in SIZES for search in SEARCHES for threads in THREADS
    }
    for round in range(ROUNDS + 1):
        for (size, search, threads), times in cases.items():
            torch.set_num_threads(threads)
            model = models[size].requires_grad_(False).eval()
            plan, _, _ = decide(model, planner(*search), None)
            _, clock, processor = decide(model, planner(*search), plan)
            if round:  # the first wakes everything
                times.append((clock, processor))
    rows: dict[str, Any] = {}
    for (size, search, threads), times in cases.items():
        clock, processor = (list(x) for x in zip(*times, strict=True))
        name = f"{size}, {search[0]} x {search[1]}, {threads} threads"
        rows[name] = {"clock": summary(clock), "processor": summary(processor), "n": ROUNDS}
        print(f"{name}: {rows[name]['clock']}")
    parameters = {
        size: sum(p.numel() for n, p in m.named_parameters() if not n.startswith("targets"))
        for size, m in models.items()
    }
    result = {"what": "one warm-started decision of MPPI over 3 steps, from one state",
              "parameters": parameters, "cases": rows, "load_at_start": load,
              "provenance": provenance()}  # fmt: skip
    write_json(RESULT, result)


if __name__ == "__main__":
    main()
