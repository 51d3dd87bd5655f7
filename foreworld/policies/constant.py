"""Always the same action: the no-op baseline.

Whatever it scores, the world gives away for nothing::

    policy = noop(specs["action"])
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


def noop(action_spec: Spec) -> ConstantPolicy:
    """Zeros (class 0 where actions are discrete), or the nearest to zero that the bounds allow."""
    flat = np.zeros(action_spec.width if action_spec.classes is None else len(action_spec.classes))
    if action_spec.classes is None:
        low = -np.inf if action_spec.low is None else action_spec.low
        high = np.inf if action_spec.high is None else action_spec.high
        flat = np.clip(flat, low, high)
    return ConstantPolicy(flat.reshape(action_spec.shape).astype(action_spec.dtype))
