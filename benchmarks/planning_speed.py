"""How long deciding takes: a CEM decision, imagining with pictures, and reading windows.

python benchmarks/planning_speed.py                          or one decision, towards a goal:
python benchmarks/planning_speed.py --decision jepa/base     (peers/compare.py asks for that)
    rssm/small: a decision 1.20 s   imagine and decode 800 steps/s
    windows of 16 x 64: vector 30 MB/s, pixels 900 MB/s
                                          written to benchmarks/results/planning_speed.json

Decisions weigh 300 candidates 30 times over 5 steps (the cost of LeWorldModel's planner), from one
state. Processor time, one thread; the load of the machine is written down.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import torch
from speed_cases import SIZES, SOURCES, Stopwatch, invent_episodes

from foreworld.catalog import FAMILIES
from foreworld.disk import write_json
from foreworld.evaluation import provenance
from foreworld.planners.cem import Cem
from foreworld.planners.objectives import GoalObjective, RewardObjective
from foreworld.replay import Replay
from foreworld.run import build
from foreworld.training.threads import keep_memory
from foreworld.vocab import Objective, WorldModel

PLANNER = Cem(horizon=5, num_candidates=300, iterations=30, num_elites=30)
DECISIONS, STEPS, WINDOWS = 3, 100, 30
RESULT = Path(__file__).parent / "results" / "planning_speed.json"


def model_of(family: str, size: str, source: str) -> WorldModel:
    model = build(family, SOURCES[source], SIZES[family][size])
    return model.requires_grad_(False).eval()


def decisions(model: WorldModel, objective: Objective, number: int = DECISIONS) -> Stopwatch:
    """Each from the same state, without a plan to start from."""
    state = model.initial(1)
    PLANNER(model, state, objective, seed=0)
    watch = Stopwatch()
    for seed in range(number):
        PLANNER(model, state, objective, seed=seed)
        watch.lap("decision")
    return watch


@torch.inference_mode()
def pictures(model: WorldModel) -> Stopwatch:
    """Steps of one dream, each looked at, as the studio does."""
    state = model.initial(1)
    noise = model.noise(1, STEPS + 5, seed=0)
    watch = Stopwatch()
    for t in range(STEPS + 5):
        watch.start()
        state = model.imagine(state, torch.zeros_like(state.action), noise[:, t])
        model.predict(state, ["image"])["image"].mean  # noqa: B018  (the work is what is timed)
        if t >= 5:
            watch.lap("step")
    return watch


def windows(source: str) -> dict[str, Any]:
    """Megabytes of tensors per second of processor time that the replay hands out."""
    with TemporaryDirectory() as folder:
        replay = Replay(invent_episodes(Path(folder) / "store", SOURCES[source]), None, 16, 64)
        batch, watch = replay.sample(), Stopwatch()
        for _ in range(WINDOWS):
            replay.sample()
            watch.lap("batch")
    megabytes = sum(x.nbytes for x in batch.values()) / 1e6
    speed = megabytes / median(watch.cpu_s["batch"])
    return {"megabytes": megabytes, "megabytes_per_cpu_s": round(speed, 1), "n": WINDOWS}


def measure(family: str, size: str) -> dict[str, Any]:
    chosen = decisions(model_of(family, size, "vector"), RewardObjective()).cpu_s["decision"]
    looked = pictures(model_of(family, size, "pixels")).cpu_s["step"]
    return {
        "decision_cpu_s": round(median(chosen), 4),
        "decisions_cpu_s": [round(x, 4) for x in chosen],
        "imagine_and_decode_steps_per_cpu_s": round(1 / median(looked), 1),
        "n": {"decisions": DECISIONS, "steps": STEPS},
    }


def decision(case: str, number: int) -> None:
    """Print one line of JSON: seconds of decisions that compare features with a goal's."""
    model = model_of(*case.split("/"), "vector")
    objective = GoalObjective(model.features(model.initial(1)))
    cpu_s = decisions(model, objective, number).cpu_s["decision"]
    print(json.dumps({"step_cpu_s": round(median(cpu_s), 5)}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", nargs="+", default=["nano", "small", "base"])
    parser.add_argument("--decision", metavar="FAMILY/SIZE", help="this alone, printed")
    parser.add_argument("--steps", type=int, default=DECISIONS, help="decisions then")
    args = parser.parse_args()
    torch.set_num_threads(1)
    keep_memory()
    if args.decision:
        decision(args.decision, args.steps)
        return
    load = os.getloadavg()[0]
    rows = {}
    for family in (f for f in SIZES if f in FAMILIES):
        for size in args.sizes:
            row = rows[f"{family}/{size}"] = measure(family, size)
            seen = row["imagine_and_decode_steps_per_cpu_s"]
            print(
                f"{family}/{size}: a decision {row['decision_cpu_s']:.3f} s   "
                f"imagine and decode {seen:.0f} steps/s",
                flush=True,
            )
    read = {source: windows(source) for source in SOURCES}
    print("windows of 16 x 64:", {k: f"{v['megabytes_per_cpu_s']} MB/s" for k, v in read.items()})
    result = {
        "what": "processor time, one thread: CEM 300 x 30 x 5; one dream with pictures; windows",
        "models": rows,
        "windows": read,
        "load_at_start": load,
        "provenance": provenance(),
    }
    write_json(RESULT, result)


if __name__ == "__main__":
    main()
