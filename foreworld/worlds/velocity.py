"""Actions that are a velocity in the plane, checked where they enter a world."""

from __future__ import annotations

from math import isfinite
from typing import Any

import numpy as np


def checked_velocity(action: Any) -> tuple[float, float]:
    """Two numbers, cut to [-1, 1]. Raises ValueError for another shape, NaN and infinity."""
    array = np.asarray(action, np.float64)
    if array.shape != (2,):
        raise ValueError(f"action of shape {array.shape}; valid: two numbers in [-1, 1]")
    ax, ay = array.tolist()
    if not (isfinite(ax) and isfinite(ay)):
        raise ValueError(f"action {action} is not finite; valid: two numbers in [-1, 1]")
    return min(max(ax, -1.0), 1.0), min(max(ay, -1.0), 1.0)
