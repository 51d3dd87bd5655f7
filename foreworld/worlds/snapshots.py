"""A running environment, kept and put back bit for bit: physics, clock, generator and all wrappers.

kept = snapshot(env)
one = [env.step(a) for a in actions]
restore(env, kept)
two = [env.step(a) for a in actions]    # equal to one: observations, rewards, ends, next resets

Snapshots live in memory only. One may be restored any number of times, after resets as well, and
into another environment that was made with the same words.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium
from gymnasium.spaces import Space

from foreworld.worlds.simulators import Simulator, find_simulator

# Of a wrapper: what it wraps, and what it has read there once for all.
NO_STATE = frozenset({"env", "_cached_spec"})


@dataclass(frozen=True, eq=False)
class Snapshot:
    """One instant of one environment. `restore` reads it, nobody writes to it."""

    holders: tuple[Any, ...]  # the objects it was taken from: wrappers inwards, then the simulator
    attributes: tuple[dict[str, Any], ...]  # copies of what each of them held
    native: Any  # what the simulator keeps outside of Python


def snapshot(env: gymnasium.Env) -> Snapshot:
    """This instant of `env`, which goes on as if nothing had happened (but for PushT, see there).

    Kept are the simulator's state, `np_random`, and what every wrapper holds (elapsed steps,
    stacked frames, flags). Not kept: windows, and the generators of spaces (`space.sample`).

    Raises ValueError for a simulator that Foreworld cannot put back, or a wrapper that cannot be
    copied, naming what can.
    """
    simulator = find_simulator(env.unwrapped)
    holders = _holders(env, simulator)
    memo = {id(holder): holder for holder in holders}  # references to them are no copies
    attributes = tuple(_copied(h, state, memo) for h, state in _states(holders, simulator))
    return Snapshot(holders, attributes, simulator.save(env.unwrapped))


def restore(env: gymnasium.Env, kept: Snapshot) -> None:
    """Go on from a snapshot of `env`, or of an environment made in the same way.

    The next thing to call is `step`, or `reset` for the start that would have come next.
    Raises ValueError where the snapshot is of another kind of environment.
    """
    simulator = find_simulator(env.unwrapped)
    holders = _holders(env, simulator)
    if [type(h) for h in holders] != [type(h) for h in kept.holders]:
        raise ValueError(
            f"a snapshot of {_names(kept.holders)} does not fit {_names(holders)}: restore it into "
            "the environment it was taken from, or one made in the same way"
        )
    simulator.load(env.unwrapped, kept.native)
    memo = {id(old): new for old, new in zip(kept.holders, holders, strict=True)}
    states = list(_states(holders, simulator))
    for (holder, now), then in zip(states, kept.attributes, strict=True):
        for name in now.keys() - then.keys():
            delattr(holder, name)
        # One memo for all: what two of them shared, they share again.
        vars(holder).update(_copied(holder, then, memo))


def _holders(env: gymnasium.Env, simulator: Simulator) -> tuple[Any, ...]:
    """Everything that holds state in Python attributes, from the outermost wrapper inwards."""
    layers: list[Any] = []
    while isinstance(env, gymnasium.Wrapper):
        layers.append(env)
        env = env.env
    return (*layers, *simulator.holders(env))


def _states(holders: Sequence[Any], simulator: Simulator) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Each holder with the attributes of it that are state."""
    for holder in holders:
        stays = NO_STATE if isinstance(holder, gymnasium.Wrapper) else simulator.stays
        state = vars(holder).items()
        yield holder, {k: v for k, v in state if k not in stays and not isinstance(v, Space)}


def _copied(holder: Any, state: dict[str, Any], memo: dict[int, Any]) -> dict[str, Any]:
    try:
        return copy.deepcopy(state, memo)
    except (TypeError, AttributeError, NotImplementedError) as error:
        raise ValueError(
            f"{type(holder).__name__} holds something that cannot be copied ({error}): make the "
            "environment without it, or let its simulator tell its state by get_state() and "
            "set_state(state)"
        ) from error


def _names(holders: Sequence[Any]) -> str:
    return "<".join(type(holder).__name__ for holder in holders)
