"""A model and a planner as a policy: see, remember, plan, act.

Everything remembered is in the carry::

    step --observe--> state --plan--> plan.actions[:, 0] --> world
                        |                 |
                        +---- carry ------+----> the next call
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from foreworld.errors import nearest
from foreworld.planners.search import advance, forget
from foreworld.vocab import (
    CONTROL,
    Batch,
    Objective,
    Plan,
    Planner,
    State,
    Step,
    WorldModel,
    observation_keys,
)


class PlannedCarry(NamedTuple):
    """What a planned policy remembers."""

    state: State  # the model's, leaves [N, ...]
    plan: Plan | None  # the last one
    age: int  # how many of its actions were executed
    num_plans: int  # made so far: each gets its own seed


@dataclass(frozen=True, eq=False)
class PlannedPolicy:
    """Model predictive control: plans every `replan_every` steps and when a row begins anew.

    Raises ValueError for a `replan_every` below one.
    """

    model: WorldModel
    planner: Planner
    objective: Objective
    replan_every: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        if self.replan_every < 1:
            raise ValueError(f"replan_every={self.replan_every}: at least every step, 1, is needed")

    def init(self, num_envs: int) -> PlannedCarry:
        return PlannedCarry(self.model.initial(num_envs), None, 0, 0)

    @torch.no_grad()
    def act(self, carry: PlannedCarry, step: Step) -> tuple[PlannedCarry, np.ndarray]:
        """step: arrays [N, ...], at least the model's observation keys and `is_first`.

        Raises ValueError for missing keys or a plan shorter than `replan_every`.
        """
        batch = step_batch(self.model, step)
        state = self.model.observe(carry.state, batch)
        carry = self._planned(carry._replace(state=state), batch["is_first"][:, 0])
        assert carry.plan is not None
        action = carry.plan.actions[:, carry.age]
        carry = carry._replace(state=state._replace(action=action), age=carry.age + 1)
        return carry, action.cpu().numpy().astype(self.model.specs["action"].dtype)

    def _planned(self, carry: PlannedCarry, is_first: Tensor) -> PlannedCarry:
        """The carry with a plan whose next action can be executed."""
        previous = carry.plan
        if previous is not None:
            if carry.age < self.replan_every and not is_first.any():
                return carry
            previous = forget(advance(previous, carry.age - 1), is_first)
        seed = self.seed + carry.num_plans
        plan = self.planner(self.model, carry.state, self.objective, seed=seed, previous=previous)
        if plan.actions.shape[1] < self.replan_every:
            raise ValueError(
                f"replan_every={self.replan_every}, but plans are {plan.actions.shape[1]} steps "
                "long: plan further ahead (horizon) or more often"
            )
        return carry._replace(plan=plan, age=0, num_plans=carry.num_plans + 1)


def step_batch(model: WorldModel, step: Step) -> Batch:
    """One step of N worlds, arrays [N, ...], as the batch [N, 1, ...] that `model.observe` takes.

    Keys that the model does not see are left out; flags and reward that are missing are zero, and
    so is the action: it is yet to be chosen. Raises ValueError for missing observations.
    """
    keys = observation_keys(model.specs)
    missing = [k for k in (*keys, "is_first") if k not in step]
    if missing:
        names = {k: nearest(k, step) for k in missing}
        hints = [f"; is {found!r} meant to be {k!r}?" for k, found in names.items() if found]
        raise ValueError(
            f"the step lacks {', '.join(missing)}, which the model needs; it has "
            f"{', '.join(sorted(step))}{''.join(hints)}"
        )
    rows = len(step["is_first"])
    spec = model.specs["action"]
    zeros = {k: np.zeros(rows, np.float32 if k == "reward" else bool) for k in CONTROL[1:]}
    arrays = {**zeros, **{k: step[k] for k in (*keys, *CONTROL[1:]) if k in step}}
    arrays["action"] = np.zeros((rows, *spec.shape), spec.dtype)
    return {k: torch.as_tensor(v, device=model.device)[:, None] for k, v in arrays.items()}
