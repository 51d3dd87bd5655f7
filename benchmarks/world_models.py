"""A controller that learned to dodge fireballs in dreams alone (Ha & Schmidhuber 2018, section 4).

pip install -e '.[doom,evolution]'
python benchmarks/world_models.py                 seed 0, every temperature
python benchmarks/world_models.py --temperatures 1.15 --seeds 0 1 2

V and M learn from random play, and C in their dreams, by one command; then other controllers are
bred in the same dreams at other temperatures. Each is scored in the dreams it was bred for, and in
the world, over the same 100 starts that no training met. A score is tics survived. What is there
is not repeated: delete runs/world_models to begin again.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from foreworld.disk import write_json
from foreworld.episodes import EpisodeStore
from foreworld.evaluation import HELD_OUT, bootstrap_mean, provenance
from foreworld.log import read_jsonl
from foreworld.policies import RandomPolicy
from foreworld.policies.evolved import EvolvedPolicy
from foreworld.replay import Replay
from foreworld.run import Run, load, load_policy, make_learner, make_stream
from foreworld.streams import collect
from foreworld.training.evolution import EvolutionConfig, EvolutionLearner
from foreworld.training.threads import keep_memory, set_threads
from foreworld.vocab import Policy, State, observation_keys

RESULT = Path(__file__).parent / "results" / "world_models.json"
RUNS = Path("runs/world_models")
WORLD = (
    "VizdoomTakeCover-v1", "--env", "frame_skip=4", "--env", "episode_timeout=2100",
    "--env", "available_game_variables=[]", "--env", "screen_resolution=RES_160X120",
)  # fmt: skip
LEARN = ("--family", "vmc", "--recipe", "take_cover", "--threads", "1")
TEMPERATURES = (1.15, 0.1, 0.5, 1.0, 1.3)  # the command's own first
EPISODES, PARALLEL = 100, 10
STEPS = 60_000  # of random play
TICS, SKIP = 2100, 4  # in an episode, in a step
PUBLISHED = {"mean": 1092, "deviation": 556, "bar": 750, "random": 210}


def train(folder: Path, seed: int) -> dict[str, float]:
    """Random play, then V, M and C, by two commands, from where they stand; seconds of the last."""
    run, store = folder / "run", folder / "episodes"
    if not (store / "manifest.json").exists():
        foreworld(
            "collect", *WORLD, "--out", str(store), "--steps", str(STEPS), "--seed", str(seed)
        )
    words = ("--resume", "--run", str(run), "--threads", "1")
    if not (run / "run.json").exists():
        words = (str(store), *LEARN, "--seed", str(seed), "--run", str(run))
    cpu_s = foreworld("train", *words)
    return {"cpu_s": cpu_s, "wall_s": read_jsonl(run / "metrics.jsonl")[-1]["elapsed_s"]}


def foreworld(*words: str) -> float:
    """CPU-seconds that the command took."""
    print("$ foreworld", *words, flush=True)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "foreworld.cli.main", *words], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def breed(run: Run, store: EpisodeStore, temperature: float) -> EvolutionLearner:
    """A new controller, bred as long as the run's own, in dreams from the same episodes."""
    training = run.document["training"]
    settings = training["learner_config"] | {"temperature": temperature}
    learner = make_learner(run.model, training["learner"], settings)
    assert isinstance(learner, EvolutionLearner)
    loop = training["loop"]
    torch.manual_seed(0)
    replay = Replay(store, lambda s: s.split()[0], loop["batch_size"], loop["length"])
    while learner.search.generation < round(training["steps"] * run.model.config.control):
        batch = replay.sample()
        with torch.no_grad():
            starts = run.model.loss(batch).starts
        said = learner.update(batch, starts, 1.0)
        if learner.search.generation % 20 == 0:
            facts = {k: round(float(v), 3) for k, v in said.items()}
            print(f"temperature {temperature}, {learner.search.generation}: {facts}", flush=True)
    return learner


def dreamt(run: Run, store: EpisodeStore, weights: Tensor, temperature: float) -> np.ndarray:
    """What a controller scores in whole dreamt lives, from starts that no training saw."""
    whole = replace(EvolutionConfig(), horizon=TICS // SKIP, temperature=temperature)
    learner = EvolutionLearner(run.model, whole)
    torch.manual_seed(1)
    return learner.dream(weights.unsqueeze(0), beginnings(run, store), EPISODES)[0][0].numpy()


def beginnings(run: Run, store: EpisodeStore) -> State:
    """After the first instants of the episodes held out."""
    keys = (*observation_keys(run.model.specs), "action", "is_first")
    rows = [store[int(i)] for i in store.split()[1]]
    batch = {k: torch.from_numpy(np.stack([row[k][:1] for row in rows])) for k in keys}
    with torch.no_grad():
        return run.model.observe(run.model.initial(len(rows)), batch)


def lived(run: Run, policy: Policy) -> np.ndarray:
    """Tics survived in the world."""
    assert run.world is not None
    stream = make_stream(run.world, PARALLEL, HELD_OUT)
    try:
        episodes = collect(stream, policy, episodes=EPISODES)
        return np.array([episode["reward"].sum() for episode in episodes])
    finally:
        stream.close()


def told(scores: np.ndarray) -> dict[str, Any]:
    return bootstrap_mean(scores).to_json() | {"deviation": float(scores.std())}


def once(file: Path, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What `make` gives, and its CPU-seconds, from the file where it was made before."""
    if not file.exists():
        before = time.process_time()
        made = make()
        write_json(file, {"cpu_s": round(time.process_time() - before)} | made)
        print(file, file.read_text(), flush=True)
    return json.loads(file.read_text())


def controller(run: Run, store: EpisodeStore, temperature: float) -> dict[str, Any]:
    """One temperature: bred (by the command, if that is its own), dreamt and lived."""
    policy = load_policy(run)
    if temperature != run.document["training"]["learner_config"]["temperature"]:
        policy = breed(run, store, temperature).policy()
    assert isinstance(policy, EvolvedPolicy)
    dreams = told(dreamt(run, store, policy.weights, temperature))
    return {"temperature": temperature, "dream": dreams, "world": told(lived(run, policy))}


def measure(seed: int, temperatures: Sequence[float]) -> dict[str, Any]:
    folder = RUNS / f"seed_{seed}"
    spent = once(folder / "train.json", partial(train, folder, seed))
    run = load(folder / "run")
    with EpisodeStore.open(run.store_path) as store:
        chance = RandomPolicy(run.model.specs["action"], seed)
        found = {
            "seed": seed,
            "train": spent,
            "steps_in_the_world": store.num_steps,
            "random": once(folder / "random.json", lambda: told(lived(run, chance))),
            "controllers": [
                once(folder / f"{t}.json", partial(controller, run, store, t)) for t in temperatures
            ],
        }
    return found | {"training": run.document["training"], "model": run.document["config"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--temperatures", type=float, nargs="+", default=TEMPERATURES)
    args = parser.parse_args()
    set_threads(1)
    keep_memory()
    seeds = [measure(seed, args.temperatures) for seed in args.seeds]
    for c in (c for s in seeds for c in s["controllers"]):
        print(f"{c['temperature']}: dreamt {c['dream']['value']:.0f}, lived {c['world']}")
    facts = {"world": WORLD, "episodes": EPISODES, "published": PUBLISHED}
    write_json(RESULT, facts | {"seeds": seeds, "provenance": provenance()})


if __name__ == "__main__":
    main()
