"""The way of your ball to its mark, for those who are told where everything is.

actions = steer_to_mark(facts)                  # [N, F] -> [N, 2]
"""

from __future__ import annotations

import numpy as np

from foreworld.worlds.bounce_physics import PUSH

STIFFNESS, DAMPING = 0.03, 0.32  # a little more than critical: 2 sqrt(.03) = .35
PACE = 10.0  # steps behind a speed in the facts

Array = np.ndarray


def steer_to_mark(facts: Array) -> Array:
    """Actions float32 [N, 2] for facts of the box [N, F]: a spring to the mark, and a brake."""
    place, speed, mark = facts[:, :2], facts[:, 2:4] / PACE, facts[:, -2:]
    force = (STIFFNESS * (mark - place) - DAMPING * speed) / PUSH
    return np.clip(force, -1.0, 1.0).astype(np.float32)
