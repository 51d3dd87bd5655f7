"""A controller that learned to dodge fireballs in dreams alone (Ha & Schmidhuber 2018, section 4).

pip install -e '.[doom,evolution]'
python benchmarks/world_models.py                 seed 0, every temperature
python benchmarks/world_models.py --temperatures 1.15 --seeds 0 1 2

V and M learn from random play, C in their dreams, all by one command; then other controllers are
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
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from foreworld.disk import write_json
from foreworld.episodes import EpisodeStore
from foreworld.evaluation import HELD_OUT, bootstrap_mean, provenance
from foreworld.policies import RandomPolicy
from foreworld.replay import Replay
from foreworld.run import Run, load, load_policy, make_learner, make_stream
from foreworld.streams import collect
from foreworld.training.evolution import EvolutionLearner
from foreworld.training.threads import keep_memory, set_threads
from foreworld.vocab import Batch, Policy, State

RESULT = Path(__file__).parent / "results" / "world_models.json"
RUNS = Path("runs/world_models")
WORLD = ("VizdoomTakeCover-v1", "--env", "frame_skip=4", "--env", "episode_timeout=2100",
         "--env", "available_game_variables=[]", "--env", "screen_resolution=RES_160X120")  # fmt: skip
LEARN = ("--family", "vmc", "--recipe", "take_cover", "--threads", "1")
BRED_AT = 1.15  # by the command
TEMPERATURES = (0.1, 0.5, 1.0, 1.15, 1.3)
EPISODES, PARALLEL = 100, 10
TICS, SKIP = 2100, 4  # in an episode, in a step
PUBLISHED = {"mean": 1092, "deviation": 556, "bar": 750, "random": 210}


def train(run: Path, seed: int) -> float:
    """V, M and C by the command, from where it stands; CPU-seconds that this took."""
    words = ("--resume", "--run", str(run), "--threads", "1")
    if not (run / "run.json").exists():
        words = (*WORLD, *LEARN, "--seed", str(seed), "--run", str(run))
    print("$ foreworld train", *words, flush=True)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "foreworld.cli.main", "train", *words], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def at(run: Run, temperature: float) -> EvolutionLearner:
    """A new learner like the run's, but for the temperature."""
    training = run.document["training"]
    settings = training["learner_config"] | {"temperature": temperature}
    learner = make_learner(run.model, training["learner"], settings)
    assert isinstance(learner, EvolutionLearner)
    return learner


def breed(run: Run, store: EpisodeStore, temperature: float, generations: int) -> EvolutionLearner:
    """As the last phase of training does: so many generations, in dreams from the store's states."""
    loop = run.document["training"]["loop"]
    replay = Replay(store, lambda s: s.split()[0], loop["batch_size"], loop["length"], seed=0)
    learner = at(run, temperature)
    for _ in range(generations):
        batch = replay.sample()
        with torch.no_grad():
            starts = run.model.loss(batch).starts
        figures = learner.update(batch, starts, 1.0)
        if learner.search.generation % 20 == 0:
            kept = SKIP * float(figures["policy/kept"]) / SKIP
            print(f"temperature {temperature}: {learner.search.generation}, {kept:.0f}", flush=True)
    return learner


def beginnings(run: Run, store: EpisodeStore) -> State:
    """The first instants of the episodes that no training saw."""
    rows = [store[int(i)].steps for i in store.split()[1]]
    keys = (*run.model.specs, "is_first")
    batch: Batch = {k: torch.from_numpy(np.stack([r[k][:1] for r in rows])) for k in keys}
    batch = {**batch, "action": torch.zeros_like(batch["action"])}
    with torch.no_grad():
        return run.model.observe(run.model.initial(len(rows)), batch)


def dreamt(learner: EvolutionLearner, starts: State) -> np.ndarray:
    """What the kept controller scores in whole lives at its own temperature [EPISODES]."""
    whole = type(learner)(
        learner.model, learner.config.__class__(**vars(learner.config) | {"horizon": TICS // SKIP})
    )
    torch.manual_seed(0)
    return whole.dream(learner.kept.unsqueeze(0), starts, EPISODES)[0][0].numpy()


def lived(run: Run, policy: Policy) -> np.ndarray:
    """Tics survived in the world [EPISODES]."""
    assert run.world is not None
    stream = make_stream(run.world, PARALLEL, HELD_OUT)
    try:
        episodes = collect(stream, policy, episodes=EPISODES)
        return np.array([episode["reward"].sum() for episode in episodes])
    finally:
        stream.close()


def told(scores: np.ndarray) -> dict[str, Any]:
    return bootstrap_mean(scores).to_json() | {"deviation": round(float(scores.std()), 1)}


def measure(folder: Path, run: Run, name: str, make: Any) -> dict[str, Any]:
    """What `make` gives, with its CPU-seconds; kept in a file beside the run."""
    file = folder / f"{name}.json"
    if not file.exists():
        before = time.process_time()
        result = make()
        write_json(file, result | {"cpu_s": round(time.process_time() - before)})
        print(name, file.read_text(), flush=True)
    return json.loads(file.read_text())


def seed_result(seed: int, temperatures: Sequence[float]) -> dict[str, Any]:
    folder = RUNS / f"seed_{seed}"
    trained = measure(folder / "scores", None, "train", lambda: {"train_s": train(folder / "run", seed)})
    run = load(folder / "run")
    return {"seed": seed, "trained": trained, "run": str(run.path), "t": list(temperatures)}
