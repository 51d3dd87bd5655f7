"""Windows of PushT's shape drawn from a store, beside the loaders of stable-worldmodel.

python benchmarks/loader.py                                 ours alone
python benchmarks/loader.py --python peer/bin/python        theirs, too: peers/swm_loader.py
python benchmarks/loader.py --rounds 0 --minutes 10         only whether memory stays flat

A sample is a window of 4 rows: a picture of 224 x 224, an action of 2 and a state of 4 numbers, all
of them as tensors in a batch of 64. The pictures are the tabletop's. Every format is read in turn,
round after round, and what the disk gives comes from the memory of the system for all of them.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from foreworld.disk import write_json
from foreworld.episodes import EpisodeStore
from foreworld.evaluation import provenance
from foreworld.policies.wander import WanderPolicy
from foreworld.replay import Ahead, Replay
from foreworld.streams import GymStream, collect
from foreworld.training.threads import keep_memory
from foreworld.vocab import Episode, Spec

RESULT = Path(__file__).parent / "results" / "loader.json"
PEER = Path(__file__).parent / "peers" / "swm_loader.py"
SIZE, LENGTH, BATCH = 224, 4, 64
BUSY_S = 0.05
SPECS = {
    "pixels": Spec((SIZE, SIZE, 3), "uint8", "image"),
    "proprio": Spec((4,), "float32", "vector"),
    "action": Spec((2,), "float32", "vector", -1.0, 1.0),
}


def film(episodes: int) -> Iterator[Episode]:
    """The tabletop, in episodes of 100 rows."""
    options = {"image_size": SIZE, "max_steps": 99}
    stream = GymStream("foreworld/Tabletop-v0", 1, 0, image_size=None, env_kwargs=options)
    policy = WanderPolicy(stream.specs["action"], 0)
    names = {"image": "pixels", "proprio": "proprio", "action": "action"}
    flags = ("reward", "is_first", "is_last", "is_terminal")
    for episode in collect(stream, policy, episodes=episodes):
        steps = {new: episode[old] for old, new in names.items()}
        yield Episode(steps | {flag: episode[flag] for flag in flags})


@contextmanager
def store_of(folder: Path, episodes: int) -> Iterator[EpisodeStore]:
    with EpisodeStore.create(folder / "store", SPECS) as store:
        for n, episode in enumerate(film(episodes)):
            store.append(episode)
            for key in ("pixels", "action", "proprio"):  # for whoever does not know our store
                np.save(folder / f"{key}_{n:03d}.npy", episode[key])
        yield store


def ours(store: EpisodeStore, batches: int) -> dict[str, float]:
    replay = Replay(store, None, BATCH, LENGTH)
    replay.sample()
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(batches):
        assert replay.sample()["pixels"].shape == (BATCH, LENGTH, SIZE, SIZE, 3)
    samples = batches * BATCH
    cpu_ms = 1e3 * (time.process_time() - cpu) / samples
    return {"samples_s": samples / (time.perf_counter() - wall), "cpu_ms": cpu_ms}


def waited(store: EpisodeStore, batches: int) -> dict[str, float]:
    """Milliseconds that an accelerator, busy for BUSY_S with each batch, waits for the next."""
    found = {}
    for name, wrap in (("replay", lambda replay: replay), ("ahead", Ahead)):
        sampler, waits = wrap(Replay(store, None, BATCH, LENGTH)), []
        for _ in range(batches + 1):
            begun = time.perf_counter()
            sampler.sample()
            waits.append(time.perf_counter() - begun)
            time.sleep(BUSY_S)
        found[name] = round(1e3 * median(waits[1:]), 2)
    return found


def theirs(python: str, folder: Path, format: str, batches: int) -> dict[str, float]:
    command = [python, str(PEER), str(folder), format, "--batches", str(batches)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def own_bytes() -> int:
    """Memory that is ours alone; pages of files are the system's, which takes them back."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("RssAnon:")[1].split()[0]) * 1024


def memory(store: EpisodeStore, minutes: float) -> dict[str, Any]:
    replay, end, readings = Replay(store, None, BATCH, LENGTH), time.monotonic() + 60 * minutes, []
    samples, due = 0, 0.0
    while time.monotonic() < end:
        replay.sample()
        samples += BATCH
        if time.monotonic() > due:
            readings.append(round(own_bytes() / 1e6, 1))
            due = time.monotonic() + 5
    return {"minutes": minutes, "samples": samples, "mb_every_5_s": readings}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--python", help="of the peer's environment")
    parser.add_argument("--episodes", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batches", type=int, default=40, help="in each round")
    parser.add_argument("--minutes", type=float, default=0.0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    keep_memory()
    formats = ["lance", "hdf5"] if args.python else []
    read: dict[str, list[dict[str, float]]] = {name: [] for name in ("ours", *formats)}
    loads = []
    with TemporaryDirectory() as name, store_of(Path(name), args.episodes) as store:
        for _ in range(args.rounds):
            loads.append(os.getloadavg()[0])
            read["ours"].append(ours(store, args.batches))
            for format in formats:
                read[format].append(theirs(args.python, Path(name), format, args.batches))
        waits = waited(store, args.batches)
        flat = memory(store, args.minutes) if args.minutes else None
    kept = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    kept["waited_ms"] = waits | {"busy": 1e3 * BUSY_S, "provenance": provenance()}
    print(f"a batch is waited for {waits['replay']} ms, read ahead {waits['ahead']} ms")
    if args.rounds:
        kept |= told(read) | {"loads": loads, "episodes": args.episodes, "provenance": provenance()}
    if flat:
        kept["memory"] = flat | {"provenance": provenance()}
    write_json(RESULT, {"sample": {"rows": LENGTH, "picture": SIZE, "batch": BATCH}} | kept)


def told(read: dict[str, list[dict[str, float]]]) -> dict[str, Any]:
    """Every round, and their medians."""
    medians = {
        format: {key: round(median(r[key] for r in rounds), 3) for key in rounds[0]}
        for format, rounds in read.items()
    }
    for format, found in medians.items():
        print(f"{format}: {found['samples_s']:.0f} samples a second")
    return {"median": medians, "rounds": read}


if __name__ == "__main__":
    main()
