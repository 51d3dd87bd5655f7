"""Acting with some disorder, so that a model meets what it would not have chosen.

policy = ExploringPolicy(planned, RandomPolicy(specs["action"]), specs["action"])
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch

from foreworld.policies.random import RandomPolicy
from foreworld.vocab import Policy, Spec, Step, WorldModel


class Thinking(Policy, Protocol):
    """A policy that follows the world in a model: its carries have that model's `state`."""

    @property
    def model(self) -> WorldModel: ...


class ExploringCarry(NamedTuple):
    """What an exploring policy remembers."""

    acting: Any  # with a `state`
    other: Any  # the carry of the other policy
    others: np.ndarray  # bool [N]: worlds whose episode the other policy plays
    rng: np.random.Generator


@dataclass(frozen=True, eq=False)
class ExploringPolicy:
    """What another decides, with noise on it; some episodes are left to a third.

    share: of the episodes that `other` plays. noise: standard deviation on actions, in halves of
    their range; for discrete actions the chance of a random one.
    """

    acting: Thinking
    other: Policy
    action_spec: Spec
    share: float = 0.2
    noise: float = 0.3
    seed: int = 0

    def init(self, num_envs: int) -> ExploringCarry:
        rng = np.random.default_rng(self.seed)
        carries = self.acting.init(num_envs), self.other.init(num_envs)
        return ExploringCarry(*carries, np.zeros(num_envs, bool), rng)

    def act(self, carry: ExploringCarry, step: Step) -> tuple[ExploringCarry, np.ndarray]:
        rng, first = carry.rng, step["is_first"]
        acting, wanted = self.acting.act(carry.acting, step)
        other, theirs = self.other.act(carry.other, step)
        others = np.where(first, rng.random(len(first)) < self.share, carry.others)
        rows = others.reshape(-1, *[1] * (wanted.ndim - 1))
        action = np.where(rows, theirs, self._disturbed(wanted, rng)).astype(wanted.dtype)
        # The model has to hear of what was done, not of what was meant.
        done = torch.as_tensor(action, device=self.acting.model.device)
        acting = acting._replace(state=acting.state._replace(action=done))
        return ExploringCarry(acting, other, others, rng), action

    def _disturbed(self, action: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        spec = self.action_spec
        if spec.classes is not None:
            seed = int(rng.integers(2**32))
            _, chance = RandomPolicy(spec, seed).act(0, {"is_first": np.zeros(len(action), bool)})
            return np.where(rng.random(action.shape) < self.noise, chance, action)
        assert spec.low is not None and spec.high is not None, "planners need bounds too"
        low, high = (np.reshape(b, spec.shape) if np.ndim(b) else b for b in (spec.low, spec.high))
        spread = self.noise * (np.asarray(high) - np.asarray(low)) / 2
        return np.clip(action + spread * rng.normal(size=action.shape), low, high)
