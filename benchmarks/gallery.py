"""Trains the worlds that come with Foreworld, examines them, and puts them into the package.

python benchmarks/gallery.py               all of them
python benchmarks/gallery.py rooms
python benchmarks/gallery.py --measure     how far what one steers is off after a hundred steps

A stage whose output is there is not repeated: delete runs/gallery to begin again.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

import foreworld
from foreworld.disk import write_json, write_whole
from foreworld.evaluation import HELD_OUT, bootstrap_mean, provenance
from foreworld.policies.wander import WanderPolicy
from foreworld.run import load
from foreworld.streams import collect
from foreworld.vocab import predict_all, rollout

SHELF = Path(foreworld.__file__).parent / "gallery"
RUNS = Path("runs/gallery")
RESULT = Path(__file__).parent / "results" / "gallery.json"
LIVES, LOOKS = 64, (10, 50, 100)  # starts that no training met; steps with eyes closed


@dataclass(frozen=True)
class Exhibit:
    """Arguments of `foreworld collect` and `train`, and what visitors read."""

    about: str
    collect: tuple[tuple[str, ...], ...]  # several times into one store
    train: tuple[str, ...]
    episodes: int = 0  # to begin from, where the simulator may not be installed
    groups: tuple[str, ...] = ()  # of the examination; (): all of it


TABLE = ("tabletop", "--env", 'task=["move","push"]', "--env", "max_steps=40", "--num-envs", "32")
EXHIBITS = {
    "tabletop": Exhibit(
        "A table with a box, a cup and the point you push them with, learned from pictures.",
        # Who knows what to do seldom runs into the rim; visitors do.
        ((*TABLE, "--steps", "60000", "--policy", "mixed"),
         (*TABLE, "--steps", "50000", "--policy", "wander")),
        ("--family", "slots", "--budget", "24m"),
        episodes=1,  # for its picture
    ),
    "rooms": Exhibit(
        "Two rooms, a door somewhere in the wall between them, and you are the dot.",
        (("rooms", "--env", "wall=random", "--env", "task=any", "--steps", "60000",
          "--num-envs", "16"),),
        ("--family", "slots", "--budget", "20m"),
        episodes=1,
    ),
    "pendulum": Exhibit(
        "A pendulum that is too heavy to lift at once: swing it up, learned from pictures.",
        (("Pendulum-v1", "--pixels", "--image-size", "32", "--frame-skip", "2",
          "--env", "max_episode_steps=60", "--steps", "30000"),),
        ("--preset", "simple", "--train", "length=24", "batch_size=16", "--budget", "8m"),
        episodes=2,
        # Planning by really executing candidates takes hours where a step draws 500 x 500 pixels.
        groups=("audit", "accuracy", "calibration", "controllability", "long_dreams", "robustness",
                "abstention"),
    ),
}  # fmt: skip


def command(*words: str | Path) -> None:
    print("$ foreworld", *words, flush=True)
    line = [sys.executable, "-m", "foreworld.cli.main", *map(str, words)]
    subprocess.run(line, check=True)


def make(name: str, exhibit: Exhibit) -> None:
    data, run, shelf = RUNS / name / "data", RUNS / name / "run", SHELF / name
    parts = RUNS / name / "parts"  # the same episodes are held out as from training
    if not data.exists():
        for seed, words in enumerate(exhibit.collect):
            command("collect", *words, "--seed", str(1000 * seed), "--out", data)
    if not parts.exists():
        command("data", "split", data, "--out", parts)
    if not run.exists():
        command("train", data, "--run", run, *exhibit.train, "--threads", "1")
        write_whole(run / "about.txt", exhibit.about + "\n")
    shutil.rmtree(shelf, ignore_errors=True)
    words = ("--to", "run", "--episodes", str(exhibit.episodes))
    command("export", run, *words, "--out", shelf)
    words = ("--groups", *exhibit.groups) if exhibit.groups else ()
    command("trust", shelf, "--data", parts / "test", "--threads", "1", *words)
    (shelf / "trust" / "report.html").unlink()  # most of it is a plotting library


def believed(name: str) -> dict[str, Any]:
    """How far the dot or the pusher is from where it should be, by steps with eyes closed.

    Lengths are in the world's own unit. From the first row alone, wandering, as a session begins;
    beside it what standing still would miss by, and how far coordinates crept that nothing touched.
    """
    run = load(SHELF / name)
    assert run.world is not None
    world = replace(run.world, env_kwargs={**run.world.env_kwargs, "max_steps": max(LOOKS)})
    policy = WanderPolicy(run.model.specs["action"])
    met = collect(world.stream(16, HELD_OUT), policy, episodes=8 * LIVES)
    whole = (life for life in met if len(life) > max(LOOKS))
    lives = list(islice(whole, LIVES))  # one that reached its goal by chance ended early
    seen = {k: torch.from_numpy(np.stack([life[k][:1] for life in lives])) for k in lives[0].steps}
    actions = torch.from_numpy(np.stack([life["action"][: max(LOOKS)] for life in lives]))
    state = run.model.observe(run.model.initial(LIVES), seen)
    facts = predict_all(run.model, rollout(run.model, state, actions), ["facts"])["facts"]
    true = np.stack([life["facts"] for life in lives])
    names = run.model.specs["facts"].names or ()
    places = [n for n, name in enumerate(names) if n > 1 and name[-2:] in (".x", ".y")]
    found = {}
    for steps in LOOKS:
        dreamt = facts[:, steps - 1].numpy()
        hand = [np.linalg.norm((x - true[:, steps])[:, :2], axis=1) for x in (dreamt, true[:, 0])]
        alone = np.ptp(true[:, : steps + 1, places], axis=1) < 1e-4
        crept = np.abs(dreamt - true[:, steps])[:, places]
        rows = [c[a].mean() for c, a in zip(crept, alone, strict=True) if a.any()]
        told = {"miss": hand[0], "standing_still": hand[1], "crept": np.array(rows)}
        found[str(steps)] = {k: bootstrap_mean(v).to_json() for k, v in told.items() if len(v)}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", choices=[*EXHIBITS, []])
    parser.add_argument("--measure", action="store_true")
    args = parser.parse_args()
    if args.measure:
        torch.set_num_threads(1)
        found = {name: believed(name) for name in ("rooms", "tabletop")}  # which name their numbers
        write_json(RESULT, {"steps": found, "seed": HELD_OUT, "provenance": provenance()})
        print(RESULT.read_text())
        return
    for name in args.names or EXHIBITS:
        make(name, EXHIBITS[name])
    size = sum(file.stat().st_size for file in SHELF.rglob("*") if file.is_file())
    print(f"{SHELF}: {size / 1e6:.1f} MB of at most 8")


if __name__ == "__main__":
    main()
