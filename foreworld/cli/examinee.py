"""A run as the subject of an examination: its model, the episodes kept from it, and its world."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, overload

import numpy as np

from foreworld.data.stored import noted_fps
from foreworld.episodes import EpisodeStore
from foreworld.evaluation.branches import BranchingWorld
from foreworld.evaluation.control import HELD_OUT
from foreworld.evaluation.own import Owned
from foreworld.evaluation.subject import Protocol, Subject
from foreworld.run import Run, World, make_stream
from foreworld.streams.registry import can_render, find_spec, make_env
from foreworld.vocab import PRESENT, Episode

if TYPE_CHECKING:
    from foreworld.cli.trust import Args


ENDLESS = 2**31 - 1  # steps


class Stored(Sequence[Episode]):
    """Episodes of a store, each read when it is asked for."""

    def __init__(self, store: EpisodeStore, ids: np.ndarray) -> None:
        self.store, self.ids = store, ids

    def __len__(self) -> int:
        return len(self.ids)

    @overload
    def __getitem__(self, place: int) -> Episode: ...
    @overload
    def __getitem__(self, place: slice) -> Stored: ...
    def __getitem__(self, place: int | slice) -> Episode | Stored:
        if isinstance(place, slice):
            return Stored(self.store, self.ids[place])
        return self.store[int(self.ids[place])]


def subject_of(opened: Run, args: Args) -> Subject:
    """Raises ValueError where there are no episodes to examine it on."""
    trained, held_out = _episodes(opened, args)
    return Subject(
        model=opened.model,
        held_out=Owned(opened.model, held_out[: args.episodes]),
        training=Owned(opened.model, trained),
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
    return trained, Stored(other, _complete(other, other.ids))


def _beside(store: EpisodeStore, opened: Run) -> tuple[Stored, Stored]:
    train, test = store.split()
    if opened.document.get("held_out"):  # a small run has brought no others along
        train, test = store.ids[:0], store.ids
    return Stored(store, train), Stored(store, _complete(store, test))


def _complete(store: EpisodeStore, ids: np.ndarray) -> np.ndarray:
    """Those in which everything was recorded: zeros in its place are nothing to be foretold."""
    flags = [key for key in store.specs if key.startswith(PRESENT)]
    there = [all(store.column(int(id), key).all() for key in flags) for id in ids]
    return ids[np.array(there, bool)]


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
