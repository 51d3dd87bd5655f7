"""Policies that are told the facts: an expert that solves the tasks, and a child that plays.

expert = ScriptedExpert(noise=0.1, seed=0)
action = expert.act(env.unwrapped)                       # [2]
actions = expert.act_batch(facts, tasks)                 # [N, F], N tasks -> [N, 2]
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from foreworld.worlds.tabletop_reward import NEXT_TO_GAP_M
from foreworld.worlds.tabletop_steer import (
    STEP_M,
    View,
    block,
    columns,
    go_to,
    push_to,
    view_of,
)
from foreworld.worlds.tabletop_task import KINDS, Task
from foreworld.worlds.tabletop_things import MARKS, OBJECTS, TABLE_HALF_M

WANDER_CHANCE = 0.15  # per step and unit of noise: a random stretch begins
WANDER_STEPS = (3, 9)
DONE_M = 0.02  # nearer to its goal than this an object is left alone
PLAY_STEPS = (10, 36)
PLAY_SHARES = (0.75, 0.13, 0.12)  # push something, go somewhere, move at random
PLAY_NEAR = 0.6  # chance that what is pushed is what is nearest: less time goes to getting there

Array = np.ndarray


class Table(Protocol):
    """What `act` needs of a world."""

    facts: Array
    task: Task


def _goal(view: View, facts: Array, tasks: Sequence[Task], subject: Array) -> Array:
    """Where each subject should go, [N, 2]: a mark, or just beside another object."""
    at = [columns(f"{t.target}_x", f"{t.target}_y") if t.kind != "keep" else [0, 1] for t in tasks]
    goal = np.take_along_axis(facts, np.array(at), 1).astype(np.float64)
    for i, task in enumerate(tasks):
        if task.kind == "next_to":
            thing, other = view.objects[i, subject[i]], list(OBJECTS).index(task.target)
            radii = facts[i, columns(f"{task.subject}_radius", f"{task.target}_radius")].sum()
            way = thing - view.objects[i, other]
            goal[i] += way / max(float(np.hypot(*way)), 1e-9) * (radii + 0.5 * NEXT_TO_GAP_M)
    return goal


class ScriptedExpert:
    """Solves every task from the facts; with `noise`, less and less well.

    noise: standard deviation of the Gaussian noise on actions, in units of the action; it also
    makes random stretches begin, in 15 % of steps times noise. Raises ValueError if negative.
    """

    def __init__(self, noise: float = 0.0, seed: int = 0) -> None:
        if noise < 0.0:
            raise ValueError(f"noise={noise} is negative; valid: 0.0 (the best it can) or more")
        self.noise = noise
        self._rng = np.random.default_rng(seed)
        self._wander = _Wander(self._rng)

    def act(self, table: Table) -> Array:
        """The action float32 [2] for one unwrapped Tabletop."""
        return self.act_batch(table.facts[None], [table.task])[0]

    def act_batch(self, facts: Array, tasks: Sequence[Task]) -> Array:
        """Actions float32 [N, 2] in [-1, 1] for facts [N, F] and N tasks."""
        action = self._move(facts, tasks) / STEP_M
        if self.noise > 0.0:
            action = action + self.noise * self._rng.normal(size=action.shape)
            action = self._wander(action, WANDER_CHANCE * self.noise)
        return np.clip(action, -1.0, 1.0).astype(np.float32)

    def _move(self, facts: Array, tasks: Sequence[Task]) -> Array:
        view = view_of(facts)
        names = list(OBJECTS)
        subject = np.array([names.index(t.subject) if t.subject in names else 0 for t in tasks])
        kind = np.array([KINDS.index(t.kind) for t in tasks])[:, None]
        goal = _goal(view, facts, tasks, subject)
        left = goal - view.objects[np.arange(len(tasks)), subject]
        done = np.hypot(left[:, 0], left[:, 1])[:, None] < DONE_M
        push = np.where(done, 0.0, push_to(view, subject, goal))
        return np.choose(kind, [go_to(view, goal), push, push, block(view, subject)])


class _Wander:
    """Random stretches: now and then an env moves in one random direction for some steps."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._left = np.zeros(0, int)
        self._action = np.zeros((0, 2))

    def __call__(self, action: Array, chance: float) -> Array:
        """The actions [N, 2], some of them replaced."""
        count = len(action)
        if len(self._left) != count:
            self._left, self._action = np.zeros(count, int), np.zeros((count, 2))
        begins = (self._left == 0) & (self._rng.random(count) < chance)
        self._left[begins] = self._rng.integers(*WANDER_STEPS, begins.sum())
        self._action[begins] = self._rng.uniform(-1.0, 1.0, (begins.sum(), 2))
        wanders = self._left > 0
        self._left[wanders] -= 1
        return np.where(wanders[:, None], self._action, action)


class PlayPolicy:
    """Explores without a reward: pushes things about, goes places, drifts at random.

    For some steps each env has one intent: push a random object towards a random place (mostly on
    the table, so things fall but not all the time), go to a random place or mark, or move smoothly
    at random. Then it draws another.
    """

    def __init__(self, seed: int = 0) -> None:
        self._rng = np.random.default_rng(seed)
        self._resize(0)

    def _resize(self, count: int) -> None:
        self._left = np.zeros(count, int)
        self._intent = np.zeros(count, int)
        self._subject = np.zeros(count, int)
        self._goal = np.zeros((count, 2))
        self._drift = np.zeros((count, 2))
        self._speed = np.ones((count, 1))

    def act(self, table: Table) -> Array:
        """The action float32 [2] for one unwrapped Tabletop."""
        return self.act_batch(table.facts[None])[0]

    def act_batch(self, facts: Array, tasks: Sequence[Task] | None = None) -> Array:
        """Actions float32 [N, 2] in [-1, 1] for facts [N, F]; play has no use for tasks."""
        if len(self._left) != len(facts):
            self._resize(len(facts))
        view = view_of(facts)
        for i in np.flatnonzero(self._left == 0).tolist():
            self._choose(i, facts[i], view)
        self._left -= 1
        self._drift += self._rng.normal(0.0, 0.35, self._drift.shape) - 0.15 * self._drift
        push = push_to(view, self._subject, self._goal) / STEP_M
        go = go_to(view, self._goal) / STEP_M
        action = np.choose(self._intent[:, None], [push, go, self._drift]) * self._speed
        action = action + self._rng.normal(0.0, 0.1, action.shape)
        return np.clip(action, -1.0, 1.0).astype(np.float32)

    def _choose(self, i: int, facts: Array, view: View) -> None:
        """A new intent for env `i`; objects that fell are not pushed."""
        here = np.flatnonzero(view.on_table[i])
        self._left[i] = self._rng.integers(*PLAY_STEPS)
        self._intent[i] = self._rng.choice(3, p=PLAY_SHARES) if here.size else 2
        self._subject[i] = self._pick(i, here, view) if here.size else 0
        self._speed[i] = self._rng.uniform(0.5, 1.0)
        self._goal[i] = self._rng.uniform(-1.05 * TABLE_HALF_M, 1.05 * TABLE_HALF_M, 2)
        if self._rng.random() < 0.3:
            mark = self._rng.choice(list(MARKS))
            self._goal[i] = facts[columns(f"{mark}_x", f"{mark}_y")]

    def _pick(self, i: int, here: Array, view: View) -> int:
        """One of the objects `here` on the table of env `i`, often the nearest."""
        if self._rng.random() > PLAY_NEAR:
            return int(self._rng.choice(here))
        away = view.objects[i, here] - view.pusher[i]
        return int(here[np.hypot(*away.T).argmin()])
