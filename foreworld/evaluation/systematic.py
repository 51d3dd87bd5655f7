"""Errors that do not average out: what many dreams get wrong in the same direction."""

from __future__ import annotations

import numpy as np

from foreworld.evaluation.intervals import Interval, bootstrap


def systematic_error(errors: np.ndarray, seed: int = 0) -> Interval:
    """Root mean square over numbers of the median of errors [N, D] over N.

    The median, because chance and chaos throw single dreams far off, to either side.
    """

    def statistic(x: np.ndarray, axis: int) -> np.ndarray:
        return np.sqrt(np.square(np.median(x, axis)).mean(-1))

    return bootstrap(statistic, [errors], seed)
