"""Learns a tabletop from pixels in minutes, and shows what was learned: the whole river at once.

foreworld demo
foreworld demo --budget 1m --run runs/quick

It collects episodes, trains a world model, and measures it on what it has never met: imagined
futures, the same start under four pushes, planning. All of it is in RUN/report.html.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from foreworld.cli.world import TABLETOP

if TYPE_CHECKING:
    from foreworld.cli.showing import Shown
    from foreworld.episodes import EpisodeStore
    from foreworld.evaluation.page import Line
    from foreworld.run import World

STARTED_S = time.monotonic()  # before anything heavy is imported: a cold start counts
FLOOR_S = 30.0  # less time shows nothing


@dataclass(frozen=True)
class Args:
    run: Path = Path("runs/demo")  # where everything goes; an earlier demo there is replaced
    budget: str = "5m"  # wall-clock time for all of it: 90s, 5m, 30m
    seed: int = 0  # of everything
    threads: int | None = None  # of the CPU; default: 2 where that is faster just now, else 1


@dataclass(frozen=True)
class Recipe:
    """What the demo does with its time; tuned for five minutes on two cores."""

    tasks: tuple[str, ...] = ("move", "push")
    max_steps: int = 30  # of an episode: short ones show more scenes
    steps: int = 60_000  # collected at most
    num_envs: int = 32
    least: int = 64  # episodes collected however slow the machine: some have to be held out
    policy: str = "mixed"
    family: str = "slots"
    preset: tuple[str, ...] = ()
    model: tuple[str, ...] = ()  # overrides of its config
    loop: tuple[str, ...] = ()  # overrides of LoopConfig
    collect_share: float = 0.07  # of the budget, but
    collect_most_s: float = 21.0
    show_share: float = 0.33  # of the budget, within
    show_s: tuple[float, float] = (45.0, 120.0)
    reserve_s: float = 8.0  # for the report, and for a machine that stumbles
    context: int = 5  # real steps before a future is imagined
    horizon: int = 10  # imagined steps that are judged
    starts: int = 24  # of the four pushes
    futures: int = 48  # held-out episodes in which futures are imagined
    episodes: int = 50  # held-out starts of each task
    judge: Literal["reward", "instruction"] = "instruction"  # what plans are scored by
    plan_horizon: int = 12
    action_block: int = 3
    candidates: int = 64
    elites: int = 8
    iterations: int = 2
    replan_every: int = 3


RECIPE = Recipe()


@dataclass(frozen=True)
class Schedule:
    """Instants of `time.monotonic()` at which stages have to be over."""

    collect: float
    train: float
    show: float  # what is not measured by then goes unmeasured
    end: float


def schedule(budget_s: float, started: float, recipe: Recipe = RECIPE) -> Schedule:
    """Collecting is capped, showing takes its share, training gets all the rest.

    Raises ValueError for a budget that is too small.
    """
    if budget_s < FLOOR_S:
        raise ValueError(f"--budget {budget_s:.0f}s is too little to show anything; from 30s on")
    least, most = recipe.show_s
    show = min(max(recipe.show_share * budget_s, min(least, 0.5 * budget_s)), most)
    collect = min(recipe.collect_share * budget_s, recipe.collect_most_s)
    end = started + budget_s
    begin = max(started, time.monotonic())
    return Schedule(begin + collect, end - show, end - recipe.reserve_s, end)


def run(args: Args) -> dict[str, Any]:
    """Do it all, print the verdict; returns the figures."""
    from foreworld.cli.learning import Learning, learn
    from foreworld.cli.showing import show
    from foreworld.config import override
    from foreworld.disk import write_json
    from foreworld.run import World, load
    from foreworld.training import LoopConfig, parse_duration
    from foreworld.training.threads import keep_memory, set_threads

    times = schedule(parse_duration(args.budget), STARTED_S)
    set_threads(args.threads)
    keep_memory()
    _clear(args)
    world = World(TABLETOP, {"task": list(RECIPE.tasks), "max_steps": RECIPE.max_steps})
    loop = override(LoopConfig(), RECIPE.loop)
    with _collected(args, world, times) as store:
        seconds = max(times.train - time.monotonic(), 1.0)
        learning = Learning(loop, None, seconds, args.seed, RECIPE.policy, store.num_steps)
        model = _described(args, store, world, learning)
        if not learn(args.run, model, store, learning, world):
            raise KeyboardInterrupt
        shown = show(load(args.run), store, RECIPE, times.show, args.seed)
    lines = [*_making(args, store, seconds), *shown.lines]
    _report(args, shown, lines)
    result = shown.to_json() | {"wall_s": round(time.monotonic() - STARTED_S, 1)}
    write_json(args.run / "demo.json", result)
    _say(args, lines)
    return result


def _clear(args: Args) -> None:
    """Make room. Raises ValueError where something else than an earlier demo is in the way."""
    import shutil

    from foreworld.disk import write_json

    mark = args.run / "demo.json"
    if args.run.exists() and any(args.run.iterdir()):
        if not mark.exists():
            raise ValueError(f"{args.run} holds something else than a demo; give another --run")
        shutil.rmtree(args.run)
    write_json(mark, {"budget": args.budget, "seed": args.seed})


def _collected(args: Args, world: World, times: Schedule) -> EpisodeStore:
    from foreworld.cli.collect import fill, look, open_store

    store = open_store(args.run / "episodes", look(world, RECIPE.policy), world)
    try:
        fill(
            store, world, RECIPE.policy, RECIPE.steps, RECIPE.num_envs, args.seed,
            times.collect, RECIPE.least,
        )  # fmt: skip
    except BaseException:
        store.close()
        raise
    return store


def _described(args: Args, store: EpisodeStore, world: World, learning: Any) -> Any:
    from foreworld.cli.learning import overrides
    from foreworld.config import to_dict
    from foreworld.run import build, describe

    data = overrides(RECIPE.family, RECIPE.preset, RECIPE.model)
    model = build(RECIPE.family, store.specs, data, args.seed)
    describe(args.run, RECIPE.family, model, world, to_dict(learning))
    return model


def _making(args: Args, store: EpisodeStore, seconds: float) -> list[Line]:
    """What was collected and trained."""
    from foreworld.evaluation.page import Line
    from foreworld.run import load

    opened = load(args.run)
    size = sum(p.numel() for p in opened.model.parameters()) / 1e6
    return [
        Line(
            f"Collected {store.num_steps:,} steps in {len(store)} episodes of a table seen from "
            "above, 64 x 64 pixels each; every tenth episode was held out."
        ),
        Line(
            f"Trained {RECIPE.family} ({size:.1f} million weights) for {opened.step:,} updates in "
            f"{seconds:.0f} s."
        ),
    ]


def _report(args: Args, shown: Shown, lines: list[Line]) -> None:
    from foreworld.evaluation import write_report
    from foreworld.log import read_jsonl

    write_report(
        args.run / "report.html",
        "Foreworld demo: a table, learned from pixels",
        imagination=shown.imagination,
        films=shown.films,
        counterfactual=shown.counterfactual,
        pushes=shown.pushes,
        control=shown.control,
        metrics=read_jsonl(args.run / "metrics.jsonl"),
        protocol=vars(RECIPE) | {"budget": args.budget, "seed": args.seed},
        lines=lines,
    )
    for name, film in shown.pictures.items():
        for suffix, data in (("png", film.strip), ("gif", film.moving)):
            _write(args.run / "pictures" / f"{name}.{suffix}", data)


def _write(path: Path, data: bytes) -> None:
    from foreworld.disk import write_whole

    write_whole(path, data)


def _say(args: Args, lines: list[Line]) -> None:
    marks = {True: "+", False: "-", None: " "}
    print()
    for line in lines:
        print(f"{marks[line.good]} {line.text}")
    print(f"  All of it, with films: {args.run / 'report.html'}")
    print(
        f"  Next: foreworld imagine {args.run} | foreworld evaluate {args.run} --task push | "
        "foreworld train tabletop --family slots --run runs/table --prefill 100000 --budget 30m"
    )
