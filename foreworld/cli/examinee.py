"""A run as the subject of an examination: its model, the episodes kept from it, and its world."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from foreworld.data.stored import noted_fps
from foreworld.episodes import Each, EpisodeStore
from foreworld.evaluation.branches import BranchingWorld
from foreworld.evaluation.control import HELD_OUT
from foreworld.evaluation.own import owned
from foreworld.evaluation.subject import Protocol, Subject
from foreworld.run import Run, World, make_stream
from foreworld.streams.registry import can_render, find_spec, make_env
from foreworld.vocab import PRESENT, Episode

if TYPE_CHECKING:
    from foreworld.cli.trust import Args


ENDLESS = 2**31 - 1  # steps


def subject_of(opened: Run, args: Args) -> Subject:
    """Raises ValueError where there are no episodes to examine it on."""
    trained, held_out = _episodes(opened, args)
    return Subject(
        model=opened.model,
        held_out=owned(opened.model, held_out[: args.episodes]),
        training=owned(opened.model, trained),
        make_stream=partial(make_stream, opened.world) if opened.world else None,
        branching=_branching(opened.world),
        world=opened.world,
        rate_hz=noted_fps(opened.store_path),
        protocol=protocol(args.fast, args.seed),
    )


def protocol(fast: bool, seed: int) -> Protocol:
    whole = Protocol(seed=HELD_OUT + seed)
    few = {name: max(4, getattr(whole, name) // 4) for name in ("starts", "episodes", "stretch")}
    return replace(whole, **few) if fast else whole


def _episodes(opened: Run, args: Args) -> tuple[Sequence[Episode], Sequence[Episode]]:
    """Those it was trained on, and those it never saw."""
    if args.episodes < 2:
        raise ValueError(f"--episodes {args.episodes}: at least 2, or nothing has an interval")
    own = opened.store_path if opened.store_path.exists() else None
    if own is None and args.data is None:
        raise ValueError(
            f"{opened.path} has no episodes beside it ({opened.store_path} is gone); name some "
            "that it never saw: --data STORE"
        )
    trained, kept = _beside(EpisodeStore.open(own), opened) if own else ([], [])
    if args.data is None:
        return trained, kept
    other = EpisodeStore.open(args.data)
    return trained, Each(other.__getitem__, _complete(other, other.ids))


def _beside(store: EpisodeStore, opened: Run) -> tuple[Each, Each]:
    train, test = store.split()
    if opened.document.get("held_out"):  # a small run has brought no others along
        train, test = store.ids[:0], store.ids
    read = store.__getitem__
    return Each(read, train.tolist()), Each(read, _complete(store, test))


def _complete(store: EpisodeStore, ids: np.ndarray) -> list[int]:
    """Those in which everything was recorded: zeros in its place are nothing to be foretold."""
    flags = [key for key in store.specs if key.startswith(PRESENT)]
    return [id for id in ids.tolist() if all(store.column(id, key).all() for key in flags)]


def _branching(world: World | None) -> partial[BranchingWorld] | None:
    """How to make a world that can be put back; None where this one cannot."""
    if world is None:
        return None
    try:
        branching_world(world).close()
    except ValueError:
        return None
    return partial(branching_world, world)


def branching_world(world: World, played: bool = False) -> BranchingWorld:
    """One that can be put back. Raises ValueError where its simulator cannot.

    played: by people, who want pictures where it can draw them, and no clock.
    """
    spec = find_spec(world.env)
    draws = world.pixels or (played and can_render(spec))
    env = make_env(spec, ({"render_mode": "rgb_array"} if draws else {}) | world.env_kwargs)
    if played and isinstance(getattr(env.unwrapped, "max_steps", None), int):
        vars(env.unwrapped)["max_steps"] = ENDLESS
    return BranchingWorld(
        env,
        image_size=world.image_size,
        frame_skip=world.frame_skip,
        pixels=world.pixels,
        fast_pictures=world.fast_pictures,
    )
