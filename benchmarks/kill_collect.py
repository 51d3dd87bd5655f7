"""Kills `foreworld collect` at random moments, and counts what was lost.

python benchmarks/kill_collect.py
    20 kills: 6534 episodes seen before, 6534 found after, 0 lost, 0 damaged, 0 different

A second process reads the store all the while. An episode that it saw must be there after the kill,
and every episode there must be, bit for bit, what an undisturbed collection would have made.
"""

from __future__ import annotations

import argparse
import itertools
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from foreworld.disk import write_json
from foreworld.episodes import EpisodeStore
from foreworld.evaluation import provenance
from foreworld.policies import RandomPolicy
from foreworld.run import World, make_stream
from foreworld.streams import collect
from foreworld.vocab import Episode

WORLD, NUM_ENVS = "CartPole-v1", 4
LATEST_S = 0.5  # the last moment of a kill, counted from the first new episode
PATIENCE_S = 120.0  # for a new process to show its first episode
RESULT = Path(__file__).parent / "results" / "kill_collect.json"


def measure(path: Path, kills: int, seed: int) -> dict[str, Any]:
    """One store, collected into by `kills` processes that are all killed."""
    moments = np.random.default_rng(seed).uniform(0, LATEST_S, kills).tolist()
    seen, found = [0], [0]
    for moment in moments:
        seen.append(kill_collector(path, found[-1], moment))
        found.append(len(EpisodeStore.open(path)))
    with EpisodeStore.open(path, "a") as store:  # the lock died with its holder
        damaged = len(store.verify())
        different = sum(
            not same(store[id], episode)
            for n, m in itertools.pairwise(found)
            for id, episode in zip(range(n, m), undisturbed(n), strict=False)
        )
    return {
        "n": kills,
        "seed": seed,
        "moments_s": [round(moment, 4) for moment in moments],
        "seen_before": seen[1:],
        "found_after": found[1:],
        "lost": sum(max(0, s - f) for s, f in zip(seen, found, strict=True)),
        "damaged": damaged,
        "different": different,
    }


def kill_collector(path: Path, known: int, moment: float) -> int:
    """Start a collector, kill it `moment` seconds after its first new episode was seen.

    Returns how many episodes could be read before.
    """
    words = ["collect", WORLD, "--out", str(path), "--steps", "1000000000"]
    words += ["--num-envs", str(NUM_ENVS)]
    with subprocess.Popen(
        [sys.executable, "-m", "foreworld.cli.main", *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            started = time.monotonic()
            while not (path / "manifest.json").exists() and alive(process, started):
                time.sleep(0.01)
            store = EpisodeStore.open(path)
            while len(store) <= known and alive(process, started):
                time.sleep(0.001)
                store.refresh()
            until = time.monotonic() + moment
            while time.monotonic() < until:
                time.sleep(0.001)
                store.refresh()
            return len(store)
        finally:
            process.kill()


def alive(process: subprocess.Popen, started: float) -> bool:
    if process.poll() is not None or time.monotonic() - started > PATIENCE_S:
        raise RuntimeError(f"collect gave no episode (exit code {process.returncode})")
    return True


def undisturbed(known: int) -> Iterator[Episode]:
    """The episodes that the command makes for a store that has `known` episodes already."""
    seed = NUM_ENVS * known  # as `foreworld.cli.collect.fresh_seed` chooses it
    stream = make_stream(World(WORLD), NUM_ENVS, seed)
    return collect(stream, RandomPolicy(stream.specs["action"], seed), steps=10**9)


def same(a: Episode, b: Episode) -> bool:
    return sorted(a.steps) == sorted(b.steps) and all(
        np.array_equal(a[key], b[key]) and a[key].dtype == b[key].dtype for key in b.steps
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    with TemporaryDirectory() as folder:
        result = measure(Path(folder) / "store", args.kills, args.seed)
    result |= {"world": WORLD, "num_envs": NUM_ENVS, "provenance": provenance()}
    write_json(RESULT, result)
    print(
        f"{result['n']} kills: {result['seen_before'][-1]} episodes seen before, "
        f"{result['found_after'][-1]} found after, {result['lost']} lost, "
        f"{result['damaged']} damaged, {result['different']} different"
    )


if __name__ == "__main__":
    main()
