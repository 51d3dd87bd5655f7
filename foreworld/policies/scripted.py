"""Policies that are told where everything is: an expert, and a child that plays on the tabletop.

They read what a model never gets to see (`facts`) and the words of the instruction::

    policy = MixedPolicy(specs["action"], seed=0)      # what `foreworld collect tabletop` plays
    for episode in collect(stream, policy, steps=10_000): ...
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from foreworld.policies.random import RandomPolicy
from foreworld.vocab import Spec, Step
from foreworld.worlds.bounce import NAMES as BOUNCE_FACTS
from foreworld.worlds.bounce_expert import steer_to_mark
from foreworld.worlds.rooms_expert import go_to_goal
from foreworld.worlds.tabletop_expert import PlayPolicy as Play
from foreworld.worlds.tabletop_expert import ScriptedExpert
from foreworld.worlds.tabletop_task import Task, parse

NOISE = 0.3  # of the noisy expert, in units of the action
SHARES = (0.65, 0.25, 0.1)  # of a mixture's episodes: play, noisy expert, random


@dataclass(frozen=True)
class ExpertPolicy:
    """Does what the instruction says on the tabletop, goes to the goal in the rooms, and brings the
    ball to its mark in the box of balls (`bounce`).

    Like all policies here it raises ValueError for worlds that it has no script for.
    """

    action_spec: Spec
    seed: int = 0

    def init(self, num_envs: int) -> ScriptedExpert:
        return ScriptedExpert(seed=self.seed)

    def act(self, carry: ScriptedExpert, step: Step) -> tuple[ScriptedExpert, np.ndarray]:
        if "goal_facts" in step:
            return carry, go_to_goal(step["facts"], step["goal_facts"])
        if "facts" in step and step["facts"].shape[1:] == (len(BOUNCE_FACTS),):
            return carry, steer_to_mark(step["facts"])
        return carry, carry.act_batch(_facts(step), instructed_tasks(step))


@dataclass(frozen=True)
class NoisyExpertPolicy:
    """The expert with a trembling hand, which now and then wanders off.

    noise: standard deviation added to actions. The carry is the script itself, with its generator.
    """

    action_spec: Spec
    seed: int = 0
    noise: float = NOISE

    def init(self, num_envs: int) -> ScriptedExpert:
        return ScriptedExpert(self.noise, self.seed)

    def act(self, carry: ScriptedExpert, step: Step) -> tuple[ScriptedExpert, np.ndarray]:
        return carry, carry.act_batch(_facts(step), instructed_tasks(step))


@dataclass(frozen=True)
class PlayPolicy:
    """Pushes things about, goes places, drifts; the instruction does not matter to it."""

    action_spec: Spec
    seed: int = 0

    def init(self, num_envs: int) -> Play:
        return Play(self.seed)

    def act(self, carry: Play, step: Step) -> tuple[Play, np.ndarray]:
        return carry, carry.act_batch(_facts(step))


class MixedCarry(NamedTuple):
    """What a mixture remembers."""

    carries: tuple[Any, ...]  # of its parts
    chosen: np.ndarray  # [N] which part acts in each world
    rng: np.random.Generator


@dataclass(frozen=True)
class MixedPolicy:
    """Each episode of each world is played by one of three: play, the noisy expert, chance.

    Play makes contacts of every kind, the expert shows what is wanted, chance visits the rest.
    """

    action_spec: Spec
    seed: int = 0

    def init(self, num_envs: int) -> MixedCarry:
        carries = tuple(part.init(num_envs) for part in self._parts)
        return MixedCarry(carries, np.zeros(num_envs, int), np.random.default_rng(self.seed))

    def act(self, carry: MixedCarry, step: Step) -> tuple[MixedCarry, np.ndarray]:
        first = step["is_first"]
        drawn = carry.rng.choice(len(SHARES), len(first), p=SHARES)
        chosen = np.where(first, drawn, carry.chosen)
        pairs = [p.act(c, step) for p, c in zip(self._parts, carry.carries, strict=True)]
        actions = np.stack([action for _, action in pairs])
        carry = MixedCarry(tuple(c for c, _ in pairs), chosen, carry.rng)
        return carry, actions[chosen, np.arange(len(chosen))]

    @property
    def _parts(self) -> tuple[PlayPolicy, NoisyExpertPolicy, RandomPolicy]:
        spec, seed = self.action_spec, self.seed
        return PlayPolicy(spec, seed), NoisyExpertPolicy(spec, seed), RandomPolicy(spec, seed)


def _facts(step: Step) -> np.ndarray:
    """[N, F]."""
    _require(step)
    return step["facts"]


def instructed_tasks(step: Step) -> Sequence[Task]:
    """What the instruction of each row wants, [N]. Raises ValueError for other worlds' steps."""
    _require(step)
    return [_task(row.tobytes()) for row in step["instruction"]]


def _require(step: Step) -> None:
    missing = [key for key in ("facts", "instruction") if key not in step]
    if missing:
        raise ValueError(
            f"this world's steps have no {' and no '.join(missing)}: expert, noisy, play and mixed "
            "know the tabletop only (expert: rooms and bounce, too); for other worlds: --policy "
            "random, wander or noop"
        )


@lru_cache(maxsize=4096)
def _task(instruction: bytes) -> Task:
    """The task in UTF-8 bytes, zero padded: parsed once a sentence, not once a step."""
    return parse(instruction.rstrip(b"\0").decode())
