"""A run small enough to hand on: what playing, planning and examining need, and nothing else.

OUT/
  run.json              as it is
  about.txt             if the run has one: what its world is, in a sentence or two
  trust/report.json     if the run was examined
  checkpoints/STEP/     weights alone, 16 bits a number where that loses nothing but digits
  episodes/             some held-out ones, to begin from
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from foreworld.checkpoint import save_checkpoint
from foreworld.disk import whole_folder, write_json
from foreworld.episodes import EpisodeStore

KEPT = ("about.txt", "trust/report.json")
WORLD = "world.json"  # beside a store: how its episodes were made
LARGEST = 1e4  # far from where 16 bits end, and sums of such numbers too


def write_portable(
    out: str | Path,
    run: Path,
    document: Mapping[str, Any],
    step: int,
    arrays: Mapping[str, Mapping[str, Tensor]],
    starts: tuple[EpisodeStore, Sequence[int]] | None = None,
) -> None:
    """Write a run to a folder that must not be there yet.

    run, document: where it is, and its run.json. arrays: weights of `step`, by group. starts: a
    store, and ids of the episodes to take along, none of which it was trained on.
    """
    halves = {group: {k: halved(x) for k, x in named.items()} for group, named in arrays.items()}
    with whole_folder(out) as folder:
        write_json(folder / "run.json", {**document, "episodes": None, "held_out": True})
        save_checkpoint(
            folder / "checkpoints" / f"{step:012d}", arrays=halves, documents={}, step=step
        )
        if starts is not None:
            _take_along(*starts, folder / "episodes")
        for name in KEPT:
            if (run / name).is_file():
                (folder / name).parent.mkdir(exist_ok=True)
                shutil.copyfile(run / name, folder / name)


def halved(x: Tensor) -> Tensor:
    """In 16 bits, unless it counts things or holds numbers that would not survive it."""
    if x.dtype != torch.float32 or not bool((x.abs() < LARGEST).all()):
        return x
    return x.half()


def _take_along(store: EpisodeStore, ids: Sequence[int], to: Path) -> None:
    with EpisodeStore.create(to, store.specs) as kept:
        for id in ids:
            kept.append(store[id])
    if (store.path / WORLD).is_file():
        shutil.copyfile(store.path / WORLD, to / WORLD)
