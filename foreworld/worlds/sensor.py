"""A noisy camera, as a function of the state: the same seed and clock give the same noise."""

from __future__ import annotations

from functools import cache

import numpy as np

BANK = 1 << 16  # places in the bank of noise at which a picture may begin

Array = np.ndarray


def sensed(pictures: Array, noise: Array, seed: Array, clock: Array) -> Array:
    """Pictures uint8 [N, ...] with normal noise of standard deviation `noise` [N], of 255.

    Without noise these very pictures; with it, rows of them are written to.
    """
    rows = np.flatnonzero(noise > 0.0)
    if not len(rows):
        return pictures
    length = pictures[0].size
    start = (seed[rows] * 7919 + clock[rows] * 104729).astype(np.int64) % BANK
    drawn = _bank(length)[start[:, None] + np.arange(length)].reshape(-1, *pictures.shape[1:])
    noisy = pictures[rows] + noise[rows].astype(np.float32)[:, None, None, None] * drawn
    pictures[rows] = np.clip(noisy + np.float32(0.5), 0, 255).astype(np.uint8)
    return pictures


@cache
def _bank(length: int) -> Array:
    """Drawn once, always the same: drawing 12,288 numbers takes longer than painting them."""
    return np.random.default_rng(0).standard_normal(BANK + length, np.float32)
