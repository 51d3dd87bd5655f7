"""Kills `foreworld train` at random moments, resumes it, and counts what was lost.

python benchmarks/kill_train.py
    20 kills: 1234 updates in the last checkpoint, 0 lost, 0 unreadable, and it went on to its end

World model and policy are learned while the policy collects, with a checkpoint every few updates.
A checkpoint that was seen before a kill must load after it (every file has its hash), or a later
one must; so must every episode. Then the same run goes on, to be killed again.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from foreworld.checkpoint import checkpoints, latest, load_checkpoint
from foreworld.disk import write_json
from foreworld.episodes import EpisodeStore
from foreworld.evaluation import provenance

BEGIN = (
    "CartPole-v1", "--preset", "debug", "--set", "see=0.0", "--steps", "1000000000",
    "--prefill", "100", "--num-envs", "2", "--train-ratio", "4", "--learner", "actor_critic",
    "--learner-set", "horizon=3", "networks.hidden=8",
    "--train", "batch_size=2", "length=8", "checkpoint_every_s=0.05",
)  # fmt: skip
LATEST_S = 1.0  # the last moment of a kill, counted from the first new checkpoint
PATIENCE_S = 240.0  # for a new process to write its first one
RESULT = Path(__file__).parent / "results" / "kill_train.json"


def measure(run: Path, kills: int, seed: int) -> dict[str, Any]:
    """One run, trained by `kills` processes that are all killed, and by one more that is not."""
    moments = np.random.default_rng(seed).uniform(0, LATEST_S, kills).tolist()
    seen, found, episodes, unreadable = [], [0], [0], 0
    for moment in moments:
        seen.append(kill_trainer(run, found[-1], moment))
        found.append(newest(run))
        for path in checkpoints(run / "checkpoints"):
            load_checkpoint(path)  # raises for a file that does not fit its hash
        with EpisodeStore.open(run / "episodes", "a") as store:  # the lock died with its holder
            unreadable += len(store.verify())
            episodes.append(len(store))
    last = found[-1] + 3
    done = subprocess.run(
        [*command("--resume", "--run", str(run)), "--steps", str(last)], capture_output=True
    )
    return {
        "n": kills,
        "seed": seed,
        "moments_s": [round(moment, 4) for moment in moments],
        "updates_before": seen,
        "updates_after": found[1:],
        "episodes_after": episodes[1:],
        "lost": sum(after < before for before, after in zip(seen, found[1:], strict=True))
        + sum(b < a for a, b in zip(episodes, episodes[1:], strict=False)),
        "unreadable": unreadable,
        "finished": done.returncode == 0 and newest(run) == last,
    }


def kill_trainer(run: Path, known: int, moment: float) -> int:
    """Start or resume training, kill it `moment` seconds after its first new checkpoint.

    Returns the updates in the newest checkpoint that was seen before.
    """
    words = ("--resume",) if known else BEGIN
    with subprocess.Popen(
        command(*words, "--run", str(run), "--threads", "1"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            started = time.monotonic()
            while newest(run) <= known:
                if process.poll() is not None or time.monotonic() - started > PATIENCE_S:
                    raise RuntimeError(f"train wrote no checkpoint (exit {process.returncode})")
                time.sleep(0.01)
            time.sleep(moment)
            return newest(run)
        finally:
            process.kill()


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "foreworld.cli.main", "train", *words]


def newest(run: Path) -> int:
    """Updates in the newest complete checkpoint, 0 where there is none."""
    path = latest(run / "checkpoints") if (run / "checkpoints").exists() else None
    return int(path.name) if path else 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    with TemporaryDirectory() as folder:
        result = measure(Path(folder) / "run", args.kills, args.seed)
    write_json(RESULT, result | {"train": BEGIN, "provenance": provenance()})
    print(
        f"{result['n']} kills: {result['updates_after'][-1]} updates in the last checkpoint, "
        f"{result['lost']} lost, {result['unreadable']} unreadable, "
        f"{'and it went on to its end' if result['finished'] else 'but it did NOT go on'}"
    )


if __name__ == "__main__":
    main()
