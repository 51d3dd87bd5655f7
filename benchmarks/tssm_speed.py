"""What a transformer's dream costs beside a recurrent model's of the same width, and its ring.

python benchmarks/tssm_speed.py     two minutes; written to benchmarks/results/tssm_speed.json

Processor seconds of one thread, medians of interleaved rounds: dreams of 15 steps from 1024 states,
a training step of the world model on 16 x 64 rows, and the ways to write one slot of a ring and
keep what it was before.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from speed_cases import SOURCES, Stopwatch

from foreworld.cli.learning import overrides
from foreworld.disk import write_json
from foreworld.evaluation import provenance
from foreworld.run import build
from foreworld.training.threads import keep_memory
from foreworld.vocab import Batch, WorldModel

ROWS, STEPS, ROUNDS = 1024, 15, 7
RESULT = Path(__file__).parent / "results" / "tssm_speed.json"
MODELS = {  # all 128 wide, 16 classes of 16
    "rssm": ("rssm", ["control", "classes"], []),
    "tssm, window 16": ("tssm", ["control"], []),
    "tssm, window 64": ("tssm", ["control"], ["window=64"]),
    "tssm, window 16, one block": ("tssm", ["control"], ["depth=1"]),
}


def dream(model: WorldModel) -> Callable[[], object]:
    actions = torch.randint(2, (ROWS, STEPS))
    noise, start = model.noise(ROWS, STEPS, 0), model.initial(ROWS)

    @torch.no_grad()
    def run() -> None:
        state = start
        for h in range(STEPS):
            state = model.imagine(state, actions[:, h], noise[:, h])

    return run


def learn(model: WorldModel) -> Callable[[], object]:
    lead = (16, 64)
    no = torch.zeros(lead, dtype=torch.bool)
    batch: Batch = {
        "vector": torch.randn(*lead, 4),
        "action": torch.randint(2, lead),
        "reward": torch.rand(lead),
        **dict.fromkeys(("is_first", "is_last", "is_terminal"), no),
    }

    def run() -> None:
        losses = model.loss(batch).losses.values()
        torch.stack([loss.mean() for loss in losses]).sum().backward()

    return run


def writes(window: int, width: int = 128) -> dict[str, Callable[[], object]]:
    """One slot of every row, at a place of its own; the ring given stays as it was."""
    ring, new = torch.randn(ROWS, window, 2 * width), torch.randn(ROWS, 2 * width)
    cursor, row, slot = torch.randint(window, (ROWS,)), torch.arange(ROWS), torch.arange(window)
    here = (slot == cursor.unsqueeze(1)).unsqueeze(-1)
    column = cursor.view(-1, 1, 1).expand(-1, 1, 2 * width)
    return {
        "copy alone": ring.clone,
        "index_put": lambda: ring.index_put((row, cursor), new),
        "scatter": lambda: ring.scatter(1, column, new.unsqueeze(1)),
        "where": lambda: torch.where(here, new.unsqueeze(1), ring),
        "shift": lambda: torch.cat([ring[:, 1:], new.unsqueeze(1)], 1),
    }


def measure(cases: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Median milliseconds of each, round by round in turn."""
    watch = Stopwatch()
    for case in cases.values():
        case()  # once, to warm up
    for _ in range(ROUNDS):
        for name, case in cases.items():
            watch.start()
            case()
            watch.lap(name)
    return {k: round(1e3 * v, 2) for k, v in watch.medians()["cpu_s"].items()}


def main() -> None:
    keep_memory()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    models = {
        name: build(family, SOURCES["vector"], overrides(family, presets, more))
        for name, (family, presets, more) in MODELS.items()
    }
    result: dict[str, Any] = {
        "what": f"milliseconds of one processor: {ROWS} dreams of {STEPS} steps, a training step "
        "of 16 x 64 rows, and writing one slot in a ring for each of the rows",
        "weights": {k: sum(p.numel() for p in m.parameters()) for k, m in models.items()},
        "dream_ms": measure({k: dream(m.eval()) for k, m in models.items()}),
        "training_ms": measure({k: learn(m.train()) for k, m in models.items()}),
        "ring_write_ms": {str(w): measure(writes(w)) for w in (16, 64)},
        "rounds": ROUNDS,
        "load": os.getloadavg()[0],
        "provenance": provenance(),
    }
    for name in ("dream_ms", "training_ms"):
        print(name, result[name])
    print("ring_write_ms", result["ring_write_ms"])
    write_json(RESULT, result)


if __name__ == "__main__":
    main()
