"""One start, several pushes, in the true world: drive somewhere, remember it, push, put it back.

reset ── drive ──▶ start ─┬─ push -x ─▶ H rows
                          ├─ push +x ─▶ H rows     the world is restored to the start before each
                          └─ ...
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium.wrappers import TimeLimit
from torch import Tensor

from foreworld.streams.gym_stream import GymStream
from foreworld.vocab import Policy, Spec, Step
from foreworld.worlds.simulators import find_simulator
from foreworld.worlds.snapshots import Snapshot, restore, snapshot

MOST_ATTEMPTS = 10  # per start wanted


@dataclass(frozen=True, eq=False)
class Branches:
    """N starts, K pushes each: what was seen before, and what truly followed each push."""

    pushes: tuple[str, ...]  # names [K]
    seen: Mapping[str, Tensor]  # [N, context, ...]; the action of the last row is yet to come
    actions: Tensor  # [K, H, ...]
    truth: Mapping[str, Tensor]  # [N, K, H, ...]; after an early end its last row goes on
    seed: int


class BranchingWorld:
    """One Gymnasium environment that can be put back to an earlier instant.

    env: of a simulator that `foreworld.worlds.snapshots` knows, or with `get_state() -> state` and
    `set_state(state)`, exact. settings: of `GymStream`. Raises ValueError where it cannot.
    """

    def __init__(self, env: gymnasium.Env, **settings: Any) -> None:
        find_simulator(env.unwrapped)  # raises before anything has been driven
        while isinstance(env, TimeLimit):  # without the clock: a branch may outlast the episode
            env = env.env
        self._env = env
        self._stream = GymStream(lambda: self._env, num_envs=1, **settings)
        self.specs = self._stream.specs

    @property
    def unwrapped(self) -> Any:
        """The environment itself, without wrappers."""
        return self._env.unwrapped

    def reset(self, seed: int) -> Step:
        return self._stream.reset(seed)

    def step(self, action: np.ndarray) -> Step:
        return self._stream.step(action)

    def follow(self, start: Snapshot, actions: np.ndarray) -> list[Step]:
        """The rows that `actions` [H, ...] lead to from a start, one per action."""
        self.restore(start)
        rows: list[Step] = []
        for action in actions:
            ended = rows and rows[-1]["is_last"][0]
            rows.append(rows[-1] if ended else self.step(action[None]))
        return rows

    def snapshot(self) -> Snapshot:
        return snapshot(self._env)

    def restore(self, start: Snapshot) -> None:
        """Go back; the next thing to call is `step`."""
        self._stream.reset()  # or it would begin anew where the last branch ended its episode
        restore(self._env, start)

    def frames(self) -> np.ndarray:
        """What it looks like now, uint8 [1, H, W, 3]. Raises ValueError without pictures."""
        return self._stream.frames()

    @property
    def simulator(self) -> gymnasium.Env:
        """The environment without its wrappers."""
        return self._env.unwrapped

    def close(self) -> None:
        self._stream.close()


def pushes(spec: Spec, horizon: int) -> tuple[tuple[str, ...], np.ndarray]:
    """Constant actions as different as the world allows, with names: [K, H, ...], K = 2 to 4.

    Both ends of the first two dimensions (the rest in the middle of their range), or up to four
    classes of the first discrete component. Raises ValueError for actions without bounds.
    """
    if spec.classes:
        names = tuple(f"action {k}" for k in range(min(4, spec.classes[0])))
        chosen = np.zeros((len(names), len(spec.classes)))
        chosen[:, 0] = range(len(names))
    elif spec.low is None or spec.high is None:
        raise ValueError(f"pushes need bounded actions; low={spec.low}, high={spec.high}")
    else:
        low, high = (np.broadcast_to(np.ravel(b), spec.width) for b in (spec.low, spec.high))
        names = ("-x", "+x", "-y", "+y")[: 2 * min(spec.width, 2)]
        chosen = np.tile((low + high) / 2, (len(names), 1))
        for row in range(len(names)):
            chosen[row, row // 2] = (low, high)[row % 2][row // 2]
    actions = chosen.reshape(-1, 1, *spec.shape).astype(spec.dtype)
    return names, np.repeat(actions, horizon, 1)


def branch(
    world: BranchingWorld,
    policy: Policy,
    starts: int = 24,
    context: int = 5,
    horizon: int = 10,
    seed: int = 0,
    wait: int = 20,
    sequences: Mapping[str, np.ndarray] | None = None,
) -> Branches:
    """Drive with `policy` for `context` to `context + wait` steps, then push in every direction.

    sequences: actions [H, ...] by name to follow instead of the constant `pushes`.

    A policy that seeks contact makes the differences worth seeing. Where an episode ends before the
    pushes, the next seed takes its place. Raises ValueError if that happens nearly always.
    """
    if sequences is None:
        names, actions = pushes(world.specs["action"], horizon)
    else:
        names, actions = tuple(sequences), np.stack(list(sequences.values()))
    rng = np.random.default_rng(seed)
    seen, truth = [], []
    for attempt in range(MOST_ATTEMPTS * starts):
        rows = _drive(world, policy, seed + attempt, context + int(rng.integers(wait + 1)))
        if rows[-1]["is_last"][0]:
            continue
        start = world.snapshot()
        seen.append(_join(rows[-context:]))
        futures = [_join(world.follow(start, push)) for push in actions]
        truth.append({k: np.stack([f[k] for f in futures]) for k in futures[0]})
        if len(seen) == starts:
            break
    else:
        raise ValueError(
            f"{len(seen)} of {starts} starts lasted for {context} to {context + wait} steps; "
            "ask for fewer starts, or drive with a policy that does not end the episode so soon"
        )
    before = _tensors(seen)
    before["is_first"][:, 0] = True  # the model's belief begins there
    return Branches(names, before, torch.from_numpy(actions), _tensors(truth), seed)


def _drive(world: BranchingWorld, policy: Policy, seed: int, length: int) -> list[Step]:
    """`length` rows from a reset, or fewer if the episode ends; the last one's action is zero."""
    step, carry, spec = world.reset(seed), policy.init(1), world.specs["action"]
    rows = []
    while len(rows) < length - 1 and not step["is_last"][0]:
        carry, action = policy.act(carry, step)
        rows.append({**step, "action": action})
        step = world.step(action)
    return [*rows, {**step, "action": np.zeros((1, *spec.shape), spec.dtype)}]


def _join(rows: Sequence[Step]) -> dict[str, np.ndarray]:
    """Rows of one world, [1, ...] each, as arrays [T, ...]."""
    return {k: np.concatenate([row[k] for row in rows]) for k in rows[0]}


def _tensors(parts: Sequence[Mapping[str, np.ndarray]]) -> dict[str, Tensor]:
    return {k: torch.from_numpy(np.stack([part[k] for part in parts])) for k in parts[0]}
