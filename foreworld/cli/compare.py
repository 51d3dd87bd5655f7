"""Trains several models on the same data with the same budget, and shows them side by side.

foreworld compare CartPole-v1 --models rssm:control tssm:control jepa --steps 2000 --run runs/three
foreworld compare data/rooms --models jepa:rooms rssm:control+classes --budget 5m --run runs/rooms
foreworld compare CartPole-v1 --models tssm rssm:control --online --budget 10m --run runs/online

A model is FAMILY, or FAMILY:PRESET+PRESET, or file.py:Class:PRESET for one of yours. All learn from
one store, collected once; with --online each explores for itself as its recipe says, and dreams are
examined on episodes that none has met. Each acts in its usual way: by what it learned, else by
plans. What is done is not done again: after an interruption, or to add a model, type the command
once more. Writes compare.json and compare.html to --run.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tyro.conf import OmitArgPrefixes

from foreworld import catalog
from foreworld.cli import evaluate, train, trust
from foreworld.cli.world import WorldArgs, make_world, usual_policy

if TYPE_CHECKING:
    from foreworld.run import World

USUAL = 20_000  # steps collected for all
EXAM = 500_000  # added to the seeds of episodes on which explorers are examined
PARTS = ("training", "acting", "dreaming")
LATER = ("run", "models", "threads")  # may differ when a comparison is gone on with


@dataclass(frozen=True)
class Args:
    data: train.Data  # a store of episodes, or a world: tabletop, or any Gymnasium id
    models: tuple[str, ...]  # two or more: rssm:control tssm jepa:swing
    run: Path  # directory for everything that this makes, a run for each model
    steps: int | None = None  # gradient steps of each
    budget: str | None = None  # training time of each: 90s, 5m; a busy machine makes it unequal
    online: bool = False  # each collects for itself, as its recipe says
    recipe: tuple[str, ...] = ()  # of the families; the usual one where they have it
    train: tuple[str, ...] = ()  # of every loop's config: batch_size=32
    learner: str | None = None  # of all: a policy learned in imagination
    learner_set: tuple[str, ...] = ()  # of the learner's config: horizon=15
    prefill: int | None = None  # steps collected first: 20,000; --online: as the recipe says
    policy: str | None = None  # who collects them
    num_envs: int = 8  # parallel worlds
    episodes: int = 20  # held-out starts in which each acts
    horizon: int | None = None  # steps planned ahead
    candidates: int | None = None  # action sequences weighed in every iteration
    iterations: int | None = None  # times the search is refined
    seed: int = 0  # of weights, batches and worlds
    threads: int | None = None  # of the CPU; default: 2 where that is faster just now, else 1
    seen: OmitArgPrefixes[WorldArgs] = WorldArgs()  # how the world is made and seen


@dataclass(frozen=True)
class Entry:
    """One of the models that are compared."""

    name: str  # as it was given
    family: str
    presets: tuple[str, ...]

    @property
    def folder(self) -> str:
        return re.sub(r"[^\w.]+", "_", self.name).strip("_")


def run(args: Args) -> dict[str, Any]:
    """Do what is not done yet, and write the page; returns the same as data."""
    from foreworld.disk import write_json
    from foreworld.evaluation.side_by_side import write_page

    entries = [_entry(name) for name in args.models]
    document = _begun(args)
    data, exam = _data(args)
    makers: dict[str, Callable[[Entry], Any]] = {
        "training": lambda entry: _trained(args, entry, data),
        "acting": lambda entry: _acted(args, entry),
        "dreaming": lambda entry: _dreamt(args, entry, exam),
    }
    for entry in entries:
        done = document["models"].setdefault(entry.name, {})
        for part in (part for part in PARTS if part not in done):
            done[part] = makers[part](entry)
            write_json(args.run / "compare.json", document)
    shown = {**document, "models": {e.name: document["models"][e.name] for e in entries}}
    write_page(args.run / "compare.html", shown)
    _tell(args, shown)
    return shown


def _entry(name: str) -> Entry:
    """Raises ValueError for a family or preset that is not there."""
    from foreworld.cli.learning import overrides

    first, _, rest = name.partition(":")
    if first not in catalog.FAMILIES:
        other, _, rest = rest.partition(":")  # of file.py:Class
        first = f"{first}:{other}" if other else first
    presets = tuple(rest.split("+")) if rest else ()
    overrides(first, presets, ())
    return Entry(name, first, presets)


def _begun(args: Args) -> dict[str, Any]:
    """What was done so far. Raises ValueError where it was another comparison."""
    import json

    from foreworld.evaluation import provenance

    if len(set(args.models)) < 2:
        raise ValueError(
            "a comparison needs two models or more: --models rssm:control tssm:control"
        )
    asked = {k: v for k, v in asdict(args).items() if k not in LATER}
    asked = json.loads(json.dumps(asked))  # as it comes back from the file
    file = args.run / "compare.json"
    if not file.exists():
        return {"asked": asked, "models": {}, "provenance": provenance()}
    document = json.loads(file.read_text())
    there = document["asked"]
    changes = [f"{k} {asked[k]!r}, not {v!r}" for k, v in there.items() if asked.get(k) != v]
    if changes:
        raise ValueError(
            f"{args.run} holds another comparison; asked for: {'; '.join(changes)}. "
            "Give this one a directory of its own: --run"
        )
    return document


def _data(args: Args) -> tuple[str, Path | None]:
    """What to learn from, and the store to examine on; None: what was kept of the same store."""
    from foreworld.cli.datasets import open_dataset
    from foreworld.data.stored import StoredSource

    assert args.data is not None
    path = Path(args.data)
    if path.exists():
        if args.online:
            raise ValueError("--online explores a world, not episodes: name the world instead")
        if StoredSource.fits(path):
            return args.data, None
        if not (args.run / "episodes").exists():
            with open_dataset(path, None) as dataset:
                dataset.fill(args.run / "episodes")
        return str(args.run / "episodes"), None
    world = make_world(args.data, args.seen)
    if args.online:
        _fill(args, world, args.run / "exam", EXAM)
        return args.data, args.run / "exam"
    _fill(args, world, args.run / "episodes", 0)
    return str(args.run / "episodes"), None


def _fill(args: Args, world: World, path: Path, seed: int) -> None:
    from foreworld.cli.collect import fill, look, open_store

    policy = args.policy or usual_policy(world)
    with open_store(path, look(world, policy), world) as store:
        steps = args.prefill or USUAL
        fill(store, world, policy, steps, args.num_envs, args.seed + seed)


def _trained(args: Args, entry: Entry, data: str) -> dict[str, Any]:
    """Through `foreworld train`; a run that was interrupted goes on."""
    from foreworld.run import load

    path = args.run / entry.folder
    how = train.Args(
        run=path, data=data, family=entry.family, preset=entry.presets, recipe=args.recipe,
        train=args.train, steps=args.steps, budget=args.budget, threads=args.threads,
        learner=args.learner, learner_set=args.learner_set, num_envs=args.num_envs,
        seed=args.seed, seen=args.seen, policy=args.policy,
    )  # fmt: skip
    if args.prefill is not None:
        how = replace(how, prefill=args.prefill)
    resumed = (path / "run.json").exists()
    if resumed:
        how = train.Args(
            run=path, resume=True, family=entry.family, steps=args.steps, budget=args.budget,
            threads=args.threads,
        )  # fmt: skip
    began = time.process_time()
    standing = train.run(how)
    opened = load(path, family=entry.family)
    return {
        "updates": standing["updates"],
        "seconds": standing["seconds"],
        "cpu_s": None if resumed else round(time.process_time() - began, 1),
        "weights": sum(p.numel() for p in opened.model.parameters()),
    }


def _acted(args: Args, entry: Entry) -> dict[str, Any]:
    """Through `foreworld evaluate`, in its usual way and beside the baselines."""
    how = evaluate.Args(
        run=args.run / entry.folder, episodes=args.episodes, horizon=args.horizon,
        candidates=args.candidates, iterations=args.iterations, full=True, seed=args.seed,
        threads=args.threads, family=entry.family,
    )  # fmt: skip
    try:
        result = evaluate.run(how)
    except ValueError as error:
        return {"reason": str(error)}
    return {k: result[k] for k in ("scores", "protocol")}


def _dreamt(args: Args, entry: Entry, exam: Path | None) -> dict[str, Any]:
    """The accuracy that `foreworld trust` would find."""
    from foreworld.cli.examinee import subject_of
    from foreworld.evaluation.trust import examine
    from foreworld.evaluation.trust_report import trust_report
    from foreworld.run import load

    path = args.run / entry.folder
    opened = load(path, family=entry.family)
    how = trust.Args(run=str(path), data=exam, seed=args.seed, family=entry.family)
    try:
        subject = subject_of(opened, how)
    except ValueError as error:
        return {"reason": str(error)}
    report = trust_report(subject, examine(subject, ["accuracy"]), None)
    return {k: report[k] for k in ("groups", "hashes", "scope", "protocol")}


def _tell(args: Args, document: dict[str, Any]) -> None:
    from foreworld.cli.tables import print_table
    from foreworld.evaluation.side_by_side import side_by_side

    print_table("side by side", *side_by_side(document))
    print(args.run / "compare.html")
