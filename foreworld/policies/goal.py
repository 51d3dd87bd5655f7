"""Plans to make the world look like the goal that it shows: a picture, or whatever it gives.

step["goal"] --observe--> features of the goal
                               |  distance, the least along the way
imagined futures --features----+----> score
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from foreworld.planners.objectives import GoalObjective, goal_features
from foreworld.policies.planned import PlannedCarry, PlannedPolicy, step_batch
from foreworld.vocab import Planner, Step, WorldModel, observation_keys


class GoalCarry(NamedTuple):
    """What a policy with a goal remembers."""

    planned: PlannedCarry
    goal: Tensor  # [N, D] features


@dataclass(frozen=True, eq=False)
class GoalPolicy:
    """`PlannedPolicy` towards what the goal keys of a step show at the start of each episode.

    goals: goal key -> the key that should become so (`vocab.goals_of(stream.specs)`). reduce: which
    distance along the way counts, see `GoalObjective`.
    Raises ValueError if they leave out something that the model sees.
    """

    model: WorldModel
    planner: Planner
    goals: Mapping[str, str]
    replan_every: int = 1
    seed: int = 0
    reduce: str = "min"

    def __post_init__(self) -> None:
        missing = [k for k in observation_keys(self.model.specs) if k not in self.goals.values()]
        if missing:
            shown = ", ".join(f"{goal} (of {key})" for goal, key in self.goals.items())
            raise ValueError(
                f"this model sees {', '.join(missing)}, for which the world shows no goal; "
                f"its goals: {shown or 'none'}. Plan by reward instead, or in a world with goals "
                "(rooms)"
            )

    def init(self, num_envs: int) -> GoalCarry:
        none = torch.zeros(num_envs, 0)
        return GoalCarry(self._plan(none).init(num_envs), none)

    def act(self, carry: GoalCarry, step: Step) -> tuple[GoalCarry, np.ndarray]:
        """step: arrays [N, ...] with the goal keys, beside what a planned policy needs."""
        goal = self._goal(step) if step["is_first"].any() else carry.goal
        planned, action = self._plan(goal).act(carry.planned, step)
        return GoalCarry(planned, goal), action

    def _goal(self, step: Step) -> Tensor:
        """Features [N, D] of a world that looks like its goal."""
        seen = {self.goals[key]: step[key] for key in self.goals}
        first = np.ones(len(step["is_first"]), bool)
        return goal_features(self.model, step_batch(self.model, {**seen, "is_first": first}))

    def _plan(self, goal: Tensor) -> PlannedPolicy:
        objective = GoalObjective(goal, reduce=self.reduce)
        return PlannedPolicy(self.model, self.planner, objective, self.replan_every, self.seed)
