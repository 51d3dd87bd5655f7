"""Whether actions are found in video that has none, and whether a failure to find them is noticed.

python benchmarks/latent_actions.py        all seeds, written to benchmarks/results
python benchmarks/latent_actions.py 1      a run of one seed; delete runs/latent_actions to repeat

A hand of 2 x 2 cells makes one of five moves; alone, beside 3 x 3 cells that move as they like, and
so with few of its actions read; 32 x 32 pixels.
NMI and accuracy are of held-out episodes, their intervals over episodes; "flagged" is what
`Genie.diagnose` says with recorded actions, and "flagged_unlabelled" without any.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from foreworld.config import from_dict
from foreworld.disk import write_json
from foreworld.episodes import EpisodeStore
from foreworld.evaluation import provenance
from foreworld.evaluation.intervals import bootstrap, wilson
from foreworld.families.genie import Genie, GenieConfig
from foreworld.families.genie_diagnosis import together
from foreworld.replay import Replay
from foreworld.training import Budget, LoopConfig, Trainer
from foreworld.training.threads import keep_memory
from foreworld.vocab import Batch, Episode, Spec

RESULTS = Path(__file__).parent / "results"
FOLDER = Path("runs/latent_actions")

GRID, PIXELS, LENGTH, EPISODES = 16, 2, 32, 640
MOVES = np.array([[0, 0], [-2, 0], [2, 0], [0, -2], [0, 2]])
SPECS = {
    "image": Spec((GRID * PIXELS, GRID * PIXELS, 3), "uint8", "image"),
    "action": Spec((), "int64", "discrete", classes=(len(MOVES),)),
}
SETTINGS = {
    "clean": (False, 0.0),
    "distractor": (True, 0.0),
    "distractor, 2.5 % labels": (True, 0.025),
}
SEEDS, UPDATES = (0, 1), 320
MODEL = {"channels": 16, "past": 1, "find": 0.95}
LOOP = {"batch_size": 16, "length": 8, "precision": "float32", "log_every": 1000}


class Silent:
    def scalars(self, step: int, values: Any) -> None: ...


def walk(rng: np.random.Generator, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Corners [T, 2] of a square that makes random moves within the room, and the moves [T]."""
    corner, corners, moves = rng.integers(GRID - size + 1, size=2), [], []
    for _ in range(LENGTH):
        legal = ((corner + MOVES >= 0) & (corner + MOVES <= GRID - size)).all(1)
        corners.append(corner)
        moves.append(int(rng.choice(np.flatnonzero(legal))))
        corner = corner + MOVES[moves[-1]]
    return np.array(corners), np.array(moves)


def episodes(distractor: bool, seed: int, num: int = EPISODES) -> Iterator[Episode]:
    rng = np.random.default_rng(seed)
    for _ in range(num):
        (hand, moves), (other, _) = walk(rng, 2), walk(rng, 3)
        image = np.full((LENGTH, GRID, GRID, 3), 30, np.uint8)
        for t in range(LENGTH):
            if distractor:
                _paint(image[t], other[t], 3, (60, 230, 60))
            _paint(image[t], hand[t], 2, (230, 60, 60))
        row = np.arange(LENGTH)
        yield Episode(
            {
                "image": image.repeat(PIXELS, 1).repeat(PIXELS, 2),
                "action": np.where(row < LENGTH - 1, moves, 0),
                "reward": np.zeros(LENGTH, np.float32),
                "is_first": row == 0,
                "is_last": row == LENGTH - 1,
                "is_terminal": np.zeros(LENGTH, bool),
            }
        )


def _paint(image: np.ndarray, corner: np.ndarray, size: int, colour: tuple[int, ...]) -> None:
    y, x = corner
    image[y : y + size, x : x + size] = colour


def stored(distractor: bool, seed: int) -> EpisodeStore:
    path = FOLDER / f"{'distractor' if distractor else 'clean'}-{seed}"
    if not path.exists():
        with EpisodeStore.create(path, SPECS) as store:
            for episode in episodes(distractor, seed):
                store.append(episode)
    return EpisodeStore.open(path)


def trained(store: EpisodeStore, labels: float, seed: int) -> tuple[Genie, float]:
    """A model of the store's training episodes, and the CPU seconds that it took."""
    began = time.process_time()
    torch.manual_seed(seed)
    model = Genie(SPECS, from_dict(GenieConfig, MODEL | {"labels": labels}))
    config = from_dict(LoopConfig, LOOP)
    replay = Replay(store, store.split()[0], config.batch_size, config.length, seed)
    Trainer(model, replay, Budget(updates=UPDATES), config, Silent(), lambda *_: None).train()
    return model.eval().requires_grad_(False), time.process_time() - began


def read(model: Genie, held_out: list[Episode]) -> dict[str, Any]:
    """What the model's own diagnosis says, and intervals for its chief numbers."""
    batch: Batch = {
        k: torch.from_numpy(np.stack([e[k] for e in held_out])) for k in held_out[0].steps
    }
    said = model.diagnose(batch)
    alone = model.diagnose({k: v for k, v in batch.items() if k != "action"})
    codes, moves = model.codes(batch)[:, :-1], batch["action"][:, :-1]
    best = together(codes.flatten(), moves.flatten())
    right = round(said.values["accuracy"] * codes.numel())
    return {
        **said.values,
        "nmi": _over_episodes(codes, moves).to_json(),
        "accuracy": wilson(right, codes.numel()).to_json(),
        "flagged": list(said.alarms),
        "flagged_unlabelled": list(alone.alarms),
        "codes_by_moves": best.tolist(),
    }


def _over_episodes(codes: Tensor, moves: Tensor) -> Any:
    """NMI with a bootstrap interval over episodes."""
    width = max(int(codes.max()) + 1, 8)
    tables = np.zeros((len(codes), width, len(MOVES)))
    for n, (c, m) in enumerate(zip(codes.numpy(), moves.numpy(), strict=True)):
        np.add.at(tables[n], (c, m), 1)

    def statistic(tables: np.ndarray, axis: int) -> np.ndarray:
        p = tables.sum(axis)
        p = p / p.sum((-1, -2), keepdims=True)
        rows, columns, both = (_entropy(x) for x in (p.sum(-1), p.sum(-2), _flat(p)))
        return (rows + columns - both) / np.maximum(0.5 * (rows + columns), 1e-9)

    return bootstrap(statistic, [tables])


def _flat(p: np.ndarray) -> np.ndarray:
    return p.reshape(*p.shape[:-2], -1)


def _entropy(p: np.ndarray) -> np.ndarray:
    return -(p * np.log(np.maximum(p, 1e-12))).sum(-1)


def ran(name: str, seed: int) -> dict[str, Any]:
    """One setting with one seed; what is there already is not repeated."""
    distractor, labels = SETTINGS[name]
    file = FOLDER / f"{name.split(',')[0]}-{labels}-{seed}.json"
    if not file.exists():
        store = stored(distractor, seed)
        model, cpu_s = trained(store, labels, seed)
        found = read(model, [store[int(i)] for i in store.split()[1]])
        write_json(file, {"setting": name, "seed": seed, "cpu_s": round(cpu_s, 1), **found})
    return json.loads(file.read_text())


def main() -> None:
    seeds = [int(word) for word in sys.argv[1:]] or SEEDS
    runs = [ran(name, seed) for name in SETTINGS for seed in seeds]
    for run in runs:
        print({k: v for k, v in run.items() if k != "codes_by_moves"})
    settings = {"model": MODEL, "loop": LOOP, "updates": UPDATES, "episodes": EPISODES}
    result = {"runs": runs, "settings": settings, "provenance": provenance()}
    if list(seeds) == list(SEEDS):
        write_json(RESULTS / "latent_actions.json", result)


if __name__ == "__main__":
    torch.set_num_threads(1)
    keep_memory()
    main()
