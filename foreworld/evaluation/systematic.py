"""Errors that do not average out: what many dreams get wrong in the same direction."""

from __future__ import annotations

import numpy as np

from foreworld.evaluation.intervals import Interval, bootstrap


def systematic_error(errors: np.ndarray, seed: int = 0) -> Interval:
    """Root mean square over numbers of the mean of errors [N, D] over N, without what chance adds.

    The mean of N random errors has a variance of their own / N; that much is taken away.
    """

    def statistic(x: np.ndarray, axis: int) -> np.ndarray:
        n = x.shape[axis]
        chance = x.var(axis, ddof=1) / n
        return np.sqrt(np.maximum(np.square(x.mean(axis)) - chance, 0).mean(-1))

    return bootstrap(statistic, [errors], seed)
