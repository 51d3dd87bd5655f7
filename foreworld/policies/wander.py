"""Random actions with a memory: they go on in a direction for a while, and so get about.

Each number of an action is an Ornstein-Uhlenbeck process, cut to the bounds::

    a_0 ~ N(0, spread^2)      a_t = memory a_{t-1} + sqrt(1 - memory^2) spread noise
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from foreworld.policies.random import RandomPolicy
from foreworld.vocab import Spec, Step


class WanderCarry(NamedTuple):
    """What a wandering policy remembers."""

    wish: np.ndarray  # [N, W] the process, before it is cut to the bounds
    count: int  # steps so far: each draws its own noise


@dataclass(frozen=True)
class WanderPolicy:
    """Correlated random actions between finite bounds, afresh at the start of an episode.

    memory: correlation of an action with the one before; .8 forgets in about five steps. spread:
    standard deviation in halves of the range. Raises ValueError for actions without finite bounds,
    and for discrete ones.
    """

    action_spec: Spec
    seed: int = 0
    memory: float = 0.8
    spread: float = 1.0

    def __post_init__(self) -> None:
        if self.action_spec.classes is not None:
            raise ValueError(
                "wander takes actions that are vectors, these are discrete: --policy random"
            )
        RandomPolicy(self.action_spec)  # has words for bounds that are missing

    def init(self, num_envs: int) -> WanderCarry:
        return WanderCarry(np.zeros((num_envs, self.action_spec.width)), 0)

    def act(self, carry: WanderCarry, step: Step) -> tuple[WanderCarry, np.ndarray]:
        spec = self.action_spec
        noise = np.random.default_rng((self.seed, carry.count)).normal(size=carry.wish.shape)
        memory = np.where(step["is_first"], 0.0, self.memory)[:, None]
        wish = memory * carry.wish + np.sqrt(1.0 - memory**2) * self.spread * noise
        low, high = np.array(spec.low, float), np.array(spec.high, float)
        action = (low + high) / 2 + (high - low) / 2 * np.clip(wish, -1.0, 1.0)
        action = action.reshape(len(wish), *spec.shape).astype(spec.dtype)
        return WanderCarry(wish, carry.count + 1), action
