"""How fast stable-worldmodel draws windows from one of its formats: lance or hdf5.

    python -m venv peer
    peer/bin/pip install torch==2.13.0 torchvision stable-worldmodel==0.1.1 h5py hdf5plugin
    peer/bin/python benchmarks/peers/swm_loader.py FOLDER lance

FOLDER holds pixels_000.npy, action_000.npy, proprio_000.npy … as `loader.py` writes them. Runs
without Foreworld, and prints one line of JSON. Its own writer, its own reader, batches of 64 by
PyTorch's DataLoader, in this process and in two of its own; the faster one counts.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, RandomSampler

BATCH, LENGTH = 64, 4
# Its imports reach for torchvision, whose build for GPUs lacks these operators beside a CPU's
# torch; nothing here calls them. Here, since the processes of the DataLoader begin here too.
LIBRARY = torch.library.Library("torchvision", "DEF")
for operator in ("nms", "qnms"):
    LIBRARY.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")


def episodes(folder: Path) -> Any:
    for file in sorted(folder.glob("pixels_*.npy")):
        name = file.name.removeprefix("pixels")
        loaded = {k: np.load(folder / f"{k}{name}") for k in ("pixels", "action", "proprio")}
        yield {key: list(rows) for key, rows in loaded.items()}


def drawn(dataset: Any, batches: int, workers: int) -> float:
    """Samples a second."""
    sampler = RandomSampler(dataset, replacement=True, num_samples=(batches + 2) * BATCH)
    kwargs = {"multiprocessing_context": "spawn"} if workers else {}
    loader = DataLoader(dataset, BATCH, sampler=sampler, num_workers=workers, **kwargs)
    batch = iter(loader)
    next(batch), next(batch)  # until everything runs
    began = time.perf_counter()
    for _ in range(batches):
        assert next(batch)["pixels"].shape[:2] == (BATCH, LENGTH)
    return batches * BATCH / (time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("format", choices=["lance", "hdf5"])
    parser.add_argument("--batches", type=int, default=40)
    args = parser.parse_args()
    if importlib.util.find_spec("stable_worldmodel") is None:
        sys.exit("skipped: stable-worldmodel is not installed in this environment")
    from stable_worldmodel.data.format import get_format

    format = get_format(args.format)
    ending = {"lance": ".lance", "hdf5": ".h5"}[args.format]
    path = args.folder / f"theirs_{args.format}{ending}"
    if not path.exists():
        with format.open_writer(path) as writer:
            writer.write_episodes(episodes(args.folder))
    dataset = format.open_reader(path, num_steps=LENGTH, frameskip=1)
    torch.set_num_threads(1)
    print(json.dumps({"samples_s": max(drawn(dataset, args.batches, w) for w in (0, 2))}))


if __name__ == "__main__":
    main()
