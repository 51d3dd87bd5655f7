"""Learns a world model from episodes, from logs, or from a world that it collects them in.

foreworld train episodes --run runs/mine --budget 5m
foreworld train logs/pusht --run runs/pusht --budget 30m     LeRobot, HDF5, video, ...
foreworld train tabletop --run runs/table --env task=push --budget 30m --set deter=512
foreworld train Pendulum-v1 --run runs/pendulum --pixels --steps 5000 --train-ratio 64
foreworld train CartPole-v1 --run runs/pole --preset control --learner actor_critic --steps 4000
foreworld train --run runs/mine --resume
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

from tyro.conf import OmitArgPrefixes, Positional, arg

from foreworld.cli.world import WorldArgs, make_world, usual_policy

if TYPE_CHECKING:
    from foreworld.cli.datasets import Dataset
    from foreworld.cli.learning import Learning
    from foreworld.run import World
    from foreworld.vocab import Specs, WorldModel

Data = Annotated[str | None, arg(metavar="DATA_OR_WORLD"), Positional]
RESUMED = (
    "run",
    "data",
    "resume",
    "family",
    "train",
    "steps",
    "budget",
    "device",
    "threads",
    "log",
)


@dataclass(frozen=True)
class Args:
    run: Path  # directory for everything that this training makes
    data: Data = None  # a store of episodes, a dataset, or a world: tabletop, any Gymnasium id
    mapping: Path | None = None  # of a dataset's columns; default: guessed, see `data inspect`
    family: str = "rssm"  # a name from the catalog, or module:Class, or file.py:Class
    preset: tuple[str, ...] = ()  # of the family; several are laid over each other
    recipe: tuple[str, ...] = ()  # of the family: a paper's flags, laid under the ones given here
    set: tuple[str, ...] = ()  # of the model's config: deter=512 codec.channels=24
    train: tuple[str, ...] = ()  # of the loop's config: optimiser.lr=1e-3 batch_size=32
    steps: int | None = None  # gradient steps, those before a --resume included
    budget: str | None = None  # training time: 90s, 5m, 1h30m; beside --steps, what ends first
    device: Literal["auto", "cpu", "cuda"] = "auto"  # auto: CUDA where there is some
    threads: int | None = None  # of the CPU; default: 2 where that is faster just now, else 1
    prefill: int = 20_000  # steps collected in a world before training
    policy: str | None = None  # who collects them; default: mixed on the tabletop, else random
    train_ratio: float | None = None  # go on collecting: steps replayed for each one collected
    until: float | None = None  # end early, once the last 20 episodes collected return this much
    planner: str | None = None  # whose plans collect where no learner does; default: cem
    planner_set: tuple[str, ...] = ()  # of its settings: horizon=3 num_candidates=512
    replan_every: int = 2  # steps between two of these plans
    learner: str | None = None  # actor_critic: a policy learned in imagination, which collects
    learner_set: tuple[str, ...] = ()  # of the learner's config: horizon=15 entropy=1e-3
    # while a learner collects: the chance of a random action, or deviations in halves of the range
    noise: float = 0.0
    mix: tuple[str, ...] = ()  # of a merged store: shares of its parts, as in kitchen=3 garage=1
    num_envs: int = 8  # parallel worlds
    seed: int = 0  # of weights, batches and worlds
    log: tuple[str, ...] = ("jsonl",)  # also: console, tensorboard, wandb, mlflow, trackio
    resume: bool = False  # go on from the newest checkpoint of --run
    seen: OmitArgPrefixes[WorldArgs] = WorldArgs()  # how the world is made and seen


def run(args: Args) -> dict[str, Any]:
    """Train, and print where the run stands; returns the same as data."""
    from foreworld.cli.learning import device_named, learn
    from foreworld.episodes import EpisodeStore
    from foreworld.run import read_document
    from foreworld.training.threads import keep_memory, set_threads

    set_threads(args.threads)
    keep_memory()
    device = device_named(args.device)
    model, learning, world = _resumed(args) if args.resume else _begun(args)
    elsewhere = read_document(args.run)["episodes"]
    if elsewhere is None and world is not None:
        store = _explored(args.run, model.specs, learning, world)
    else:
        store = EpisodeStore.open(elsewhere or args.run / "episodes")
    with store:
        complete = learn(args.run, model.to(device), store, learning, world, args.log)
    result = _standing(args.run) | {"complete": complete}
    _tell(args.run, result)
    if not complete:
        raise KeyboardInterrupt
    return result


def _begun(args: Args) -> tuple[WorldModel, Learning, World | None]:
    """A new run: checked, built and described on disk."""
    from foreworld.cli.learning import overrides
    from foreworld.cli.recipes import with_recipes
    from foreworld.config import to_dict
    from foreworld.run import build, describe

    if args.run.exists() and (not args.run.is_dir() or any(args.run.iterdir())):
        raise ValueError(
            f"{args.run} is there already: --resume goes on with it, another --run begins anew"
        )
    args = with_recipes(args, explores=args.data is None or not Path(args.data).exists())
    with ExitStack() as stack:
        specs, world, store, dataset = _source(args, stack)
        explores = not (store or dataset)
        learning = _learning(args, args.policy or usual_policy(_known(world)) if explores else None)
        data = overrides(args.family, args.preset, args.set)
        model = build(args.family, specs, data, args.seed)
        if model.specs["action"] != specs["action"]:
            _require_films(args, explores)
            world = None
        if dataset:
            report = dataset.fill(args.run / "episodes")
            print(f"{args.data}: {report}")
    describe(args.run, args.family, model, world, to_dict(learning), store)
    return model, learning, world


class Taken(NamedTuple):
    """What there is to learn from."""

    specs: Specs  # what the model gets to see
    world: World | None = None  # how it was made
    store: Path | None = None  # of episodes that are there already
    dataset: Dataset | None = None  # to be imported into the run


def _require_films(args: Args, explores: bool) -> None:
    """Raises ValueError where a family that finds actions of its own would act in a world."""
    if explores:
        raise ValueError(
            f"{args.family} with labels=0 finds actions of its own, and {args.data} takes others: "
            "record a video first with foreworld collect, and learn from that; or have recorded "
            "actions read, as in --set labels=0.025"
        )


def _source(args: Args, stack: ExitStack) -> Taken:
    """What the positional argument names."""
    from foreworld.cli.collect import look
    from foreworld.cli.datasets import open_dataset
    from foreworld.data.stored import StoredSource
    from foreworld.episodes import EpisodeStore
    from foreworld.run import read_world
    from foreworld.streams.registry import find_spec

    if args.data is None:
        raise ValueError(
            "what to learn from? Name a store of episodes, a dataset or a world, as in: "
            f"foreworld train tabletop --run {args.run} --budget 5m"
        )
    path = Path(args.data)
    if StoredSource.fits(path):
        store = EpisodeStore.open(path)
        if not len(store):
            raise ValueError(f"{path} holds no episode yet: foreworld collect WORLD --out {path}")
        if args.mapping:
            raise ValueError(f"--mapping is for logs; {path} is a store of episodes already")
        return Taken(store.specs, read_world(path), path)
    if path.exists():
        dataset = stack.enter_context(open_dataset(path, args.mapping))
        return Taken(dataset.specs, dataset=dataset)
    world = make_world(args.data, args.seen)
    try:
        find_spec(world.env)
    except ValueError as error:
        raise ValueError(f"there is nothing at {args.data}; as a world: {error}") from error
    return Taken(look(world, args.policy or usual_policy(world)), world)


def _learning(args: Args, policy: str | None) -> Learning:
    """The settings to keep. Raises ValueError for those that make no sense."""
    from foreworld.cli.learning import Learning, learner_overrides, planner_overrides, shares
    from foreworld.config import override
    from foreworld.training import LoopConfig, parse_duration

    if policy is None and args.train_ratio is not None:
        raise ValueError("--train-ratio explores a world, not episodes: name the world instead")
    if args.until is not None and args.train_ratio is None:
        raise ValueError(
            "--until waits for what is collected beside training: add --train-ratio 32"
        )
    learning = Learning(
        override(LoopConfig(), args.train),
        args.steps,
        parse_duration(args.budget) if args.budget else None,
        args.seed,
        policy,
        args.prefill if policy else 0,
        args.train_ratio,
        args.until,
        args.num_envs,
        args.planner,
        planner_overrides(args.planner, args.planner_set),
        args.replan_every,
        args.learner,
        learner_overrides(args.learner, args.learner_set),
        args.noise,
        shares(args.mix),
    )
    learning.budget  # noqa: B018 (raises where there is none)
    return learning


def _resumed(args: Args) -> tuple[WorldModel, Learning, World | None]:
    """A run that is there, with a new budget or a changed loop where the flags say so."""
    from foreworld.cli.learning import Learning
    from foreworld.config import from_dict, override, to_dict
    from foreworld.run import World, describe, read_document, restore_model
    from foreworld.training import parse_duration

    given = [f.name for f in fields(args) if getattr(args, f.name) != _default(f.name)]
    for name in given:
        if name not in RESUMED:
            raise ValueError(
                f"--resume goes on as run.json says: leave out --{name.replace('_', '-')}, or "
                "begin anew with another --run"
            )
    document = read_document(args.run)
    model = restore_model(document, args.family if "family" in given else None)
    learning = from_dict(Learning, document["training"])
    if args.steps or args.budget:
        seconds = parse_duration(args.budget) if args.budget else None
        learning = replace(learning, steps=args.steps, budget_s=seconds)
    learning = replace(learning, loop=override(learning.loop, args.train))
    world = from_dict(World, document["world"]) if document["world"] else None
    family, store = document["family"], document["episodes"]
    describe(args.run, family, model, world, to_dict(learning), store)
    return model, learning, world


def _default(name: str) -> Any:
    return getattr(Args, name, None)


def _known(world: World | None) -> World:
    assert world is not None
    return world


def _explored(run: Path, specs: Specs, learning: Learning, world: World) -> Any:
    """The run's own store, filled before training; a run that has trained keeps what it has."""
    from foreworld.checkpoint import latest
    from foreworld.cli.collect import fill, open_store

    store = open_store(run / "episodes", specs, world)
    if latest(run / "checkpoints") is None:
        try:
            assert learning.policy is not None
            fill(store, world, learning.policy, learning.prefill, learning.num_envs, learning.seed)
        except BaseException:
            store.close()
            raise
    return store


def _standing(run: Path) -> dict[str, Any]:
    """Where a run stands: updates, seconds and last losses."""
    from foreworld.checkpoint import latest, load_checkpoint
    from foreworld.log import read_jsonl

    newest = latest(run / "checkpoints")
    assert newest is not None
    metrics = run / "metrics.jsonl"
    records = read_jsonl(metrics) if metrics.exists() else []
    last = records[-1] if records else {}
    return {
        "run": str(run),
        "updates": load_checkpoint(newest, []).step,
        "seconds": last.get("elapsed_s"),
        "losses": {k: v for k, v in last.items() if k.startswith("loss")},
        "watched": {k: v for k, v in last.items() if k.startswith(("watch/", "alarms"))},
        "checkpoint": str(newest),
    }


def _tell(run: Path, result: dict[str, Any]) -> None:
    from foreworld.cli.tables import print_facts

    facts = {k: v for k, v in result.items() if k not in ("losses", "watched", "complete", "run")}
    print_facts(str(run), facts | result["losses"] | result["watched"])
    if result["complete"]:
        print(f"see what it imagines: foreworld imagine {run}")
    else:
        print(f"go on with it: foreworld train --run {run} --resume")
