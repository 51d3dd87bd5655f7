"""Planning without any model: every candidate is really done in the world, which is put back.

start ─┬─ candidate 1 ─▶ rewards          What the simulator can make of the same planner,
       ├─ candidate 2 ─▶ rewards          where it cannot be worn as a model. Dear: budgets
       └─ the best    ─▶ the next start   have to be small.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from foreworld.evaluation.branches import BranchingWorld
from foreworld.evaluation.played import Effort, Played, Stage, as_batch
from foreworld.vocab import Batch, Loss, Prediction, Specs, State, Step, WorldModel
from foreworld.worlds.snapshots import Snapshot


@dataclass(frozen=True, eq=False)
class ExecutedReturn:
    """Objective: what action sequences really return from a start; imagined states are ignored."""

    world: BranchingWorld
    start: Snapshot

    def __call__(self, model: WorldModel, states: State, actions: Tensor) -> Tensor:
        dtype = self.world.specs["action"].dtype
        sequences = actions.cpu().numpy().astype(dtype)
        return torch.tensor([rewards(self.world.follow(self.start, a)).sum() for a in sequences])


def rewards(rows: list[Step]) -> np.ndarray:
    """Rewards [H] of rows that followed each other; after an end, which goes on repeating: 0."""
    ended = np.array([False, *(bool(row["is_last"][0]) for row in rows[:-1])])
    return np.where(ended, 0.0, [float(row["reward"][0]) for row in rows])


def play_executed(world: BranchingWorld, stage: Stage, effort: Effort) -> Played:
    """Every start of the stage, one after another, by plans that were tried out."""
    played = [_one(world, stage, effort, i) for i in range(stage.episodes)]
    actions, won, seen = zip(*played, strict=True)
    batch = {k: torch.cat([s[k] for s in seen]) for k in seen[0]}
    return Played(np.stack(actions), np.stack(won), batch)


def _one(
    world: BranchingWorld, stage: Stage, effort: Effort, number: int
) -> tuple[np.ndarray, np.ndarray, Batch]:
    rows = [world.reset(stage.seed + number)]
    for action in stage.opening[number]:
        rows[-1] = {**rows[-1], "action": action[None]}
        rows.append(world.step(action[None]))
    seen, blank = as_batch(rows, stage.spec), _Blank(world.specs)
    # After an early end nothing counts any more: zeros.
    done, won = np.zeros((stage.steps, *stage.spec.shape), stage.spec.dtype), np.zeros(stage.steps)
    over = any(bool(row["is_last"][0]) for row in rows)
    for t in range(0, stage.steps, effort.hold):
        if over:
            break
        start = world.snapshot()
        objective, seed = ExecutedReturn(world, start), stage.seed + len(rows) + t
        plan = effort.planner(blank, blank.initial(1), objective, seed=seed)
        chosen = plan.actions[0, : min(effort.hold, stage.steps - t)].numpy()
        done[t : t + len(chosen)] = chosen
        came = world.follow(start, done[t : t + len(chosen)])
        won[t : t + len(chosen)] = rewards(came)
        over = bool(came[-1]["is_last"][0])
    return done, won, seen


class _Nothing(NamedTuple):
    """The state of a model that has none."""

    action: Tensor


class _Blank(WorldModel):
    """Imagines nothing: planners want a model to hand to their objective."""

    heads = ()

    def __init__(self, specs: Specs) -> None:
        super().__init__()
        self.specs = specs

    @property
    def device(self) -> torch.device:
        return torch.device("cpu")

    def initial(self, batch_size: int) -> _Nothing:
        return _Nothing(torch.zeros(batch_size, *self.specs["action"].shape))

    def observe(self, state: _Nothing, batch: Batch) -> _Nothing:
        return state

    def imagine(self, state: _Nothing, action: Tensor, noise: Tensor | None = None) -> _Nothing:
        return state

    def predict(self, state: _Nothing, heads: object = None) -> dict[str, Prediction]:
        return {}

    def features(self, state: _Nothing) -> Tensor:
        return state.action.flatten(1)

    def loss(self, batch: Batch) -> Loss:
        raise NotImplementedError("there is nothing to learn")

    def noise(self, batch_size: int, horizon: int, seed: int) -> Tensor:
        return torch.zeros(batch_size, horizon, 0)
