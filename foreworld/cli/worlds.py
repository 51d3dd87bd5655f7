"""Lists the worlds that come with Foreworld, or shows what one of them shows and takes.

foreworld worlds
foreworld worlds tabletop
foreworld worlds CartPole-v1
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from tyro.conf import Positional, arg

from foreworld import catalog

ANY_ID = "Any other Gymnasium id works too, my_package.envs:Mine-v0 for one of your own."

Name = Annotated[str | None, arg(name="world", metavar="WORLD"), Positional]


@dataclass(frozen=True)
class Args:
    world: Name = None  # a name from the list, or any Gymnasium id
    pixels: bool = False  # render the world and observe the image alone


def run(args: Args) -> dict[str, Any]:
    """Print the list or one world; returns the same as data."""
    return _list() if args.world is None else _show(args.world, args.pixels)


def _list() -> dict[str, Any]:
    width = max(map(len, catalog.WORLDS))
    for name, env_id in catalog.WORLDS.items():
        print(f"{name:<{width}}   {env_id}")
    print()
    width = max(map(len, catalog.WORLD_KINDS))
    for kind, (env_id, extra) in catalog.WORLD_KINDS.items():
        brings = f"pip install 'foreworld[{extra}]'" if extra else "always there"
        print(f"{kind:<{width}}   {env_id:<31} {brings}")
    print(f"\n{ANY_ID}\nforeworld worlds NAME shows what a world shows and takes.")
    kinds = {k: {"example": i, "extra": extra} for k, (i, extra) in catalog.WORLD_KINDS.items()}
    return {"worlds": dict(catalog.WORLDS), "kinds": kinds}


def _show(name: str, pixels: bool) -> dict[str, Any]:
    from foreworld.cli.tables import print_specs
    from foreworld.streams import GymStream
    from foreworld.streams.registry import find_spec, make_env

    env_id = catalog.world_id(name)
    stream = GymStream(env_id, image_size=None, pixels=pixels)
    print_specs(env_id, stream.specs)
    stream.close()
    env = make_env(find_spec(env_id), {})
    declared = _declared(env.unwrapped)
    env.close()
    for what, values in declared.items():
        print(f"{what}: {', '.join(map(str, values))}")
    specs = {key: spec.to_json() for key, spec in stream.specs.items()}
    return {"id": env_id, "specs": specs, **declared}


def _declared(env: Any) -> dict[str, Any]:
    """The tasks one can ask for and the factors one can vary, where a world declares them."""
    names = {what: getattr(env, what.upper(), None) for what in ("tasks", "factors")}
    return {what: list(values) for what, values in names.items() if values}
