"""Lets a policy act in a world and writes the episodes to a store, which may be there already.

foreworld collect tabletop --env task=push --steps 40000
foreworld collect Pendulum-v1 --pixels --out pendulum
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import OmitArgPrefixes, Positional, arg

from foreworld.cli.world import WorldArgs, make_world, usual_policy

if TYPE_CHECKING:
    from foreworld.episodes import EpisodeStore
    from foreworld.run import World
    from foreworld.vocab import Specs


@dataclass(frozen=True)
class Args:
    world: Annotated[str, arg(metavar="WORLD"), Positional]  # tabletop, rooms, any Gymnasium id
    out: Path = Path("episodes")  # store to begin, or to go on with
    steps: int = 20_000  # steps to add
    # random, noop, wander (the default of rooms, bounce), expert (tabletop, rooms, bounce);
    # tabletop: noisy, play, mixed (its default)
    policy: str | None = None
    num_envs: int = 8  # parallel worlds
    seed: int = 0  # of the worlds and the policy
    seen: OmitArgPrefixes[WorldArgs] = WorldArgs()  # how the world is made and seen


def run(args: Args) -> dict[str, Any]:
    """Collect and print what the store holds; returns the same as data."""
    from foreworld.cli.tables import print_facts

    if args.steps < 1:
        raise ValueError(f"--steps {args.steps}: at least 1")
    world = make_world(args.world, args.seen)
    policy = args.policy or usual_policy(world)
    specs = look(world, policy)
    with open_store(args.out, specs, world) as store:
        fill(store, world, policy, store.num_steps + args.steps, args.num_envs, args.seed)
        facts = summary(store)
    print_facts(str(args.out), facts)
    print(f"learn from it: foreworld train {args.out} --run runs/mine --budget 5m")
    return facts


def look(world: World, policy: str) -> Specs:
    """What a world shows and takes. Raises ValueError for a policy that cannot act there."""
    from foreworld import catalog
    from foreworld.run import make_stream

    make_policy = catalog.resolve(catalog.POLICIES, policy)
    stream = make_stream(world, 1, 0)
    acts = make_policy(stream.specs["action"], 0)
    acts.act(acts.init(1), stream.reset())
    stream.close()
    return stream.specs


def open_store(path: Path, specs: Specs, world: World) -> EpisodeStore:
    """The store at `path`, new or of the same world, ready for appending."""
    from foreworld.episodes import EpisodeStore
    from foreworld.run import write_world

    if (path / "manifest.json").exists():
        store = EpisodeStore.open(path, "a", specs)
    else:
        store = EpisodeStore.create(path, specs)
    try:
        write_world(path, world)
    except ValueError:
        store.close()
        raise
    return store


def fill(
    store: EpisodeStore,
    world: World,
    policy: str,
    steps: int,
    num_envs: int,
    seed: int = 0,
    until_s: float | None = None,
    least: int = 0,
) -> None:
    """Append episodes of a policy, by its catalog name, until the store has `steps` steps.

    The last episodes are cut short. until_s: a `time.monotonic()` at which to stop before that,
    with `least` episodes there however late it is.
    """
    import time

    from foreworld import catalog
    from foreworld.log import progress
    from foreworld.run import make_stream
    from foreworld.streams import collect

    missing = steps - store.num_steps
    if missing <= 0:
        return
    seed = fresh_seed(store, num_envs, seed)
    stream = make_stream(world, num_envs, seed)
    acts = catalog.resolve(catalog.POLICIES, policy)(stream.specs["action"], seed)
    with progress(f"collecting ({policy})", missing) as advance:

        def tell(seen: int, episodes: int) -> None:
            advance(num_envs, f"{episodes} episodes")

        for episode in collect(stream, acts, missing, truncate=True, progress=tell):
            store.append(episode)
            if until_s is not None and time.monotonic() > until_s and len(store) >= least:
                break
    stream.close()


def fresh_seed(store: EpisodeStore, num_envs: int, seed: int) -> int:
    """A seed for worlds whose episodes repeat neither those there nor held-out starts."""
    from foreworld.evaluation import HELD_OUT

    return (seed + num_envs * store.table.next_id) % HELD_OUT


def summary(store: EpisodeStore) -> dict[str, Any]:
    """What a store holds, in a few numbers."""
    size = sum(f.stat().st_size for f in store.path.rglob("*") if f.is_file())
    facts: dict[str, Any] = {
        "store": str(store.path),
        "episodes": len(store),
        "steps": store.num_steps,
        "mean_return": float(store.returns.mean()),
    }
    if "success" in store.specs:
        solved = [bool(store.column(i, "success")[1:].any()) for i in store.ids]
        facts["success_rate"] = sum(solved) / len(solved)
    return facts | {"size_mb": round(size / 1e6, 1)}
