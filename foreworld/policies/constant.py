"""Always the same action, and the one that does nothing.

What doing nothing scores, the world gives away for free::

    policy = NoopPolicy(specs["action"])
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from foreworld.vocab import Spec, Step


@dataclass(frozen=True, eq=False)
class ConstantPolicy:
    """One action [...] for every world at every step."""

    action: np.ndarray

    def init(self, num_envs: int) -> None:
        return None

    def act(self, carry: None, step: Step) -> tuple[None, np.ndarray]:
        action = np.asarray(self.action)
        return None, np.tile(action, (len(step["is_first"]), *[1] * action.ndim))


@dataclass(frozen=True)
class NoopPolicy:
    """Zeros (class 0 where actions are discrete), or the nearest to zero that the bounds allow."""

    action_spec: Spec
    seed: int = 0  # of no use here: policies in the catalog are all built alike

    @property
    def action(self) -> np.ndarray:
        spec = self.action_spec
        flat = np.zeros(spec.width if spec.classes is None else len(spec.classes))
        if spec.classes is None:
            low = -np.inf if spec.low is None else spec.low
            flat = np.clip(flat, low, np.inf if spec.high is None else spec.high)
        return flat.reshape(spec.shape).astype(spec.dtype)

    def init(self, num_envs: int) -> None:
        return None

    def act(self, carry: None, step: Step) -> tuple[None, np.ndarray]:
        return ConstantPolicy(self.action).act(carry, step)
