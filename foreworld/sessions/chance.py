"""Chance by address: which noise belongs to which instant of which session, whatever else happens.

noise_at(model, seed=7, frame=120)            # what the dream consumes there, on every branch
noise_at(model, seed=7, frame=120, draw=3)    # the third of the futures that might be instead

Philox (Salmon et al. 2011) is a function of a key and a counter: nothing has to be carried along,
so that a branch with the same actions is the same future.
"""

from __future__ import annotations

import numpy as np
from torch import Tensor

from foreworld.vocab import WorldModel


def seed_at(seed: int, frame: int, draw: int = 0) -> int:
    """63 bits that belong to one frame of one session. draw: 0 is what happens."""
    bits = np.random.Philox(key=seed | draw << 64, counter=frame).random_raw()
    return int(bits) >> 1


def noise_at(model: WorldModel, seed: int, frame: int, draw: int = 0) -> Tensor:
    """What one step of `imagine` consumes that leads to a frame, [1, K]."""
    return model.noise(1, 1, seed_at(seed, frame, draw))[:, 0]
