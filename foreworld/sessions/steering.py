"""Who acts in a dream where no person does: chance, a planner, or what was learned in it.

    choose = Planned(rows.model, planner, RewardObjective())
    action = choose(state, seed)          # [...] of one action

Unlike a `Policy` they see the dream's own state, not pictures of it; the same state and seed give
the same action.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from foreworld.policies.actor_critic import Actor
from foreworld.policies.random import RandomPolicy
from foreworld.vocab import Objective, Plan, Planner, Spec, State, WorldModel


class Steering(Protocol):
    """How many actions it gives at once, and which."""

    def __call__(self, state: State, seed: int) -> list[np.ndarray]:
        """Actions for the next steps; asked again when they are used up."""
        ...


@dataclass(frozen=True)
class Chance:
    """Uniformly random; raises ValueError for actions without bounds."""

    spec: Spec

    def __call__(self, state: State, seed: int) -> list[np.ndarray]:
        one = {"is_first": np.ones(1, bool)}
        return [RandomPolicy(self.spec, seed).act(0, one)[1][0]]


@dataclass(frozen=True, eq=False)
class Planned:
    """Plans from the dream's state and follows the plan for a few steps."""

    model: WorldModel
    planner: Planner
    objective: Objective
    hold: int = 3

    def __call__(self, state: State, seed: int) -> list[np.ndarray]:
        return list(self.plan(state, seed).actions[0, : self.hold].cpu().numpy())

    def plan(self, state: State, seed: int) -> Plan:
        return self.planner(self.model, state, self.objective, seed=seed)


@dataclass(frozen=True, eq=False)
class Learned:
    """An actor's favourite choice."""

    model: WorldModel
    actor: Actor

    @torch.no_grad()
    def __call__(self, state: State, seed: int) -> list[np.ndarray]:
        action = self.actor.action(self.actor(self.model.features(state)).mean)
        return [action[0].cpu().numpy().astype(self.actor.spec.dtype)]
