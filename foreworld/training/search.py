"""Learning from what a tree search finds (MuZero Reanalyze, Schrittwieser et al. 2020 and 2021).

    replay ─▶ batch ─▶ prepare: search from every row of it ─▶ search_policy, search_value ─▶ loss
                          ▲ with a copy of the model that follows in strides
    world  ◀── policy: search with the model as it is, noise at the root

Every policy and value that the model learns from is found anew when a batch is drawn: nothing is
kept beside the episodes, and what was played long ago, or by others, is learned from all the same.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from foreworld.checkpoint import Checkpoint
from foreworld.planners import Mcts, RewardObjective
from foreworld.planners.mcts import check
from foreworld.policies import PlannedPolicy
from foreworld.vocab import Batch, State, WorldModel, map_state, stack_states


@dataclass(frozen=True)
class SearchConfig:
    act: Mcts = field(default_factory=lambda: Mcts(num_simulations=16))  # who plays
    learn: Mcts = field(default_factory=lambda: Mcts(num_simulations=16))  # who sets the targets
    refresh_every: int = 50  # updates between two copies of the model


class SearchLearner:
    """The copy that searches for targets. Raises ValueError for models that can't be searched."""

    Config = SearchConfig

    def __init__(self, model: WorldModel, config: SearchConfig) -> None:
        check(model)
        self.model, self.config = model, config
        self.slow = copy.deepcopy(model).eval().requires_grad_(False)
        self.updates = 0

    def policy(self, seed: int = 0, sample: bool = False) -> PlannedPolicy:
        """Searches with the model as it is now and will be: it is shared, not copied."""
        mcts = replace(self.config.act, explore=sample)
        return PlannedPolicy(self.model, mcts, RewardObjective(), seed=seed)

    @torch.no_grad()
    def prepare(self, batch: Batch) -> Batch:
        """The batch with `search_policy` [B, T, A] and `search_value` [B, T]."""
        lead = batch["is_first"].shape
        states = map_state(lambda x: x.flatten(0, 1), seen(self.slow, batch))
        seed = int(torch.randint(2**31, ()))
        found = self.config.learn.search(self.slow, states, seed=seed)
        return {
            **batch,
            "search_policy": found.policy.unflatten(0, lead),
            "search_value": found.expected.unflatten(0, lead),
        }

    def update(self, batch: Batch, starts: State, share: float) -> dict[str, Tensor]:
        """Now and then the copy becomes what the model is; what was found, to be watched."""
        if self.updates % self.config.refresh_every == 0:
            self.slow.load_state_dict(self.model.state_dict())
        self.updates += 1
        policy, value = batch["search_policy"], batch["search_value"]
        entropy = torch.special.entr(policy).sum(-1)
        return {"search/value": value.mean(), "search/entropy": entropy.mean()}

    # -- resuming ----------------------------------------------------------------------------------

    def state(self) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]]:
        """Group `policy` of the copy's weights, and how many updates there were."""
        return {"policy": self.slow.state_dict()}, {"search": {"updates": self.updates}}

    def restore(self, checkpoint: Checkpoint) -> None:
        """Continue where `checkpoint` was written."""
        self.load(checkpoint.arrays["policy"])
        self.updates = checkpoint.documents["search"]["updates"]

    def load(self, weights: dict[str, Tensor]) -> None:
        """The copy; acting asks the model alone."""
        self.slow.load_state_dict(weights)


def seen(model: WorldModel, batch: Batch) -> State:
    """The states [B, T, ...] after every row of windows [B, T, ...]."""
    state, states = model.initial(len(batch["is_first"])), []
    for t in range(batch["is_first"].shape[1]):
        state = model.observe(state, {k: v[:, t : t + 1] for k, v in batch.items()})
        states.append(state)
    return stack_states(states)
