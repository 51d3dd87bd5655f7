"""Plans by what an instruction means: its goal, judged on predicted facts, not on reward.

    "push the cup onto the red mark" --parse--> Task --reward_of--> score of facts [M, H, F]

The grammar and the formula are the tabletop's own; the model supplies what is where, now and later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from foreworld.policies.planned import PlannedCarry, PlannedPolicy
from foreworld.policies.scripted import instructed_tasks
from foreworld.vocab import Planner, State, Step, WorldModel, predict_all
from foreworld.worlds.tabletop_reward import reward_of
from foreworld.worlds.tabletop_task import Task


@dataclass(frozen=True)
class TaskObjective:
    """Sum over the horizon of each row's task reward, on predicted facts; tasks: one a row."""

    tasks: Sequence[Task]

    def __call__(self, model: WorldModel, states: State, actions: Tensor) -> Tensor:
        facts = predict_all(model, states, ["facts"])["facts"].detach().float().cpu().numpy()
        facts = facts.reshape(len(self.tasks), -1, *facts.shape[1:])  # [B, N, H, F]
        scores = np.empty(facts.shape[:2], np.float32)
        for task in set(self.tasks):
            rows = [i for i, other in enumerate(self.tasks) if other == task]
            scores[rows] = reward_of(task, facts[rows]).sum(-1)
        return torch.from_numpy(scores).flatten().to(actions.device)


@dataclass(frozen=True, eq=False)
class InstructedPolicy:
    """`PlannedPolicy` with the instruction of each row as its objective.

    Raises ValueError for models that do not predict `facts`, and for other worlds.
    """

    model: WorldModel
    planner: Planner
    replan_every: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        if "facts" not in self.model.heads:
            raise ValueError(
                f"this model predicts {', '.join(self.model.heads)}, not facts: "
                "plan by reward instead"
            )

    def init(self, num_envs: int) -> PlannedCarry:
        return self._plan(()).init(num_envs)

    def act(self, carry: PlannedCarry, step: Step) -> tuple[PlannedCarry, np.ndarray]:
        return self._plan(instructed_tasks(step)).act(carry, step)

    def _plan(self, tasks: Sequence[Task]) -> PlannedPolicy:
        objective = TaskObjective(tuple(tasks))
        return PlannedPolicy(self.model, self.planner, objective, self.replan_every, self.seed)
